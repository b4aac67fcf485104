// Sums over topology domains: `zone=a` has so many.

/** Counts by topology key and value. */
export class TopologyCounts {
  readonly #counts = new Map<string, Map<string, number>>();

  add(topologyKey: string, value: string | undefined, amount: number): void {
    if (value === undefined || amount === 0) return;
    let byValue = this.#counts.get(topologyKey);
    if (!byValue) {
      byValue = new Map();
      this.#counts.set(topologyKey, byValue);
    }
    byValue.set(value, (byValue.get(value) ?? 0) + amount);
  }

  get(topologyKey: string, value: string | undefined): number {
    return value === undefined ? 0 : (this.#counts.get(topologyKey)?.get(value) ?? 0);
  }

  get isEmpty(): boolean {
    return this.#counts.size === 0;
  }
}
