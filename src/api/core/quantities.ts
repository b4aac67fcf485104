// Maps of quantities (requests, limits, capacities) brought into canonical form.
import { canonicalQuantity, quantityProblem } from '../meta/quantity.ts';

/** Rewrites each well-formed quantity as upstream stores it; malformed ones stay, for validation to name them. */
export function canonicalizeQuantities(map: Record<string, string> | undefined): void {
  for (const name in map) {
    const text = map[name];
    if (text === undefined || quantityProblem(text) !== undefined) continue;
    const canonical = canonicalQuantity(text);
    // What stands in canonical form may be frozen.
    if (canonical !== text) map[name] = canonical;
  }
}
