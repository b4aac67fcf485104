// The scale subresource: an autoscaling/v1 Scale seen through whatever kind has replicas.
// Source: https://kubernetes.io/docs/reference/kubernetes-api/workload-resources/scale-v1/
import {
  apiVersionOf,
  badRequest,
  conflict,
  draftOf,
  invalid,
  invalidValue,
  type KubeObject,
  modifiedMessage,
  notFound,
  type ScaleRules,
  type V1Scale,
} from '../../api/mod.ts';
import type { AdmissionBody } from '../admission/mod.ts';
import { nameOf } from '../registry/resource.ts';
import type { RequestContext, ResourceRequest, Result } from '../request.ts';
import { decodeLoose } from './body.ts';
import { writeOptions } from './options.ts';
import { applyPatch, applyTo, patchDocument } from './patch.ts';
import type { Services } from './services.ts';
import { type NextState, updateLoop } from './update.ts';
import type { Write } from './write.ts';

const scaleSchema = 'V1Scale';
const scaleVersion = 'autoscaling/v1';
const scaleName = 'scale';

export async function scale(
  services: Services,
  request: ResourceRequest,
  rules: ScaleRules<KubeObject>,
  context: RequestContext,
): Promise<Result> {
  if (request.verb === 'get') {
    const resource = services.registry.of(request.kind);
    const entry = resource.get(request.namespace, request.name ?? '');
    if (!entry) throw notFound(resource.subject(request.name));
    return { as: 'other', code: 200, object: scaleOf(entry.object, rules) };
  }
  return request.verb === 'patch' ? patchScale(services, request, rules, context) : putScale(services, request, rules, context);
}

function putScale(services: Services, request: ResourceRequest, rules: ScaleRules<KubeObject>, context: RequestContext): Promise<Result> {
  const sent = decodeLoose(request);
  if (!sent) throw badRequest('unable to decode: the request has no body');
  return writeScale(services, request, { rules, context, optionsKind: 'UpdateOptions', next: () => sent as V1Scale });
}

function patchScale(services: Services, request: ResourceRequest, rules: ScaleRules<KubeObject>, context: RequestContext): Promise<Result> {
  const patch = patchDocument(request);
  const { patchType: type } = request;
  if (type === 'application/apply-patch+yaml') return applyScale(services, request, { rules, context, patch });
  const next = (standing: V1Scale) => applyPatch(services.patchEngine, { type, document: standing, patch, schema: scaleSchema }) as V1Scale;
  return writeScale(services, request, { rules, context, optionsKind: 'PatchOptions', next });
}

interface ScaleApply {
  readonly rules: ScaleRules<KubeObject>;
  readonly context: RequestContext;
  readonly patch: unknown;
}

/** A scale that is applied is the replicas of the object itself, owned through this subresource. */
async function applyScale(services: Services, request: ResourceRequest, { rules, context, patch }: ScaleApply): Promise<Result> {
  const { kind, namespace, name = '' } = request;
  const resource = services.registry.of(kind);
  const options = writeOptions(request, 'PatchOptions', context.userAgent);
  const sent = (patch ?? {}) as Partial<V1Scale>;
  if (sent.kind !== 'Scale' || sent.apiVersion !== scaleVersion) {
    throw badRequest(`invalid object type: ${sent.apiVersion ?? '/'}, Kind=${sent.kind ?? ''}`);
  }
  checkScale(sent, name);
  const { replicas } = sent.spec ?? {};
  const fields = replicas === undefined ? { spec: {} } : (rules.applied?.(replicas) ?? { spec: { replicas } });
  const applied = { apiVersion: apiVersionOf(kind), kind: kind.kind, metadata: { name }, ...fields };
  const body = bodyOf(rules);
  const write: Write = { services, resource, namespace, name, subresource: undefined, trackedAs: scaleName, body, options, context };
  const result = await updateLoop(write, false, (old): NextState => {
    if (!old) throw notFound(resource.subject(name));
    return { draft: draftOf(applyTo(write, old, applied) as KubeObject), tracked: false };
  });
  return result.as === 'object' ? { as: 'other', code: 200, object: scaleOf(result.entry.object, rules) } : result;
}

