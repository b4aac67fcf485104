// Makes an image archive of a root file system: a directory, or entries made up here.
import { join } from 'node:path';
import type { Random } from '../../base/mod.ts';
import type { FileSystem } from '../../base/ports/fs.ts';
import type { Archives, TarEntry } from '../../base/ports/tar.ts';
import { type BuildConfig, imageLayout } from './image-config.ts';

export interface BuildOptions {
  readonly fs: FileSystem;
  readonly archives: Archives;
  readonly random: Random;
  /** Where temporary files go; made when it is missing. */
  readonly scratchDir: string;
  readonly architecture: string;
}

/** Packs the image and gives the archive's path to `use`; the file is gone when `use` has ended. */
export async function withArchive<T>(
  options: BuildOptions,
  image: { readonly name: string; readonly config: BuildConfig; readonly entries: Iterable<TarEntry> | AsyncIterable<TarEntry> },
  use: (path: string) => Promise<T>,
): Promise<T> {
  const { fs, archives, random, scratchDir, architecture } = options;
  await fs.mkdir(scratchDir, { mode: 0o700 });
  const base = join(scratchDir, random.uuid());
  const [layerPath, archivePath] = [`${base}.layer.tar`, `${base}.tar`];
  try {
    const layer = { ...(await archives.write(layerPath, image.entries)), path: layerPath };
    await archives.write(archivePath, imageLayout({ name: image.name, layer, config: image.config, architecture }));
    await fs.remove(layerPath);
    return await use(archivePath);
  } finally {
    await fs.remove(layerPath);
    await fs.remove(archivePath);
  }
}

/** Everything below a directory, in byte order of names; owners as they are. Sockets and devices are left out. */
export async function* directoryEntries(
  fs: FileSystem,
  root: string,
  leaveOut: (name: string) => boolean = () => false,
): AsyncGenerator<TarEntry> {
  const pending: string[] = [''];
  for (let at = pending.pop(); at !== undefined; at = pending.pop()) {
    const children: string[] = [];
    for (const { name: child } of await fs.list(join(root, at))) {
      const name = at === '' ? child : `${at}/${child}`;
      if (leaveOut(name)) continue;
      const stat = await fs.linkStat(join(root, name));
      if (!stat) continue;
      const { mode, uid, gid } = stat;
      if (stat.kind === 'directory') {
        yield { kind: 'directory', name, mode, uid, gid };
        children.push(name);
      } else if (stat.kind === 'link') {
        yield { kind: 'link', name, mode: 0o777, uid, gid, target: (await fs.readLink(join(root, name))) ?? '' };
      } else if (stat.kind === 'file') {
        yield { kind: 'file', name, mode, uid, gid, content: { path: join(root, name), sizeBytes: stat.sizeBytes } };
      }
    }
    pending.push(...children.reverse());
  }
}
