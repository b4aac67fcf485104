// What every command that leaves something running has in common: the background, the log, progress, signals, and how it fails.
import { aborted, createLogger, errorText, type Logger, type LogLevel } from '../base/mod.ts';
import { type ClusterPaths, clusterPaths, MachineError, type MachinePorts } from '../cluster/machine/mod.ts';
import { CommandError } from './flags.ts';
import { openLogFile } from './log-file.ts';
import { type Outcome, runInBackground, type StopSignals, stopSignals } from './process.ts';
import { createProgress, formatSeconds, type Progress } from './progress.ts';

export interface CommandIo {
  readonly ports: MachinePorts;
  readonly out: (text: string) => void;
  readonly isTerminal: boolean;
  /** Present in the background process: tells the waiting command how the start went. */
  readonly report: ((outcome: Outcome) => Promise<void>) | undefined;
}

export interface RunOptions {
  readonly detach: boolean;
  readonly dataDir: string;
  readonly logLevel: LogLevel;
}

/** What there is to start with. */
export interface RunContext {
  readonly ports: MachinePorts;
  readonly log: Logger;
  readonly paths: ClusterPaths;
  readonly step: Progress['step'];
  readonly stop: StopSignals;
}

export interface Started {
  /** Shown once it runs. */
  readonly welcome: string;
  /** Shown when it is told to stop. */
  readonly farewell?: string;
  /** Resolves when everything has ended. */
  readonly stopped: Promise<void>;
}

/** Resolves when what was started has been stopped (or, in the background, is ready). Throws {@link CommandError}. */
export async function run(options: RunOptions, io: CommandIo, start: (context: RunContext) => Promise<Started>): Promise<void> {
  if (options.detach) {
    const outcome = await runInBackground();
    if (!outcome.ok) throw new CommandError(outcome.text);
    return io.out(outcome.text);
  }
  const { ports, report, out, isTerminal } = io;
  const { clock } = ports;
  const startedMs = clock.monotonicMs();
  const paths = clusterPaths(options.dataDir);
  const logFile = openLogFile(paths.log);
  const log = createLogger({ clock, level: options.logLevel, write: logFile.write });
  const stop = stopSignals();
  let text = '';
  const write = report ? (more: string) => (text += more) : out;
  const progress = createProgress({ clock, write, live: isTerminal && !report });
  try {
    const { welcome, farewell, stopped } = await start({ ports, log, paths, step: progress.step, stop });
    progress.say(`✓ ready in ${formatSeconds(clock.monotonicMs() - startedMs)}`);
    write(welcome);
    await report?.({ ok: true, text });
    await aborted(stop.signal);
    if (!report && farewell !== undefined) out(farewell);
    await stopped;
  } catch (error) {
    if (stop.signal.aborted) return;
    const message = error instanceof MachineError ? error.message : `${errorText(error)} (see ${paths.log})`;
    throw new CommandError(message, { cause: error });
  } finally {
    stop.done();
    await logFile.flushed();
  }
}
