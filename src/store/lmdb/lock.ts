// One process per data directory: a file names the holder, and a holder that no longer runs holds nothing.
//
// Each process makes a file of its own and only then looks for others. Two that start at the same moment see each other and
// may both give up; never do both go on. A file is stale when no process with its number and start time runs under the
// present boot, so kill -9 and power loss leave nothing to clean by hand. Processes of another PID namespace (another container)
// are not seen: each holder touches its file every few seconds, and one that did so lately is taken to run. Should a holder find
// its file gone, because it stood still for long and was taken for dead, it writes no more.
import { join } from 'node:path';
import { type Clock, errorText, type Logger, Tasks, type Timer } from '../../base/mod.ts';
import type { FileSystem } from '../../base/ports/fs.ts';
import { StoreOpenError } from '../store.ts';

const lockName = /^holder-(\d+)-(\d+)-([0-9a-f-]+)(?:-ns(\d+))?\.lock$/;
const beatMs = 5_000;
const staleMs = 30_000;

export function isLockFile(name: string): boolean {
  return lockName.test(name) || (name.startsWith('.holder-') && name.includes('.lock.'));
}

interface Holder {
  readonly pid: string;
  /** Clock ticks from the boot to the start of the process. */
  readonly started: string;
  readonly boot: string;
  /** The PID namespace; undefined where /proc does not say. */
  readonly namespace: string | undefined;
}

export interface LockOptions {
  readonly dir: string;
  readonly fs: FileSystem;
  readonly clock: Clock;
  readonly log: Logger;
}

export interface Lock {
  /** Called when somebody else has taken the directory. */
  onLost: () => void;
  release(): Promise<void>;
}

/** Takes the directory. Throws {@link StoreOpenError} naming the process that holds it. */
export async function takeLock(options: LockOptions): Promise<Lock> {
  const { dir, fs } = options;
  const boot = ((await fs.readText('/proc/sys/kernel/random/boot_id')) ?? '0').trim();
  const namespace = /\d+/.exec((await fs.readLink('/proc/self/ns/pid')) ?? '')?.[0];
  const self = parseStat(await fs.readText('/proc/self/stat'), boot, namespace);
  if (!self) throw new StoreOpenError(`Cannot lock "${dir}": /proc is not mounted, and it says which processes run. Mount it.`);
  const name = `holder-${self.pid}-${self.started}-${self.boot}${namespace === undefined ? '' : `-ns${namespace}`}.lock`;
  const path = join(dir, name);
  if (!(await fs.create(path, `${self.pid}\n`, { mode: 0o600 }))) throw inUse(dir, self.pid);
  try {
    for (const entry of await fs.list(dir)) {
      const other = entry.name === name ? undefined : parseName(entry.name);
      if (!other) continue;
      const foreign = other.boot === boot && other.namespace !== undefined && other.namespace !== namespace;
      if (foreign && !(await isStale(join(dir, entry.name), path, fs))) throw inUseElsewhere(dir, other.pid);
      if (!foreign && (await isRunning(other, boot, fs))) throw inUse(dir, other.pid);
      await fs.remove(join(dir, entry.name));
    }
  } catch (error) {
    await fs.remove(path);
    throw error;
  }
  return keepAlive(path, `${self.pid}\n`, options);
}

/** Touches the file until it is released. */
function keepAlive(path: string, text: string, { fs, clock, log }: LockOptions): Lock {
  const tasks = new Tasks(log);
  let released = false;
  let timer: Timer | undefined;
  const lock: Lock = {
    onLost: () => {},
    async release() {
      released = true;
      timer?.cancel();
      await tasks.settled();
      await fs.remove(path);
    },
  };
  const beat = async () => {
    if (await fs.exists(path)) {
      await fs
        .writeInto(path, text)
        .catch((error: unknown) => log.warn('The lock of the store cannot be touched', { error: errorText(error) }));
    } else if (!released) {
      log.error('Another process has taken the store', { path });
      lock.onLost();
      return;
    }
    arm();
  };
  const arm = () => {
    if (!released) timer = clock.after(beatMs, () => tasks.run('store lock', undefined, beat));
  };
  arm();
  return lock;
}

/** Both times are of the file system, so that no clock matters: `own` has just been made. */
async function isStale(path: string, own: string, fs: FileSystem): Promise<boolean> {
  const [other, now] = await Promise.all([fs.stat(path), fs.stat(own)]);
  return !other || !now || now.modifiedMs - other.modifiedMs > staleMs;
}

function inUseElsewhere(dir: string, pid: string): StoreOpenError {
  return new StoreOpenError(
    `Cannot open the store in "${dir}": process ${pid} of another container uses it, or did so within the last ${staleMs / 1000} s. Stop it, or name another --data-dir.`,
  );
}

function inUse(dir: string, pid: string): StoreOpenError {
  return new StoreOpenError(`Cannot open the store in "${dir}": process ${pid} uses it. Stop that process, or name another --data-dir.`);
}

function parseName(name: string): Holder | undefined {
  const [, pid, started, boot, namespace] = lockName.exec(name) ?? [];
  return pid && started && boot ? { pid, started, boot, namespace } : undefined;
}

/** /proc/<pid>/stat: the number, the command in parentheses (which may hold anything), then fields; the 22nd is the start. */
function parseStat(stat: string | undefined, boot: string, namespace: string | undefined): Holder | undefined {
  const pid = stat?.split(' ', 1)[0];
  const started = stat?.slice(stat.lastIndexOf(')') + 2).split(' ')[19];
  return pid && started ? { pid, started, boot, namespace } : undefined;
}

async function isRunning(holder: Holder, boot: string, fs: FileSystem): Promise<boolean> {
  if (holder.boot !== boot) return false;
  const stat = await fs.readText(`/proc/${holder.pid}/stat`);
  const state = stat?.slice(stat.lastIndexOf(')') + 2, stat.lastIndexOf(')') + 3);
  // A zombie has let go of its files and never runs again.
  return state !== 'Z' && state !== 'X' && parseStat(stat, boot, holder.namespace)?.started === holder.started;
}
