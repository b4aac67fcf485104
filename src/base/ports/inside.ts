// Paths below a root that others write to: each step is opened from the one before, and no link is followed.
import { constants } from 'node:fs';
import { chmod, type FileHandle, mkdir, open } from 'node:fs/promises';
import { relative } from 'node:path';

/** Of Linux, on every architecture that Node.js runs on; Node.js has no name for it. */
const O_PATH = 0o10000000;
const openFlags = O_PATH | constants.O_NOFOLLOW;

/** Opens `path` from `root` on, link by none; the caller closes it. */
export async function openInside(root: string, path: string): Promise<FileHandle> {
  const parts = relative(root, path)
    .split('/')
    .filter((part) => part !== '');
  if (parts.includes('..')) throw new Error(`"${path}" is not in "${root}"`);
  let at = await open(root, openFlags);
  for (const part of parts) {
    try {
      const next = await openStep(at, part, path);
      await at.close();
      at = next;
    } catch (error) {
      await at.close().catch(() => {});
      throw error;
    }
  }
  return at;
}

async function openStep(at: FileHandle, part: string, path: string): Promise<FileHandle> {
  const next = await open(`/proc/self/fd/${at.fd}/${part}`, openFlags);
  if (!(await next.stat()).isSymbolicLink()) return next;
  await next.close();
  throw new Error(`"${path}" has become a link at "${part}"`);
}

/** Makes the directory `name` in `parent`, a directory of `root`, unless something of that name is there: what that is, is the caller's to see. */
export async function makeInside(of: { readonly root: string; readonly parent: string; readonly name: string; readonly mode: number }) {
  const { root, parent, name, mode } = of;
  const at = await openInside(root, parent);
  try {
    await mkdir(`/proc/self/fd/${at.fd}/${name}`, { mode });
    const made = await openStep(at, name, `${parent}/${name}`);
    // The umask may have taken bits away; what is open is changed, whatever its name leads to by now.
    await chmod(`/proc/self/fd/${made.fd}`, mode).finally(() => made.close());
  } catch (error) {
    if ((error as { code?: string }).code !== 'EEXIST') throw error;
  } finally {
    await at.close();
  }
}
