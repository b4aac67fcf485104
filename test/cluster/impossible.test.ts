// What cannot be: quotas at zero, selectors that match nothing, schedules that never fire, targets that are not there. Each says
// why, and then nobody writes about it in a loop: the writes of an hour are counted.
import { afterEach, describe, expect, test } from 'vitest';
import { builtinKinds, type KubeObject, type ResourceType } from '../../src/api/mod.ts';
import { startCluster, type VirtualCluster } from '../../src/cluster/mod.ts';

let cluster: VirtualCluster;
afterEach(() => cluster.stop());

const kindOf = (resource: string): ResourceType => {
  const kind = builtinKinds.find((one) => one.resource === resource);
  if (!kind) throw new Error(`no such resource: ${resource}`);
  return kind;
};
const create = (resource: string, object: object) => cluster.client.create(kindOf(resource), object as KubeObject);
const get = async (resource: string, name: string, namespace?: string) =>
  (await cluster.client.get(kindOf(resource), { name, ...(namespace ? { namespace } : {}) })) as unknown as {
    status?: { conditions?: { type: string; status: string; reason?: string; message?: string }[] };
  };

const namespace = 'default';
const labels = { app: 'x' };
const podSpec = { containers: [{ name: 'c', image: 'i:1' }] };
const template = (spec: object = {}) => ({ metadata: { labels }, spec: { ...podSpec, ...spec } });
const selector = { matchLabels: labels };
const nowhere = {
  affinity: { podAffinity: { requiredDuringSchedulingIgnoredDuringExecution: [{ labelSelector: selector, topologyKey: 'no-such-key' }] } },
};

/** Resource, spec, and more of the object. */
type Impossible = readonly [string, string, object];
const workloads = (spec: object, replicas = 2): Impossible[] => [
  ['deployments', 'deployment', { spec: { replicas, selector, template: template(spec), progressDeadlineSeconds: 60 } }],
  ['replicasets', 'replicaset', { spec: { replicas, selector, template: template(spec) } }],
  ['replicationcontrollers', 'controller', { spec: { replicas, selector: labels, template: template(spec) } }],
  ['statefulsets', 'statefulset', { spec: { replicas, selector, template: template(spec), serviceName: 'x' } }],
  ['daemonsets', 'daemonset', { spec: { selector, template: template(spec) } }],
  ['jobs', 'job', { spec: { template: { ...template({ ...spec, restartPolicy: 'Never' }), metadata: {} } } }],
];

/** How often each object is written in an hour that begins when the first `settleMinutes` are over; leases of nodes aside. */
async function writesOfAnHour(settleMinutes = 15): Promise<Map<string, number>> {
  await cluster.time.advance(settleMinutes * 60_000);
  const from = await cluster.store.revision();
  await cluster.time.advance(3_600_000);
  const until = await cluster.store.revision();
  const counts = new Map<string, number>();
  if (until === from) return counts;
  const stop = new AbortController();
  for await (const event of cluster.store.watch('/registry/', from, stop.signal)) {
    if (event.type !== 'progress' && !event.key.includes('/leases/')) {
      const key = event.key.replace('/registry/', '');
      counts.set(key, (counts.get(key) ?? 0) + 1);
    }
    if (event.revision >= until) break;
  }
  return counts;
}

/** An event that comes again is one object that is written again: with the growing back-off of its cause. */
const eventWritesMax = 30;
/** A node says every five minutes that it is well. */
const nodeWritesMax = 13;
const busy = (counts: ReadonlyMap<string, number>, max: number) =>
  [...counts].filter(([key, count]) => count > (key.includes('/events/') ? eventWritesMax : key.includes('/nodes/') ? nodeWritesMax : max));
const messages = async (reason: string) =>
  (await cluster.client.list(kindOf('events'))).items
    .map((event) => event as unknown as { reason: string; message: string; involvedObject: { kind: string } })
    .filter((event) => event.reason === reason)
    .map(({ involvedObject, message }) => `${involvedObject.kind}: ${message}`);

