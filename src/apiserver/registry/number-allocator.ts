// Hands out whole numbers from a range: a bitmap, with a random start so that a number is not used again at once.
import type { Random } from '../../base/mod.ts';

export interface NumberRange {
  readonly first: number;
  /** Included. */
  readonly last: number;
  /** Numbers up to this one are left for those who choose for themselves, until the rest is used up. */
  readonly reservedUntil?: number | undefined;
}

export class NumberAllocator {
  readonly #range: NumberRange;
  readonly #random: Random;
  readonly #used: Uint8Array;
  #count = 0;

  constructor(range: NumberRange, random: Random) {
    this.#range = range;
    this.#random = random;
    this.#used = new Uint8Array((range.last - range.first + 8) >> 3);
  }

  get free(): number {
    return this.#range.last - this.#range.first + 1 - this.#count;
  }

  contains(number: number): boolean {
    return Number.isInteger(number) && number >= this.#range.first && number <= this.#range.last;
  }

  has(number: number): boolean {
    return this.contains(number) && this.#bit(number - this.#range.first);
  }

  /** False when it is taken, or outside of the range. */
  take(number: number): boolean {
    if (!this.contains(number) || this.has(number)) return false;
    this.#flip(number - this.#range.first);
    this.#count++;
    return true;
  }

  /** Undefined when all are taken. */
  takeAny(): number | undefined {
    const { first, last, reservedUntil = first - 1 } = this.#range;
    return this.#takeFrom(Math.max(first, reservedUntil + 1), last) ?? this.#takeFrom(first, Math.min(last, reservedUntil));
  }

  release(number: number): void {
    if (!this.has(number)) return;
    this.#flip(number - this.#range.first);
    this.#count--;
  }

  #takeFrom(low: number, high: number): number | undefined {
    const size = high - low + 1;
    if (size <= 0) return undefined;
    const start = this.#random.below(size);
    for (let step = 0; step < size; step++) {
      const number = low + ((start + step) % size);
      if (this.take(number)) return number;
    }
    return undefined;
  }

  #bit(at: number): boolean {
    return ((this.#used[at >> 3] ?? 0) & (1 << (at & 7))) !== 0;
  }

  #flip(at: number): void {
    this.#used[at >> 3] = (this.#used[at >> 3] ?? 0) ^ (1 << (at & 7));
  }
}
