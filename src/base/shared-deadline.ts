// Deadlines for calls that come by the thousand: those of one caller that begin close together share one signal and one timer.
import { onAbort } from './abort.ts';
import { type Clock, DeadlineError, type Timer } from './clock.ts';

/** A call may join others that began at most this part of the deadline before it: it gets so much less time than alone. */
const joinsWithin = 1 / 32;

interface Group {
  readonly controller: AbortController;
  readonly beganMs: number;
  readonly timer: Timer;
  readonly unlink: () => void;
  /** Calls under way. At 0 the group ends, and leaves neither timer nor listener. */
  calls: number;
}

export class SharedDeadline {
  readonly #clock: Clock;
  readonly #ms: number;
  /** By the caller's signal; by this object for those that have none. */
  readonly #groups = new WeakMap<object, Group>();

  /** `ms`: how long a call may take at most. */
  constructor({ clock, ms }: { readonly clock: Clock; readonly ms: number }) {
    this.#clock = clock;
    this.#ms = ms;
  }

  /** As `withDeadline`: settles at the deadline, or when the caller's signal fires, even when `work` ignores its signal. */
  async run<T>(what: string, caller: AbortSignal | undefined, work: (signal: AbortSignal) => Promise<T>): Promise<T> {
    caller?.throwIfAborted();
    const group = this.#join(caller);
    const { signal } = group.controller;
    let off = () => {};
    try {
      return await new Promise<T>((resolve, reject) => {
        off = onAbort(signal, reject);
        work(signal).then(resolve, reject);
      });
    } catch (error) {
      // The reason is one for all; each call is told by its own name.
      if (error === signal.reason && error instanceof DeadlineError)
        throw new DeadlineError(`${what} did not finish within ${this.#ms} ms`, { cause: error });
      throw error;
    } finally {
      off();
      this.#leave(caller, group);
    }
  }

  #join(caller: AbortSignal | undefined): Group {
    const key = caller ?? this;
    const standing = this.#groups.get(key);
    const nowMs = this.#clock.monotonicMs();
    if (standing && !standing.controller.signal.aborted && nowMs - standing.beganMs <= this.#ms * joinsWithin) {
      standing.calls++;
      return standing;
    }
    const controller = new AbortController();
    const unlink = onAbort(caller, (reason) => controller.abort(reason));
    const timer = this.#clock.after(this.#ms, () => controller.abort(new DeadlineError(`not finished within ${this.#ms} ms`)));
    const group: Group = { controller, beganMs: nowMs, timer, unlink, calls: 1 };
    this.#groups.set(key, group);
    return group;
  }

  #leave(caller: AbortSignal | undefined, group: Group): void {
    if (--group.calls > 0) return;
    group.timer.cancel();
    group.unlink();
    const key = caller ?? this;
    if (this.#groups.get(key) === group) this.#groups.delete(key);
  }
}