interface ScaleWrite {
  readonly rules: ScaleRules<KubeObject>;
  readonly context: RequestContext;
  readonly optionsKind: string;
  readonly next: (standing: V1Scale) => V1Scale;
}

async function writeScale(services: Services, request: ResourceRequest, how: ScaleWrite): Promise<Result> {
  const { rules, context } = how;
  const { kind, namespace, name = '' } = request;
  const resource = services.registry.of(kind);
  const options = writeOptions(request, how.optionsKind, context.userAgent);
  // Written as an update of the object itself, so that its generation moves and its validation runs.
  const body = bodyOf(rules);
  const write: Write = { services, resource, namespace, name, subresource: undefined, trackedAs: scaleName, body, options, context };
  const result = await updateLoop(write, false, (old): NextState => {
    if (!old) throw notFound(resource.subject(name));
    const sent = how.next(scaleOf(old.object, rules));
    checkScale(sent, name);
    const { uid, resourceVersion } = sent.metadata ?? {};
    if (uid !== undefined && uid !== old.object.metadata?.uid) throw conflict(resource.subject(name), modifiedMessage);
    const draft = draftOf(old.object);
    rules.write(draft, sent.spec?.replicas ?? 0);
    draft.metadata ??= {};
    draft.metadata.resourceVersion = resourceVersion;
    return { draft, tracked: true, rebased: request.verb === 'patch' };
  });
  return result.as === 'object' ? { as: 'other', code: 200, object: scaleOf(result.entry.object, rules) } : result;
}

/** Admission sees a Scale, too. */
const bodyOf = (rules: ScaleRules<KubeObject>): AdmissionBody => ({
  group: 'autoscaling',
  version: 'v1',
  kind: 'Scale',
  of: {
    show: (object) => scaleOf(object, rules) as KubeObject,
    take: (draft, scale) => rules.write(draft, (scale as V1Scale).spec?.replicas ?? 0),
  },
});

function checkScale(sent: V1Scale, name: string): void {
  const replicas: unknown = sent.spec?.replicas ?? 0;
  if (sent.kind !== undefined && sent.kind !== 'Scale') throw badRequest(`${sent.kind} cannot be handled as a Scale`);
  if (sent.metadata?.name !== undefined && sent.metadata.name !== name) {
    throw badRequest(`the name of the object (${sent.metadata.name}) does not match the name on the URL (${name})`);
  }
  if (typeof replicas !== 'number' || !Number.isInteger(replicas)) {
    throw badRequest(
      'Scale in version "v1" cannot be handled as a Scale: json: cannot unmarshal into Go struct field ScaleSpec.spec.replicas of type int32',
    );
  }
  if (replicas < 0) {
    const error = invalidValue('spec.replicas', replicas, 'must be greater than or equal to 0');
    throw invalid({ group: 'autoscaling', kind: 'Scale', name }, [error]);
  }
}

/** `selector` and zero replicas of the spec are left out when empty, as upstream does. */
function scaleOf(object: KubeObject, rules: ScaleRules<KubeObject>): V1Scale {
  const { specReplicas, statusReplicas, selector } = rules.read(object);
  const { namespace, uid, resourceVersion, creationTimestamp } = object.metadata ?? {};
  return {
    kind: 'Scale',
    apiVersion: scaleVersion,
    metadata: { name: nameOf(object), ...(namespace === undefined ? {} : { namespace }), uid, resourceVersion, creationTimestamp },
    spec: specReplicas === 0 ? {} : { replicas: specReplicas },
    status: { replicas: statusReplicas, ...(selector === '' ? {} : { selector }) },
  };
}
