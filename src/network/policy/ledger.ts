// What stands in a table because somebody holds it: sets, chains and elements, each there as long as one owner is left. Pure; gives the
// difference between two moments at the cost of what was touched.

export type Item =
  | { readonly kind: 'set'; readonly name: string; readonly type: string }
  | { readonly kind: 'chain'; readonly name: string; readonly rules: readonly string[] }
  /** `value` is empty in sets. */
  | { readonly kind: 'element'; readonly set: string; readonly key: string; readonly value: string };
type Of<K extends Item['kind']> = Extract<Item, { kind: K }>;

export interface Difference {
  readonly sets: { readonly added: readonly Of<'set'>[]; readonly removed: readonly Of<'set'>[] };
  /** `added` holds chains whose rules have changed, too. */
  readonly chains: { readonly added: readonly Of<'chain'>[]; readonly removed: readonly Of<'chain'>[] };
  /** An element whose value has changed is in both lists. */
  readonly elements: { readonly added: readonly Of<'element'>[]; readonly removed: readonly Of<'element'>[] };
}

interface Counted {
  readonly item: Item;
  readonly count: number;
}

const idOf = (item: Item): string => (item.kind === 'element' ? `element ${item.set} ${item.key}` : `${item.kind} ${item.name}`);
const contentOf = (item: Item): string => (item.kind === 'set' ? item.type : item.kind === 'chain' ? item.rules.join('\n') : item.value);

/** Owners that hold the same thing must agree about its content. */
export class Ledger {
  readonly #held = new Map<string, readonly Item[]>();
  readonly #items = new Map<string, Counted>();
  /** What was touched since the last difference, as it was then. */
  readonly #before = new Map<string, Item | undefined>();

  /** Replaces all that the owner holds. */
  hold(owner: string, items: readonly Item[]): void {
    const before = this.#held.get(owner) ?? [];
    if (before.length === 0 && items.length === 0) return;
    for (const item of items) this.#count(item, 1);
    for (const item of before) this.#count(item, -1);
    if (items.length === 0) this.#held.delete(owner);
    else this.#held.set(owner, items);
  }

  #count(item: Item, by: 1 | -1): void {
    const id = idOf(item);
    const known = this.#items.get(id);
    if (!this.#before.has(id)) this.#before.set(id, known?.item);
    const count = (known?.count ?? 0) + by;
    if (count === 0) this.#items.delete(id);
    else this.#items.set(id, { item: by === 1 || !known ? item : known.item, count });
  }

  /** Undefined when nothing has changed since the last call. */
  difference(): Difference | undefined {
    const added: Item[] = [];
    const removed: Item[] = [];
    for (const [id, before] of this.#before) {
      const after = this.#items.get(id)?.item;
      if (before && after && contentOf(before) === contentOf(after)) continue;
      // A chain is emptied and filled; an element is taken away and added.
      if (before && !(after && before.kind === 'chain')) removed.push(before);
      if (after) added.push(after);
    }
    this.#before.clear();
    return added.length + removed.length === 0 ? undefined : sorted(added, removed);
  }

  /** Everything held, as a difference from nothing. */
  standing(): Difference {
    return sorted(
      [...this.#items.values()].map(({ item }) => item),
      [],
    );
  }
}

function sorted(added: readonly Item[], removed: readonly Item[]): Difference {
  const of = <K extends Item['kind']>(kind: K) => {
    const is = (item: Item): item is Of<K> => item.kind === kind;
    return { added: added.filter(is), removed: removed.filter(is) };
  };
  return { sets: of('set'), chains: of('chain'), elements: of('element') };
}
