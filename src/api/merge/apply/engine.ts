// Field ownership as the API server's verbs use it: one value that tracks updates, and one function that applies.

import type { KindDefinition } from '../../kind.ts';
import { apiVersionOf, type Draft, draftOf, type KubeObject, parseApiVersion } from '../../meta/object.ts';
import { badRequest, StatusError } from '../../meta/status.ts';
import { hasSchema, schemaOf } from '../../schema/load.ts';
import type { ObjectSchema } from '../../schema/schema.ts';
import { applyConflictError } from './conflict-error.ts';
import { type FieldSet, setOf } from './field-set.ts';
import { applyUpgrading } from './last-applied.ts';
import { updateManagedFields, type VersionView } from './managed-fields.ts';
import { appliedProblems, problemsText } from './validate-applied.ts';
import { isMap, type JsonMap } from './values.ts';

/** A write that is not server-side apply. */
export interface TrackedUpdate {
  /** As the client wants it, defaulted: what admission and the server add is nobody's. Its managedFields are set. */
  readonly draft: Draft<KubeObject>;
  /** How it stands; undefined on create. Frozen. */
  readonly old: KubeObject | undefined;
  readonly kind: KindDefinition;
  /** Every kind that serves these objects, the stored one among them. Absent: `kind` alone. */
  readonly versions?: readonly KindDefinition[] | undefined;
  readonly manager: string;
  readonly subresource: string | undefined;
  /** RFC 3339, in seconds. */
  readonly nowTime: string;
  readonly apiVersion: string;
}

export interface AppliedPatch {
  readonly live: KubeObject | undefined;
  readonly patch: unknown;
  readonly kind: KindDefinition;
  /** Every kind that serves these objects, the stored one among them. Absent: `kind` alone. */
  readonly versions?: readonly KindDefinition[] | undefined;
  readonly manager: string;
  readonly force: boolean;
  readonly subresource: string | undefined;
  readonly nowTime: string;
}

export interface FieldOwnership {
  readonly managedFields: { readonly update: (write: TrackedUpdate) => void };
  /**
   * The object as it is to stand, not yet defaulted, its managedFields included. Throws StatusError: 409 with every conflict as a cause, 400
   * for another kind, 500 without a reason for what the schema does not allow.
   */
  readonly apply: (input: AppliedPatch) => unknown;
}

/** `schemaOfKind` gives undefined for kinds that nothing describes: their objects are maps, their lists atomic. */
export function createFieldOwnership(schemaOfKind: (kind: KindDefinition) => ObjectSchema | undefined): FieldOwnership {
  return {
    managedFields: { update: (write) => trackUpdate(write, schemaOfKind) },
    apply: (input) => applyTo(input, schemaOfKind),
  };
}

const builtIn = createFieldOwnership((kind) => kind.custom?.fields ?? (hasSchema(kind.schema) ? schemaOf(kind.schema) : undefined));

/** Of the kinds that are served. */
export const managedFieldsEngine = builtIn.managedFields;
export const applyEngine = builtIn.apply;

type SchemaOfKind = (kind: KindDefinition) => ObjectSchema | undefined;

/** The other versions of objects that are written as `kind`. */
function otherVersions(kind: KindDefinition, versions: readonly KindDefinition[] = [], schemaOfKind: SchemaOfKind) {
  // What another process converts cannot be shown here: its fields are compared as those of the version that is written.
  if (versions.length < 2 || versions.some((one) => one.storage?.ahead)) return undefined;
  return (apiVersion: string): VersionView | undefined => {
    const to = versions.find((one) => apiVersionOf(one) === apiVersion);
    return to && { show: (object) => shownIn(kind, to, object), schema: schemaOfKind(to) };
  };
}

function shownIn(from: KindDefinition, to: KindDefinition, object: KubeObject): KubeObject {
  const stored: KubeObject = from.storage ? from.storage.toStorage(draftOf(object)) : object;
  return to.storage ? to.storage.fromStorage(stored) : stored;
}

const statusField = setOf(['f:status']);
/** What a status writer may own; the endpoint puts all else back. */
const statusWriters = new Set(['apiVersion', 'kind', 'metadata', 'status']);

/** What this endpoint resets. `sent` is what the client sends. */
function ignoredBy(kind: KindDefinition, subresource: string | undefined, sent: JsonMap): FieldSet | undefined {
  if (subresource === undefined) return kind.status ? statusField : undefined;
  if (subresource !== 'status') return undefined;
  return setOf(
    ...Object.keys(sent)
      .filter((key) => !statusWriters.has(key))
      .map((key) => [`f:${key}`]),
  );
}

function trackUpdate(
  { draft, old, kind, versions, manager, subresource, nowTime, apiVersion }: TrackedUpdate,
  schemaOfKind: SchemaOfKind,
): void {
  const schema = schemaOfKind(kind);
  const inVersion = otherVersions(kind, versions, schemaOfKind);
  // What a status update does not own it has not changed either: the draft has it as it stands.
  const ignored = subresource === undefined ? ignoredBy(kind, subresource, {}) : undefined;
  const entries = updateManagedFields(draft as KubeObject, old, { manager, apiVersion, subresource, nowTime, schema, ignored, inVersion });
  draft.metadata ??= {};
  if (entries) draft.metadata.managedFields = entries as NonNullable<Draft<KubeObject>['metadata']>['managedFields'];
  else delete draft.metadata.managedFields;
}

function applyTo(input: AppliedPatch, schemaOfKind: SchemaOfKind): unknown {
  const { live, patch, kind, manager, force, subresource, nowTime } = input;
  const schema = schemaOfKind(kind);
  if (!isMap(patch)) throw badRequest('error decoding YAML: an object is applied as a map');
  const applied = patch;
  const apiVersion = apiVersionOf(kind);
  if (applied.kind !== kind.kind || applied.apiVersion !== apiVersion) throw badRequest(`invalid object type: ${typeText(applied)}`);
  const metadata = isMap(applied.metadata) ? applied.metadata : {};
  if ((metadata.managedFields ?? undefined) !== undefined) throw badRequest('metadata.managedFields must be nil');
  const problems = schema ? appliedProblems(applied, schema) : [];
  if (problems.length > 0) {
    const name = `${text(metadata.namespace)}/${text(metadata.name)}; ${typeText(applied)}`;
    throw new StatusError({ code: 500, reason: '', message: `failed to create typed patch object (${name}): ${problemsText(problems)}` });
  }
  const ignored = ignoredBy(kind, subresource, applied);
  const inVersion = otherVersions(kind, input.versions, schemaOfKind);
  const outcome = applyUpgrading({ live, applied, manager, force, apiVersion, subresource, nowTime, schema, ignored, inVersion });
  if (outcome.at === 'conflict') throw applyConflictError(outcome.conflicts);
  return outcome.object;
}

const text = (value: unknown): string => (typeof value === 'string' ? value : '');

/** `apps/v1, Kind=Deployment`, as upstream prints a type. */
function typeText(applied: JsonMap): string {
  const { group, version } = parseApiVersion(text(applied.apiVersion));
  return `${group}/${version}, Kind=${text(applied.kind)}`;
}
