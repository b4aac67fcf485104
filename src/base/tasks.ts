// Ownership of background work: every loop and detached promise belongs to a group that waits for it.
import { errorText, type Logger } from './logging.ts';

/**
 * Owns promises that nobody awaits. A rejection is logged and counted, never lost; `settled` resolves when all have ended.
 * A loop that must go on after a failure catches inside.
 */
export class Tasks {
  readonly #running = new Set<Promise<void>>();
  readonly #log: Logger;
  #failures = 0;

  constructor(log: Logger) {
    this.#log = log;
  }

  get size(): number {
    return this.#running.size;
  }

  get failures(): number {
    return this.#failures;
  }

  /** Runs `work` and owns its promise. `what` names it in the log. A rejection after `signal` has fired is the ordinary end. */
  run(what: string, signal: AbortSignal | undefined, work: () => Promise<unknown>): void {
    const task = (async () => work())().then(
      () => {},
      (error: unknown) => {
        if (signal?.aborted) return;
        this.#failures++;
        this.#log.error('Background task failed', { task: what, error: errorText(error) });
      },
    );
    this.#running.add(task);
    void task.then(() => this.#running.delete(task));
  }

  /** Resolves when every task, also those started meanwhile, has ended. */
  async settled(): Promise<void> {
    while (this.#running.size > 0) await Promise.all(this.#running);
  }
}
