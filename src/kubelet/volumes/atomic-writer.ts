// Replaces a directory's files as one step, in the layout that upstream uses:
//
//   ..2026_01_02_03_04_05.123456/   the files
//   ..data -> ..2026_01_02_03_04_05.123456
//   key -> ..data/key
//
// A reader sees the old files or the new ones, never some of each.
import { dirname, join } from 'node:path';
import type { Clock, Random } from '../../base/mod.ts';
import type { FileSystem } from '../../base/ports/fs.ts';
import type { Payload } from './payload.ts';

export interface AtomicWriterOptions {
  readonly fs: FileSystem;
  readonly clock: Clock;
  readonly random: Random;
  /** The group that may read the files, and the volume's files belong to. */
  readonly fsGroup?: number | undefined;
}

const dataLink = '..data';

/** Gives false when the directory held just this already. */
export async function writeAtomically(options: AtomicWriterOptions, directory: string, payload: Payload): Promise<boolean> {
  const { fs } = options;
  const current = await fs.readLink(join(directory, dataLink));
  if (current !== undefined && (await holds(options, join(directory, current), payload))) return false;
  const name = versionName(options);
  const version = join(directory, name);
  await writeFiles(options, version, payload);
  await fs.symlink(name, join(directory, dataLink));
  const tops = new Set([...payload.keys()].map((path) => path.split('/', 1)[0] ?? path));
  for (const top of tops) {
    const target = join(dataLink, top);
    if ((await fs.readLink(join(directory, top))) !== target) await fs.symlink(target, join(directory, top));
  }
  for (const entry of await fs.list(directory)) {
    const stale = entry.name.startsWith('..') ? entry.name !== dataLink && entry.name !== name : !tops.has(entry.name);
    if (stale) await fs.remove(join(directory, entry.name));
  }
  return true;
}

function versionName({ clock, random }: AtomicWriterOptions): string {
  const stamp = new Date(clock.nowMs()).toISOString().slice(0, 19).replaceAll(/[-T:]/g, '_');
  return `..${stamp}.${random.below(2 ** 31)}`;
}

const modeFor = (mode: number, fsGroup: number | undefined): number => (fsGroup === undefined ? mode : mode | 0o440);

async function writeFiles({ fs, fsGroup }: AtomicWriterOptions, version: string, payload: Payload): Promise<void> {
  const made = new Set<string>();
  const directory = async (path: string) => {
    if (made.has(path)) return;
    made.add(path);
    if (path !== version) await directory(dirname(path));
    await fs.mkdir(path);
    if (fsGroup !== undefined) await fs.chown(path, 0, fsGroup);
  };
  await directory(version);
  for (const [path, file] of payload) {
    const full = join(version, path);
    await directory(dirname(full));
    await fs.write(full, file.data, { mode: modeFor(file.mode, fsGroup) });
    if (fsGroup !== undefined) await fs.chown(full, 0, fsGroup);
  }
}

async function holds({ fs, fsGroup }: AtomicWriterOptions, version: string, payload: Payload): Promise<boolean> {
  const present = await filesBelow(fs, version);
  if (present.length !== payload.size) return false;
  for (const [path, file] of payload) {
    const full = join(version, path);
    const [stat, data] = await Promise.all([fs.stat(full), fs.read(full)]);
    if (!stat || !data || (stat.mode & 0o7777) !== modeFor(file.mode, fsGroup)) return false;
    if (Buffer.compare(data, file.data) !== 0) return false;
  }
  return true;
}

async function filesBelow(fs: FileSystem, directory: string): Promise<string[]> {
  const found: string[] = [];
  const open = [''];
  for (let at = open.pop(); at !== undefined; at = open.pop()) {
    for (const entry of await fs.list(join(directory, at))) {
      const path = at === '' ? entry.name : `${at}/${entry.name}`;
      if (entry.kind === 'directory') open.push(path);
      else found.push(path);
    }
  }
  return found;
}
