// The EndpointSlice controller: keeps the addresses of the pods that a Service selects.
import { serviceNameLabel, type V1EndpointSlice, type V1Node, type V1Pod, type V1Service } from '../../api/mod.ts';
import { errorText } from '../../base/mod.ts';
import { type Again, cacheKeyOf, type EventRecorder, type Informer, referenceTo } from '../../client/mod.ts';
import { againAfter, type Controller, type ControllerContext, cache, done, startController } from '../runtime/controller.ts';
import { createExpectations, type Expectations } from '../runtime/expectations.ts';
import { isNamespaceTerminating } from '../runtime/pod-control.ts';
import { endpointSliceType, nodeType, podType, serviceType } from '../runtime/resource-types.ts';
import { type EndpointPlan, managedBy, managedByLabel, planSlices } from './plan.ts';
import { createPacer, hasSelector, matters, type Pacer, selecting, selectorOfService } from './service-pods.ts';
import { wantsTopology, type ZoneShares, zoneShares } from './topology.ts';
import { writeSlices } from './write-slices.ts';

const serviceIndex = 'service';
/** Of services: those that want hints by the zones' shares of CPUs. */
const topologyIndex = 'topology';

interface Parts {
  readonly context: ControllerContext;
  readonly services: Informer<V1Service>;
  readonly pods: Informer<V1Pod>;
  readonly nodes: Informer<V1Node>;
  readonly slices: Informer<V1EndpointSlice>;
  /** Created slices that the cache does not show yet: without them their endpoints would be written twice. */
  readonly expectations: Expectations;
  readonly pacer: Pacer;
  readonly events: EventRecorder;
  readonly topology: Topology;
}

/** What the zones have; counted only while some service asks. */
interface Topology {
  shares(): ZoneShares;
  /** The last word about each service's hints: told when it changes. */
  readonly told: Map<string, string>;
}

export async function runEndpointSliceController(context: ControllerContext): Promise<void> {
  const { informers } = context;
  const services = informers.of(serviceType);
  const pods = informers.of(podType);
  const nodes = informers.of(nodeType);
  const slices = informers.of(endpointSliceType);
  services.addIndex(topologyIndex, (service) => (wantsTopology(service) ? [''] : []));
  const topology = createTopology(nodes);
  slices.addIndex(serviceIndex, (slice) => (isManaged(slice) ? [serviceKeyOf(slice)] : []));
  const expectations = createExpectations(context.clock);
  const pacer = createPacer(context.clock);
  const controller: Controller = startController(context, {
    name: 'endpoint-slice-controller',
    workers: 8,
    caches: [cache(services), cache(pods), cache(nodes), cache(slices)],
    reconcile: (key, signal) =>
      reconcile(
        { context: { ...context, signal }, services, pods, nodes, slices, expectations, pacer, topology, events: controller.events },
        key,
      ),
  });
  const add = (key: string) => controller.queue.addAfter(key, pacer.waitMs(key));
  controller.on(services, ({ old, next }) => {
    const object = next ?? old;
    if (object) add(cacheKeyOf(object));
  });
  controller.on(nodes, () => {
    const wanting = services.byIndex(topologyIndex, '');
    if (wanting.length > 0 && topology.changed()) for (const service of wanting) add(cacheKeyOf(service));
  });
  controller.on(pods, ({ old, next }) => {
    if (old && next && !matters(old, next)) return;
    for (const key of selecting(services, old, next)) add(key);
  });
  controller.on(slices, ({ old, next }) => {
    const slice = next ?? old;
    if (!slice || !isManaged(slice)) return;
    const key = serviceKeyOf(slice);
    if (!old) expectations.creationObserved(key);
    add(key);
  });
  await controller.stopped;
}

function createTopology(nodes: Informer<V1Node>): Topology & { changed(): boolean } {
  let known: ZoneShares | undefined;
  const textOf = (shares: ZoneShares | undefined) => (typeof shares === 'object' ? [...shares].join() : shares);
  const shares = () => (known ??= zoneShares(nodes.list()));
  return {
    shares,
    told: new Map(),
    changed() {
      const before = textOf(known);
      known = undefined;
      return before === undefined || textOf(shares()) !== before;
    },
  };
}

const isManaged = (slice: V1EndpointSlice): boolean => slice.metadata?.labels?.[managedByLabel] === managedBy;
const serviceKeyOf = (slice: V1EndpointSlice): string =>
  `${slice.metadata?.namespace ?? ''}/${slice.metadata?.labels?.[serviceNameLabel] ?? ''}`;

async function reconcile(parts: Parts, key: string): Promise<Again> {
  const { services, pods, slices, nodes, expectations } = parts;
  const service = services.get(key);
  const standing = slices.byIndex(serviceIndex, key);
  if (!service) {
    parts.pacer.forget(key);
    expectations.forget(key);
    parts.topology.told.delete(key);
    // Their owner is gone: the garbage collector takes them, here it is only sooner.
    await writeSlices(parts, key, { create: [], update: [], delete: standing });
    return done;
  }
  // Without a selector its endpoints are the user's.
  if (!hasSelector(service)) return done;
  if (service.metadata.deletionTimestamp !== undefined) return done;
  if (!expectations.met(key)) return againAfter(expectations.givenUpInMs(key));
  const selects = selectorOfService(service);
  const selected = pods.list(service.metadata.namespace ?? '').filter((pod) => selects(pod.metadata.labels));
  parts.pacer.ran(key, selected.length);
  const plan = planSlices({ service, pods: selected, slices: standing, nodeOf: (name) => nodes.get(name), shares: parts.topology.shares });
  try {
    await writeSlices(parts, key, plan);
  } catch (error) {
    if (isNamespaceTerminating(error)) return done;
    if (!parts.context.signal.aborted) {
      const message = `Error updating Endpoint Slices for Service ${key}: ${errorText(error)}`;
      parts.events.record(referenceTo(serviceType, service), 'Warning', 'FailedToUpdateEndpointSlices', message);
    }
    throw error;
  }
  tellTopology(parts, key, service, plan.topology);
  return expectations.met(key) ? done : againAfter(expectations.givenUpInMs(key));
}

function tellTopology({ events, topology: { told } }: Parts, key: string, service: V1Service, topology: EndpointPlan['topology']): void {
  if (told.get(key) === topology?.message) return;
  if (!topology) return void told.delete(key);
  told.set(key, topology.message);
  const [type, reason] = topology.enabled
    ? (['Normal', 'TopologyAwareHintsEnabled'] as const)
    : (['Warning', 'TopologyAwareHintsDisabled'] as const);
  events.record(referenceTo(serviceType, service), type, reason, topology.message);
}
