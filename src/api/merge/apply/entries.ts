// The entries of metadata.managedFields: read, written, put in order, kept few.
// Source: https://kubernetes.io/docs/reference/using-api/server-side-apply/#managers
import type { V1ManagedFieldsEntry } from '../../generated/types.gen.ts';
import { deepFreeze } from '../../meta/object.ts';
import { parseTime } from '../../meta/time.ts';
import { type FieldSet, isEmptySet, noFields, parseFieldSet, union } from './field-set.ts';
import { equalValues, isMap } from './values.ts';

/** Who owns what. Entries are equal in who they speak of when manager, operation, subresource and (for updates) apiVersion are. */
export interface ManagedEntry {
  readonly manager: string;
  readonly operation: 'Apply' | 'Update';
  readonly apiVersion: string;
  /** Empty for the object itself. */
  readonly subresource: string;
  /** RFC 3339. */
  readonly time: string | undefined;
  readonly fields: FieldSet;
  /** As it stands in the object; kept while nothing in it changes. */
  readonly source?: V1ManagedFieldsEntry | undefined;
}

/** Updaters beyond this number are merged into one, the oldest first. */
export const updateManagersMax = 10;

const ancientChanges = 'ancient-changes';

/** Thrown inside: the entries are none that this server could have written. */
class EntryError extends Error {
  override readonly name = 'EntryError';
}

type Entries = readonly V1ManagedFieldsEntry[] | undefined;

/** Entries of a stored object, whose sets are as this server wrote them. Undefined when one cannot be read. */
export const storedEntries = (entries: Entries): readonly ManagedEntry[] | undefined => readAll(entries, readStored);

/** Entries that a client sent. Those that stand already are taken from there. Undefined when one cannot be read. */
export const sentEntries = (entries: Entries, standing: Entries): readonly ManagedEntry[] | undefined =>
  readAll(entries, (entry, index) => {
    const known = standing?.[index];
    if (known && equalValues(entry, known)) return readStored(known);
    return { ...readOwner(entry), fields: parseFieldSet(entry.fieldsV1 ?? {}) };
  });

function readAll(
  entries: Entries,
  readEntry: (entry: V1ManagedFieldsEntry, index: number) => ManagedEntry,
): readonly ManagedEntry[] | undefined {
  try {
    return entries?.map(readEntry) ?? [];
  } catch (error) {
    if (error instanceof EntryError || error instanceof SyntaxError) return undefined;
    throw error;
  }
}

function readStored(entry: V1ManagedFieldsEntry): ManagedEntry {
  return { ...readOwner(entry), fields: isMap(entry.fieldsV1) ? (entry.fieldsV1 as FieldSet) : noFields, source: entry };
}

function readOwner(entry: V1ManagedFieldsEntry): Omit<ManagedEntry, 'fields'> {
  const { operation, apiVersion, fieldsType, manager = '', subresource = '', time } = entry;
  if (operation !== 'Apply' && operation !== 'Update') throw new EntryError('operation must be `Apply` or `Update`');
  if (!apiVersion) throw new EntryError('apiVersion must not be empty');
  if (fieldsType !== 'FieldsV1') throw new EntryError(`fieldsType must be FieldsV1, not "${fieldsType ?? ''}"`);
  return { manager, operation, apiVersion, subresource, time };
}

/** True for what a client sends to take all ownership away: an empty list, or one empty entry. */
export function isReset(entries: Entries): boolean {
  if (!entries) return false;
  const [first] = entries;
  return (
    entries.length === 0 || (entries.length === 1 && first !== undefined && Object.values(first).every((value) => value === undefined))
  );
}

export type EntryOwner = Pick<ManagedEntry, 'manager' | 'operation' | 'apiVersion' | 'subresource'>;

/** An applier stays the same whatever version it applies. */
export const isSameOwner = (a: EntryOwner, b: EntryOwner): boolean =>
  a.manager === b.manager &&
  a.operation === b.operation &&
  a.subresource === b.subresource &&
  (a.operation === 'Apply' || a.apiVersion === b.apiVersion);

/** Orders and names an entry's owner, as upstream's identifiers do: by manager, operation, version, subresource. */
export const ownerText = (of: EntryOwner): string =>
  JSON.stringify([of.manager, of.operation, of.operation === 'Apply' ? '' : of.apiVersion, of.subresource]);

