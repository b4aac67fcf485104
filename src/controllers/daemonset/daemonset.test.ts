// The DaemonSet controller in a whole cluster under the virtual clock.
import { afterEach, describe, expect, test } from 'vitest';
import {
  controllerrevisions,
  daemonsets,
  events as eventKind,
  nodes,
  pods as podKind,
  type V1DaemonSet,
  type V1DaemonSetSpec,
  type V1PodSpec,
} from '../../api/mod.ts';
import { startCluster, type VirtualCluster } from '../../cluster/mod.ts';

const running: VirtualCluster[] = [];
afterEach(async () => {
  for (const cluster of running.splice(0)) await cluster.stop();
});
const key = { namespace: 'default', name: 'agent' };
const merge = 'application/merge-patch+json';
const labels = { app: 'agent' };

const setOf = (
  spec: Partial<V1DaemonSetSpec> = {},
  pod: Partial<V1PodSpec> = {},
  annotations: Record<string, string> = {},
): V1DaemonSet => ({
  metadata: key,
  spec: {
    selector: { matchLabels: labels },
    template: { metadata: { labels, annotations }, spec: { containers: [{ name: 'c', image: 'v1' }], ...pod } },
    ...spec,
  },
});

async function start(set: V1DaemonSet, count = 3) {
  const cluster = await startCluster({ clock: 'virtual', nodes: count });
  running.push(cluster);
  const { client, time } = cluster;
  await client.create(daemonsets, set);
  await time.advance(10_000);
  const pods = async () => (await client.list(podKind, { namespace: 'default' })).items;
  return {
    cluster,
    client,
    time,
    pods,
    nodesOfPods: async () => (await pods()).map((pod) => pod.spec?.nodeName ?? '').sort(),
    images: async () => (await pods()).map((pod) => pod.spec?.containers[0]?.image ?? '').sort(),
    status: async () => (await client.get(daemonsets, key)).status,
    setImage: (image: string) =>
      client.patch(daemonsets, key, merge, { spec: { template: { spec: { containers: [{ name: 'c', image }] } } } }),
    revisions: async () => (await client.list(controllerrevisions, { namespace: 'default' })).items.map(({ revision }) => revision).sort(),
    events: async () =>
      (await client.list(eventKind, { namespace: 'default' })).items
        .filter(({ involvedObject }) => involvedObject.kind === 'DaemonSet')
        .map(({ type, reason, message }) => `${type} ${reason} ${message}`),
  };
}

