// The items of lists that are merged: which path element stands for which item.
import { keyElement, valueElement } from './path-element.ts';
import type { ListShape, Shape } from './shape.ts';

export type MergedList = ListShape | { readonly at: 'set' };

/** `k:{"name":"x"}` or `v:"x"`; undefined for an item that has no key. */
export const itemElement = (shape: MergedList, item: unknown): string | undefined =>
  shape.at === 'set' ? valueElement(item) : keyElement(item, shape.keys, shape.defaults);

const setItem: Shape = { at: 'leaf' };

export const itemShape = (shape: MergedList): Shape => (shape.at === 'set' ? setItem : shape.element);

/** The items by path element, in the list's order. More than one under an element are duplicates. Items without keys are left out. */
export function indexItems(shape: MergedList, list: readonly unknown[]): Map<string, unknown[]> {
  const index = new Map<string, unknown[]>();
  for (const item of list) {
    const element = itemElement(shape, item);
    if (element === undefined) continue;
    const known = index.get(element);
    if (known) known.push(item);
    else index.set(element, [item]);
  }
  return index;
}

export const asList = (value: unknown): readonly unknown[] => (Array.isArray(value) ? value : []);
