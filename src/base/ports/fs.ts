// Files as a port: what Minke's parts may do to a disk, and the machine's own file system.
import { closeSync, openSync, readSync, type Stats } from 'node:fs';
import * as fs from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { makeInside } from './inside.ts';

export type FileKind = 'file' | 'directory' | 'link' | 'socket' | 'other';

export interface FileStat {
  readonly kind: FileKind;
  readonly sizeBytes: number;
  /** Permission bits, set-id and sticky bits included: `0o600`. */
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  /** Milliseconds since the epoch. */
  readonly modifiedMs: number;
  /** Device and inode: two paths with the same pair are the same file. A mount point's device differs from its parent's. */
  readonly device: number;
  readonly inode: number;
}

export interface DirectoryEntry {
  readonly name: string;
  readonly kind: FileKind;
}

export interface WriteOptions {
  /** Permission bits of the new file, whatever the umask. Default 0o644. */
  readonly mode?: number | undefined;
  /** Waits until the file and its name are on the disk. Default false. */
  readonly durable?: boolean | undefined;
}

/** What went wrong, by the operating system's own name: `EACCES`, `ENOSPC`, `EEXIST`, ... */
export class FileError extends Error {
  override readonly name = 'FileError';
  readonly code: string;
  readonly path: string;
  constructor(action: string, path: string, cause: unknown) {
    const code = errorCode(cause);
    super(`Cannot ${action} "${path}": ${describe(code)}`, { cause });
    this.code = code;
    this.path = path;
  }
}

/** A file open for small reads, each of which is done when its call returns: for thousands of them that is a tenth of the work. */
export interface OpenFile {
  /** Fills `into` from `offset` on. Gives how many bytes there were: fewer at the end of the file. */
  readInto(into: Uint8Array, offset: number): number;
  close(): void;
}

/** Every method throws {@link FileError}. Paths are absolute. Links are followed unless said otherwise. */
export interface FileSystem {
  /** The whole file; undefined when it does not exist. */
  read(path: string): Promise<Uint8Array | undefined>;
  /** The whole file as UTF-8; undefined when it does not exist. */
  readText(path: string): Promise<string | undefined>;
  /** At most `length` bytes from `offset` on: fewer at the end of the file. Undefined when it does not exist. */
  readAt(path: string, offset: number, length: number): Promise<Uint8Array | undefined>;
  /** Opens a file for many small reads. Throws when it does not exist. */
  openToRead(path: string): OpenFile;
  /** Replaces the file as one step: a reader finds the old content or the new one, never a part. */
  write(path: string, data: string | Uint8Array, options?: WriteOptions): Promise<void>;
  /** As `write`, but gives false and changes nothing when the path exists. Of several callers one gets true. */
  create(path: string, data: string | Uint8Array, options?: WriteOptions): Promise<boolean>;
  /** Writes into the file that stands there (a device, a cgroup or sysctl file), without replacing it. */
  writeInto(path: string, data: string | Uint8Array): Promise<void>;
  append(path: string, data: string | Uint8Array, options?: { readonly mode?: number | undefined }): Promise<void>;
  /** Makes the directory and its missing parents. An existing one is left as it is. `mode` (default 0o755) is for the last one only. */
  mkdir(path: string, options?: { readonly mode?: number | undefined }): Promise<void>;
  /**
   * Makes the directory `name` in `parent`, which has no link in it and is `root` or lies in it. Each step is opened from the one
   * before, and no link is followed: whoever swaps a part of `parent` for one meanwhile makes it reject. Something of that name is no error.
   */
  mkdirInside(of: { readonly root: string; readonly parent: string; readonly name: string; readonly mode: number }): Promise<void>;
  /** Removes a file, a link (not what it points to), or a directory with everything in it. Nothing there is no error. */
  remove(path: string): Promise<void>;
  rename(from: string, to: string): Promise<void>;
  /** Undefined when nothing is there. */
  stat(path: string): Promise<FileStat | undefined>;
  /** As `stat`, but of the link itself. */
  linkStat(path: string): Promise<FileStat | undefined>;
  exists(path: string): Promise<boolean>;
  /** What a directory holds, by name in byte order; empty when the directory does not exist. */
  list(path: string): Promise<readonly DirectoryEntry[]>;
  chmod(path: string, mode: number): Promise<void>;
  /** Of the link itself, where the path is one. */
  chown(path: string, uid: number, gid: number): Promise<void>;
  /** Makes `path` a symbolic link to `target`, in place of a link that stands there, as one step. */
  symlink(target: string, path: string): Promise<void>;
  /** Where a link points; undefined when there is no link. */
  readLink(path: string): Promise<string | undefined>;
  /** The path with every link in it followed; undefined when nothing is there. */
  realPath(path: string): Promise<string | undefined>;
  copy(from: string, to: string): Promise<void>;
  /** Waits until what has been written to the file, or into the directory, is on the disk. */
  sync?(path: string): Promise<void>;
  /** What the file system that holds `path` has, and has left for others than root. */
  space?(path: string): Promise<FileSystemSpace>;
}

