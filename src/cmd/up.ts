// `minke up`: starts the cluster in the foreground, or leaves it running in the background.
import { aborted, createLogger, errorText } from '../base/mod.ts';
import { clusterPaths, MachineError, type MachinePorts, startMachine } from '../cluster/machine/mod.ts';
import type { UpOptions } from './args.ts';
import { CommandError } from './flags.ts';
import { openLogFile } from './log-file.ts';
import { type Outcome, runInBackground, type StopSignals, stopSignals } from './process.ts';
import { createProgress, formatSeconds } from './progress.ts';

export interface UpIo {
  readonly ports: MachinePorts;
  readonly out: (text: string) => void;
  readonly isTerminal: boolean;
  /** Present in the background process: tells the waiting command how the start went. */
  readonly report: ((outcome: Outcome) => Promise<void>) | undefined;
}

/** Resolves when the cluster has been stopped (or, in the background, is ready). Throws {@link CommandError}. */
export async function up(options: UpOptions, io: UpIo): Promise<void> {
  if (options.detach) {
    const outcome = await runInBackground();
    if (!outcome.ok) throw new CommandError(outcome.text);
    return io.out(outcome.text);
  }
  const { ports, report } = io;
  const { clock } = ports;
  const startedMs = clock.monotonicMs();
  const paths = clusterPaths(options.dataDir);
  const logFile = openLogFile(paths.log);
  const log = createLogger({ clock, level: options.logLevel, write: logFile.write });
  const stop = stopSignals();
  let text = '';
  const write = report ? (more: string) => (text += more) : io.out;
  const progress = createProgress({ clock, write, live: io.isTerminal && !report });
  try {
    const machine = await startMachine({ ...options, ports, log, step: progress.step, ...signalsOf(stop) });
    progress.say(`✓ ready in ${formatSeconds(clock.monotonicMs() - startedMs)}`);
    write(welcome(machine.url, options));
    await report?.({ ok: true, text });
    await aborted(stop.signal);
    if (!report) io.out(`\nStopping Minke${options.node ? '; its containers go on' : ''}.\n`);
    await machine.stopped;
  } catch (error) {
    if (stop.signal.aborted) return;
    throw error instanceof MachineError
      ? new CommandError(error.message, { cause: error })
      : new CommandError(`${errorText(error)} (see ${paths.log})`, { cause: error });
  } finally {
    stop.done();
    await logFile.flushed();
  }
}

/** What init sends before the machine goes ends the node's pods, and then Minke. */
const signalsOf = ({ signal, power, stop }: StopSignals) => ({ signal, power: { signal: power, done: stop } });

function welcome(url: string, options: UpOptions): string {
  const paths = clusterPaths(options.dataDir);
  const hasNodes = options.node || options.simulate > 0;
  const commands = [
    `export KUBECONFIG=${paths.kubeconfig}`,
    hasNodes ? 'kubectl apply -f examples/deployment.yaml' : 'kubectl create configmap hello --from-literal=greeting=hi',
    hasNodes ? 'kubectl get pods -o wide' : 'kubectl get configmaps',
  ];
  return `
API server  ${url}
kubeconfig  ${paths.kubeconfig}
log         ${paths.log}

Try next:
${commands.map((command) => `  ${command}\n`).join('')}`;
}
