// The fields of an object that is new. One controller's objects mostly have the same ones: the sets of the last objects of a type are looked at
// against the new one before a set is made, which neither makes nor serializes anything.
import type { KubeObject } from '../../meta/object.ts';
import type { ObjectSchema } from '../../schema/schema.ts';
import { type FieldSet, isEmptySet } from './field-set.ts';
import { asList, itemElement, itemShape, type MergedList } from './list-items.ts';
import { ownElement } from './path-element.ts';
import type { Shape, StructShape } from './shape.ts';
import { isHollow, isMap, isNothing, isZero, type JsonMap } from './values.ts';

/** So many sets of a type are looked at. */
const rememberedMax = 4;

/** By type, those used last first. Frozen. */
const remembered = new WeakMap<ObjectSchema, FieldSet[]>();

export function rememberFields(schema: ObjectSchema, set: FieldSet): void {
  const sets = remembered.get(schema) ?? [];
  const others = sets.filter((one) => one !== set).slice(0, rememberedMax - 1);
  remembered.set(schema, [set, ...others]);
}

/** The remembered set that {@link isNewFields} finds right. */
export function recallFields(schema: ObjectSchema, of: NewFields): FieldSet | undefined {
  const sets = remembered.get(schema);
  const found = sets?.find((set) => isNewFields(set, of));
  if (found && found !== sets?.[0]) rememberFields(schema, found);
  return found;
}

export interface NewFields {
  readonly object: KubeObject;
  readonly shape: StructShape;
  /** Single fields that nobody owns: of the object, and of structs that are always there. */
  readonly except: FieldSet;
  /** Fields of the object itself that are not counted either. */
  readonly ignored: FieldSet | undefined;
}

/**
 * Whether `set` is what comparing nothing with `object` finds, without what nobody owns. False says nothing: a set must then be made. So it is of
 * lists with an item twice.
 */
export function isNewFields(set: FieldSet, { object, shape, except, ignored }: NewFields): boolean {
  const count = countAdded(set, object as JsonMap, shape, { except, ignored });
  return count >= 0 && countKeys(set) === count;
}

interface Excepted {
  readonly except: FieldSet | undefined;
  readonly ignored?: FieldSet | undefined;
}

/** What a count is where something does not fit. */
const unlike = -1;

/** How many children of `node` this struct that was empty has made; {@link unlike} where one is missing, or is otherwise. */
function countAdded(node: FieldSet | undefined, value: JsonMap, shape: StructShape, { except, ignored }: Excepted): number {
  let count = 0;
  for (const key in value) {
    const field = isNothing(value[key]) ? undefined : shape.fields.get(key);
    if (!field) continue;
    const [excepted, skipped] = [except?.[field.element], ignored?.[field.element]];
    if (skipped && !isEmptySet(skipped)) return unlike;
    if (skipped || (excepted && isEmptySet(excepted))) continue;
    const child = node?.[field.element];
    const fits = field.alwaysThere
      ? fitsStanding(child, value[key], field.shape, excepted)
      : child !== undefined && excepted === undefined && fitsWhole(child, value[key], field.shape);
    if (!fits) return unlike;
    if (child) count++;
  }
  return count;
}

/** For a field that is never added itself, only what is in it. */
function fitsStanding(node: FieldSet | undefined, value: unknown, shape: Shape, except: FieldSet | undefined): boolean {
  switch (shape.at) {
    case 'struct':
      return fitsCount(node, countAdded(node, isMap(value) ? value : {}, shape, { except }));
    case 'map':
      return fitsCount(node, countKeysOf(node, isMap(value) ? value : {}, shape.element));
    case 'list':
    case 'set':
      return fitsCount(node, countItems(node, asList(value), shape));
    default:
      return isZero(value) ? node === undefined : node !== undefined && isEmptySet(node);
  }
}

const fitsCount = (node: FieldSet | undefined, count: number): boolean =>
  count === 0 ? node === undefined : count > 0 && node !== undefined && countKeys(node) === count;

/** For a value that was not there before: it is a member itself, and all that is in it. */
function fitsWhole(node: FieldSet, value: unknown, shape: Shape): boolean {
  const count = countWhole(node, value, shape);
  if (count <= 0) return count === 0 && isEmptySet(node);
  return node[ownElement] !== undefined && countKeys(node) === count + 1;
}

function countWhole(node: FieldSet, value: unknown, shape: Shape): number {
  if (shape.at === 'leaf' || isHollow(value)) return 0;
  if (shape.at === 'list' || shape.at === 'set') return countItems(node, asList(value), shape);
  if (!isMap(value)) return 0;
  if (shape.at !== 'struct') return countKeysOf(node, value, shape.at === 'map' ? shape.element : shape);
  let count = 0;
  for (const key in value) {
    const field = isNothing(value[key]) ? undefined : shape.fields.get(key);
    if (!field) continue;
    const child = node[field.element];
    if (!child || !fitsWhole(child, value[key], field.shape)) return unlike;
    count++;
  }
  for (const name of shape.alwaysThere) {
    const field = isNothing(value[name]) ? shape.fields.get(name) : undefined;
    if (!field) continue;
    const child = node[field.element];
    if (!child || !isEmptySet(child)) return unlike;
    count++;
  }
  return count;
}

function countKeysOf(node: FieldSet | undefined, value: JsonMap, element: Shape): number {
  let count = 0;
  for (const key in value) {
    if (isNothing(value[key])) continue;
    const child = node?.[`f:${key}`];
    if (!child || !fitsWhole(child, value[key], element)) return unlike;
    count++;
  }
  return count;
}

function countItems(node: FieldSet | undefined, items: readonly unknown[], shape: MergedList): number {
  let count = 0;
  for (const item of items) {
    if (isNothing(item)) return unlike;
    const element = itemElement(shape, item);
    if (element === undefined) continue;
    const child = node?.[element];
    if (!child || !fitsWhole(child, item, itemShape(shape))) return unlike;
    count++;
  }
  return count;
}

function countKeys(node: FieldSet): number {
  let count = 0;
  for (const _ in node) count++;
  return count;
}
