// The fields of a value, and of the difference between two values, as sets of paths.
// Source: https://kubernetes.io/docs/reference/using-api/server-side-apply/#merge-strategy
import { type FieldSet, FieldSetBuilder, leaf, noFields } from './field-set.ts';
import { asList, indexItems, itemElement, itemShape, type MergedList } from './list-items.ts';
import type { MapShape, Shape, StructShape } from './shape.ts';
import { equalValues, isHollow, isMap, isNothing, isZero, type JsonMap, ownValue } from './values.ts';

/** What an applier that sends `value` names: leaves, keys of maps and items of lists, but no structs. */
export const appliedFields = (value: unknown, shape: Shape): FieldSet => named(value, shape, false) ?? noFields;

function named(value: unknown, shape: Shape, own: boolean): FieldSet | undefined {
  if (value === undefined) return undefined;
  if (value === null || shape.at === 'leaf') return leaf;
  const builder = new FieldSetBuilder();
  if (shape.at === 'list' || shape.at === 'set') {
    for (const [element, items] of indexItems(shape, asList(value))) {
      builder.add(element, items.length > 1 ? leaf : (named(items[0], itemShape(shape), true) ?? leaf));
    }
    return builder.build(own);
  }
  if (!isMap(value) || isHollow(value)) return leaf;
  for (const key in value) {
    if (shape.at === 'struct') {
      const field = shape.fields.get(key);
      const node = field && named(value[key], field.shape, false);
      if (field && node) builder.add(field.element, node, field.rank);
    } else {
      const node = named(value[key], elementOf(shape), true);
      if (node) builder.add(`f:${key}`, node);
    }
  }
  return builder.build(own);
}

const elementOf = (shape: MapShape): Shape => (shape.at === 'map' ? shape.element : shape);

/** Every path of a value that was not there before, the value's own included. */
function whole(value: unknown, shape: Shape): FieldSet {
  if (shape.at === 'leaf' || isHollow(value)) return leaf;
  const builder = new FieldSetBuilder();
  if (shape.at === 'list' || shape.at === 'set') {
    for (const [element, items] of indexItems(shape, asList(value))) {
      builder.add(element, items.length > 1 ? leaf : whole(items[0], itemShape(shape)));
    }
    return builder.build(true) ?? leaf;
  }
  if (!isMap(value)) return leaf;
  if (shape.at === 'struct') wholeStruct(value, shape, builder);
  else for (const key in value) if (!isNothing(value[key])) builder.add(`f:${key}`, whole(value[key], elementOf(shape)));
  return builder.build(true) ?? leaf;
}

function wholeStruct(value: JsonMap, shape: StructShape, builder: FieldSetBuilder): void {
  for (const key in value) {
    const field = isNothing(value[key]) ? undefined : shape.fields.get(key);
    if (field) builder.add(field.element, whole(value[key], field.shape), field.rank);
  }
  for (const name of shape.alwaysThere) {
    const field = isNothing(value[name]) ? shape.fields.get(name) : undefined;
    if (field) builder.add(field.element, leaf, field.rank);
  }
}

/** What differs between two values. `changed` holds what was added or has another value, `removed` what is gone. */
export interface FieldDifference {
  readonly changed: FieldSet;
  readonly removed: FieldSet;
}

/** Compares two objects. An absent one counts as an empty one. */
export function compareFields(old: unknown, next: unknown, shape: Shape): FieldDifference {
  const difference = shape.at === 'struct' || shape.at === 'any' ? compareMaps(asMap(old), asMap(next), shape) : compare(old, next, shape);
  return { changed: difference?.changed ?? noFields, removed: difference?.removed ?? noFields };
}

interface NodeDifference {
  readonly changed?: FieldSet | undefined;
  readonly removed?: FieldSet | undefined;
}

const changedLeaf: NodeDifference = { changed: leaf };
const removedLeaf: NodeDifference = { removed: leaf };
const asMap = (value: unknown): JsonMap => (isMap(value) ? value : {});

function compare(old: unknown, next: unknown, shape: Shape): NodeDifference | undefined {
  if (old === next) return undefined;
  if (isNothing(old)) return isNothing(next) ? undefined : { changed: whole(next, shape) };
  if (isNothing(next)) return { removed: whole(old, shape) };
  switch (shape.at) {
    case 'leaf':
      return equalValues(old, next) ? undefined : changedLeaf;
    case 'list':
    case 'set':
      return compareLists(asList(old), asList(next), shape);
    default:
      if (isMap(old) && isMap(next)) return compareMaps(old, next, shape);
      return equalValues(old, next) ? undefined : changedLeaf;
  }
}

/** Collects the children's differences. */
class Differences {
  #changed: FieldSetBuilder | undefined;
  #removed: FieldSetBuilder | undefined;

  add(element: string, difference: NodeDifference | undefined, rank?: number): void {
    if (difference?.changed) {
      this.#changed ??= new FieldSetBuilder();
      this.#changed.add(element, difference.changed, rank);
    }
    if (difference?.removed) {
      this.#removed ??= new FieldSetBuilder();
      this.#removed.add(element, difference.removed, rank);
    }
  }

