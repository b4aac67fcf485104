// Strategic merge patch: a merge patch that knows which lists are merged, by which key.
// Source: https://github.com/kubernetes/community/blob/master/contributors/devel/sig-api-machinery/strategic-merge-patch.md
import type { FieldSchema, ObjectSchema, ValueSchema } from '../schema/schema.ts';
import { equal } from './json-patch.ts';
import { normalizeOrder } from './list-order.ts';

type Json = unknown;
type JsonMap = Readonly<Record<string, Json>>;

const directive = '$patch';
const retainKeys = '$retainKeys';
const deleteFromList = '$deleteFromPrimitiveList/';
const setElementOrder = '$setElementOrder/';

/** The patch is not one that can be carried out on this type: a bad directive, a missing merge key. */
export class StrategicMergeError extends Error {
  override readonly name = 'StrategicMergeError';
}

const isMap = (value: Json): value is JsonMap => typeof value === 'object' && value !== null && !Array.isArray(value);

/** Gives the patched document. Neither argument is changed; what the patch does not touch is shared with `document`. Throws {@link StrategicMergeError}. */
export function strategicMerge(document: Json, patch: Json, schema: ObjectSchema): Json {
  if (!isMap(patch)) throw new StrategicMergeError('a strategic merge patch is an object');
  return mergeMap(isMap(document) ? document : {}, patch, (name) => schema.fields.get(name));
}

type Fields = (name: string) => FieldSchema | ValueSchema | undefined;

/** What the schema says of a value's own fields; a map's values are all alike. */
function fieldsOf(schema: ValueSchema | undefined): Fields {
  if (schema?.object) return (name) => schema.object?.fields.get(name);
  if (schema?.kind === 'map') return () => schema.element;
  return () => undefined;
}

function mergeMap(original: JsonMap, patch: JsonMap, fields: Fields): JsonMap {
  switch (patch[directive]) {
    case undefined:
    case 'merge':
      break;
    case 'replace':
      return without(patch, (key) => key === directive);
    case 'delete':
      return {};
    default:
      throw new StrategicMergeError(`unknown patch type: ${JSON.stringify(patch[directive])} in map`);
  }
  const merged = new Map(Object.entries(retained(original, patch)));
  for (const [key, value] of Object.entries(patch)) {
    if (key.startsWith(deleteFromList)) deletePrimitives(merged, key.slice(deleteFromList.length), value);
  }
  for (const [key, value] of Object.entries(patch)) {
    if (key === directive || key === retainKeys || key.startsWith(deleteFromList) || key.startsWith(setElementOrder)) continue;
    if (value === null) merged.delete(key);
    else merged.set(key, mergeValue(merged.get(key), value, fields(key)));
  }
  for (const [key, order] of Object.entries(patch)) {
    if (key.startsWith(setElementOrder)) orderList(merged, original, key.slice(setElementOrder.length), order, { patch, fields });
  }
  return Object.fromEntries(merged);
}

/** With `$retainKeys` only the named keys stay; the patch may set no others. */
function retained(original: JsonMap, patch: JsonMap): JsonMap {
  const names = patch[retainKeys];
  if (names === undefined) return original;
  if (!Array.isArray(names)) throw new StrategicMergeError(`${retainKeys} wants a list of keys`);
  for (const [key, value] of Object.entries(patch)) {
    if (value === null || key.startsWith('$') || names.includes(key)) continue;
    throw new StrategicMergeError(`${retainKeys} list doesn't contain all fields present in the patch: "${key}" is missing`);
  }
  return without(original, (key) => !names.includes(key));
}

function deletePrimitives(merged: Map<string, Json>, key: string, values: Json): void {
  if (!Array.isArray(values)) throw new StrategicMergeError(`${deleteFromList}${key} wants a list of values`);
  const standing = merged.get(key);
  if (!Array.isArray(standing)) return;
  merged.set(
    key,
    standing.filter((item) => !values.some((value) => equal(value, item))),
  );
}

function mergeValue(original: Json, patch: Json, schema: FieldSchema | ValueSchema | undefined): Json {
  const strategy = schema && 'patchStrategy' in schema ? schema.patchStrategy : [];
  if (isMap(patch)) {
    const base = isMap(original) && !strategy.includes('replace') ? original : {};
    return mergeMap(base, patch, fieldsOf(schema));
  }
  if (!Array.isArray(patch)) return patch;
  const list = Array.isArray(original) ? original : [];
  const mergeKey = schema && 'patchMergeKey' in schema ? schema.patchMergeKey : undefined;
  if (!strategy.includes('merge')) return patch.map((item) => stripDirectives(item));
  return mergeKey === undefined ? mergePrimitives(list, patch) : mergeItems(list, patch, mergeKey, schema?.element);
}

