// Those who wait until the cache has reached a revision.
import { Heap, onAbort } from '../../base/mod.ts';
import type { Revision } from '../../store/mod.ts';

/** Who waits. The signal may be costly to make: it is asked for only when the wait outlasts the turn of the event loop. */
export interface Caller {
  readonly signal: AbortSignal;
}

interface Waiter {
  readonly revision: Revision;
  settle: ((error?: unknown) => void) | undefined;
  /** Takes the listener off the caller's signal. */
  off: (() => void) | undefined;
}

const byRevision = () => new Heap<Waiter>((a, b) => a.revision < b.revision);

/** Waiters that gave up before this many have gathered are swept out together. */
const sweepAt = 64;

export class RevisionWaiters {
  readonly #turn: () => Promise<void>;
  #waiting = byRevision();
  #abandoned = 0;
  #failed: { readonly error: unknown } | undefined;
  /** Those of this turn whose signals nobody listens to yet: nearly all are settled before it ends. */
  #unarmed: { readonly waiter: Waiter; readonly caller: Caller }[] = [];

  /** `turn` resolves when everything that can go on in this turn of the event loop has gone on. */
  constructor(turn: () => Promise<void>) {
    this.#turn = turn;
  }

  get size(): number {
    return this.#waiting.size - this.#abandoned;
  }

  /** Rejects when the caller's signal fires first; one that has fired already is noticed at the end of the turn. */
  wait(revision: Revision, caller?: Caller): Promise<void> {
    if (this.#failed) return Promise.reject(this.#failed.error);
    return new Promise((resolve, reject) => {
      const waiter: Waiter = {
        revision,
        off: undefined,
        settle: (error) => {
          waiter.settle = undefined;
          waiter.off?.();
          if (error === undefined) resolve();
          else reject(error);
        },
      };
      this.#waiting.push(waiter);
      if (!caller) return;
      this.#unarmed.push({ waiter, caller });
      if (this.#unarmed.length === 1) void this.#turn().then(() => this.#arm());
    });
  }

  reached(revision: Revision): void {
    for (let top = this.#waiting.peek(); top && top.revision <= revision; top = this.#waiting.peek()) {
      this.#waiting.pop();
      if (top.settle) top.settle();
      else this.#abandoned--;
    }
  }

  /** Rejects everyone who waits, and everyone who comes. */
  failAll(error: unknown): void {
    this.#failed = { error };
    for (let top = this.#waiting.pop(); top; top = this.#waiting.pop()) top.settle?.(error);
    this.#abandoned = 0;
  }

  /** Listens to the signals of those who still wait. */
  #arm(): void {
    for (const { waiter, caller } of this.#unarmed.splice(0, this.#unarmed.length)) {
      if (!waiter.settle) continue;
      waiter.off = onAbort(caller.signal, (reason) => {
        if (!waiter.settle) return;
        waiter.settle(reason);
        this.#abandoned++;
        this.#sweep();
      });
    }
  }

  /** A wait for a revision far ahead must not stay in memory after its caller has gone. */
  #sweep(): void {
    if (this.#abandoned < sweepAt || this.#abandoned * 2 < this.#waiting.size) return;
    const live = byRevision();
    for (let top = this.#waiting.pop(); top; top = this.#waiting.pop()) if (top.settle) live.push(top);
    this.#waiting = live;
    this.#abandoned = 0;
  }
}
