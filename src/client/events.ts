// The event recorder: tells users what a component did and why. Never blocks its caller, never fails it.
import {
  apiVersionOf,
  type CoreV1Event,
  formatTime,
  hasReason,
  type KubeObject,
  type ResourceType,
  StatusError,
  type V1ObjectReference,
} from '../api/mod.ts';
import { BoundedQueue, type Clock, errorText, type Logger, type Random, sleep, Tasks } from '../base/mod.ts';
import type { Client } from './client.ts';
import { createCorrelator, type EventFacts, type Written } from './event-correlation.ts';

/** Events that wait to be written; more are dropped and counted. */
const queueMax = 1000;
/** How often an event is tried while the server gives no answer. */
const triesMax = 12;
const retryMs = 10_000;

const eventType: ResourceType<CoreV1Event> = { group: '', version: 'v1', kind: 'Event', resource: 'events', namespaced: true };

export interface EventRecorderOptions {
  readonly client: Client;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
  readonly signal: AbortSignal;
  /** `replicaset-controller`, `default-scheduler`, `kubelet` */
  readonly component: string;
  /** The node, for events of a kubelet. */
  readonly host?: string;
}

export interface EventRecorder {
  /** `object` is what the event is about. `reason` is one word in CamelCase; `message` is for people. */
  record(object: V1ObjectReference, type: 'Normal' | 'Warning', reason: string, message: string): void;
  /** Events that were lost because the queue was full. */
  readonly dropped: number;
  /** Resolves when the signal has fired and the writer has ended. Events that were still queued then are lost. */
  readonly stopped: Promise<void>;
}

/** The reference to an object of a known type, for events and targets. */
export function referenceTo<T extends KubeObject>(type: ResourceType<T>, object: T, fieldPath?: string): V1ObjectReference {
  const { namespace, name, uid, resourceVersion } = object.metadata ?? {};
  return {
    kind: type.kind,
    ...(namespace === undefined ? {} : { namespace }),
    ...(name === undefined ? {} : { name }),
    ...(uid === undefined ? {} : { uid }),
    apiVersion: apiVersionOf(type),
    ...(resourceVersion === undefined ? {} : { resourceVersion }),
    ...(fieldPath === undefined ? {} : { fieldPath }),
  };
}

export function createEventRecorder(options: EventRecorderOptions): EventRecorder {
  const { clock, log, signal } = options;
  const queue = new BoundedQueue<EventFacts & { readonly atMs: number }>(queueMax);
  const tasks = new Tasks(log);
  const correlator = createCorrelator();
  let dropped = 0;

  tasks.run('event writer', signal, async () => {
    const off = queue.closeOn(signal);
    try {
      for await (const facts of queue) {
        if (signal.aborted) return;
        const decision = correlator.observe(facts, facts.atMs);
        if (decision.do === 'drop') continue;
        const written = await write(options, { ...facts, message: decision.message }, decision.do === 'count' ? decision.last : undefined);
        if (written) correlator.wrote(decision.key, written);
      }
    } finally {
      off();
    }
  });

  return {
    record(object, type, reason, message) {
      if (!queue.push({ object, type, reason, message, atMs: clock.nowMs() })) dropped++;
    },
    get dropped() {
      return dropped;
    },
    // The loop above lives until the signal fires.
    stopped: tasks.settled(),
  };
}

type TimedFacts = EventFacts & { readonly atMs: number };

/** Tries until the server has answered. Gives what was written; undefined when the server refused it. */
async function write(options: EventRecorderOptions, facts: TimedFacts, last: Written | undefined): Promise<Written | undefined> {
  const { clock, log, random, signal } = options;
  for (let attempt = 0; attempt < triesMax && !signal.aborted; attempt++) {
    try {
      return last ? await countUp(options, facts, last) : await create(options, facts);
    } catch (error) {
      if (signal.aborted) return undefined;
      if (error instanceof StatusError && error.code !== 429 && error.code < 500) {
        // Ordinary in a namespace that is going away.
        log.debug('Server refused an event', { reason: facts.reason, error: errorText(error) });
        return undefined;
      }
      const delayMs = attempt === 0 ? Math.round(retryMs * random.fraction()) : retryMs;
      await sleep(clock, delayMs, signal).catch(() => {});
    }
  }
  return undefined;
}

async function countUp(options: EventRecorderOptions, facts: TimedFacts, last: Written): Promise<Written> {
  const count = last.count + 1;
  const patch = { count, lastTimestamp: formatTime(facts.atMs), message: facts.message };
  try {
    await options.client.patch(eventType, last, 'application/strategic-merge-patch+json', patch, { signal: options.signal });
    return { ...last, count };
  } catch (error) {
    // Events expire: then it is written afresh, with its count.
    if (hasReason(error, 'NotFound')) return create(options, facts, { ...last, count });
    throw error;
  }
}

async function create(options: EventRecorderOptions, facts: TimedFacts, earlier?: Written): Promise<Written> {
  const { client, component, host, signal } = options;
  const { object, type, reason, message, atMs } = facts;
  const time = formatTime(atMs);
  const namespace = object.namespace || 'default';
  const written: Written = earlier ?? { namespace, name: eventName(options, facts), firstTimestamp: time, count: 1 };
  const event: CoreV1Event = {
    apiVersion: 'v1',
    kind: 'Event',
    metadata: { name: written.name, namespace },
    involvedObject: object,
    reason,
    message,
    source: { component, ...(host === undefined ? {} : { host }) },
    firstTimestamp: written.firstTimestamp,
    lastTimestamp: time,
    count: written.count,
    type,
    reportingComponent: component,
    reportingInstance: host ?? '',
  };
  await client.create(eventType, event, { signal });
  return written;
}

/** `<object>.<nanoseconds in hex>`: the digits below a millisecond are drawn, so that two components do not collide. */
function eventName(options: EventRecorderOptions, facts: TimedFacts): string {
  const nanoseconds = BigInt(facts.atMs) * 1_000_000n + BigInt(options.random.below(1_000_000));
  return `${facts.object.name ?? ''}.${nanoseconds.toString(16)}`;
}
