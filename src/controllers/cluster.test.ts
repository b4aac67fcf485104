// All controllers against the real API server core, with small stand-ins for scheduler and kubelet, under virtual time.
import { afterEach, describe, expect, test } from 'vitest';
import {
  builtinKinds,
  formatMicroTime,
  formatTime,
  type KubeObject,
  type Persisted,
  type ResourceType,
  type V1Deployment,
  type V1Pod,
} from '../api/mod.ts';
import { createApiCore } from '../apiserver/mod.ts';
import { createLogger, SeededRandom, StoppedError, VirtualClock } from '../base/mod.ts';
import { turn } from '../base/ports/clock.ts';
import { createClient, createInformers, createInProcessTransport } from '../client/mod.ts';
import { openMemoryStore } from '../store/mod.ts';
import { runControllers } from './mod.ts';
import { isReady } from './runtime/pods.ts';
import {
  configMapType,
  deploymentType,
  endpointSliceType,
  endpointsType,
  leaseType,
  namespaceType,
  nodeType,
  podType,
  replicaSetType,
  serviceAccountType,
  serviceType,
} from './runtime/resource-types.ts';
import { eventType } from './runtime/world.fake.ts';

const merge = 'application/merge-patch+json';
const stops: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const stop of stops.splice(0)) await stop();
});

async function setup() {
  const clock = new VirtualClock({ settle: turn });
  const random = new SeededRandom(3);
  const lines: string[] = [];
  const log = createLogger({ clock, level: 'warn', write: (line) => lines.push(line) });
  const stop = new AbortController();
  const store = openMemoryStore();
  const core = await createApiCore({
    store,
    kinds: builtinKinds,
    clock,
    random: random.child('api'),
    log,
    serviceCidr: '10.96.0.0/16',
    signal: stop.signal,
  });
  const user = { name: 'admin', groups: ['system:masters', 'system:authenticated'] };
  const client = createClient(createInProcessTransport({ handler: core.handler, user }), { clock, userAgent: 'test' });
  const informers = createInformers({ client, clock, random, log, signal: stop.signal });
  const running = runControllers({ client, informers, kinds: builtinKinds, clock, random, log, rootCaPem: 'PEM', signal: stop.signal });
  stops.push(async () => {
    stop.abort(new StoppedError());
    await Promise.all([running, informers.stopped, core.stopped()]);
    await store.close();
    expect(clock.timers).toBe(0);
  });
  const list = async <T extends KubeObject>(type: ResourceType<T>) => (await client.list(type)).items;
  const names = async <T extends KubeObject>(type: ResourceType<T>, namespace = 'default') =>
    (await client.list(type, { namespace })).items.map((object) => object.metadata.name);

  /** Binds pods to a node that needs no kubelet, makes them ready, and ends those that are to go. */
  async function actNode(): Promise<void> {
    for (const pod of await list(podType)) await actPod(pod);
  }
  async function actPod(pod: Persisted<V1Pod>): Promise<void> {
    const key = { namespace: pod.metadata.namespace, name: pod.metadata.name };
    if (pod.metadata.deletionTimestamp !== undefined) {
      await client.delete(podType, key, { gracePeriodSeconds: 0 });
    } else if (!pod.spec?.nodeName) {
      const body = { apiVersion: 'v1', kind: 'Binding', metadata: key, target: { kind: 'Node', name: 'n1' } };
      await client.call({ verb: 'create', resource: podType, ...key, subresource: 'binding', body });
    } else if (!isReady(pod)) {
      const ready = { type: 'Ready', status: 'True', lastTransitionTime: formatTime(clock.nowMs()) };
      const podIP = `10.0.${pod.metadata.resourceVersion.length}.${Number(pod.metadata.resourceVersion) % 250}`;
      const status = {
        ...pod.status,
        phase: 'Running',
        podIP,
        podIPs: [{ ip: podIP }],
        conditions: [...(pod.status?.conditions ?? []).filter(({ type }) => type !== 'Ready'), ready],
      };
      await client.updateStatus(podType, { ...pod, status });
    }
  }
  const beat = async () => {
    const spec = { holderIdentity: 'n1', leaseDurationSeconds: 40, renewTime: formatMicroTime(clock.nowMs()) };
    await client.patch(leaseType, { namespace: 'kube-node-lease', name: 'n1' }, merge, { spec });
  };
  const run = async (seconds = 20) => {
    for (let i = 0; i < seconds; i++) {
      await clock.advance(1_000);
      await actNode();
      if (i % 10 === 0) await beat();
    }
    await clock.advance(1_000);
  };
  const node = await client.create(nodeType, { metadata: { name: 'n1' } });
  await client.updateStatus(nodeType, { ...node, status: { conditions: [{ type: 'Ready', status: 'True', reason: 'KubeletReady' }] } });
  await client.create(leaseType, { metadata: { name: 'n1', namespace: 'kube-node-lease' }, spec: { holderIdentity: 'n1' } });
  await clock.settle();
  return { clock, client, list, names, run, beat, lines };
}

