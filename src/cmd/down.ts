// `minke down`: stops Minke; with --clean takes the whole cluster away.
import { createLogger, errorText, sleep } from '../base/mod.ts';
import { clusterPaths, findHolder, MachineError, type MachinePorts, readIdentity, removeMachine } from '../cluster/machine/mod.ts';
import { CommandError } from './flags.ts';

const stopMs = 30_000;
const pollMs = 20;

export interface DownOptions {
  readonly dataDir: string;
  readonly clean: boolean;
}

/** Throws {@link CommandError}. Nothing running is no error. */
export async function down(options: DownOptions, ports: MachinePorts, out: (text: string) => void): Promise<void> {
  const { dataDir, clean } = options;
  try {
    const exists = await ports.fs.exists(dataDir);
    // Refuses a directory that is not Minke's before anything in it is touched.
    if (exists)
      await readIdentity(ports.fs, dataDir).catch((error: unknown) => (clean && isDamaged(error) ? undefined : Promise.reject(error)));
    out((await stopMinke(dataDir, ports)) ? 'Minke is stopped.\n' : 'Minke was not running.\n');
    if (!clean) return;
    const log = createLogger({ clock: ports.clock, level: 'warn', write: (line) => out(`${line}\n`) });
    await removeMachine({ ports, dataDir, log });
    out(`The cluster in ${clusterPaths(dataDir).dataDir} is removed.\n`);
  } catch (error) {
    throw error instanceof MachineError
      ? new CommandError(error.message, { cause: error })
      : new CommandError(errorText(error), { cause: error });
  }
}

/** A damaged marker still is Minke's: it can be cleaned away. */
const isDamaged = (error: unknown): boolean => error instanceof MachineError && error.message.includes('damaged');

async function stopMinke(dataDir: string, ports: MachinePorts): Promise<boolean> {
  const { processes, clock, fs } = ports;
  const holder = await findHolder({ fs, processes, dataDir });
  if (!holder) return false;
  processes.kill(holder, 'SIGTERM');
  for (let waitedMs = 0; processes.isRunning(holder); waitedMs += pollMs) {
    if (waitedMs >= stopMs) {
      processes.kill(holder, 'SIGKILL');
      throw new CommandError(
        `Minke (process ${holder.pid}) did not stop within ${stopMs / 1000} s and was killed; nothing that it acknowledged is lost.`,
      );
    }
    await sleep(clock, pollMs);
  }
  return true;
}
