// Storage as users see it, on simulated nodes: claims, volumes, and the pods that wait for them.
import { afterEach, describe, expect, test } from 'vitest';
import {
  events,
  nodes,
  persistentvolumeclaims,
  persistentvolumes,
  pods,
  startCluster,
  storageclasses,
  type V1PersistentVolume,
  type V1PersistentVolumeClaim,
  type V1PersistentVolumeClaimSpec,
  type V1Pod,
  type V1PodSpec,
  type V1Volume,
  type VirtualCluster,
} from '../../src/cluster/mod.ts';

let cluster: VirtualCluster;
afterEach(() => cluster.stop());
const namespace = 'default';
const start = async (nodes = 1) => {
  cluster = await startCluster({ clock: 'virtual', nodes });
  await cluster.time.advance(1_000);
};
const claim = (name: string, spec: Partial<V1PersistentVolumeClaimSpec> = {}): V1PersistentVolumeClaim => ({
  metadata: { name, namespace },
  spec: { accessModes: ['ReadWriteOnce'], resources: { requests: { storage: '1Gi' } }, ...spec },
});
const volume = (name: string, spec: Partial<NonNullable<V1PersistentVolume['spec']>> = {}): V1PersistentVolume => ({
  metadata: { name },
  spec: {
    capacity: { storage: '1Gi' },
    accessModes: ['ReadWriteOnce'],
    storageClassName: 'manual',
    hostPath: { path: `/data/${name}` },
    ...spec,
  },
});
const using = (name: string): V1Volume => ({ name: 'data', persistentVolumeClaim: { claimName: name } });
const pod = (name: string, data: V1Volume, spec: Partial<V1PodSpec> = {}): V1Pod => ({
  metadata: { name, namespace },
  spec: {
    containers: [{ name: 'c', image: 'i:1', volumeMounts: [{ name: 'data', mountPath: '/data' }] }],
    volumes: [data],
    terminationGracePeriodSeconds: 1,
    ...spec,
  },
});
const getPod = (name: string) => cluster.client.get(pods, { namespace, name });
const getClaim = (name: string) => cluster.client.get(persistentvolumeclaims, { namespace, name });
const getVolume = (name: string) => cluster.client.get(persistentvolumes, { name });
const messagesOf = async (name: string, reason?: string) =>
  (await cluster.client.list(events)).items
    .filter((event) => event.involvedObject.name === name && (reason === undefined || event.reason === reason))
    .map((event) => event.message);

describe('the default class', () => {
  test('a claim waits for its first pod, gets a volume on its node, and both go with it', async () => {
    await start(2);
    await cluster.client.create(persistentvolumeclaims, claim('data'));
    await cluster.time.advance(5_000);
    const waiting = await getClaim('data');
    expect([waiting.spec?.storageClassName, waiting.status?.phase]).toEqual(['local-path', 'Pending']);
    expect(await messagesOf('data')).toEqual(['waiting for first consumer to be created before binding']);
    await cluster.client.create(pods, pod('one', using('data')));
    await cluster.time.advance(5_000);
    const one = await getPod('one');
    expect(one.status?.phase).toBe('Running');
    const bound = await getClaim('data');
    expect(bound.status).toEqual({ phase: 'Bound', accessModes: ['ReadWriteOnce'], capacity: { storage: '1Gi' } });
    expect(bound.metadata.finalizers).toEqual(['kubernetes.io/pvc-protection']);
    const made = await getVolume(bound.spec?.volumeName ?? '');
    expect(made.metadata.name).toBe(`pvc-${bound.metadata.uid}`);
    expect(made.status?.phase).toBe('Bound');
    expect(made.spec?.nodeAffinity?.required?.nodeSelectorTerms[0]?.matchExpressions?.[0]?.values).toEqual([one.spec?.nodeName]);
    expect(await messagesOf('data', 'ProvisioningSucceeded')).toEqual([`Successfully provisioned volume ${made.metadata.name}`]);

    await cluster.client.create(pods, pod('two', using('data')));
    await cluster.time.advance(5_000);
    expect((await getPod('two')).spec?.nodeName).toBe(one.spec?.nodeName);
    await cluster.client.delete(persistentvolumeclaims, { namespace, name: 'data' });
    await cluster.client.delete(pods, { namespace, name: 'one' });
    await cluster.time.advance(10_000);
    expect((await getClaim('data')).metadata.deletionTimestamp).toBeDefined();
    await cluster.client.delete(pods, { namespace, name: 'two' });
    await cluster.time.advance(10_000);
    await expect(getClaim('data')).rejects.toThrow('not found');
    expect((await cluster.client.list(persistentvolumes)).items).toEqual([]);
  });
});

