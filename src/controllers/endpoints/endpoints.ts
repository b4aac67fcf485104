// The Endpoints controller: the addresses of a Service's pods in their old form, for clients that know no slices.
import { hasReason, type V1Endpoints, type V1Pod, type V1Service } from '../../api/mod.ts';
import { errorText } from '../../base/mod.ts';
import { type Again, cacheKeyOf, type EventRecorder, type Informer, referenceTo } from '../../client/mod.ts';
import { createPacer, hasSelector, matters, type Pacer, selecting, selectorOfService } from '../endpointslice/service-pods.ts';
import { type Controller, type ControllerContext, cache, done, startController } from '../runtime/controller.ts';
import { isNamespaceTerminating } from '../runtime/pod-control.ts';
import { endpointsType, podType, serviceType } from '../runtime/resource-types.ts';
import { planEndpoints } from './plan.ts';

interface Parts {
  readonly context: ControllerContext;
  readonly services: Informer<V1Service>;
  readonly pods: Informer<V1Pod>;
  readonly endpoints: Informer<V1Endpoints>;
  readonly pacer: Pacer;
  readonly events: EventRecorder;
}

export async function runEndpointsController(context: ControllerContext): Promise<void> {
  const services = context.informers.of(serviceType);
  const pods = context.informers.of(podType);
  const endpoints = context.informers.of(endpointsType);
  const pacer = createPacer(context.clock);
  const controller: Controller = startController(context, {
    name: 'endpoint-controller',
    caches: [cache(services), cache(pods), cache(endpoints)],
    reconcile: (key, signal) =>
      reconcile({ context: { ...context, signal }, services, pods, endpoints, pacer, events: controller.events }, key),
  });
  const add = (key: string) => controller.queue.addAfter(key, pacer.waitMs(key));
  controller.on(services, ({ old, next }) => {
    const object = next ?? old;
    if (object) add(cacheKeyOf(object));
  });
  controller.on(pods, ({ old, next }) => {
    if (old && next && !matters(old, next)) return;
    for (const key of selecting(services, old, next)) add(key);
  });
  controller.on(endpoints, ({ old, next }) => {
    const object = next ?? old;
    if (object) add(cacheKeyOf(object));
  });
  await controller.stopped;
}

async function reconcile(parts: Parts, key: string): Promise<Again> {
  const { client, signal } = parts.context;
  const service = parts.services.get(key);
  const standing = parts.endpoints.get(key);
  if (!service) {
    parts.pacer.forget(key);
    // Endpoints that users keep without a service of that name are theirs.
    if (standing?.metadata.labels?.['endpoints.kubernetes.io/managed-by'] === 'endpoint-controller') {
      await client.delete(endpointsType, standing.metadata, { preconditions: { uid: standing.metadata.uid }, signal });
    }
    return done;
  }
  if (!hasSelector(service) || service.metadata.deletionTimestamp !== undefined) return done;
  const selects = selectorOfService(service);
  const pods = parts.pods.list(service.metadata.namespace ?? '').filter((pod) => selects(pod.metadata.labels));
  parts.pacer.ran(key, pods.length);
  const wanted = planEndpoints({ service, pods, standing });
  if (wanted === standing) return done;
  try {
    if (standing) await client.update(endpointsType, wanted, { signal });
    else await client.create(endpointsType, wanted, { signal });
  } catch (error) {
    if (isNamespaceTerminating(error)) return done;
    if (!signal.aborted && !hasReason(error, 'Conflict', 'AlreadyExists', 'NotFound')) {
      const reason = standing ? 'FailedToUpdateEndpoint' : 'FailedToCreateEndpoint';
      const verb = standing ? 'update' : 'create';
      const message = `Failed to ${verb} endpoint ${key}: ${errorText(error)}`;
      parts.events.record(referenceTo(serviceType, service), 'Warning', reason, message);
    }
    throw error;
  }
  return done;
}
