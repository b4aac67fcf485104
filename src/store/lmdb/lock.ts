// One process per data directory: a file names the holder, and a holder that no longer runs holds nothing.
//
// Each process makes a file of its own and only then looks for others. Two that start at the same moment see each other and
// may both give up; never do both go on. A file is stale when no process with its number and start time runs under the
// present boot, so kill -9 and power loss leave nothing to clean by hand. Processes of another PID namespace are not seen.
import { join } from 'node:path';
import type { FileSystem } from '../../base/ports/fs.ts';
import { StoreOpenError } from '../store.ts';

const lockName = /^holder-(\d+)-(\d+)-([0-9a-f-]+)\.lock$/;

export function isLockFile(name: string): boolean {
  return lockName.test(name) || (name.startsWith('.holder-') && name.includes('.lock.'));
}

interface Holder {
  readonly pid: string;
  /** Clock ticks from the boot to the start of the process. */
  readonly started: string;
  readonly boot: string;
}

/** Takes the directory, and gives what releases it. Throws {@link StoreOpenError} naming the process that holds it. */
export async function takeLock(dir: string, fs: FileSystem): Promise<() => Promise<void>> {
  const boot = ((await fs.readText('/proc/sys/kernel/random/boot_id')) ?? '0').trim();
  const self = parseStat(await fs.readText('/proc/self/stat'), boot);
  if (!self) throw new StoreOpenError(`Cannot lock "${dir}": /proc is not mounted, and it says which processes run. Mount it.`);
  const name = `holder-${self.pid}-${self.started}-${self.boot}.lock`;
  const path = join(dir, name);
  if (!(await fs.create(path, `${self.pid}\n`, { mode: 0o600 }))) throw inUse(dir, self.pid);
  try {
    for (const entry of await fs.list(dir)) {
      const other = entry.name === name ? undefined : parseName(entry.name);
      if (!other) continue;
      if (await isRunning(other, boot, fs)) throw inUse(dir, other.pid);
      await fs.remove(join(dir, entry.name));
    }
  } catch (error) {
    await fs.remove(path);
    throw error;
  }
  return () => fs.remove(path);
}

function inUse(dir: string, pid: string): StoreOpenError {
  return new StoreOpenError(`Cannot open the store in "${dir}": process ${pid} uses it. Stop that process, or name another --data-dir.`);
}

function parseName(name: string): Holder | undefined {
  const [, pid, started, boot] = lockName.exec(name) ?? [];
  return pid && started && boot ? { pid, started, boot } : undefined;
}

/** /proc/<pid>/stat: the number, the command in parentheses (which may hold anything), then fields; the 22nd is the start. */
function parseStat(stat: string | undefined, boot: string): Holder | undefined {
  const pid = stat?.split(' ', 1)[0];
  const started = stat?.slice(stat.lastIndexOf(')') + 2).split(' ')[19];
  return pid && started ? { pid, started, boot } : undefined;
}

async function isRunning(holder: Holder, boot: string, fs: FileSystem): Promise<boolean> {
  if (holder.boot !== boot) return false;
  const stat = await fs.readText(`/proc/${holder.pid}/stat`);
  const state = stat?.slice(stat.lastIndexOf(')') + 2, stat.lastIndexOf(')') + 3);
  // A zombie has let go of its files and never runs again.
  return state !== 'Z' && state !== 'X' && parseStat(stat, boot)?.started === holder.started;
}
