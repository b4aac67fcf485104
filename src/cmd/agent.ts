// `minke agent`: makes this machine a node of another's cluster, in the foreground or left running in the background.
import { aborted, createLogger, errorText } from '../base/mod.ts';
import { clusterPaths, MachineError, startAgent } from '../cluster/machine/mod.ts';
import type { AgentFlags } from './agent-flags.ts';
import { CommandError } from './flags.ts';
import { openLogFile } from './log-file.ts';
import { runInBackground, stopSignals } from './process.ts';
import { createProgress, formatSeconds } from './progress.ts';
import type { UpIo } from './up.ts';

/** Resolves when the node has been stopped (or, in the background, is ready). Throws {@link CommandError}. */
export async function agent(options: AgentFlags, { ports, out, isTerminal, report }: UpIo): Promise<void> {
  if (options.detach) {
    const outcome = await runInBackground();
    if (!outcome.ok) throw new CommandError(outcome.text);
    return out(outcome.text);
  }
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
    const running = await startAgent({ ...options, ports, log, step: progress.step, signal: stop.signal });
    const { nodeName, server, podCidr } = running.identity;
    progress.say(`✓ ready in ${formatSeconds(clock.monotonicMs() - startedMs)}`);
    write(`\nnode        ${nodeName}\ncluster     ${server}\npods        ${podCidr}\nlog         ${paths.log}\n`);
    await report?.({ ok: true, text });
    await aborted(stop.signal);
    if (!report) out('\nStopping Minke; its containers go on.\n');
    await running.stopped;
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
