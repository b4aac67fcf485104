// The command's own process: signals, exit, and the copy of itself that goes on in the background.
import { spawn } from 'node:child_process';

export interface Outcome {
  readonly ok: boolean;
  readonly text: string;
}

export interface StopSignals {
  readonly signal: AbortSignal;
  /** Fires at SIGPWR: the machine is about to go. */
  readonly power: AbortSignal;
  /** As a Ctrl-C. */
  stop(): void;
  done(): void;
}

/** `signal` fires at the first Ctrl-C (or SIGTERM, SIGHUP); the second ends the process at once. `done` takes the listeners away. */
export function stopSignals(): StopSignals {
  const controller = new AbortController();
  const power = new AbortController();
  const onPower = () => power.abort(new Error('the machine is about to go'));
  process.on('SIGPWR', onPower);
  const names = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;
  const stop = () => {
    if (controller.signal.aborted) process.exit(1);
    controller.abort(new Error('stopped by a signal'));
  };
  for (const name of names) process.on(name, stop);
  return {
    signal: controller.signal,
    power: power.signal,
    stop,
    done: () => {
      process.off('SIGPWR', onPower);
      for (const name of names) process.off(name, stop);
    },
  };
}

/** Runs this same command without `--detach` in a session of its own; resolves with what it reports, or with its sudden end. */
export function runInBackground(): Promise<Outcome> {
  const [script = '', ...words] = process.argv.slice(1);
  const child = spawn(process.execPath, [...process.execArgv, script, ...words.filter((word) => word !== '--detach')], {
    detached: true,
    stdio: ['ignore', 'ignore', 'ignore', 'ipc'],
  });
  return new Promise((resolve) => {
    child.once('message', (message) => {
      child.disconnect();
      child.unref();
      resolve(message as Outcome);
    });
    child.once('error', (error) => resolve({ ok: false, text: `Cannot start in the background: ${error.message}` }));
    child.once('exit', (code, signal) => resolve({ ok: false, text: `Minke ended while it started (${signal ?? `exit code ${code}`}).` }));
  });
}

/** In the process that {@link runInBackground} has started: tells the waiting one. Undefined elsewhere. */
export const reporter = (): ((outcome: Outcome) => Promise<void>) | undefined => {
  const { send } = process;
  if (!send) return undefined;
  return (outcome) =>
    new Promise((resolve) => {
      send.call(process, outcome, undefined, undefined, () => {
        if (process.connected) process.disconnect();
        resolve();
      });
    });
};
