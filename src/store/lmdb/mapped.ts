// When to let go of the file's mapped pages: what has been read and written stays resident in the process until the file is closed.
import type { Clock, Timer } from '../../base/mod.ts';

/** So many bytes read and written are worth it. */
const enoughBytes = 16 * 2 ** 20;
/** They wait for so long, so that a long read or many writes end in one go. */
const delayMs = 1_000;

export class MappedPages {
  readonly #clock: Clock;
  #bytes = 0;
  #timer: Timer | undefined;
  #due = false;
  #stopped = false;
  readonly #wake: () => void;

  constructor(clock: Clock, wake: () => void) {
    this.#clock = clock;
    this.#wake = wake;
  }

  /** True from the moment that `wake` is called until {@link gone}. */
  get due(): boolean {
    return this.#due;
  }

  touched(bytes: number): void {
    this.#bytes += bytes;
    if (this.#bytes < enoughBytes || this.#timer || this.#stopped) return;
    this.#timer = this.#clock.after(delayMs, () => {
      this.#due = true;
      this.#wake();
    });
  }

  gone(): void {
    this.#bytes = 0;
    this.#due = false;
    this.#timer = undefined;
  }

  stop(): void {
    this.#stopped = true;
    this.#due = false;
    this.#timer?.cancel();
  }
}