describe('a daemon set', () => {
  test('has a pod on every node, tied to it, and tolerates a node in trouble', async () => {
    const { nodesOfPods, pods, status, events } = await start(setOf());
    expect(await nodesOfPods()).toEqual(['sim-0', 'sim-1', 'sim-2']);
    const [pod] = await pods();
    expect(pod?.metadata.labels).toMatchObject({
      app: 'agent',
      'pod-template-generation': '1',
      'controller-revision-hash': expect.any(String),
    });
    expect(pod?.spec?.affinity?.nodeAffinity?.requiredDuringSchedulingIgnoredDuringExecution?.nodeSelectorTerms).toEqual([
      { matchFields: [{ key: 'metadata.name', operator: 'In', values: [pod?.spec?.nodeName] }] },
    ]);
    expect(pod?.spec?.tolerations?.map(({ key, effect }) => `${key?.replace('node.kubernetes.io/', '')} ${effect}`)).toEqual(
      expect.arrayContaining(['not-ready NoExecute', 'unreachable NoExecute', 'disk-pressure NoSchedule', 'unschedulable NoSchedule']),
    );
    expect(await status()).toMatchObject({
      desiredNumberScheduled: 3,
      currentNumberScheduled: 3,
      numberReady: 3,
      numberAvailable: 3,
      updatedNumberScheduled: 3,
      numberMisscheduled: 0,
      observedGeneration: 1,
    });
    expect((await events()).filter((line) => line.startsWith('Normal SuccessfulCreate Created pod: agent-'))).toHaveLength(3);
  });

  test('follows labels and taints of nodes', async () => {
    const { client, time, nodesOfPods } = await start(setOf({}, { nodeSelector: { disk: 'fast' } }));
    expect(await nodesOfPods()).toEqual([]);
    await client.patch(nodes, { name: 'sim-1' }, merge, { metadata: { labels: { disk: 'fast' } } });
    await time.advance(5_000);
    expect(await nodesOfPods()).toEqual(['sim-1']);
    await client.patch(nodes, { name: 'sim-1' }, merge, { metadata: { labels: { disk: null } } });
    await time.advance(60_000);
    expect(await nodesOfPods()).toEqual([]);
  });

  test('leaves a tainted node out, and stays where it was before', async () => {
    const { client, time, nodesOfPods, pods } = await start(setOf());
    await client.patch(nodes, { name: 'sim-2' }, merge, { spec: { taints: [{ key: 'a', effect: 'NoSchedule' }] } });
    await time.advance(5_000);
    expect(await nodesOfPods()).toEqual(['sim-0', 'sim-1', 'sim-2']);
    const victim = (await pods()).find((pod) => pod.spec?.nodeName === 'sim-2');
    if (victim) await client.delete(podKind, victim.metadata);
    await time.advance(60_000);
    expect(await nodesOfPods()).toEqual(['sim-0', 'sim-1']);
  });

  test('rolls a template out, one node after another, keeps its history, and back', async () => {
    const { cluster, time, setImage, images, status, revisions } = await start(setOf({ updateStrategy: { type: 'RollingUpdate' } }));
    let fewest = 3;
    const off = cluster.informers.of(daemonsets).onChange(({ next }) => {
      fewest = Math.min(fewest, next?.status?.numberAvailable ?? 0);
    });
    await setImage('v2');
    await time.advance(120_000);
    off();
    expect(await images()).toEqual(['v2', 'v2', 'v2']);
    expect(await status()).toMatchObject({ updatedNumberScheduled: 3, numberAvailable: 3, observedGeneration: 2 });
    expect(fewest).toBe(2);
    expect(await revisions()).toEqual([1, 2]);
    await setImage('v1');
    await time.advance(120_000);
    expect(await images()).toEqual(['v1', 'v1', 'v1']);
    expect(await revisions()).toEqual([2, 3]);
  });

  test('surges: never less than one pod a node', async () => {
    const { cluster, time, setImage, images } = await start(
      setOf({ updateStrategy: { type: 'RollingUpdate', rollingUpdate: { maxSurge: 1, maxUnavailable: 0 } } }),
    );
    let fewest = 3;
    const off = cluster.informers.of(daemonsets).onChange(({ next }) => {
      fewest = Math.min(fewest, next?.status?.numberAvailable ?? 0);
    });
    await setImage('v2');
    await time.advance(180_000);
    off();
    expect(await images()).toEqual(['v2', 'v2', 'v2']);
    expect(fewest).toBe(3);
  });

  test('OnDelete changes a pod only when it is deleted', async () => {
    const { client, time, setImage, images, pods, status } = await start(setOf({ updateStrategy: { type: 'OnDelete' } }));
    await setImage('v2');
    await time.advance(30_000);
    expect(await images()).toEqual(['v1', 'v1', 'v1']);
    expect((await status())?.updatedNumberScheduled ?? 0).toBe(0);
    const [victim] = await pods();
    if (victim) await client.delete(podKind, victim.metadata);
    await time.advance(60_000);
    expect(await images()).toEqual(['v1', 'v1', 'v2']);
  });

  test('replaces a pod that failed, more and more slowly', async () => {
    const { client, time, pods, events } = await start(setOf(), 1);
    let failed = 0;
    for (let i = 0; i < 60; i++) {
      for (const pod of await pods()) {
        if (pod.status?.phase === 'Failed' || pod.metadata.deletionTimestamp !== undefined) continue;
        await client.updateStatus(podKind, { ...pod, status: { ...pod.status, phase: 'Failed', reason: 'Evicted' } });
        failed++;
      }
      await time.advance(1_000);
    }
    expect(failed).toBeGreaterThan(2);
    expect(failed).toBeLessThan(10);
    expect((await events()).find((line) => line.startsWith('Warning FailedDaemonPod'))).toMatch(
      /^Warning FailedDaemonPod Found failed daemon pod default\/agent-\w+ on node sim-0, will try to kill it$/,
    );
  });

  test('writes nothing once all is well', async () => {
    const { client, time } = await start(setOf({ minReadySeconds: 5 }));
    const versions = async () => [
      (await client.get(daemonsets, key)).metadata.resourceVersion,
      ...(await client.list(podKind)).items.map((pod) => pod.metadata.resourceVersion),
    ];
    await time.advance(60_000);
    const before = await versions();
    await time.advance(600_000);
    expect(await versions()).toEqual(before);
  });
});
