// The scheduler's laws over random clusters whose nodes vanish in the middle: no pod is bound twice, no node is filled beyond what it offers.
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { nodes, pods, startCluster, type V1Node, type V1Pod, type VirtualCluster } from '../../src/cluster/mod.ts';

const namespace = 'default';

const nodeOf = (name: string, cores: number): V1Node => ({
  metadata: { name, labels: { 'kubernetes.io/hostname': name } },
  status: {
    allocatable: { cpu: String(cores), memory: '16Gi', pods: '8' },
    capacity: { cpu: String(cores), memory: '16Gi', pods: '8' },
    conditions: [{ type: 'Ready', status: 'True' }],
  },
});
const podOf = (name: string, milliCores: number): V1Pod => ({
  metadata: { name, namespace },
  spec: {
    terminationGracePeriodSeconds: 0,
    tolerations: [{ operator: 'Exists' }],
    containers: [{ name: 'c', image: 'i', resources: { requests: { cpu: `${milliCores}m` } } }],
  },
});

/** Looks at every change of every pod, not at the end alone. */
function watchLaws(cluster: VirtualCluster) {
  const boundTo = new Map<string, string>();
  const running = new Map<string, { readonly nodeName: string; readonly milliCores: number }>();
  const broken: string[] = [];
  const capacity = new Map<string, number>();
  cluster.informers.of(nodes).onChange(({ next }) => {
    if (next) capacity.set(next.metadata.name, Number(next.status?.allocatable?.cpu) * 1000);
  });
  cluster.informers.of(pods).onChange(({ old, next }) => {
    if (!next) return void running.delete(old?.metadata.uid ?? '');
    const { uid, name } = next.metadata;
    const nodeName = next.spec?.nodeName;
    if (!nodeName) return;
    const before = boundTo.get(uid);
    if (before !== undefined && before !== nodeName) broken.push(`${name} was bound to ${before}, then to ${nodeName}`);
    boundTo.set(uid, nodeName);
    const request = next.spec?.containers[0]?.resources?.requests?.cpu ?? '0';
    running.set(uid, { nodeName, milliCores: request.endsWith('m') ? Number.parseInt(request, 10) : Number(request) * 1000 });
    const there = [...running.values()].filter((pod) => pod.nodeName === nodeName);
    const used = there.reduce((sum, pod) => sum + pod.milliCores, 0);
    if (used > (capacity.get(nodeName) ?? 0) || there.length > 8) broken.push(`${nodeName} holds ${there.length} pods with ${used}m`);
  });
  return { broken, boundTo };
}

const world = fc.record({
  seed: fc.nat(1_000_000),
  cores: fc.array(fc.integer({ min: 1, max: 8 }), { minLength: 2, maxLength: 6 }),
  asks: fc.array(fc.integer({ min: 100, max: 3_000 }), { minLength: 5, maxLength: 40 }),
  vanish: fc.array(fc.nat(5), { minLength: 1, maxLength: 3 }),
  stepMs: fc.integer({ min: 1, max: 2_000 }),
});

test('no pod is bound twice and no node is overfull, whatever vanishes when', async () => {
  let bound = 0;
  await fc.assert(
    fc.asyncProperty(world, async ({ seed, cores, asks, vanish, stepMs }) => {
      const cluster = await startCluster({ clock: 'virtual', nodes: 0, seed });
      try {
        const { client, time } = cluster;
        const { broken, boundTo } = watchLaws(cluster);
        for (const [i, count] of cores.entries()) await client.create(nodes, nodeOf(`n${i}`, count));
        const half = Math.floor(asks.length / 2);
        const create = (from: number, to: number) =>
          Promise.all(asks.slice(from, to).map((ask, i) => client.create(pods, podOf(`p${from + i}`, ask))));
        await create(0, half);
        for (const which of vanish) {
          await time.advance(stepMs);
          await client.delete(nodes, { name: `n${which % cores.length}` }).catch(() => {});
        }
        const rest = create(half, asks.length);
        await client.create(nodes, nodeOf('late', 8));
        await rest;
        await time.advance(30_000);
        bound += boundTo.size;
        expect(broken).toEqual([]);
      } finally {
        await cluster.stop();
      }
    }),
    { numRuns: 6, seed: 7 },
  );
  // The property must not hold for want of bindings.
  expect(bound).toBeGreaterThan(20);
}, 60_000);
