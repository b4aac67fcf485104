// metadata.managedFields after a write that is not server-side apply.
// Source: https://kubernetes.io/docs/reference/using-api/server-side-apply/#field-management
import type { V1ManagedFieldsEntry } from '../../generated/types.gen.ts';
import type { KubeObject } from '../../meta/object.ts';
import type { ObjectSchema } from '../../schema/schema.ts';
import {
  capUpdaters,
  isReset,
  isSameOwner,
  type ManagedEntry,
  rememberedSet,
  sentEntries,
  storedEntries,
  withFields,
  writeEntries,
} from './entries.ts';
import { difference, type FieldSet, isEmptySet, noFields, recursiveDifference, setOf, union } from './field-set.ts';
import { recallFields, rememberFields } from './new-fields.ts';
import { type Shape, shapeOf } from './shape.ts';
import { compareFields, type FieldDifference } from './value-fields.ts';
import type { JsonMap } from './values.ts';

type Entries = readonly V1ManagedFieldsEntry[] | undefined;

export interface WriteOfFields {
  readonly manager: string;
  readonly apiVersion: string;
  /** Undefined for the object itself. */
  readonly subresource?: string | undefined;
  /** RFC 3339, in seconds. */
  readonly nowTime: string;
  /** Undefined when there is none: then objects are maps, and lists are atomic. */
  readonly schema: ObjectSchema | undefined;
  /** Fields that this endpoint resets, and nobody comes to own through it. */
  readonly ignored?: FieldSet | undefined;
  /** Other versions of the object: entries name the fields of the version that was written. Absent: there are none. */
  readonly inVersion?: ((apiVersion: string) => VersionView | undefined) | undefined;
}

/** How a version shows an object of the version that is written. */
export interface VersionView {
  readonly show: (object: KubeObject) => KubeObject;
  readonly schema: ObjectSchema | undefined;
}

/** What a write changes, in the fields of this version. */
export type Differences = (apiVersion: string) => FieldDifference;

/** What no entry ever has: who the object is, and what the server alone writes. */
export const neverOwned = setOf(
  ['f:apiVersion'],
  ['f:kind'],
  ['f:metadata'],
  ...['name', 'namespace', 'creationTimestamp', 'selfLink', 'uid', 'clusterName', 'generation', 'managedFields', 'resourceVersion'].map(
    (name) => ['f:metadata', `f:${name}`],
  ),
);

export const withoutNeverOwned = (fields: FieldSet): FieldSet => difference(fields, neverOwned);

/** Compares two states of an object, but for managedFields and what is ignored. */
export function compareObjects(
  old: KubeObject | undefined,
  next: KubeObject,
  shape: Shape,
  ignored: FieldSet | undefined,
): FieldDifference {
  const found = compareFields(withoutEntries(old), withoutEntries(next), shape);
  if (!ignored) return found;
  return { changed: recursiveDifference(found.changed, ignored), removed: recursiveDifference(found.removed, ignored) };
}

/** Compares two states of an object in every version that is asked for, in each once. Of versions that are not known, as in that of the write. */
export function differencesOf(old: KubeObject | undefined, next: KubeObject, write: WriteOfFields): Differences {
  const own = compareObjects(old, next, shapeOf(write.schema), write.ignored);
  const { inVersion } = write;
  if (!inVersion) return () => own;
  const known = new Map([[write.apiVersion, own]]);
  return (apiVersion) => {
    const before = known.get(apiVersion);
    if (before) return before;
    const view = inVersion(apiVersion);
    const found = view ? compareObjects(old && view.show(old), view.show(next), shapeOf(view.schema), write.ignored) : own;
    known.set(apiVersion, found);
    return found;
  };
}

/** Of metadata, managedFields are the largest part, and never compared. */
function withoutEntries(object: KubeObject | undefined): JsonMap {
  if (!object) return {};
  if (object.metadata?.managedFields === undefined) return object as JsonMap;
  const { managedFields: _, ...metadata } = object.metadata;
  return { ...object, metadata };
}