export interface FileSystemSpace {
  readonly capacityBytes: number;
  readonly availableBytes: number;
  readonly inodes: number;
  readonly inodesFree: number;
}

/** The machine's own file system. */
export const systemFiles: FileSystem = {
  read: (path) => orMissing('read', path, () => fs.readFile(path)),
  readText: (path) => orMissing('read', path, () => fs.readFile(path, 'utf8')),
  readAt: (path, offset, length) =>
    orMissing('read', path, async () => {
      const file = await fs.open(path, 'r');
      try {
        const { bytesRead, buffer } = await file.read(new Uint8Array(length), 0, length, offset);
        return buffer.subarray(0, bytesRead);
      } finally {
        await file.close();
      }
    }),
  openToRead: (path) => {
    const now = <T>(action: string, run: () => T): T => {
      try {
        return run();
      } catch (error) {
        throw new FileError(action, path, error);
      }
    };
    const descriptor = now('open', () => openSync(path, 'r'));
    return {
      readInto: (into, offset) => now('read', () => readSync(descriptor, into, 0, into.length, offset)),
      close: () => closeSync(descriptor),
    };
  },
  space: (path) =>
    attempt('look at the file system of', path, async () => {
      const { bsize, blocks, bavail, files, ffree } = await fs.statfs(path);
      return { capacityBytes: bsize * blocks, availableBytes: bsize * bavail, inodes: files, inodesFree: ffree };
    }),
  write: (path, data, options = {}) =>
    attempt('write', path, async () => {
      const temporary = await writeBeside(path, data, options);
      await placing(temporary, () => fs.rename(temporary, path));
      if (options.durable) await syncPath(dirname(path));
    }),
  create: (path, data, options = {}) =>
    attempt('create', path, async () => {
      const temporary = await writeBeside(path, data, options);
      try {
        await fs.link(temporary, path);
      } catch (error) {
        if (errorCode(error) === 'EEXIST') return false;
        throw error;
      } finally {
        await fs.rm(temporary, { force: true });
      }
      if (options.durable) await syncPath(dirname(path));
      return true;
    }),
  writeInto: (path, data) => attempt('write', path, () => fs.writeFile(path, data, { flag: 'r+' })),
  append: (path, data, options = {}) => attempt('append to', path, () => fs.appendFile(path, data, { mode: options.mode ?? 0o644 })),
  mkdir: (path, options = {}) =>
    attempt('make the directory', path, async () => {
      const made = await fs.mkdir(path, { recursive: true });
      if (made !== undefined) await fs.chmod(path, options.mode ?? 0o755);
    }),
  mkdirInside: (of) => attempt('make the directory', join(of.parent, of.name), () => makeInside(of)),
  remove: (path) => attempt('remove', path, () => fs.rm(path, { recursive: true, force: true })),
  rename: (from, to) => attempt('rename', from, () => fs.rename(from, to)),
  stat: (path) => orMissing('look at', path, async () => toStat(await fs.stat(path))),
  linkStat: (path) => orMissing('look at', path, async () => toStat(await fs.lstat(path))),
  exists: async (path) => (await orMissing('look at', path, () => fs.stat(path))) !== undefined,
  list: async (path) => {
    const found = await orMissing('list', path, () => fs.readdir(path, { withFileTypes: true }));
    const entries = (found ?? []).map((entry) => ({ name: entry.name, kind: kindOf(entry) }));
    return entries.sort((a, b) => (a.name < b.name ? -1 : a.name > b.name ? 1 : 0));
  },
  chmod: (path, mode) => attempt('change the mode of', path, () => fs.chmod(path, mode)),
  chown: (path, uid, gid) => attempt('change the owner of', path, () => fs.lchown(path, uid, gid)),
  symlink: (target, path) =>
    attempt('link', path, async () => {
      const temporary = temporaryName(path);
      await fs.symlink(target, temporary);
      await placing(temporary, () => fs.rename(temporary, path));
    }),
  readLink: async (path) => {
    const found = await orMissing('look at', path, () => fs.lstat(path));
    return found?.isSymbolicLink() ? orMissing('read the link', path, () => fs.readlink(path)) : undefined;
  },
  realPath: (path) => orMissing('resolve', path, () => fs.realpath(path)),
  copy: (from, to) => attempt('copy', from, () => fs.copyFile(from, to)),
  sync: (path) => attempt('sync', path, () => syncPath(path)),
};

