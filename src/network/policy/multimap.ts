// Sets of texts by a text. In the order of adding.
const none: ReadonlySet<string> = new Set();

export class Multimap {
  readonly #sets = new Map<string, Set<string>>();

  get(key: string): ReadonlySet<string> {
    return this.#sets.get(key) ?? none;
  }

  has(key: string): boolean {
    return this.#sets.has(key);
  }

  /** Gives how many the key has then. What is there already stays in its place. */
  add(key: string, value: string): number {
    const found = this.#sets.get(key) ?? new Set();
    this.#sets.set(key, found.add(value));
    return found.size;
  }

  delete(key: string, value: string): number {
    const found = this.#sets.get(key);
    found?.delete(value);
    if (found?.size === 0) this.#sets.delete(key);
    return found?.size ?? 0;
  }
}