/**
 * The managedFields of `next`, which is about to be stored; undefined for none. What the write changed belongs to its manager alone; what
 * it removed belongs to nobody. `next.metadata.managedFields` is what the client sent: it counts, unless it is absent or unreadable, or
 * the write is one of a subresource. Objects whose ownership was reset stay without until they are applied to.
 */
export function updateManagedFields(next: KubeObject, old: KubeObject | undefined, write: WriteOfFields): Entries {
  const sent = next.metadata?.managedFields;
  const standing = old?.metadata?.managedFields;
  const entries = entriesBefore(sent, standing, write.subresource !== undefined);
  if (entries.length === 0) return old ? undefined : entriesOfNew(next, write);
  const updated = updateEntries(entries, differencesOf(old, next, write), write);
  if (updated === entries && standing?.length === entries.length && entries.every((entry, i) => entry.source === standing[i]))
    return standing;
  return writeEntries(updated);
}

/** Of a new object whose client names no owners: all of it is its manager's. */
function entriesOfNew(next: KubeObject, write: WriteOfFields): Entries {
  const fields = fieldsOfNew(next, write);
  return isEmptySet(fields) ? undefined : writeEntries([{ ...ownerOf(write), time: write.nowTime, fields }]);
}

function fieldsOfNew(object: KubeObject, { schema, ignored }: WriteOfFields): FieldSet {
  const shape = shapeOf(schema);
  const known = schema && shape.at === 'struct' ? recallFields(schema, { object, shape, except: neverOwned, ignored }) : undefined;
  if (known) return known;
  const made = withoutNeverOwned(compareObjects(undefined, object, shape, ignored).changed);
  const kept = rememberedSet(made);
  if (schema && kept) rememberFields(schema, kept);
  return kept ?? made;
}

const ownerOf = ({ manager, apiVersion, subresource = '' }: WriteOfFields) =>
  ({ manager: manager === '' ? 'unknown' : manager, operation: 'Update', apiVersion, subresource }) as const;

function entriesBefore(sent: Entries, standing: Entries, ofSubresource: boolean): readonly ManagedEntry[] {
  if (!ofSubresource) {
    if (isReset(sent)) return [];
    const entries = sentEntries(sent, standing);
    if (entries && entries.length > 0) return entries;
  }
  return storedEntries(standing) ?? [];
}

/** The entries after an update that made this difference. The same list when there is none. */
export function updateEntries(entries: readonly ManagedEntry[], differences: Differences, write: WriteOfFields): readonly ManagedEntry[] {
  const taken = takeFromOthers(entries, differences);
  const found = differences(write.apiVersion);
  const own = withoutNeverOwned(found.changed);
  if (isEmptySet(own)) return taken;
  const owner = ownerOf(write);
  // From the set as it was before: mostly a manager writes what it owns already, and the set stays the same value.
  const previous = entries.find((entry) => isSameOwner(entry, owner))?.fields ?? noFields;
  const entry: ManagedEntry = { ...owner, time: write.nowTime, fields: union(difference(previous, found.removed), own) };
  return capUpdaters([...taken.filter((other) => !isSameOwner(other, owner)), entry]);
}

/** Without what changed or is gone. Entries left with nothing go. */
export function takeFromOthers(entries: readonly ManagedEntry[], differences: Differences): readonly ManagedEntry[] {
  const next = entries.flatMap((entry) => {
    const { changed, removed } = differences(entry.apiVersion);
    if (isEmptySet(changed) && isEmptySet(removed)) return entry;
    const kept = withFields(entry, difference(difference(entry.fields, changed), removed));
    return isEmptySet(kept.fields) ? [] : kept;
  });
  return next.length === entries.length && next.every((entry, i) => entry === entries[i]) ? entries : next;
}
