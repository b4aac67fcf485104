// The scheduler's laws over random clusters whose nodes vanish in the middle, with preemption, devices and volumes: no pod is bound
// twice, no node is filled beyond what it offers, no device and no volume is given to two claims.
import fc from 'fast-check';
import { expect, test } from 'vitest';
import {
  deviceclasses,
  nodes,
  persistentvolumeclaims,
  persistentvolumes,
  pods,
  resourceclaims,
  resourceclaimtemplates,
  resourceslices,
  startCluster,
  storageclasses,
  type V1Node,
  type V1Pod,
  type VirtualCluster,
} from '../../src/cluster/mod.ts';

const namespace = 'default';

const nodeOf = (name: string, cores: number): V1Node => ({
  metadata: { name, labels: { 'kubernetes.io/hostname': name } },
  status: {
    allocatable: { cpu: String(cores), memory: '16Gi', pods: '8' },
    capacity: { cpu: String(cores), memory: '16Gi', pods: '8' },
    conditions: [{ type: 'Ready', status: 'True' }],
  },
});
interface Ask {
  readonly milliCores: number;
  /** A higher one makes others go. */
  readonly priority: number;
  readonly wants: 'nothing' | 'device' | 'volume';
}

const podOf = (name: string, { milliCores, priority, wants }: Ask): V1Pod => ({
  metadata: { name, namespace },
  spec: {
    terminationGracePeriodSeconds: 0,
    ...(priority > 0 ? { priorityClassName: 'system-cluster-critical' } : {}),
    ...(wants === 'device' ? { resourceClaims: [{ name: 'd', resourceClaimTemplateName: 'device' }] } : {}),
    ...(wants === 'volume' ? { volumes: [{ name: 'v', persistentVolumeClaim: { claimName: name } }] } : {}),
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
  watchClaims(cluster, broken);
  return { broken, boundTo };
}

/** What is given to one claim is not given to another before the first has given it back. */
function watchClaims({ informers }: VirtualCluster, broken: string[]): void {
  const holders = new Map<string, string>();
  const hold = (what: string, by: string): void => {
    const before = holders.get(what);
    if (before !== undefined && before !== by) broken.push(`${what} was given to ${before} and to ${by}`);
    holders.set(what, by);
  };
  informers.of(resourceclaims).onChange(({ old, next }) => {
    const { uid = '' } = (next ?? old)?.metadata ?? {};
    for (const [what, by] of holders) if (by === uid) holders.delete(what);
    for (const { device } of next?.status?.allocation?.devices?.results ?? []) hold(`device ${device}`, uid);
  });
  informers.of(persistentvolumeclaims).onChange(({ next }) => {
    if (next?.spec?.volumeName) hold(`volume ${next.spec.volumeName}`, next.metadata.uid);
  });
}

const volumesMax = 4;

/** Two devices and some volumes on the first nodes; claims to volumes by the names of the pods that want one. */
async function provide({ client }: VirtualCluster, asks: readonly Ask[]): Promise<void> {
  const driver = 'd.example.com';
  await client.create(deviceclasses, { metadata: { name: 'd' }, spec: {} });
  const pool = { name: 'n0', generation: 1, resourceSliceCount: 1 };
  const devices = [{ name: 'd0' }, { name: 'd1' }];
  await client.create(resourceslices, { metadata: { name: 'n0' }, spec: { driver, nodeName: 'n0', pool, devices } });
  const requests = [{ name: 'd', exactly: { deviceClassName: 'd' } }];
  await client.create(resourceclaimtemplates, { metadata: { name: 'device', namespace }, spec: { spec: { devices: { requests } } } });
  const provisioner = 'kubernetes.io/no-provisioner';
  await client.create(storageclasses, { metadata: { name: 'local' }, provisioner, volumeBindingMode: 'WaitForFirstConsumer' });
  const common = { accessModes: ['ReadWriteOnce'], storageClassName: 'local' };
  for (let i = 0; i < volumesMax; i++) {
    const matchExpressions = [{ key: 'kubernetes.io/hostname', operator: 'In', values: [`n${i % 2}`] }];
    const nodeAffinity = { required: { nodeSelectorTerms: [{ matchExpressions }] } };
    const spec = { ...common, capacity: { storage: '1Gi' }, local: { path: `/v${i}` }, nodeAffinity };
    await client.create(persistentvolumes, { metadata: { name: `v${i}` }, spec });
  }
  const resources = { requests: { storage: '1Gi' } };
  for (const [i, { wants }] of asks.entries()) {
    if (wants !== 'volume') continue;
    await client.create(persistentvolumeclaims, { metadata: { name: `p${i}`, namespace }, spec: { ...common, resources } });
  }
}

const world = fc.record({
  seed: fc.nat(1_000_000),
  cores: fc.array(fc.integer({ min: 1, max: 4 }), { minLength: 2, maxLength: 6 }),
  asks: fc.array(
    fc.record({
      milliCores: fc.integer({ min: 100, max: 3_000 }),
      priority: fc.constantFrom(0, 0, 0, 1),
      wants: fc.constantFrom('nothing' as const, 'nothing' as const, 'device' as const, 'volume' as const),
    }),
    { minLength: 5, maxLength: 40 },
  ),
  vanish: fc.array(fc.nat(5), { minLength: 1, maxLength: 3 }),
  stepMs: fc.integer({ min: 1, max: 2_000 }),
});

test('no pod is bound twice, no node is overfull, nothing is given away twice, whatever vanishes when', async () => {
  let bound = 0;
  const met = { preempted: 0, devices: 0, volumes: 0 };
  await fc.assert(
    fc.asyncProperty(world, async ({ seed, cores, asks, vanish, stepMs }) => {
      const cluster = await startCluster({ clock: 'virtual', nodes: 0, seed });
      try {
        const { client, time } = cluster;
        const { broken, boundTo } = watchLaws(cluster);
        for (const [i, count] of cores.entries()) await client.create(nodes, nodeOf(`n${i}`, count));
        await provide(cluster, asks);
        cluster.informers.of(pods).onChange(({ next }) => {
          const target = next?.status?.conditions?.find(({ type }) => type === 'DisruptionTarget');
          if (target?.reason === 'PreemptionByScheduler') met.preempted++;
        });
        cluster.informers.of(resourceclaims).onChange(({ next }) => {
          if (next?.status?.allocation) met.devices++;
        });
        const half = Math.floor(asks.length / 2);
        const create = (from: number, to: number) =>
          Promise.all(asks.slice(from, to).map((ask, i) => client.create(pods, podOf(`p${from + i}`, ask))));
        await create(0, half);
        for (const which of vanish) {
          await time.advance(stepMs);
          await client.delete(nodes, { name: `n${which % cores.length}` }).catch(() => {});
        }
        const rest = create(half, asks.length);
        await client.create(nodes, nodeOf('late', 4));
        await rest;
        await time.advance(30_000);
        // By now the nodes are well filled: these have to make room for themselves.
        for (const i of [0, 1, 2]) await client.create(pods, podOf(`last${i}`, { milliCores: 2_500, priority: 1, wants: 'nothing' }));
        await time.advance(30_000);
        bound += boundTo.size;
        met.volumes += cluster.informers
          .of(persistentvolumeclaims)
          .list()
          .filter(({ spec }) => spec?.volumeName).length;
        expect(broken).toEqual([]);
      } finally {
        await cluster.stop();
      }
    }),
    { numRuns: 6, seed: 7 },
  );
  // The property must not hold for want of bindings.
  expect(bound).toBeGreaterThan(20);
  expect(Object.entries(met).filter(([, count]) => count === 0)).toEqual([]);
}, 60_000);