describe('what cannot be is said once, and not written about for ever', () => {
  test('a quota of no pods: every workload says so', async () => {
    cluster = await startCluster({ clock: 'virtual', nodes: 1 });
    await create('resourcequotas', { metadata: { name: 'none', namespace }, spec: { hard: { pods: '0' } } });
    await cluster.time.advance(5_000);
    for (const [resource, name, more] of workloads({})) await create(resource, { metadata: { name, namespace }, ...more });
    expect(busy(await writesOfAnHour(), 4)).toEqual([]);
    const failures = await messages('FailedCreate');
    for (const kind of ['ReplicaSet', 'ReplicationController', 'StatefulSet', 'DaemonSet', 'Job'])
      expect(
        failures.filter((line) => line.startsWith(`${kind}: `) && line.includes('exceeded quota: none')),
        kind,
      ).not.toEqual([]);
    const { status } = await get('deployments', 'deployment', namespace);
    expect(status?.conditions?.find(({ type }) => type === 'ReplicaFailure')).toMatchObject({ status: 'True', reason: 'FailedCreate' });
    expect(status?.conditions?.find(({ type }) => type === 'Progressing')).toMatchObject({ reason: 'ProgressDeadlineExceeded' });
  });

  test('pods that fit on no node, claims without a class, accounts that are not there', async () => {
    cluster = await startCluster({ clock: 'virtual', nodes: 2 });
    const claim = { metadata: { name: 'data' }, spec: { accessModes: ['ReadWriteOnce'], resources: { requests: { storage: '1Gi' } } } };
    for (const [resource, name, more] of workloads(nowhere)) await create(resource, { metadata: { name, namespace }, ...more });
    for (const [resource, name, more] of workloads({ serviceAccountName: 'nobody' }))
      await create(resource, { metadata: { name: `${name}-account`, namespace }, ...more });
    await create('daemonsets', {
      metadata: { name: 'no-node', namespace },
      spec: { selector, template: template({ nodeSelector: { no: 'node' } }) },
    });
    await create('statefulsets', {
      metadata: { name: 'no-class', namespace },
      spec: {
        replicas: 2,
        selector,
        serviceName: 'x',
        template: template(),
        volumeClaimTemplates: [{ ...claim, spec: { ...claim.spec, storageClassName: 'no-such-class' } }],
      },
    });
    await create('persistentvolumeclaims', { ...claim, metadata: { name: 'alone', namespace } });
    await cluster.time.advance(60_000);
    // Said once, and an event stands for an hour.
    expect((await messages('ProvisioningFailed')).join('\n')).toContain('storageclass.storage.k8s.io "no-such-class" not found');
    expect(busy(await writesOfAnHour(), 4)).toEqual([]);
    expect((await messages('FailedScheduling')).join('\n')).toContain("2 node(s) didn't match pod affinity rules");
    expect((await messages('FailedCreate')).join('\n')).toContain('serviceaccount "nobody" not found');
  });

  test('schedules that never fire, autoscalers without target or metrics, budgets of nothing, requests that nobody answers', async () => {
    cluster = await startCluster({ clock: 'virtual', nodes: 1 });
    const jobTemplate = { spec: { template: { spec: { ...podSpec, restartPolicy: 'Never' } } } };
    await create('cronjobs', { metadata: { name: 'never', namespace }, spec: { schedule: '0 0 31 2 *', jobTemplate } });
    const scaler = (name: string, target: string) =>
      create('horizontalpodautoscalers', {
        metadata: { name, namespace },
        spec: { minReplicas: 1, maxReplicas: 3, scaleTargetRef: { apiVersion: 'apps/v1', kind: 'Deployment', name: target } },
      });
    await create('deployments', { metadata: { name: 'web', namespace }, spec: { selector, template: template() } });
    await scaler('blind', 'web');
    await scaler('lost', 'nothing');
    await create('poddisruptionbudgets', {
      metadata: { name: 'nothing', namespace },
      spec: { minAvailable: 1, selector: { matchLabels: { no: 'pod' } } },
    });
    await create('services', { metadata: { name: 'nothing', namespace }, spec: { selector: { no: 'pod' }, ports: [{ port: 80 }] } });
    await create('services', {
      metadata: { name: 'balanced', namespace },
      spec: { type: 'LoadBalancer', selector: labels, ports: [{ port: 80 }] },
    });
    await create('resourceclaims', {
      metadata: { name: 'device', namespace },
      spec: { devices: { requests: [{ name: 'd', exactly: { deviceClassName: 'none' } }] } },
    });
    const writes = await writesOfAnHour();
    expect(busy(writes, 4)).toEqual([]);
    const reasonOf = async (name: string, condition: string) =>
      (await get('horizontalpodautoscalers', name, namespace)).status?.conditions?.find(({ type }) => type === condition)?.reason;
    expect(await reasonOf('lost', 'AbleToScale')).toBe('FailedGetScale');
    expect(await reasonOf('blind', 'ScalingActive')).toBe('FailedGetResourceMetric');
    expect((await messages('UnmetSchedule')).concat(await messages('UnparseableSchedule'))).toEqual([]);
  });

  test('what is deleted and cannot go: finalizers nobody takes away, and the namespace around it', async () => {
    cluster = await startCluster({ clock: 'virtual', nodes: 1 });
    await create('namespaces', { metadata: { name: 'stuck' } });
    await cluster.time.advance(2_000);
    const finalizers = ['example.com/nobody'];
    await create('configmaps', { metadata: { name: 'held', namespace: 'stuck', finalizers } });
    await create('deployments', { metadata: { name: 'web', namespace: 'stuck', finalizers }, spec: { selector, template: template() } });
    await create('jobs', {
      metadata: { name: 'job', namespace: 'stuck', finalizers },
      spec: { template: { spec: { ...podSpec, restartPolicy: 'Never' } } },
    });
    await cluster.time.advance(10_000);
    await cluster.client.delete(kindOf('namespaces'), { name: 'stuck' });
    expect(busy(await writesOfAnHour(), 4)).toEqual([]);
    const { status } = await get('namespaces', 'stuck');
    expect(status?.conditions?.find(({ type }) => type === 'NamespaceFinalizersRemaining')).toMatchObject({
      status: 'True',
      reason: 'SomeFinalizersRemain',
    });
  });

  test('pods that fail as soon as they start: jobs end, the others back off', async () => {
    cluster = await startCluster({ clock: 'virtual', nodes: 1 });
    for (const [resource, name, more] of workloads({})) {
      const failing = JSON.parse(JSON.stringify(more)) as { spec: { template: { metadata: object } } };
      failing.spec.template.metadata = {
        ...failing.spec.template.metadata,
        annotations: { 'sim.minke.dev/run-ms': '1000', 'sim.minke.dev/exit-code': '1' },
      };
      await create(resource, { metadata: { name, namespace }, ...failing });
    }
    expect(busy(await writesOfAnHour(), 100)).toEqual([]);
    const { status } = await get('jobs', 'job', namespace);
    expect(status?.conditions?.find(({ type }) => type === 'Failed')).toMatchObject({ status: 'True', reason: 'BackoffLimitExceeded' });
  });
});
