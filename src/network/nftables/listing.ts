// What stands in a table of the packet filter, read back from nft's listing and compared with what should stand there. Pure.

/** As far as it can be compared: elements as `set key : value`, and how many rules each chain has. */
export interface Listing {
  readonly elements: ReadonlySet<string>;
  readonly rules: ReadonlyMap<string, number>;
}

interface ListedItem {
  readonly chain?: { readonly name: string };
  readonly rule?: { readonly chain: string };
  readonly map?: { readonly name: string; readonly elem?: readonly unknown[] };
  readonly set?: { readonly name: string; readonly elem?: readonly unknown[] };
}

/** Reads `nft -j list table ...`; `{}` for a missing one. `isOwn` says which sets' elements count: in others, who comes and goes is the kernel's affair. */
export function readListing(json: string, isOwn: (set: string) => boolean): Listing {
  const { nftables = [] } = JSON.parse(json) as { nftables?: readonly ListedItem[] };
  const elements = new Set<string>();
  const rules = new Map<string, number>();
  for (const { chain, rule, map, set } of nftables) {
    if (chain) rules.set(chain.name, rules.get(chain.name) ?? 0);
    if (rule) rules.set(rule.chain, (rules.get(rule.chain) ?? 0) + 1);
    for (const one of map?.elem ?? []) {
      const [key, value] = one as readonly [unknown, unknown];
      elements.add(`${map?.name} ${textOf(key)} : ${textOf(value)}`);
    }
    if (set && isOwn(set.name)) for (const one of set.elem ?? []) elements.add(`${set.name} ${textOf(one)} : `);
  }
  return { elements, rules };
}

interface ListedValue {
  readonly concat?: readonly unknown[];
  readonly prefix?: { readonly addr: string; readonly len: number };
  readonly goto?: { readonly target: string };
  readonly drop?: null;
}

function textOf(value: unknown): string {
  if (typeof value === 'string' || typeof value === 'number') return String(value);
  const { concat, prefix, goto, drop } = (value ?? {}) as ListedValue;
  if (concat) return concat.map(textOf).join(' . ');
  if (prefix) return `${prefix.addr}/${prefix.len}`;
  if (goto) return `goto ${goto.target}`;
  return drop === null ? 'drop' : JSON.stringify(value);
}

export function sameListing(a: Listing, b: Listing): boolean {
  if (a.elements.size !== b.elements.size || a.rules.size !== b.rules.size) return false;
  for (const element of a.elements) if (!b.elements.has(element)) return false;
  for (const [chain, rules] of a.rules) if (b.rules.get(chain) !== rules) return false;
  return true;
}
