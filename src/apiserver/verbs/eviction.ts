// pods/eviction: a delete that says why, when the pod's disruption budget allows it.
import {
  badRequest,
  type Draft,
  draftOf,
  formatTime,
  type KubeObject,
  setCondition,
  type V1Eviction,
  type V1Pod,
  type V1PodCondition,
} from '../../api/mod.ts';
import type { RequestContext, ResourceRequest, Result } from '../request.ts';
import { decodeLoose } from './body.ts';
import { deleteObject } from './delete.ts';
import { readDeleteOptions } from './delete-options.ts';
import { useBudget } from './disruption-budget.ts';
import { writeOptions } from './options.ts';
import type { Services } from './services.ts';
import { transform } from './transform.ts';
import { attributesOf } from './write.ts';

const evictionBody = { group: 'policy', version: 'v1', kind: 'Eviction' };

export async function evict(services: Services, request: ResourceRequest, context: RequestContext): Promise<Result> {
  const { kind, namespace, name = '' } = request;
  const written = writeOptions(request, 'CreateOptions', context.userAgent);
  const eviction = decodeLoose(request) as V1Eviction | undefined;
  if (!eviction) throw badRequest('unable to decode: the request has no body');
  if (eviction.metadata?.name !== undefined && eviction.metadata.name !== name)
    throw badRequest('name in URL does not match name in Eviction object');
  const resource = services.registry.of(kind);
  const sent = readDeleteOptions({ ...eviction.deleteOptions });
  const options = { ...sent, dryRun: written.dryRun || sent.dryRun };
  const write = { services, resource, namespace, name, subresource: 'eviction', body: evictionBody, options: written, context };
  const attributes = attributesOf({ ...write, options: { ...written, dryRun: options.dryRun } }, 'CREATE');
  const draft = { ...draftOf(eviction), apiVersion: 'policy/v1', kind: 'Eviction' } as Draft<KubeObject>;
  await services.admission.mutate(attributes, draft);
  await services.admission.validate(attributes, draft as KubeObject);
  const nowTime = formatTime(context.clock.nowMs());
  const pod = resource.get(namespace, name)?.object as V1Pod | undefined;
  if (pod) await useBudget({ services, context, pod, dryRun: options.dryRun, nowTime });
  const change = (draft: V1Pod) => disrupt(draft as Draft<V1Pod>, nowTime);
  await transform({ services, resource, namespace, name, dryRun: options.dryRun, context, change: (draft) => change(draft as V1Pod) });
  await deleteObject({ services, resource, namespace, name, options, context, admitted: true });
  return { as: 'other', code: 201, object: { kind: 'Status', apiVersion: 'v1', metadata: {}, status: 'Success', code: 201 } };
}

/** Pods that have ended are only deleted: nothing disrupts them. */
function disrupt(draft: Draft<V1Pod>, nowTime: string): boolean {
  if (draft.status?.phase === 'Succeeded' || draft.status?.phase === 'Failed') return false;
  const observedGeneration = draft.metadata?.generation;
  const condition: V1PodCondition = {
    type: 'DisruptionTarget',
    status: 'True',
    reason: 'EvictionByEvictionAPI',
    message: 'Eviction API: evicting',
    ...(observedGeneration === undefined ? {} : { observedGeneration }),
  };
  draft.status ??= {};
  const before = draft.status.conditions;
  draft.status.conditions = setCondition(before, condition, nowTime) as Draft<V1PodCondition[]>;
  return draft.status.conditions !== before;
}