function mergePrimitives(original: readonly Json[], patch: readonly Json[]): Json {
  const merged: Json[] = [];
  for (const item of [...original, ...patch]) if (!merged.some((known) => equal(known, item))) merged.push(item);
  return normalizeOrder({ items: merged, patchOrder: patch, serverOrder: original, same: equal });
}

function mergeItems(original: readonly Json[], patch: readonly Json[], mergeKey: string, element: ValueSchema | undefined): Json {
  const sameKey = (a: Json, b: Json) => isMap(a) && isMap(b) && equal(a[mergeKey], b[mergeKey]);
  const plain: JsonMap[] = [];
  let base = original;
  let replaces = false;
  for (const item of patch) {
    if (!isMap(item))
      throw new StrategicMergeError(`expected a list of objects with the merge key "${mergeKey}", got ${JSON.stringify(item)}`);
    if (item[directive] === 'replace') {
      replaces = true;
      const rest = without(item, (key) => key === directive);
      if (Object.keys(rest).length > 0) plain.push(rest);
    } else if (item[directive] === 'delete') {
      requireKey(item, mergeKey);
      base = base.filter((standing) => !sameKey(standing, item));
    } else {
      plain.push(item);
    }
  }
  if (replaces) return plain;
  const merged = [...base];
  for (const item of plain) {
    requireKey(item, mergeKey);
    const at = merged.findIndex((standing) => sameKey(standing, item));
    const standing = merged[at];
    const next = mergeMap(isMap(standing) ? standing : {}, item, fieldsOf(element));
    if (at < 0) merged.push(next);
    else merged[at] = next;
  }
  return normalizeOrder({ items: merged, patchOrder: plain, serverOrder: original, same: sameKey });
}

function requireKey(item: JsonMap, mergeKey: string): void {
  if (item[mergeKey] === undefined)
    throw new StrategicMergeError(`map: ${JSON.stringify(item)} does not contain declared merge key: ${mergeKey}`);
}

interface OrderContext {
  readonly patch: JsonMap;
  readonly fields: Fields;
}

/** Carries out `$setElementOrder/<key>`: the named items in the order given, the others where they stood. */
function orderList(merged: Map<string, Json>, original: JsonMap, key: string, order: Json, context: OrderContext): void {
  if (!Array.isArray(order)) throw new StrategicMergeError(`${setElementOrder}${key} wants a list`);
  const schema = context.fields(key);
  const mergeKey = schema && 'patchMergeKey' in schema ? schema.patchMergeKey : undefined;
  const same = (a: Json, b: Json) => (mergeKey !== undefined && isMap(a) && isMap(b) ? equal(a[mergeKey], b[mergeKey]) : equal(a, b));
  checkOrder(key, order, context.patch[key], same);
  const items = merged.get(key);
  if (!Array.isArray(items)) return;
  const standing = original[key];
  merged.set(key, normalizeOrder({ items, patchOrder: order, serverOrder: Array.isArray(standing) ? standing : [], same }));
}

/** What the patch's list sets must be named in the order, in the same sequence. */
function checkOrder(key: string, order: readonly Json[], list: Json, same: (a: Json, b: Json) => boolean): void {
  if (!Array.isArray(list)) return;
  const set = list.filter((item) => !(isMap(item) && item[directive] !== undefined));
  let from = 0;
  for (const item of set) {
    const at = order.findIndex((named, i) => i >= from && same(named, item));
    if (at < 0)
      throw new StrategicMergeError(
        `The order in patch list:\n${JSON.stringify(set)}\n doesn't match ${setElementOrder}${key} list:\n${JSON.stringify(order)}`,
      );
    from = at + 1;
  }
}

/** A list that replaces another one may still carry directives of its sender: they are not data. */
function stripDirectives(value: Json): Json {
  if (Array.isArray(value)) return value.map(stripDirectives);
  if (!isMap(value)) return value;
  return Object.fromEntries(
    Object.entries(value)
      .filter(([key]) => key !== directive && key !== retainKeys && !key.startsWith(deleteFromList) && !key.startsWith(setElementOrder))
      .map(([key, inner]) => [key, stripDirectives(inner)]),
  );
}

const without = (map: JsonMap, drop: (key: string) => boolean): JsonMap =>
  Object.fromEntries(Object.entries(map).filter(([key]) => !drop(key)));