  get result(): NodeDifference | undefined {
    if (!this.#changed && !this.#removed) return undefined;
    return { changed: this.#changed?.build(false), removed: this.#removed?.build(false) };
  }
}

function compareMaps(old: JsonMap, next: JsonMap, shape: StructShape | MapShape): NodeDifference | undefined {
  const differences = new Differences();
  for (const key in next) {
    const value = next[key];
    const before = ownValue(old, key);
    if (before !== value) compareChild(differences, before, value, { key, shape });
  }
  for (const key in old) {
    if (ownValue(next, key) === undefined && old[key] !== undefined) compareChild(differences, old[key], undefined, { key, shape });
  }
  return differences.result;
}

interface ChildAt {
  readonly key: string;
  readonly shape: StructShape | MapShape;
}

function compareChild(differences: Differences, old: unknown, next: unknown, { key, shape }: ChildAt): void {
  if (shape.at === 'struct') {
    const field = shape.fields.get(key);
    if (!field) return;
    const difference = field.alwaysThere ? compareStanding(old, next, field.shape) : compare(old, next, field.shape);
    if (difference) differences.add(field.element, difference, field.rank);
    return;
  }
  const difference = compare(old, next, elementOf(shape));
  if (difference) differences.add(`f:${key}`, difference);
}

/** A field that is never added or removed itself: absent is zero. */
function compareStanding(old: unknown, next: unknown, shape: Shape): NodeDifference | undefined {
  switch (shape.at) {
    case 'struct':
    case 'map':
      return compareMaps(asMap(old), asMap(next), shape);
    case 'list':
    case 'set':
      return compareLists(asList(old), asList(next), shape);
    default:
      if ((isNothing(old) && isZero(next)) || (isNothing(next) && isZero(old)) || equalValues(old, next)) return undefined;
      return changedLeaf;
  }
}

function compareLists(old: readonly unknown[], next: readonly unknown[], shape: MergedList): NodeDifference | undefined {
  if (!isAligned(old, next, shape)) return compareIndexed(indexItems(shape, old), indexItems(shape, next), shape);
  const differences = new Differences();
  for (const [index, item] of old.entries()) {
    const difference = compare(item, next[index], itemShape(shape));
    if (difference) differences.add(itemElement(shape, item) ?? '', difference);
  }
  return differences.result;
}

/** Up to so many items, comparing each with each is quicker than an index. */
const alignedMax = 16;

/** The usual case, where no path element need be made: the same items, each once, in the same order. */
function isAligned(old: readonly unknown[], next: readonly unknown[], shape: MergedList): boolean {
  if (old.length !== next.length || old.length > alignedMax) return false;
  for (const [index, item] of old.entries()) {
    if (!isSameItem(item, next[index], shape)) return false;
    for (let before = 0; before < index; before++) if (isSameItem(item, old[before], shape)) return false;
  }
  return true;
}

function isSameItem(a: unknown, b: unknown, shape: MergedList): boolean {
  if (shape.at === 'set') return equalValues(a, b);
  if (!isMap(a) || !isMap(b)) return false;
  for (const [index, key] of shape.keys.entries()) {
    const value = a[key] ?? shape.defaults[index];
    if (value === undefined || value !== (b[key] ?? shape.defaults[index])) return false;
  }
  return true;
}

function compareIndexed(
  old: ReadonlyMap<string, readonly unknown[]>,
  next: ReadonlyMap<string, readonly unknown[]>,
  shape: MergedList,
): NodeDifference | undefined {
  const differences = new Differences();
  for (const [element, items] of next) {
    const standing = old.get(element) ?? [];
    if (items.length === 1 && standing.length <= 1) differences.add(element, compare(standing[0], items[0], itemShape(shape)));
    else if (standing.length === 0 || !equalValues(standing, items)) differences.add(element, changedLeaf);
  }
  for (const [element, items] of old) {
    if (next.has(element)) continue;
    differences.add(element, items.length === 1 ? { removed: whole(items[0], itemShape(shape)) } : removedLeaf);
  }
  return differences.result;
}

/** Adds the structs on the way to the members: a set of .spec.strategy.type gets .spec and .spec.strategy, but no keys of maps and no items. */
export function withNamedFields(set: FieldSet, shape: Shape): FieldSet {
  return nameFields(set, shape, false) ?? noFields;
}

function nameFields(set: FieldSet, shape: Shape, own: boolean): FieldSet | undefined {
  const builder = new FieldSetBuilder();
  for (const element in set) {
    const node = set[element];
    if (element === '.' || !node) continue;
    if (node === leaf || Object.keys(node).length === 0) builder.add(element, leaf);
    else {
      const child = shapeUnder(shape, element);
      const isNamed = shape.at === 'struct' && child !== undefined;
      builder.add(element, nameFields(node, child ?? { at: 'leaf' }, isNamed || node['.'] !== undefined) ?? leaf);
    }
  }
  return builder.build(own);
}

/** The shape behind a path element; undefined when there can be none. */
export function shapeUnder(shape: Shape, element: string): Shape | undefined {
  if (shape.at === 'list' || shape.at === 'set') return element.startsWith('k:') || element.startsWith('v:') ? itemShape(shape) : undefined;
  if (shape.at === 'leaf' || !element.startsWith('f:')) return undefined;
  return shape.at === 'struct' ? shape.fields.get(element.slice(2))?.shape : elementOf(shape);
}
