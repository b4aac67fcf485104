// The order of a merged list: what a patch names in the patch's order, the rest where the server had it.
// Source: the ordering rules in strategic-merge-patch.md of the Kubernetes community repository.

export interface OrderRequest {
  /** The merged list, in any order. */
  readonly items: readonly unknown[];
  /** The sequence that the patch wants. */
  readonly patchOrder: readonly unknown[];
  /** The sequence that stood before. */
  readonly serverOrder: readonly unknown[];
  readonly same: (a: unknown, b: unknown) => boolean;
}

/**
 * Two examples, with [a, b, c] on the server: the order [c, a] gives [b, c, a] (b keeps its place before c, and a follows
 * c); the order [a, x] gives [a, x, b, c] (nothing says where x stood, so it comes as soon as its turn does).
 */
export function normalizeOrder(request: OrderRequest): unknown[] {
  const { items, patchOrder, serverOrder, same } = request;
  const rank = (order: readonly unknown[], item: unknown) => order.findIndex((known) => same(known, item));
  const byRank = (order: readonly unknown[]) => (a: unknown, b: unknown) => rank(order, a) - rank(order, b);
  const patched = items.filter((item) => rank(patchOrder, item) >= 0).sort(byRank(patchOrder));
  const serverOnly = items.filter((item) => rank(patchOrder, item) < 0).sort(byRank(serverOrder));
  const merged: unknown[] = [];
  let left = 0;
  let right = 0;
  while (left < serverOnly.length && right < patched.length) {
    const [leftRank, rightRank] = [rank(serverOrder, serverOnly[left]), rank(serverOrder, patched[right])];
    const serverFirst = leftRank >= 0 && rightRank >= 0 && leftRank < rightRank;
    merged.push(serverFirst ? serverOnly[left++] : patched[right++]);
  }
  return [...merged, ...serverOnly.slice(left), ...patched.slice(right)];
}
