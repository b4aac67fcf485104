// A map that keeps its keys in byte order: chunks of sorted arrays, so that 100,000 keys cost about a microsecond an operation.

/** A chunk that grows to this many keys is cut in two. */
const chunkMax = 512;

interface Chunk<V> {
  readonly keys: string[];
  readonly values: V[];
}

/**
 * Keys are ASCII, so that the language's string order is byte order.
 * Invariant: keys ascend within a chunk and from chunk to chunk; no chunk is empty.
 */
export class SortedMap<V> {
  readonly #chunks: Chunk<V>[] = [];
  #size = 0;

  get size(): number {
    return this.#size;
  }

  get(key: string): V | undefined {
    const chunk = this.#chunks[this.#chunkAt(key)];
    if (!chunk) return undefined;
    const at = lowerBound(chunk.keys, key);
    return chunk.keys[at] === key ? chunk.values[at] : undefined;
  }

  set(key: string, value: V): void {
    const number = this.#chunkAt(key);
    const chunk = this.#chunks[number];
    if (!chunk) {
      this.#chunks.push({ keys: [key], values: [value] });
      this.#size++;
      return;
    }
    const at = lowerBound(chunk.keys, key);
    if (chunk.keys[at] === key) {
      chunk.values[at] = value;
      return;
    }
    chunk.keys.splice(at, 0, key);
    chunk.values.splice(at, 0, value);
    this.#size++;
    if (chunk.keys.length >= chunkMax) this.#cut(number, chunk, at);
  }

  delete(key: string): boolean {
    const number = this.#chunkAt(key);
    const chunk = this.#chunks[number];
    if (!chunk) return false;
    const at = lowerBound(chunk.keys, key);
    if (chunk.keys[at] !== key) return false;
    chunk.keys.splice(at, 1);
    chunk.values.splice(at, 1);
    this.#size--;
    if (chunk.keys.length === 0) this.#chunks.splice(number, 1);
    return true;
  }

  /** How many keys are in [from, to); to the end when `to` is undefined. */
  count(from: string, to: string | undefined): number {
    return Math.max(0, (to === undefined ? this.#size : this.#rank(to)) - this.#rank(from));
  }

  /** Visits the keys in [from, to) in ascending order, until `visit` gives false. The map must not change meanwhile. */
  visit(from: string, to: string | undefined, visit: (key: string, value: V) => boolean): void {
    let number = this.#chunkAt(from);
    let at = lowerBound(this.#chunks[number]?.keys ?? [], from);
    for (; number < this.#chunks.length; number++, at = 0) {
      const { keys, values } = this.#chunks[number] as Chunk<V>;
      for (; at < keys.length; at++) {
        const key = keys[at] as string;
        if (to !== undefined && key >= to) return;
        if (!visit(key, values[at] as V)) return;
      }
    }
  }

  /** The chunk that holds `key`, or that it belongs into: the last one whose first key is not after it. */
  #chunkAt(key: string): number {
    let low = 0;
    let high = this.#chunks.length - 1;
    while (low < high) {
      const middle = (low + high + 1) >> 1;
      if (((this.#chunks[middle] as Chunk<V>).keys[0] as string) <= key) low = middle;
      else high = middle - 1;
    }
    return low;
  }

  #rank(key: string): number {
    const number = this.#chunkAt(key);
    let before = 0;
    for (let i = 0; i < number; i++) before += (this.#chunks[i] as Chunk<V>).keys.length;
    const chunk = this.#chunks[number];
    return chunk ? before + lowerBound(chunk.keys, key) : 0;
  }

  /** Cuts at the end when keys arrive in order, so that chunks stay full; else in the middle. */
  #cut(number: number, chunk: Chunk<V>, insertedAt: number): void {
    const half = insertedAt === chunk.keys.length - 1 ? chunk.keys.length - 1 : chunk.keys.length >> 1;
    this.#chunks.splice(number + 1, 0, { keys: chunk.keys.splice(half), values: chunk.values.splice(half) });
  }
}

function lowerBound(keys: readonly string[], key: string): number {
  let low = 0;
  let high = keys.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((keys[middle] as string) < key) low = middle + 1;
    else high = middle;
  }
  return low;
}