test('a claim that is not there is what the scheduler says, and its coming helps', async () => {
  await start();
  await cluster.client.create(pods, pod('early', using('missing')));
  await cluster.time.advance(3_000);
  expect(await messagesOf('early', 'FailedScheduling')).toEqual([
    '0/1 nodes are available: persistentvolumeclaim "missing" not found. preemption: 0/1 nodes are available: 1 Preemption is not helpful for scheduling.',
  ]);
  await cluster.client.create(persistentvolumeclaims, claim('missing'));
  await cluster.time.advance(10_000);
  expect((await getPod('early')).status?.phase).toBe('Running');
});

describe('volumes that somebody made', () => {
  const manual = { storageClassName: 'manual' };
  const hand = (name: string, mode: string) =>
    cluster.client.create(storageclasses, { metadata: { name }, provisioner: 'kubernetes.io/no-provisioner', volumeBindingMode: mode });

  test('are bound at once without a class object, the smallest that does, and kept when the claim goes', async () => {
    await start();
    await cluster.client.create(persistentvolumes, volume('large', { capacity: { storage: '9Gi' } }));
    await cluster.client.create(persistentvolumes, volume('fits', { capacity: { storage: '2Gi' } }));
    // The binder chooses among the volumes that it has been told of.
    await cluster.time.advance(1_000);
    await cluster.client.create(persistentvolumeclaims, claim('data', manual));
    await cluster.time.advance(1_000);
    expect((await getClaim('data')).spec?.volumeName).toBe('fits');
    expect((await getClaim('data')).status?.capacity).toEqual({ storage: '2Gi' });
    expect([(await getVolume('fits')).status?.phase, (await getVolume('large')).status?.phase]).toEqual(['Bound', 'Available']);
    await cluster.client.delete(persistentvolumeclaims, { namespace, name: 'data' });
    await cluster.time.advance(1_000);
    expect((await getVolume('fits')).status?.phase).toBe('Released');
    await cluster.client.create(persistentvolumeclaims, claim('data', { ...manual, volumeName: 'fits' }));
    await cluster.time.advance(1_000);
    expect((await getClaim('data')).status?.phase).toBe('Pending');
    await cluster.client.patch(persistentvolumes, { name: 'fits' }, 'application/merge-patch+json', { spec: { claimRef: null } });
    await cluster.time.advance(1_000);
    expect((await getClaim('data')).status?.phase).toBe('Bound');
  });

  test('one that is deleted stays while it is bound; a claim whose volume is gone is lost', async () => {
    await start();
    await cluster.client.create(persistentvolumes, volume('v'));
    await cluster.client.create(persistentvolumeclaims, claim('data', manual));
    await cluster.time.advance(1_000);
    await cluster.client.delete(persistentvolumes, { name: 'v' });
    await cluster.time.advance(1_000);
    expect((await getVolume('v')).metadata.deletionTimestamp).toBeDefined();
    await cluster.client.patch(persistentvolumes, { name: 'v' }, 'application/merge-patch+json', { metadata: { finalizers: null } });
    await cluster.time.advance(1_000);
    expect((await getClaim('data')).status?.phase).toBe('Lost');
    expect(await messagesOf('data', 'ClaimLost')).toEqual(['Bound claim has lost its PersistentVolume. Data on the volume is lost!']);
    await cluster.client.create(pods, pod('p', using('data')));
    await cluster.time.advance(1_000);
    expect((await messagesOf('p', 'FailedScheduling'))[0]).toContain(
      'persistentvolumeclaim "data" bound to non-existent persistentvolume "v"',
    );
  });

  test('a pod whose claim finds no volume waits, and says for what', async () => {
    await start();
    await cluster.client.create(persistentvolumeclaims, claim('data', manual));
    await cluster.client.create(pods, pod('p', using('data')));
    await cluster.time.advance(3_000);
    expect((await messagesOf('p', 'FailedScheduling'))[0]).toContain(
      '0/1 nodes are available: pod has unbound immediate PersistentVolumeClaims.',
    );
    await cluster.client.create(persistentvolumes, volume('v'));
    await cluster.time.advance(10_000);
    expect((await getPod('p')).status?.phase).toBe('Running');
  });

  const onNode = (name: string) => ({
    nodeAffinity: {
      required: { nodeSelectorTerms: [{ matchExpressions: [{ key: 'kubernetes.io/hostname', operator: 'In', values: [name] }] }] },
    },
  });

  test('a pod goes where its volume is, and says when it may not', async () => {
    await start(3);
    await cluster.client.create(persistentvolumes, volume('v', onNode('sim-2')));
    await cluster.client.create(persistentvolumeclaims, claim('data', manual));
    await cluster.time.advance(1_000);
    await cluster.client.create(pods, pod('p', using('data')));
    await cluster.client.create(pods, pod('q', using('data'), { nodeSelector: { 'kubernetes.io/hostname': 'sim-0' } }));
    await cluster.time.advance(5_000);
    expect((await getPod('p')).spec?.nodeName).toBe('sim-2');
    expect((await messagesOf('q', 'FailedScheduling'))[0]).toContain(
      "1 node(s) didn't match PersistentVolume's node affinity, 2 node(s) didn't match Pod's node affinity/selector.",
    );
  });

  test('pods that compete for local volumes get one each, and the last says that there is none', async () => {
    await start(3);
    await hand('late', 'WaitForFirstConsumer');
    const late = { storageClassName: 'late' };
    const names = ['a', 'b', 'c', 'd'];
    for (const [i, name] of ['sim-0', 'sim-1', 'sim-2'].entries()) {
      await cluster.client.create(persistentvolumes, volume(`v${i}`, { ...late, ...onNode(name) }));
    }
    await cluster.time.advance(1_000);
    for (const name of names) {
      await cluster.client.create(persistentvolumeclaims, claim(name, late));
      await cluster.client.create(pods, pod(name, using(name)));
    }
    await cluster.time.advance(30_000);
    const claims = await Promise.all(names.map(getClaim));
    const bound = claims.filter((each) => each.status?.phase === 'Bound');
    expect(bound.map((each) => each.spec?.volumeName).sort()).toEqual(['v0', 'v1', 'v2']);
    for (const each of bound) {
      const where = `sim-${each.spec?.volumeName?.slice(1)}`;
      expect((await getPod(each.metadata.name)).spec?.nodeName).toBe(where);
    }
    const left = claims.find((each) => each.status?.phase !== 'Bound')?.metadata.name ?? '';
    expect((await messagesOf(left, 'FailedScheduling'))[0]).toContain("3 node(s) didn't find available persistent volumes to bind");
    await cluster.client.create(persistentvolumes, volume('v3', { ...late, ...onNode('sim-1') }));
    await cluster.time.advance(30_000);
    expect((await getPod(left)).spec?.nodeName).toBe('sim-1');
  });
});

