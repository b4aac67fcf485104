// Chance as a parameter: one seed replays everything.
import { assert } from './assert.ts';

/** A source of random numbers. Seeded here; the machine's own in `ports/random.ts`. */
export interface Random {
  /** An integer from 0 to 2^32 - 1. */
  u32(): number;
  /** An integer from 0 to `limit` - 1. */
  below(limit: number): number;
  /** A number from 0 (included) to 1 (excluded). */
  fraction(): number;
  bytes(length: number): Uint8Array;
  /** A version 4 UUID. */
  uuid(): string;
  /** A stream of its own for one part, so that one more draw in one part does not change the others. */
  child(label: string): Random;
}

/** Formats 16 bytes as a version 4 UUID. */
export function formatUuid(bytes: Uint8Array): string {
  assert(bytes.length === 16, `a UUID has 16 bytes, got ${bytes.length}`);
  const hex = Array.from(bytes, (byte, i) => {
    const fixed = i === 6 ? (byte & 0x0f) | 0x40 : i === 8 ? (byte & 0x3f) | 0x80 : byte;
    return fixed.toString(16).padStart(2, '0');
  }).join('');
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20)}`;
}

/** FNV-1a, 32 bits: a stable hash of short labels. Not for secrets. */
export function fnv1a(text: string): number {
  let hash = 0x811c9dc5;
  for (let i = 0; i < text.length; i++) hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193);
  return hash >>> 0;
}

/** A small, fast generator (splitmix32) that gives the same stream for the same seed on every machine. Not for secrets. */
export class SeededRandom implements Random {
  #state: number;
  readonly #seed: number;

  constructor(seed: number) {
    this.#seed = seed >>> 0;
    this.#state = this.#seed;
  }

  u32(): number {
    this.#state = (this.#state + 0x9e3779b9) | 0;
    let z = this.#state ^ (this.#state >>> 16);
    z = Math.imul(z, 0x21f0aaad);
    z ^= z >>> 15;
    z = Math.imul(z, 0x735a2d97);
    return (z ^ (z >>> 15)) >>> 0;
  }

  below(limit: number): number {
    assert(Number.isInteger(limit) && limit > 0, `below() wants a positive integer, got ${limit}`);
    return Math.floor(this.fraction() * limit);
  }

  fraction(): number {
    return this.u32() / 2 ** 32;
  }

  bytes(length: number): Uint8Array {
    return Uint8Array.from({ length }, () => this.u32() & 0xff);
  }

  uuid(): string {
    return formatUuid(this.bytes(16));
  }

  child(label: string): Random {
    return new SeededRandom(fnv1a(`${this.#seed}/${label}`));
  }
}