/** The entry with these fields; itself when they are the same ones. */
export const withFields = (entry: ManagedEntry, fields: FieldSet): ManagedEntry =>
  fields === entry.fields ? entry : { ...entry, fields, source: undefined };

const plainTimeLength = '2026-11-20T08:00:00Z'.length;

/** By seconds. Times as this server writes them compare as text. */
function compareTimes(a = '', b = ''): number {
  if (a.length === plainTimeLength && b.length === plainTimeLength && a.endsWith('Z') && b.endsWith('Z')) return compareText(a, b);
  const seconds = (time: string) => Math.floor((parseTime(time) ?? 0) / 1000);
  return seconds(a) - seconds(b);
}

const compareText = (a: string, b: string): number => (a === b ? 0 : a < b ? -1 : 1);

/** Appliers first, then by time, manager, version, subresource. */
const compareEntries = (a: ManagedEntry, b: ManagedEntry): number =>
  compareText(a.operation, b.operation) ||
  compareTimes(a.time, b.time) ||
  compareText(a.manager, b.manager) ||
  compareText(a.apiVersion, b.apiVersion) ||
  compareText(a.subresource, b.subresource);

/** As the object carries them: in order, those without fields left out; undefined when there are none. Unchanged entries are the same values. */
export function writeEntries(entries: readonly ManagedEntry[]): V1ManagedFieldsEntry[] | undefined {
  const kept = entries.filter((entry) => !isEmptySet(entry.fields)).sort(compareEntries);
  return kept.length === 0 ? undefined : kept.map((entry) => entry.source ?? writeEntry(entry));
}

function writeEntry({ manager, operation, apiVersion, time, fields, subresource }: ManagedEntry): V1ManagedFieldsEntry {
  return {
    ...(manager === '' ? {} : { manager }),
    operation,
    apiVersion,
    ...(time === undefined ? {} : { time }),
    fieldsType: 'FieldsV1',
    fieldsV1: sharedSet(fields),
    ...(subresource === '' ? {} : { subresource }),
  };
}

/** So many sets are remembered: objects of one controller mostly have the same ones, and need not hold them twice. */
const sharedSetsMax = 512;
const sharedTextMax = 16_384;
const sharedSets = new Map<string, FieldSet>();

/** An equal set that other objects hold already. Frozen. A frozen set is one that some object holds. */
export const sharedSet = (set: FieldSet): FieldSet => (Object.isFrozen(set) ? set : (rememberedSet(set) ?? deepFreeze(set)));

/** Undefined for a set that is too large to be remembered. */
export function rememberedSet(set: FieldSet): FieldSet | undefined {
  const text = JSON.stringify(set);
  if (text.length > sharedTextMax) return undefined;
  const known = sharedSets.get(text);
  if (known) {
    sharedSets.delete(text);
    sharedSets.set(text, known);
    return known;
  }
  if (sharedSets.size >= sharedSetsMax) {
    const [oldest] = sharedSets.keys();
    if (oldest !== undefined) sharedSets.delete(oldest);
  }
  sharedSets.set(text, deepFreeze(set));
  return set;
}

/** Merges the oldest updaters, version by version, until no more than the allowed number are left. */
export function capUpdaters(entries: readonly ManagedEntry[]): readonly ManagedEntry[] {
  const updaters = entries.filter((entry) => entry.operation === 'Update');
  let excess = updaters.length - updateManagersMax;
  if (excess <= 0) return entries;
  updaters.sort((a, b) => compareTimes(a.time, b.time) || compareText(ownerText(a), ownerText(b)));
  const kept = new Set(entries);
  const buckets = new Map<string, ManagedEntry>();
  for (const entry of updaters) {
    if (excess <= 0) break;
    const bucket = buckets.get(entry.apiVersion);
    if (!bucket) {
      buckets.set(entry.apiVersion, entry);
      continue;
    }
    // The bucket's time is that of its newest part.
    const fields = union(entry.fields, bucket.fields);
    const merged: ManagedEntry = { ...entry, manager: ancientChanges, subresource: '', fields, source: undefined };
    kept.delete(entry);
    kept.delete(bucket);
    kept.add(merged);
    buckets.set(entry.apiVersion, merged);
    excess--;
  }
  return [...kept];
}