test('a claim for one pod alone: the second waits until the first is gone', async () => {
  await start(2);
  await cluster.client.create(persistentvolumeclaims, claim('data', { accessModes: ['ReadWriteOncePod'] }));
  await cluster.client.create(pods, pod('first', using('data')));
  await cluster.time.advance(5_000);
  await cluster.client.create(pods, pod('second', using('data')));
  await cluster.time.advance(5_000);
  expect((await messagesOf('second', 'FailedScheduling'))[0]).toContain(
    'node has pod using PersistentVolumeClaim with the same name and ReadWriteOncePod access mode',
  );
  await cluster.client.delete(pods, { namespace, name: 'first' });
  await cluster.time.advance(20_000);
  expect((await getPod('second')).status?.phase).toBe('Running');
});

test('generic ephemeral volumes: a claim that the pod owns, gone with it; another’s claim is not taken', async () => {
  await start();
  const template = { spec: claim('').spec ?? {} };
  const scratch: V1Volume = { name: 'data', ephemeral: { volumeClaimTemplate: template } };
  await cluster.client.create(persistentvolumeclaims, claim('late-data'));
  await cluster.client.create(pods, pod('p', scratch));
  await cluster.client.create(pods, pod('late', scratch));
  await cluster.time.advance(10_000);
  expect((await getPod('p')).status?.phase).toBe('Running');
  expect((await getClaim('p-data')).metadata.ownerReferences?.[0]).toMatchObject({ kind: 'Pod', name: 'p', controller: true });
  expect((await messagesOf('late', 'FailedScheduling'))[0]).toContain(
    'PVC default/late-data was not created for pod default/late (pod is not owner)',
  );
  await cluster.client.delete(persistentvolumeclaims, { namespace, name: 'late-data' });
  await cluster.client.delete(pods, { namespace, name: 'p' });
  await cluster.time.advance(30_000);
  await expect(getClaim('p-data')).rejects.toThrow('not found');
  expect((await getPod('late')).status?.phase).toBe('Running');
});

test('a claim grows where its class allows it, and only then', async () => {
  await start();
  await cluster.client.create(persistentvolumes, volume('v'));
  await cluster.client.create(persistentvolumeclaims, claim('fixed', { storageClassName: 'manual' }));
  await cluster.client.create(persistentvolumeclaims, claim('data'));
  const grow = (name: string) =>
    cluster.client.patch(persistentvolumeclaims, { namespace, name }, 'application/merge-patch+json', {
      spec: { resources: { requests: { storage: '2Gi' } } },
    });
  await expect(grow('data')).rejects.toThrow();
  await cluster.client.create(pods, pod('p', using('data')));
  await cluster.time.advance(5_000);
  await grow('data');
  await cluster.time.advance(1_000);
  const grown = await getClaim('data');
  expect(grown.status?.capacity).toEqual({ storage: '2Gi' });
  expect((await getVolume(grown.spec?.volumeName ?? '')).spec?.capacity).toEqual({ storage: '2Gi' });
  await expect(grow('fixed')).rejects.toThrow(
    'persistentvolumeclaims "fixed" is forbidden: only dynamically provisioned pvc can be resized and the storageclass that provisions the pvc must support resize',
  );
});

