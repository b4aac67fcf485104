// From client-side to server-side apply: what `kubectl apply` noted in its annotation is kubectl's to change without a conflict.
// Source: https://kubernetes.io/docs/reference/using-api/server-side-apply/#upgrading-from-client-side-apply-to-server-side-apply
import type { KubeObject } from '../../meta/object.ts';
import type { ObjectSchema } from '../../schema/schema.ts';
import { type ApplyOutcome, type ApplyRequest, applyPatch } from './apply.ts';
import { difference, type FieldSet, hasPath } from './field-set.ts';
import { shapeOf } from './shape.ts';
import { appliedFields, compareFields } from './value-fields.ts';
import { isMap, type JsonMap } from './values.ts';

const annotation = 'kubectl.kubernetes.io/last-applied-configuration';
/** The one manager that is upgraded: what kubectl calls itself when it applies on the server. */
const upgradedManager = 'kubectl';

/** Applies; for kubectl, conflicts about what it applied from the client before do not count, and the annotation is kept up to date. */
export function applyUpgrading(request: ApplyRequest): ApplyOutcome {
  const outcome = applyPatch(request);
  if (request.manager !== upgradedManager) return outcome;
  const settled = outcome.at === 'conflict' ? withoutUpgraded(request, outcome.conflicts) : outcome;
  return settled.at === 'applied' ? { at: 'applied', object: withAnnotation(settled.object, request.applied) } : settled;
}

type Conflicts = Extract<ApplyOutcome, { at: 'conflict' }>['conflicts'];

function withoutUpgraded(request: ApplyRequest, conflicts: Conflicts): ApplyOutcome {
  const allowed = lastAppliedFields(request.live, request.apiVersion, request.schema);
  const remaining = allowed ? conflicts.filter(({ path }) => !hasPath(allowed, path)) : conflicts;
  return remaining.length > 0 ? { at: 'conflict', conflicts: remaining } : applyPatch({ ...request, force: true });
}

/** What the annotation names and the object still says. Undefined without an annotation of this version. */
function lastAppliedFields(live: KubeObject | undefined, apiVersion: string, schema: ObjectSchema | undefined): FieldSet | undefined {
  const noted = parsed(live?.metadata?.annotations?.[annotation]);
  if (!noted || noted.apiVersion !== apiVersion) return undefined;
  const shape = shapeOf(schema);
  const { changed, removed } = compareFields(noted, live, shape);
  return difference(difference(appliedFields(noted, shape), changed), removed);
}

function parsed(text: string | undefined): JsonMap | undefined {
  if (!text) return undefined;
  try {
    const value: unknown = JSON.parse(text);
    return isMap(value) ? value : undefined;
  } catch {
    // Whoever may write annotations may write anything here: then there is nothing to upgrade from.
    return undefined;
  }
}

/** Only an object that carries the annotation gets it anew. */
function withAnnotation(object: JsonMap, applied: JsonMap): JsonMap {
  const metadata = isMap(object.metadata) ? object.metadata : {};
  const annotations = isMap(metadata.annotations) ? metadata.annotations : {};
  if (annotations[annotation] === undefined) return object;
  const noted = `${JSON.stringify(withoutAnnotation(applied))}\n`;
  return { ...object, metadata: { ...metadata, annotations: { ...annotations, [annotation]: noted } } };
}

function withoutAnnotation(applied: JsonMap): JsonMap {
  const metadata = isMap(applied.metadata) ? applied.metadata : undefined;
  if (!metadata || !isMap(metadata.annotations)) return applied;
  const { [annotation]: _, ...annotations } = metadata.annotations;
  const { annotations: __, ...rest } = metadata;
  return { ...applied, metadata: Object.keys(annotations).length === 0 ? rest : { ...rest, annotations } };
}
