// The resource claim controller: makes claims of templates for pods, takes back what nobody uses any more.
// Source: https://kubernetes.io/docs/concepts/scheduling-eviction/dynamic-resource-allocation/
import {
  claimInUseFinalizer,
  controllerOf,
  hasReason,
  hasResourceClaims,
  resourceClaimNamesOf,
  type V1Pod,
  type V1ResourceClaimConsumerReference,
} from '../../api/mod.ts';
import { errorText } from '../../base/mod.ts';
import { cacheKeyOf, type EventRecorder, referenceTo } from '../../client/mod.ts';
import { type ControllerContext, cache, done, startController } from '../runtime/controller.ts';
import { podType, resourceClaimTemplateType, resourceClaimType } from '../runtime/resource-types.ts';
import { type Claim, claimFor, claimMadeFor, claimStatuses, entriesToFill, isPodDone, planClaim } from './plan.ts';

const podsByTemplate = 'resourceClaimTemplate';

interface Caches {
  readonly context: ControllerContext;
  readonly pods: ReturnType<typeof podCache>;
  readonly claims: ReturnType<typeof claimCache>;
  readonly templates: ReturnType<typeof templateCache>;
}

const podCache = ({ informers }: ControllerContext) => informers.of(podType);
const claimCache = ({ informers }: ControllerContext) => informers.of(resourceClaimType);
const templateCache = ({ informers }: ControllerContext) => informers.of(resourceClaimTemplateType);

export async function runResourceClaimController(context: ControllerContext): Promise<void> {
  const caches: Caches = { context, pods: podCache(context), claims: claimCache(context), templates: templateCache(context) };
  const { pods, claims, templates } = caches;
  pods.addIndex(podsByTemplate, (pod) => entriesToFill(pod).map((entry) => `${pod.metadata.namespace}/${entry.resourceClaimTemplateName}`));
  const making = startController(context, {
    name: 'resource-claim-controller',
    component: 'resource_claim',
    caches: [cache(pods), cache(claims), cache(templates)],
    reconcile: (key, signal) => fillPod(caches, making.events, key, signal),
  });
  const releasing = startController(context, {
    name: 'resource-claim-release',
    caches: [cache(pods), cache(claims)],
    reconcile: (key, signal) => reviseClaim(caches, key, signal),
  });
  making.on(pods, ({ old, next }) => {
    const pod = next ?? old;
    if (!pod || !hasResourceClaims(pod)) return;
    if (next && entriesToFill(next).length > 0) making.queue.add(cacheKeyOf(next));
    if (next && !isPodDone(next)) return;
    for (const name of resourceClaimNamesOf(pod)) releasing.queue.add(`${pod.metadata.namespace}/${name}`);
  });
  making.on(templates, ({ next }) => {
    for (const pod of next ? pods.byIndex(podsByTemplate, cacheKeyOf(next)) : []) making.queue.add(cacheKeyOf(pod));
  });
  releasing.on(claims, ({ next }) => next && releasing.queue.add(cacheKeyOf(next)));
  await Promise.all([making.stopped, releasing.stopped]);
}

async function fillPod({ context, pods, claims, templates }: Caches, events: EventRecorder, key: string, signal: AbortSignal) {
  const pod = pods.get(key);
  const filled = new Map<string, string>();
  for (const entry of pod ? entriesToFill(pod) : []) {
    if (!pod) break;
    const { namespace, name } = pod.metadata;
    try {
      const standing = claimMadeFor(pod, entry, claims.list(namespace));
      const template = templates.get(`${namespace}/${entry.resourceClaimTemplateName}`);
      if (!standing && !template) throw new Error(`resource claim template "${entry.resourceClaimTemplateName}": not found`);
      const claim = standing ?? (template && (await context.client.create(resourceClaimType, claimFor(pod, entry, template), { signal })));
      if (claim?.metadata?.name !== undefined) filled.set(entry.name, claim.metadata.name);
    } catch (error) {
      if (signal.aborted || hasReason(error, 'NotFound')) throw error;
      events.record(
        referenceTo(podType, pod),
        'Warning',
        'FailedResourceClaimCreation',
        `PodResourceClaim ${entry.name}: ${errorText(error)}`,
      );
      // A template that is not there wakes the pod when it comes.
      context.log.debug('Claim of a pod cannot be made', { pod: `${namespace}/${name}`, error: errorText(error) });
      if (templates.get(`${namespace}/${entry.resourceClaimTemplateName}`)) throw error;
    }
  }
  if (pod && filled.size > 0) {
    const { namespace, name, uid } = pod.metadata;
    const patch = { metadata: { uid }, status: { resourceClaimStatuses: claimStatuses(pod, filled) } };
    await context.client.patch(podType, { namespace, name }, 'application/strategic-merge-patch+json', patch, {
      subresource: 'status',
      signal,
    });
  }
  return done;
}

async function reviseClaim(caches: Caches, key: string, signal: AbortSignal) {
  const claim = caches.claims.get(key);
  if (!claim) return done;
  const { client } = caches.context;
  const { namespace, name, uid, resourceVersion, finalizers = [] } = claim.metadata;
  const users: V1ResourceClaimConsumerReference[] = [];
  for (const consumer of claim.status?.reservedFor ?? []) if (await isInUse(caches, claim, consumer, signal)) users.push(consumer);
  const plan = planClaim(claim, { users, ownerDone: await isOwnerDone(caches, claim, signal) });
  let at = resourceVersion;
  if (plan.status)
    at = (await client.updateStatus(resourceClaimType, { ...claim, status: plan.status }, { signal })).metadata.resourceVersion;
  if (plan.dropFinalizer) {
    const metadata = { resourceVersion: at, finalizers: finalizers.filter((finalizer) => finalizer !== claimInUseFinalizer) };
    await client.patch(resourceClaimType, { namespace, name }, 'application/merge-patch+json', { metadata }, { signal });
  }
  if (plan.remove) await client.delete(resourceClaimType, { namespace, name }, { preconditions: { uid }, signal });
  return done;
}

/** Consumers that are no pods are somebody else's to take away. */
async function isInUse(caches: Caches, claim: Claim, consumer: V1ResourceClaimConsumerReference, signal: AbortSignal): Promise<boolean> {
  if (consumer.resource !== 'pods' || consumer.apiGroup) return true;
  const pod = await podNow(caches, { namespace: claim.metadata.namespace, name: consumer.name, uid: consumer.uid }, signal);
  return pod !== undefined && !isPodDone(pod);
}

async function isOwnerDone(caches: Caches, claim: Claim, signal: AbortSignal): Promise<boolean> {
  const owner = controllerOf(claim);
  if (owner?.kind !== 'Pod') return false;
  const pod = await podNow(caches, { namespace: claim.metadata.namespace, name: owner.name, uid: owner.uid }, signal);
  return pod === undefined || isPodDone(pod);
}

/** The cache may be behind the claim's: that a pod is gone is asked of the server. */
async function podNow(
  { context, pods }: Caches,
  { namespace, name, uid }: { readonly namespace: string | undefined; readonly name: string; readonly uid: string },
  signal: AbortSignal,
): Promise<V1Pod | undefined> {
  const cached = pods.get(`${namespace}/${name}`);
  if (cached?.metadata.uid === uid) return cached;
  try {
    const pod = await context.client.get(podType, { namespace, name }, { signal });
    return pod.metadata.uid === uid ? pod : undefined;
  } catch (error) {
    if (hasReason(error, 'NotFound')) return undefined;
    throw error;
  }
}
