// Merging what is applied into what stands, and taking fields out again. Results share what they do not change.
// Source: https://kubernetes.io/docs/reference/using-api/server-side-apply/#merge-strategy
import { type FieldSet, isEmptySet, isMember, noFields } from './field-set.ts';
import { asList, indexItems, itemElement, itemShape, type MergedList } from './list-items.ts';
import type { Shape } from './shape.ts';
import { shapeUnder } from './value-fields.ts';
import { isHollow, isMap, isNothing, type JsonMap } from './values.ts';

/** What is applied wins; maps, structs and merged lists keep what it does not name. */
export function mergeValues(live: unknown, applied: unknown, shape: Shape): unknown {
  if (applied === undefined) return live;
  if (live === undefined || shape.at === 'leaf') return applied;
  if (isHollow(live) && isHollow(applied)) return applied;
  if (shape.at === 'list' || shape.at === 'set') return mergeLists(asList(live), asList(applied), shape);
  if (!isMap(applied)) return isNothing(applied) && isMap(live) ? live : applied;
  return isMap(live) ? mergeMaps(live, applied, shape) : applied;
}

function mergeMaps(live: JsonMap, applied: JsonMap, shape: Shape): JsonMap {
  const merged = new Map(Object.entries(live));
  for (const key of Object.keys(applied)) {
    merged.set(key, mergeValues(merged.get(key), applied[key], shapeUnder(shape, `f:${key}`) ?? { at: 'leaf' }));
  }
  return Object.fromEntries(merged);
}

/**
 * Items that only the server has keep their place; those that the applier names come in the applier's order: [a, b, c] and an applied
 * [c, x, a] give [b, c, x, a].
 */
function mergeLists(live: readonly unknown[], applied: readonly unknown[], shape: MergedList): unknown[] {
  const standing = indexItems(shape, live);
  const wanted = indexItems(shape, applied);
  const mergedItem = (element: string) => mergeValues(standing.get(element)?.[0], wanted.get(element)?.[0], itemShape(shape));
  const out: unknown[] = [];
  const done = new Set<string>();
  const order = [...wanted.keys()];
  const shared = order.filter((element) => standing.has(element));
  let at = 0;
  let sharedAt = 0;
  const takeWanted = () => {
    const element = order[at++];
    if (element === undefined) return;
    out.push(mergedItem(element));
    done.add(element);
    if (shared[sharedAt] === element) sharedAt++;
  };
  for (const item of live) {
    const element = itemElement(shape, item);
    if (element === undefined || !wanted.has(element)) {
      out.push(item);
      continue;
    }
    // A shared item that the applier wants later gives up its place; it comes when its turn does.
    if (done.has(element) || shared[sharedAt] !== element) continue;
    while (!done.has(element)) takeWanted();
  }
  while (at < order.length) takeWanted();
  return out;
}

/**
 * Removes the members of `set`, with all below them. A map or list that is left with nothing goes as well, unless it is a member of `owned`
 * itself; without `owned` it becomes null.
 */
export function removeFields(value: unknown, set: FieldSet, shape: Shape, owned?: FieldSet): unknown {
  if (isEmptySet(set) || isHollow(value) || shape.at === 'leaf') return value;
  if (shape.at === 'list' || shape.at === 'set') return removeItems(asList(value), set, shape, owned);
  if (!isMap(value)) return value;
  const kept: [string, unknown][] = [];
  for (const [key, inner] of Object.entries(value)) {
    const element = `f:${key}`;
    const node = set[element];
    if (node && isMember(node)) continue;
    const rest = node
      ? removeFields(inner, node, shapeUnder(shape, element) ?? { at: 'leaf' }, owned && (owned[element] ?? unownedNode))
      : inner;
    if (rest !== undefined) kept.push([key, rest]);
  }
  return kept.length === 0 ? emptied({}, owned) : Object.fromEntries(kept);
}

/** Below the root: a node that is no member. */
const unownedNode: FieldSet = { 'f:': noFields };

const emptied = (nothing: unknown, owned: FieldSet | undefined): unknown => {
  if (!owned) return null;
  return isMember(owned) ? nothing : undefined;
};

function removeItems(list: readonly unknown[], set: FieldSet, shape: MergedList, owned: FieldSet | undefined): unknown {
  const kept: unknown[] = [];
  for (const item of list) {
    const element = itemElement(shape, item);
    const node = element === undefined ? undefined : set[element];
    if (node && isMember(node)) continue;
    const ownedItem = owned && (element === undefined ? undefined : owned[element]);
    const rest = node ? removeFields(item, node, itemShape(shape), owned && (ownedItem ?? unownedNode)) : item;
    if (rest !== undefined) kept.push(rest);
  }
  return kept.length === 0 ? emptied([], owned) : kept;
}