test('a claim without a class is given the default that comes later', async () => {
  await start();
  await cluster.client.delete(storageclasses, { name: 'local-path' });
  await cluster.client.create(persistentvolumeclaims, claim('data'));
  await cluster.time.advance(1_000);
  expect((await getClaim('data')).spec?.storageClassName).toBeUndefined();
  expect(await messagesOf('data', 'FailedBinding')).toEqual(['no persistent volumes available for this claim and no storage class is set']);
  await cluster.client.create(storageclasses, {
    metadata: { name: 'mine', annotations: { 'storageclass.kubernetes.io/is-default-class': 'true' } },
    provisioner: 'minke.dev/local-path',
  });
  await cluster.time.advance(1_000);
  const data = await getClaim('data');
  expect([data.spec?.storageClassName, data.status?.phase]).toEqual(['mine', 'Bound']);
});

test('what cannot be had costs no writes', async () => {
  await start();
  await cluster.client.create(storageclasses, {
    metadata: { name: 'away' },
    provisioner: 'example.com/away',
    volumeBindingMode: 'Immediate',
  });
  await cluster.client.create(persistentvolumeclaims, claim('unmade', { storageClassName: 'away' }));
  await cluster.client.create(persistentvolumeclaims, claim('none', { storageClassName: 'nowhere' }));
  await cluster.client.create(pods, pod('p', using('unmade')));
  await cluster.time.advance(60_000);
  const versions = async () =>
    [...(await Promise.all(['unmade', 'none'].map(getClaim))), await getPod('p')].map((each) => each.metadata.resourceVersion);
  const before = await versions();
  const told = (await cluster.client.list(events)).items.reduce((sum, event) => sum + (event.count ?? 1), 0);
  await cluster.time.advance(240_000);
  expect(await versions()).toEqual(before);
  expect((await cluster.client.list(events)).items.reduce((sum, event) => sum + (event.count ?? 1), 0)).toBeLessThanOrEqual(told + 1);
});

describe('a provisioner that does not answer', () => {
  const away = () =>
    cluster.client.create(storageclasses, {
      metadata: { name: 'away' },
      provisioner: 'example.com/away',
      volumeBindingMode: 'WaitForFirstConsumer',
    });
  const selectedOf = async (name: string) => (await getClaim(name)).metadata.annotations?.['volume.kubernetes.io/selected-node'];
  /** A node without a kubelet, for pods that bear with that. */
  const node = async (name: string) => {
    const made = await cluster.client.create(nodes, { metadata: { name } });
    await cluster.client.updateStatus(nodes, { ...made, status: { allocatable: { cpu: '4', memory: '8Gi', pods: '1000' } } });
  };
  const anywhere = { tolerations: [{ operator: 'Exists' }] };

  test('keeps nobody else waiting, however many wait for it', async () => {
    await start(0);
    await away();
    await node('n1');
    await cluster.client.create(persistentvolumeclaims, claim('unmade', { storageClassName: 'away' }));
    for (let i = 0; i < 300; i++) await cluster.client.create(pods, pod(`waits-${i}`, using('unmade'), anywhere));
    await cluster.time.advance(2_000);
    expect(await selectedOf('unmade')).toBe('n1');
    await cluster.client.create(pods, pod('plain', { name: 'data', emptyDir: {} }, anywhere));
    await cluster.time.advance(2_000);
    expect((await getPod('plain')).spec?.nodeName).toBe('n1');
    expect((await getPod('waits-0')).spec?.nodeName).toBeUndefined();
  });

  test('is asked again for another node when the first is gone', async () => {
    await start(0);
    await away();
    await node('n1');
    await cluster.client.create(persistentvolumeclaims, claim('data', { storageClassName: 'away' }));
    await cluster.client.create(pods, pod('p', using('data'), anywhere));
    await cluster.time.advance(2_000);
    expect(await selectedOf('data')).toBe('n1');
    await cluster.client.delete(nodes, { name: 'n1' });
    await node('n2');
    await cluster.time.advance(20_000);
    expect(await messagesOf('p', 'FailedScheduling')).toContain(
      'binding rejected: running PreBind plugin "VolumeBinding": binding volumes: provisioning failed for PVC "data"',
    );
    expect(await selectedOf('data')).toBe('n2');
  });
});
