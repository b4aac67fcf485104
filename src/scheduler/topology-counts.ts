// Sums over topology domains: `zone=a` has so many. They are made of counts that others keep, which are read and not copied.

type Counts = ReadonlyMap<string, number>;

interface Part {
  readonly counts: Counts;
  readonly weight: number;
}

/** More parts than this of one key are added up when the first domain is asked for. */
const partsMax = 4;

/** Weighted counts by topology key and value. All is added before anything is asked. */
export class TopologyCounts {
  readonly #parts = new Map<string, Part[]>();

  add(topologyKey: string, counts: Counts, weight = 1): void {
    if (counts.size === 0 || weight === 0) return;
    const parts = this.#parts.get(topologyKey);
    if (parts) parts.push({ counts, weight });
    else this.#parts.set(topologyKey, [{ counts, weight }]);
  }

  get(topologyKey: string, value: string | undefined): number {
    let parts = this.#parts.get(topologyKey);
    if (value === undefined || !parts) return 0;
    if (parts.length > partsMax) {
      parts = [{ counts: sumOf(parts), weight: 1 }];
      this.#parts.set(topologyKey, parts);
    }
    let sum = 0;
    for (const { counts, weight } of parts) sum += weight * (counts.get(value) ?? 0);
    return sum;
  }

  get keys(): Iterable<string> {
    return this.#parts.keys();
  }

  get isEmpty(): boolean {
    return this.#parts.size === 0;
  }
}

function sumOf(parts: readonly Part[]): Counts {
  const sums = new Map<string, number>();
  for (const { counts, weight } of parts) {
    for (const [value, count] of counts) sums.set(value, (sums.get(value) ?? 0) + weight * count);
  }
  return sums;
}