const web = (more: Partial<NonNullable<V1Deployment['spec']>> = {}): V1Deployment => ({
  metadata: { name: 'web', namespace: 'default' },
  spec: {
    replicas: 3,
    selector: { matchLabels: { app: 'web' } },
    template: { metadata: { labels: { app: 'web' } }, spec: { containers: [{ name: 'c', image: 'v1' }] } },
    ...more,
  },
});
const image = (name: string) => ({ spec: { template: { spec: { containers: [{ name: 'c', image: name }] } } } });
const key = { namespace: 'default', name: 'web' };
const imagesOf = (pods: readonly V1Pod[]) => pods.map((pod) => pod.spec?.containers[0]?.image);

describe('controllers on the real API', () => {
  test('a deployment is rolled out, updated, undone and deleted; a service follows it', async () => {
    const { client, list, names, run, lines } = await setup();
    await client.create(deploymentType, web());
    await client.create(serviceType, { metadata: key, spec: { selector: { app: 'web' }, ports: [{ port: 80 }] } });
    await run();
    const status = async () => (await client.get(deploymentType, key)).status;
    expect(await status()).toMatchObject({
      observedGeneration: 1,
      replicas: 3,
      updatedReplicas: 3,
      readyReplicas: 3,
      availableReplicas: 3,
    });
    const endpoints = async () =>
      (await list(endpointSliceType)).flatMap((slice) => (slice.endpoints ?? []).map((one) => one.targetRef?.name));
    expect((await endpoints()).sort()).toEqual((await names(podType)).sort());
    const old = async () => (await client.get(endpointsType, key)).subsets?.flatMap(({ addresses }) => addresses?.map(({ ip }) => ip));
    expect((await old())?.sort()).toEqual((await list(podType)).map((pod) => pod.status?.podIP).sort());

    await client.patch(deploymentType, key, merge, image('v2'));
    await run();
    expect(imagesOf(await list(podType))).toEqual(['v2', 'v2', 'v2']);
    expect(await status()).toMatchObject({ observedGeneration: 2, updatedReplicas: 3, availableReplicas: 3 });
    expect((await endpoints()).sort()).toEqual((await names(podType)).sort());
    await client.patch(deploymentType, key, merge, image('v1'));
    await run();
    expect(imagesOf(await list(podType))).toEqual(['v1', 'v1', 'v1']);
    expect((await client.get(deploymentType, key)).metadata.annotations).toMatchObject({ 'deployment.kubernetes.io/revision': '3' });
    expect((await list(replicaSetType)).length).toBe(2);
    expect((await client.get(deploymentType, key)).metadata.generation).toBe(3);

    const events = (await list(eventType)).map((event) => `${event.source?.component} ${event.reason} ${event.involvedObject.kind}`);
    expect(new Set(events)).toEqual(
      new Set([
        'deployment-controller ScalingReplicaSet Deployment',
        'replicaset-controller SuccessfulCreate ReplicaSet',
        'replicaset-controller SuccessfulDelete ReplicaSet',
        'node-controller RegisteredNode Node',
      ]),
    );
    await client.delete(deploymentType, key, { propagationPolicy: 'Foreground' });
    await run();
    expect([...(await names(deploymentType)), ...(await names(replicaSetType)), ...(await names(podType))]).toEqual([]);
    expect(await endpoints()).toEqual([]);
    await client.delete(serviceType, key);
    await run(2);
    expect(await names(endpointsType)).not.toContain('web');
    expect((await list(endpointSliceType)).filter((slice) => slice.metadata.labels?.['kubernetes.io/service-name'] === 'web')).toEqual([]);
    expect(lines).toEqual([]);
  });

  test('the three ways to delete a deployment', async () => {
    const { client, names, run } = await setup();
    for (const policy of ['Background', 'Foreground', 'Orphan'] as const) {
      await client.create(deploymentType, web());
      await run(6);
      await client.delete(deploymentType, key, { propagationPolicy: policy });
      await run(6);
      expect(await names(deploymentType)).toEqual([]);
      expect((await names(replicaSetType)).length).toBe(policy === 'Orphan' ? 1 : 0);
      expect((await names(podType)).length).toBe(policy === 'Orphan' ? 3 : 0);
    }
    // A new deployment with the same selector adopts what was left.
    const before = await names(podType);
    await client.create(deploymentType, web());
    await run(6);
    expect(await names(podType)).toEqual(before);
    expect((await names(replicaSetType)).length).toBe(1);
  });

  test('a new namespace gets its account and CA; one that is deleted is emptied and goes', async () => {
    const { client, list, names, run, lines } = await setup();
    await client.create(namespaceType, { metadata: { name: 'shop' } });
    await run(2);
    expect(await names(serviceAccountType, 'shop')).toEqual(['default']);
    expect(await names(configMapType, 'shop')).toEqual(['kube-root-ca.crt']);
    await client.create(deploymentType, { ...web(), metadata: { name: 'web', namespace: 'shop' } });
    await client.create(serviceType, {
      metadata: { name: 'web', namespace: 'shop' },
      spec: { selector: { app: 'web' }, ports: [{ port: 80 }] },
    });
    await run(6);
    await client.delete(namespaceType, { name: 'shop' });
    await run(30);
    expect((await list(namespaceType)).map((namespace) => namespace.metadata.name)).not.toContain('shop');
    for (const type of [
      podType,
      replicaSetType,
      deploymentType,
      serviceType,
      endpointSliceType,
      configMapType,
      serviceAccountType,
      eventType,
    ]) {
      expect(await names<KubeObject>(type, 'shop')).toEqual([]);
    }
    expect(lines).toEqual([]);
  });

  test('the same seed gives the same names', async () => {
    const once = async () => {
      const { client, names, run } = await setup();
      await client.create(deploymentType, web());
      await run(5);
      return [...(await names(replicaSetType)), ...(await names(podType)), ...(await names(eventType))];
    };
    expect(await once()).toEqual(await once());
  });

  test('once all is as wanted, nobody writes any more', async () => {
    const { client, list, run, beat, clock } = await setup();
    await client.create(deploymentType, web());
    await client.create(serviceType, { metadata: key, spec: { selector: { app: 'web' }, ports: [{ port: 80 }] } });
    await run(10);
    const versions = async () => {
      const all: string[] = [];
      for (const kind of builtinKinds)
        for (const { metadata } of await list<KubeObject>(kind)) all.push(`${kind.resource} ${metadata.name} ${metadata.resourceVersion}`);
      return all;
    };
    const before = await versions();
    for (let i = 0; i < 180; i++) {
      await clock.advance(10_000);
      await beat();
    }
    // Events expire by themselves.
    const lasting = (all: readonly string[]) => all.filter((line) => !/^(events|leases) /.test(line));
    expect(lasting(await versions())).toEqual(lasting(before));
  });
});
