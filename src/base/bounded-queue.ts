// A bounded queue between one producer and one consumer, read as an async iterable.
import { onAbort } from './abort.ts';
import type { Slices } from './slices.ts';

/**
 * `push` gives false when the queue is full or closed: the producer then decides (end the watch, drop, fail).
 * The consumer iterates; `close` ends the iteration after what is queued, `fail` with an error after what is queued.
 */
export class BoundedQueue<T> implements AsyncIterable<T> {
  readonly #max: number;
  readonly #slices: Slices | undefined;
  #items: T[] = [];
  #head = 0;
  #wake: (() => void) | undefined;
  #end: { error?: unknown } | undefined;

  /** `slices`: a consumer that waits goes on when these give it a turn. Default: at once. */
  constructor(max: number, slices?: Slices) {
    this.#max = max;
    this.#slices = slices;
  }

  get size(): number {
    return this.#items.length - this.#head;
  }

  get closed(): boolean {
    return this.#end !== undefined;
  }

  push(item: T): boolean {
    if (this.#end || this.size >= this.#max) return false;
    this.#items.push(item);
    this.#notify();
    return true;
  }

  close(): void {
    this.#end ??= {};
    this.#notify();
  }

  fail(error: unknown): void {
    this.#end ??= { error };
    this.#notify();
  }

  /** Closes when `signal` fires. Returns what removes the listener. */
  closeOn(signal: AbortSignal): () => void {
    return onAbort(signal, () => this.close());
  }

  /** Everything that is queued now, at once; empty when nothing is. */
  takeAll(): T[] {
    const taken = this.#head === 0 ? this.#items : this.#items.slice(this.#head);
    this.#items = [];
    this.#head = 0;
    return taken;
  }

  /** Resolves when something is queued (true), or when the queue has ended and is empty (false). Rejects with the error given to `fail`. */
  async ready(): Promise<boolean> {
    while (this.size === 0) {
      if (this.#end) {
        if ('error' in this.#end) throw this.#end.error;
        return false;
      }
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
    return true;
  }

  async *[Symbol.asyncIterator](): AsyncIterator<T> {
    while (await this.ready()) yield this.#shift();
  }

  #shift(): T {
    const item = this.#items[this.#head] as T;
    this.#items[this.#head++] = undefined as T;
    if (this.#head > 1024 && this.#head * 2 > this.#items.length) {
      this.#items = this.#items.slice(this.#head);
      this.#head = 0;
    } else if (this.#head === this.#items.length) {
      this.#items = [];
      this.#head = 0;
    }
    return item;
  }

  #notify(): void {
    const wake = this.#wake;
    if (!wake) return;
    this.#wake = undefined;
    const turn = this.#slices?.enter();
    if (turn) void turn.then(wake);
    else wake();
  }
}