let temporaries = 0;

/** A name that no other writer of this machine uses at this moment. A file left by a killed process is overwritten by nobody. */
function temporaryName(path: string): string {
  return join(dirname(path), `.${basename(path)}.${process.pid}.${process.hrtime.bigint().toString(36)}.${temporaries++}`);
}

async function writeBeside(path: string, data: string | Uint8Array, options: WriteOptions): Promise<string> {
  const temporary = temporaryName(path);
  const mode = options.mode ?? 0o644;
  await placing(temporary, async () => {
    const file = await fs.open(temporary, 'wx', mode);
    try {
      await file.writeFile(data);
      await file.chmod(mode); // The umask may have taken bits away.
      if (options.durable) await file.sync();
    } finally {
      await file.close();
    }
  });
  return temporary;
}

/** Runs `place`; removes the temporary file when it fails. */
async function placing(temporary: string, place: () => Promise<void>): Promise<void> {
  try {
    await place();
  } catch (error) {
    await fs.rm(temporary, { force: true }).catch(() => {}); // The first error is the one to report.
    throw error;
  }
}

async function syncPath(path: string): Promise<void> {
  const file = await fs.open(path, 'r');
  try {
    await file.sync();
  } finally {
    await file.close();
  }
}

async function attempt<T>(action: string, path: string, run: () => Promise<T>): Promise<T> {
  try {
    return await run();
  } catch (error) {
    throw new FileError(action, path, error);
  }
}

async function orMissing<T>(action: string, path: string, run: () => Promise<T>): Promise<T | undefined> {
  try {
    return await run();
  } catch (error) {
    const code = errorCode(error);
    if (code === 'ENOENT' || code === 'ENOTDIR') return undefined;
    throw new FileError(action, path, error);
  }
}

function toStat(stats: Stats): FileStat {
  return {
    kind: kindOf(stats),
    sizeBytes: stats.size,
    mode: stats.mode & 0o7777,
    uid: stats.uid,
    gid: stats.gid,
    modifiedMs: stats.mtimeMs,
    device: stats.dev,
    inode: stats.ino,
  };
}

function kindOf(entry: Pick<Stats, 'isFile' | 'isDirectory' | 'isSymbolicLink' | 'isSocket'>): FileKind {
  if (entry.isFile()) return 'file';
  if (entry.isDirectory()) return 'directory';
  if (entry.isSymbolicLink()) return 'link';
  return entry.isSocket() ? 'socket' : 'other';
}

function errorCode(error: unknown): string {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : 'UNKNOWN';
}

const meanings: Readonly<Record<string, string>> = {
  EACCES: 'permission denied',
  EPERM: 'operation not permitted',
  ENOENT: 'no such file or directory',
  ENOSPC: 'no space left on the disk',
  EDQUOT: 'the disk quota is used up',
  EROFS: 'the file system is read-only',
  ENOTDIR: 'a part of the path is not a directory',
  EISDIR: 'it is a directory',
  ENOTEMPTY: 'the directory is not empty',
  EBUSY: 'it is in use',
  EIO: 'the disk reports an error',
};

function describe(code: string): string {
  const meaning = meanings[code];
  return meaning ? `${meaning} (${code})` : code;
}
