// One Minke a data dir: a lock file with the holder's process, taken over when the holder is gone (kill -9 leaves it behind).
import type { FileSystem } from '../../base/ports/fs.ts';
import type { Processes, ProcessId } from '../../base/ports/process.ts';
import { clusterPaths, MachineError, makeDataDir } from './data-dir.ts';

export interface Holder extends ProcessId {
  /** Where the API server answers. */
  readonly url: string;
}

export interface LockOptions {
  readonly fs: FileSystem;
  readonly processes: Processes;
  readonly dataDir: string;
}

/** The process that runs this cluster now; undefined when none does. */
export async function findHolder(options: LockOptions): Promise<Holder | undefined> {
  const text = await options.fs.readText(clusterPaths(options.dataDir).lock);
  if (text === undefined) return undefined;
  const [pid = '', startTime = '', url = ''] = text.trim().split(' ');
  const holder: Holder = { pid: Number(pid), startTime, url };
  return options.processes.isRunning(holder) ? holder : undefined;
}

/** Takes the lock for the process `self`. Throws {@link MachineError} when another Minke holds it. Gives what releases it. */
export async function takeLock(options: LockOptions & { readonly self: number; readonly url: string }): Promise<() => Promise<void>> {
  const { fs, processes, dataDir, self, url } = options;
  const { lock } = clusterPaths(dataDir);
  const own = processes.find(self);
  if (!own) throw new MachineError('Cannot tell this process from others: /proc is not readable. Mount it, then try again.');
  await makeDataDir(fs, dataDir);
  const text = `${own.pid} ${own.startTime} ${url}\n`;
  for (let attempt = 0; attempt < 3; attempt++) {
    if (await fs.create(lock, text, { mode: 0o600 })) return () => release(fs, lock, text);
    const holder = await findHolder(options);
    if (holder) {
      throw new MachineError(
        `${dataDir} is in use by another Minke (process ${holder.pid}, ${holder.url}). Stop it with \`minke down --data-dir ${dataDir}\`, or name another directory with --data-dir.`,
      );
    }
    await fs.remove(lock);
  }
  throw new MachineError(`Cannot lock ${dataDir}: another Minke is starting in it. Try again in a moment.`);
}

async function release(fs: FileSystem, lock: string, text: string): Promise<void> {
  if ((await fs.readText(lock)) === text) await fs.remove(lock);
}
