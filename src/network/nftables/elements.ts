// Elements of sets and maps in the words of nft: one statement for each set. Pure.

export interface SetElement {
  readonly set: string;
  readonly key: string;
  /** Empty for an element of a set; of a map it is what the key stands for. */
  readonly value: string;
}

/** `table` with its family: `ip minke-1`. A map's element is taken away by its key alone. */
export function renderElements(verb: 'add' | 'delete', table: string, elements: readonly SetElement[]): readonly string[] {
  const bySet = new Map<string, string[]>();
  for (const { set, key, value } of elements) {
    const text = verb === 'delete' || value === '' ? key : `${key} : ${value}`;
    const found = bySet.get(set);
    if (found) found.push(text);
    else bySet.set(set, [text]);
  }
  return [...bySet].map(([set, texts]) => `${verb} element ${table} ${set} { ${texts.join(', ')} }`);
}
