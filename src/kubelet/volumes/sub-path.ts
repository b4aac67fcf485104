// subPath: a part of a volume as a mount. Links inside the volume are followed only as long as they stay inside it.
import { join } from 'node:path';
import type { FileSystem } from '../../base/ports/fs.ts';

/** The mount is refused: the path leads out of the volume, or through something that is no directory. */
export class SubPathError extends Error {
  override readonly name = 'SubPathError';
}

const inside = (root: string, path: string): boolean => path === root || path.startsWith(root === '/' ? root : `${root}/`);

/**
 * The real path of `subPath` in the volume at `root`, made as directories where it is missing. Every step is resolved before
 * the next one is taken, so that a link that a container has planted cannot lead the mount, or a directory that is made, out of
 * the volume. What is given back has no link in it; that it still has none when it is mounted is seen to by who mounts it.
 */
export async function resolveSubPath(fs: FileSystem, root: string, subPath: string): Promise<string> {
  const parts = subPath.split('/').filter((part) => part !== '' && part !== '.');
  if (subPath.startsWith('/') || parts.includes('..'))
    throw new SubPathError(`subPath "${subPath}" must be relative and may not contain '..'`);
  const base = await fs.realPath(root);
  if (base === undefined) throw new SubPathError(`the volume at ${root} does not exist`);
  // As open as the volume itself: the container may run as anyone.
  const mode = ((await fs.stat(base))?.mode ?? 0o755) & 0o7777;
  let at = base;
  for (const part of parts) {
    const next = join(at, part);
    if (!(await fs.linkStat(next))) await fs.mkdirInside({ root: base, parent: at, name: part, mode });
    const real = await fs.realPath(next);
    if (real === undefined || !inside(base, real)) throw new SubPathError(`subPath "${subPath}" leads out of the volume`);
    at = real;
  }
  return at;
}
