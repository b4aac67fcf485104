// Server-side apply: the object and its managedFields after somebody has applied what they want it to say, or the conflicts.
// Source: https://kubernetes.io/docs/reference/using-api/server-side-apply/#conflicts
import type { V1ManagedFieldsEntry } from '../../generated/types.gen.ts';
import type { KubeObject } from '../../meta/object.ts';
import { type EntryOwner, isSameOwner, type ManagedEntry, ownerText, storedEntries, writeEntries } from './entries.ts';
import {
  difference,
  equalSets,
  type FieldSet,
  intersection,
  isEmptySet,
  membersOf,
  noFields,
  recursiveDifference,
  union,
} from './field-set.ts';
import {
  type Differences,
  differencesOf,
  neverOwned,
  takeFromOthers,
  updateEntries,
  type WriteOfFields,
  withoutNeverOwned,
} from './managed-fields.ts';
import { mergeValues, removeFields } from './merge-values.ts';
import { type Shape, shapeOf } from './shape.ts';
import { appliedFields, type FieldDifference, withNamedFields } from './value-fields.ts';
import { isMap, type JsonMap } from './values.ts';

export interface ApplyRequest extends WriteOfFields {
  /** As it stands; undefined when it does not exist. Frozen. */
  readonly live: KubeObject | undefined;
  /** What the manager wants, and owns from then on: a plain JSON object that its schema allows, without managedFields. */
  readonly applied: JsonMap;
  /** Take over what others own and say differently. */
  readonly force: boolean;
}

/** A field that is to change, and who owns it. */
export interface ApplyConflict {
  readonly owner: EntryOwner;
  readonly path: readonly string[];
}

export type ApplyOutcome =
  | {
      readonly at: 'applied';
      /** With its managedFields. Not yet defaulted. Shares parts with both inputs. */
      readonly object: JsonMap;
    }
  | { readonly at: 'conflict'; readonly conflicts: readonly ApplyConflict[] };

const beforeFirstApply = 'before-first-apply';

/** Applies. The manager loses what it does not name any more; such a field goes, unless somebody else owns it too. */
export function applyPatch(request: ApplyRequest): ApplyOutcome {
  const { live, applied, manager, apiVersion, subresource = '', ignored = noFields } = request;
  const shape = shapeOf(request.schema);
  const owner: EntryOwner = { manager, operation: 'Apply', apiVersion, subresource };
  const entries = entriesBefore(request);
  const last = entries.find((entry) => isSameOwner(entry, owner));
  const others = entries.filter((entry) => entry !== last);
  const named = recursiveDifference(appliedFields(applied, shape), ignored);
  const merged = mergeValues(live, applied, shape) as JsonMap;
  const object = last ? prune({ merged, shape, last: last.fields, named, others }) : merged;
  const differences = differencesOf(live, object, request);
  const conflicts = request.force ? [] : conflictsOf(others, differences);
  if (conflicts.length > 0) return { at: 'conflict', conflicts };
  const rest = takeFromOthers(others, differences);
  const own = withoutNeverOwned(named);
  const isNoop = rest === others && isUnchanged(differences(apiVersion)) && last?.apiVersion === apiVersion && equalSets(last.fields, own);
  const entry: ManagedEntry = isNoop && last ? last : { ...owner, time: request.nowTime, fields: own };
  return { at: 'applied', object: withEntries(object, writeEntries([...rest, entry])) };
}

/** Objects that nobody has owned so far belong, as they stand, to `before-first-apply`. */
function entriesBefore({ live, ...request }: ApplyRequest): readonly ManagedEntry[] {
  const entries = storedEntries(live?.metadata?.managedFields) ?? [];
  if (entries.length > 0 || !live) return entries;
  return updateEntries([], differencesOf(undefined, live, request), { ...request, manager: beforeFirstApply });
}

const isUnchanged = ({ changed, removed }: FieldDifference): boolean => isEmptySet(changed) && isEmptySet(removed);

/** Every field of every owner that is to change, by owner. */
function conflictsOf(others: readonly ManagedEntry[], differences: Differences): readonly ApplyConflict[] {
  return others
    .map((owner) => ({
      owner,
      paths: membersOf(intersection(owner.fields, differences(owner.apiVersion).changed)),
      text: ownerText(owner),
    }))
    .sort((a, b) => (a.text < b.text ? -1 : 1))
    .flatMap(({ owner, paths }) => paths.map((path) => ({ owner, path })));
}

interface Pruning {
  readonly merged: JsonMap;
  readonly shape: Shape;
  /** What the manager owned. */
  readonly last: FieldSet;
  /** What it names now. */
  readonly named: FieldSet;
  readonly others: readonly ManagedEntry[];
}

/**
 * Takes out what the manager owned and does not name any more, and nobody else owns. Structs count as owned by whoever owns something in
 * them, so that a struct goes with its last owner, whatever defaults have been put into it.
 */
function prune({ merged, shape, last, named, others }: Pruning): JsonMap {
  if (isEmptySet(difference(last, named))) return merged;
  const present = withNamedFields(appliedFields(merged, shape), shape);
  const lastNamed = withNamedFields(last, shape);
  const fieldsWithout = (set: FieldSet) => withNamedFields(appliedFields(removeFields(merged, set, shape), shape), shape);
  const owned = others.reduce((set, entry) => union(set, entry.fields), union(named, neverOwned));
  const unowned = difference(present, union(fieldsWithout(lastNamed), withNamedFields(owned, shape)));
  const gone = intersection(difference(present, fieldsWithout(unowned)), lastNamed);
  const pruned = removeFields(merged, gone, shape, owned);
  return isMap(pruned) ? pruned : {};
}

function withEntries(object: JsonMap, managedFields: readonly V1ManagedFieldsEntry[] | undefined): JsonMap {
  const { managedFields: _, ...metadata } = isMap(object.metadata) ? object.metadata : {};
  return { ...object, metadata: managedFields ? { ...metadata, managedFields } : metadata };
}
