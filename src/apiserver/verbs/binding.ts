// pods/binding: the scheduler's choice of a node, written once and never changed.
import {
  badRequest,
  conflict,
  type Draft,
  draftOf,
  formatTime,
  type KubeObject,
  setCondition,
  type V1Binding,
  type V1Pod,
  type V1PodCondition,
} from '../../api/mod.ts';
import type { RequestContext, ResourceRequest, Result } from '../request.ts';
import { decodeLoose } from './body.ts';
import { plainError, writeOptions } from './options.ts';
import type { Services } from './services.ts';
import { transform } from './transform.ts';
import { attributesOf } from './write.ts';

/** POST of a Binding to a namespace: the old path, on which the pod's name is the binding's own. */
export async function bindByName(services: Services, request: ResourceRequest, context: RequestContext): Promise<Result> {
  const pods = services.registry.find({ group: '', version: 'v1', resource: 'pods' });
  const { metadata } = (decodeLoose(request) ?? {}) as Partial<V1Binding>;
  if (!pods || !metadata?.name) throw badRequest('name is required');
  return bind(services, { ...request, kind: pods.kind, name: metadata.name, subresource: 'binding' }, context);
}

const bindingBody = { group: '', version: 'v1', kind: 'Binding' };

export async function bind(services: Services, request: ResourceRequest, context: RequestContext): Promise<Result> {
  const { kind, namespace, name = '' } = request;
  const options = writeOptions(request, 'CreateOptions', context.userAgent);
  const sent = decodeLoose(request) as V1Binding | undefined;
  if (!sent) throw badRequest('unable to decode: the request has no body');
  checkBinding(sent, name, namespace);
  const resource = services.registry.of(kind);
  const write = { services, resource, namespace, name, subresource: 'binding', body: bindingBody, options, context };
  const attributes = attributesOf(write, 'CREATE');
  const draft = { ...draftOf(sent), apiVersion: 'v1', kind: 'Binding' } as Draft<KubeObject>;
  await services.admission.mutate(attributes, draft);
  const binding = draft as KubeObject as V1Binding;
  checkBinding(binding, name, namespace);
  await services.admission.validate(attributes, binding);
  const nowTime = formatTime(context.clock.nowMs());
  await transform({
    services,
    resource,
    namespace,
    name,
    dryRun: options.dryRun,
    context,
    shallow: true,
    change: (draft, old) => {
      const problem = bindingProblem(old, binding);
      if (problem !== undefined) throw conflict({ group: '', resource: 'pods/binding', name }, problem);
      assign(draft as Draft<V1Pod>, binding, nowTime);
      return true;
    },
  });
  return { as: 'other', code: 201, object: { kind: 'Status', apiVersion: 'v1', metadata: {}, status: 'Success', code: 201 } };
}

/** Upstream answers an invalid binding with a 500 that has no reason. */
function checkBinding(binding: V1Binding, name: string, namespace: string | undefined): void {
  const { target, metadata } = binding;
  if (metadata?.name !== undefined && metadata.name !== name) throw badRequest('name in URL does not match name in Binding object');
  if (metadata?.namespace !== undefined && metadata.namespace !== namespace) {
    throw badRequest('the namespace of the provided object does not match the namespace sent on the request');
  }
  const problems: string[] = [];
  if (target?.kind !== undefined && target.kind !== '' && target.kind !== 'Node') {
    problems.push(`target.kind: Unsupported value: ${JSON.stringify(target.kind)}: supported values: "Node", "<empty>"`);
  }
  if (!target?.name) problems.push('target.name: Required value');
  if (problems.length > 0) throw plainError(problems.length === 1 ? (problems[0] ?? '') : `[${problems.join(', ')}]`);
}

function bindingProblem(pod: V1Pod, binding: V1Binding): string | undefined {
  const { name, uid, deletionTimestamp } = pod.metadata ?? {};
  const wanted = binding.metadata?.uid;
  if (wanted !== undefined && wanted !== uid) return `Precondition failed: UID in precondition: ${wanted}, UID in object meta: ${uid}`;
  if (deletionTimestamp !== undefined) return `pod ${name} is being deleted, cannot be assigned to a host`;
  if (pod.spec?.nodeName) return `pod ${name} is already assigned to node ${JSON.stringify(pod.spec.nodeName)}`;
  if (pod.spec?.schedulingGates && pod.spec.schedulingGates.length > 0) return `pod ${name} has non-empty .spec.schedulingGates`;
  return undefined;
}

/** What the binding does not touch stays the standing object's own, frozen and shared. */
function assign(draft: Draft<V1Pod>, binding: V1Binding, nowTime: string): void {
  draft.spec = { containers: [], ...draft.spec, nodeName: binding.target.name };
  const { annotations, labels } = binding.metadata ?? {};
  if (annotations || labels) {
    draft.metadata = {
      ...draft.metadata,
      ...(annotations ? { annotations: { ...draft.metadata?.annotations, ...annotations } } : {}),
      ...(labels ? { labels: { ...draft.metadata?.labels, ...labels } } : {}),
    };
  }
  const observedGeneration = draft.metadata?.generation;
  const scheduled: V1PodCondition = {
    type: 'PodScheduled',
    status: 'True',
    ...(observedGeneration === undefined ? {} : { observedGeneration }),
  };
  const conditions = setCondition(draft.status?.conditions, scheduled, nowTime) as Draft<V1PodCondition[]>;
  draft.status = { ...draft.status, conditions };
}
