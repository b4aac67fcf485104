// `minke apiserver`: the API server alone, in the foreground or left running in the background.
import { aborted, createLogger, errorText } from '../base/mod.ts';
import { clusterPaths, MachineError, startApiServerAlone } from '../cluster/machine/mod.ts';
import type { ApiServerFlags } from './apiserver-flags.ts';
import { CommandError } from './flags.ts';
import { openLogFile } from './log-file.ts';
import { runInBackground, stopSignals } from './process.ts';
import { formatSeconds } from './progress.ts';
import type { UpIo } from './up.ts';

/** Resolves when the server has been stopped (or, in the background, is ready). Throws {@link CommandError}. */
export async function apiserver(options: ApiServerFlags, { ports, out, report }: UpIo): Promise<void> {
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
  try {
    const running = await startApiServerAlone({ ...options, ports, log, signal: stop.signal });
    const text = `✓ ready in ${formatSeconds(clock.monotonicMs() - startedMs)}

API server  ${running.url}
kubeconfig  ${paths.kubeconfig}
log         ${paths.log}

There are no controllers, no scheduler and no node: objects are stored and served, and nothing acts on them.
`;
    if (!report) out(text);
    await report?.({ ok: true, text });
    await aborted(stop.signal);
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
