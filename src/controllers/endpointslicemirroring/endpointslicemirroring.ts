// The EndpointSlice mirroring controller: makes slices of the Endpoints that users keep themselves, since all consumers read slices.
import { serviceNameLabel, type V1EndpointSlice, type V1Endpoints, type V1Service } from '../../api/mod.ts';
import { errorText } from '../../base/mod.ts';
import { type Again, cacheKeyOf, type EventRecorder, type Informer, referenceTo } from '../../client/mod.ts';
import { managedByLabel } from '../endpointslice/plan.ts';
import { writeSlices } from '../endpointslice/write-slices.ts';
import { againAfter, type Controller, type ControllerContext, cache, done, startController } from '../runtime/controller.ts';
import { createExpectations, type Expectations } from '../runtime/expectations.ts';
import { isNamespaceTerminating } from '../runtime/pod-control.ts';
import { endpointSliceType, endpointsType, serviceType } from '../runtime/resource-types.ts';
import { addressesPerSubsetMax, isMirrored, managedBy, planMirror } from './plan.ts';

const mirroredIndex = 'mirrored-service';

interface Parts {
  readonly context: ControllerContext;
  readonly services: Informer<V1Service>;
  readonly endpoints: Informer<V1Endpoints>;
  readonly slices: Informer<V1EndpointSlice>;
  readonly expectations: Expectations;
  readonly events: EventRecorder;
}

export async function runEndpointSliceMirroringController(context: ControllerContext): Promise<void> {
  const { informers } = context;
  const services = informers.of(serviceType);
  const endpoints = informers.of(endpointsType);
  const slices = informers.of(endpointSliceType);
  slices.addIndex(mirroredIndex, (slice) => (isManaged(slice) ? [serviceKeyOf(slice)] : []));
  const expectations = createExpectations(context.clock);
  const controller: Controller = startController(context, {
    name: 'endpoint-slice-mirroring-controller',
    caches: [cache(services), cache(endpoints), cache(slices)],
    reconcile: (key, signal) =>
      reconcile({ context: { ...context, signal }, services, endpoints, slices, expectations, events: controller.events }, key),
  });
  controller.on(services, ({ old, next }) => {
    // Whether there is a selector is all that matters of a service.
    if (old && next && (old.spec?.selector === undefined) === (next.spec?.selector === undefined)) return;
    const key = cacheKeyOf(next ?? old ?? {});
    if (endpoints.get(key)) controller.queue.add(key);
  });
  controller.on(endpoints, ({ old, next }) => {
    const key = cacheKeyOf(next ?? old ?? {});
    // Those of pods, which are the most, concern nobody here.
    const isOf = (one: V1Endpoints | undefined) => one !== undefined && isMirrored(services.get(key), one);
    if (isOf(old) || isOf(next) || slices.byIndex(mirroredIndex, key).length > 0) controller.queue.add(key);
  });
  controller.on(slices, ({ old, next }) => {
    const slice = next ?? old;
    if (!slice || !isManaged(slice)) return;
    if (!old) expectations.creationObserved(serviceKeyOf(slice));
    controller.queue.add(serviceKeyOf(slice));
  });
  await controller.stopped;
}

const isManaged = (slice: V1EndpointSlice): boolean => slice.metadata?.labels?.[managedByLabel] === managedBy;
const serviceKeyOf = (slice: V1EndpointSlice): string =>
  `${slice.metadata?.namespace ?? ''}/${slice.metadata?.labels?.[serviceNameLabel] ?? ''}`;

async function reconcile(parts: Parts, key: string): Promise<Again> {
  const { services, endpoints, slices, expectations, events } = parts;
  const standing = slices.byIndex(mirroredIndex, key);
  const source = endpoints.get(key);
  if (!source || !isMirrored(services.get(key), source)) {
    expectations.forget(key);
    await writeSlices(parts, key, { create: [], update: [], delete: standing });
    return done;
  }
  if (source.metadata.deletionTimestamp !== undefined) return done;
  if (!expectations.met(key)) return againAfter(expectations.givenUpInMs(key));
  const plan = planMirror(source, standing);
  if (plan.skipped > 0) {
    const message = `A max of ${addressesPerSubsetMax} addresses can be mirrored to EndpointSlices per Endpoints resource. ${plan.skipped} addresses were skipped`;
    events.record(referenceTo(endpointsType, source), 'Warning', 'TooManyAddressesToMirror', message);
  }
  try {
    await writeSlices(parts, key, plan);
  } catch (error) {
    if (isNamespaceTerminating(error)) return done;
    if (!parts.context.signal.aborted) {
      const message = `Error updating mirrored Endpoint Slices for Endpoints ${key}: ${errorText(error)}`;
      events.record(referenceTo(endpointsType, source), 'Warning', 'FailedToUpdateEndpointSlices', message);
    }
    throw error;
  }
  return expectations.met(key) ? done : againAfter(expectations.givenUpInMs(key));
}
