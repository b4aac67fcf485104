// One priority level: how many seats its requests may take, and in which order those wait that find none.
// Fair queuing: among the queues with waiting requests, the one that has had the least service is next.
import { type Clock, onAbort, type Timer } from '../../base/mod.ts';
import { dealHand } from './shuffle-shard.ts';

/** Why a request is not let in. The words are those of upstream's metric. */
export type RejectReason = 'concurrency-limit' | 'queue-full' | 'time-out' | 'cancelled';

export class RejectedError extends Error {
  override readonly name = 'RejectedError';
  readonly reason: RejectReason;
  constructor(reason: RejectReason) {
    super(`the request was rejected: ${reason}`);
    this.reason = reason;
  }
}

export interface Queuing {
  readonly queues: number;
  readonly queueLengthLimit: number;
  readonly handSize: number;
}

export interface LevelLimits {
  readonly exempt: boolean;
  /** Seats of its own. */
  readonly nominal: number;
  /** How many of these others may use while they are idle. */
  readonly lendable: number;
  /** How many seats of others it may use. */
  readonly borrowable: number;
  /** Undefined: who finds no seat is rejected. */
  readonly queuing: Queuing | undefined;
}

/** What is asked for: seats, for how long to wait for them, and until when the asker is there. */
export interface SeatRequest {
  /** Flows share the level fairly: `schema/distinguisher`. */
  readonly flow: string;
  readonly seats: number;
  readonly waitMsMax: number;
  readonly signal: () => AbortSignal;
}

/** Gives the seats back. To be called once. */
export type Release = () => void;

interface Waiting {
  readonly seats: number;
  readonly grant: (release: Release) => void;
  readonly stop: () => void;
}

interface Queue {
  waiting: Waiting[];
  /** Seats of those that wait. */
  seats: number;
  /** How much service it has had, on the level's own scale. */
  served: number;
}

export interface LevelOptions {
  readonly clock: Clock;
  /** Seats that other levels have to spare now. */
  readonly spare: () => number;
  /** Called when seats have become free that nobody here waits for. */
  readonly freed: () => void;
}

export class PriorityLevel {
  readonly #options: LevelOptions;
  #limits: LevelLimits;
  #queues: Queue[] = [];
  #executing = 0;
  #waiting = 0;
  /** The service that the queue had which was served last: one that was empty does not catch up on the time before. */
  #virtualTime = 0;

  constructor(limits: LevelLimits, options: LevelOptions) {
    this.#options = options;
    this.#limits = limits;
    this.#queues = emptyQueues(limits);
  }

  get limits(): LevelLimits {
    return this.#limits;
  }

  /** Seats taken now. */
  get executing(): number {
    return this.#executing;
  }

  /** Seats taken beyond its own. */
  get borrowed(): number {
    return this.#limits.exempt ? 0 : Math.max(0, this.#executing - this.#limits.nominal);
  }

  get waiting(): number {
    return this.#waiting;
  }

  /** Own seats that are idle and may be lent. */
  get idle(): number {
    return Math.min(this.#limits.lendable, Math.max(0, this.#limits.nominal - this.#executing));
  }

  /** Requests that wait go on waiting where they are; their number may then exceed the new queue's. */
  configure(limits: LevelLimits): void {
    const before = this.#limits.queuing;
    this.#limits = limits;
    if (before?.queues !== limits.queuing?.queues) {
      const kept = this.#queues.filter((queue) => queue.waiting.length > 0);
      this.#queues = [...kept, ...emptyQueues(limits).slice(kept.length)];
    }
    this.dispatch();
  }

  /** At once when a seat is free; else a promise that rejects with {@link RejectedError}. Throws it when there is no waiting. */
  acquire(request: SeatRequest): Release | Promise<Release> {
    if (this.#limits.exempt || (this.#waiting === 0 && this.#fits(request.seats))) return this.#take(request.seats);
    const queue = this.#limits.queuing && this.#queueFor(request.flow, this.#limits.queuing);
    if (queue === undefined) throw new RejectedError('concurrency-limit');
    return this.#wait(queue, request);
  }

  /** Lets in whoever fits. */
  dispatch(): void {
    while (this.#waiting > 0) {
      const queue = this.#next();
      const first = queue?.waiting[0];
      if (!queue || !first || !this.#fits(first.seats)) return;
      this.#leave(queue, first);
      this.#virtualTime = queue.served;
      queue.served += first.seats;
      first.stop();
      first.grant(this.#take(first.seats));
    }
  }

  /** A request wider than the level runs when nothing else does. */
  #fits(seats: number): boolean {
    const { nominal, borrowable } = this.#limits;
    const after = this.#executing + seats;
    if (after <= nominal || this.#executing === 0) return true;
    return after - nominal <= borrowable && seats <= this.#options.spare();
  }

  #take(seats: number): Release {
    this.#executing += seats;
    return () => {
      this.#executing -= seats;
      this.dispatch();
      this.#options.freed();
    };
  }

  /** The one of the flow's queues with the least waiting. Throws when it is full. */
  #queueFor(flow: string, { queues, handSize, queueLengthLimit }: Queuing): Queue | undefined {
    let best: Queue | undefined;
    for (const at of dealHand(flow, queues, handSize)) {
      const queue = this.#queues[at];
      if (queue && (!best || queue.seats < best.seats)) best = queue;
    }
    if (best && best.waiting.length >= queueLengthLimit) throw new RejectedError('queue-full');
    return best;
  }

  #wait(queue: Queue, { seats, waitMsMax, signal }: SeatRequest): Promise<Release> {
    const gone = signal();
    if (gone.aborted) throw new RejectedError('cancelled');
    return new Promise((grant, reject) => {
      const give = (reason: RejectReason) => {
        this.#leave(queue, waiting);
        stop();
        reject(new RejectedError(reason));
      };
      const timer: Timer = this.#options.clock.after(waitMsMax, () => give('time-out'));
      const off = onAbort(gone, () => give('cancelled'));
      const stop = () => {
        timer.cancel();
        off();
      };
      const waiting: Waiting = { seats, grant, stop };
      if (queue.waiting.length === 0) queue.served = Math.max(queue.served, this.#virtualTime);
      queue.waiting.push(waiting);
      queue.seats += seats;
      this.#waiting++;
    });
  }

  #leave(queue: Queue, waiting: Waiting): void {
    const at = queue.waiting.indexOf(waiting);
    if (at < 0) return;
    queue.waiting.splice(at, 1);
    queue.seats -= waiting.seats;
    this.#waiting--;
  }

  /** Of those with waiting requests, the one that has been served least. */
  #next(): Queue | undefined {
    let next: Queue | undefined;
    for (const queue of this.#queues) if (queue.waiting.length > 0 && (!next || queue.served < next.served)) next = queue;
    return next;
  }
}

const emptyQueues = ({ queuing }: LevelLimits): Queue[] =>
  Array.from({ length: queuing?.queues ?? 0 }, () => ({ waiting: [], seats: 0, served: 0 }));
