// A world for controller tests: an API in memory, a client and informers over it, a clock that is turned by hand.
import type { CoreV1Event, KubeObject, Persisted, ResourceType, V1Node, V1Pod } from '../../api/mod.ts';
import { formatTime } from '../../api/mod.ts';
import { type Logger, SeededRandom, StoppedError, silentLogger, VirtualClock } from '../../base/mod.ts';
import { turn } from '../../base/ports/clock.ts';
import { createMemoryHandler } from '../../client/memory-handler.fake.ts';
import { createClient, createInformers, createInProcessTransport } from '../../client/mod.ts';
import type { ControllerContext, ServedKind } from './controller.ts';
import { podType } from './resource-types.ts';

export const eventType: ResourceType<CoreV1Event> = { group: '', version: 'v1', kind: 'Event', resource: 'events', namespaced: true };

export function createWorld(kinds: readonly ServedKind[] = [], log: Logger = silentLogger) {
  const clock = new VirtualClock({ settle: turn });
  const handler = createMemoryHandler(() => clock.nowMs());
  const stop = new AbortController();
  const random = new SeededRandom(42);
  const client = createClient(createInProcessTransport({ handler, user: { name: 'test', groups: [] } }), { clock, userAgent: 'test' });
  const informers = createInformers({ client, clock, random, log, signal: stop.signal });
  const context: ControllerContext = { client, informers, kinds, clock, random, log, signal: stop.signal };
  const list = async <T extends KubeObject>(type: ResourceType<T>): Promise<readonly Persisted<T>[]> => (await client.list(type)).items;

  return {
    clock,
    handler,
    client,
    informers,
    context,
    list,
    stop: async (running: Promise<unknown>) => {
      stop.abort(new StoppedError());
      await Promise.all([running, informers.stopped]);
    },
    /** What the kubelet would report: the pod runs and is ready, or not. */
    async setReady(pod: Persisted<V1Pod>, ready = true): Promise<void> {
      const { namespace, name } = pod.metadata;
      const fresh = await client.get(podType, { namespace, name });
      const condition = { type: 'Ready', status: ready ? 'True' : 'False', lastTransitionTime: formatTime(clock.nowMs()) };
      const podIP = fresh.status?.podIP ?? `10.0.0.${(Number(fresh.metadata.resourceVersion) % 250) + 1}`;
      const status = { ...fresh.status, phase: 'Running', podIP, podIPs: [{ ip: podIP }], conditions: [condition] };
      await client.updateStatus(podType, { ...fresh, status });
    },
    async events(): Promise<string[]> {
      return (await list(eventType)).map((event) => `${event.type} ${event.reason} ${event.message}`);
    },
  };
}

export type World = ReturnType<typeof createWorld>;

/** A pod as the server gives it. */
export const podOf = (name: string, more: Partial<V1Pod> = {}): Persisted<V1Pod> =>
  ({
    ...more,
    metadata: {
      name,
      namespace: 'default',
      uid: `uid-${name}`,
      resourceVersion: '1',
      creationTimestamp: '2026-01-01T00:00:00Z',
      ...more.metadata,
    },
  }) as Persisted<V1Pod>;

export const nodeOf = (name: string, more: Partial<V1Node> = {}): Persisted<V1Node> =>
  ({
    ...more,
    metadata: { name, uid: `uid-${name}`, resourceVersion: '1', creationTimestamp: '2026-01-01T00:00:00Z', ...more.metadata },
  }) as Persisted<V1Node>;
