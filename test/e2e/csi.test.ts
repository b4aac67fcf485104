// Volumes of a storage driver, with real containers: the driver is the test's own, over real sockets and mounts.
import { mkdirSync, mkdtempSync, readFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { TestDriver } from './csi-driver.ts';
import { eventually, startTestCluster, type TestCluster } from './harness.ts';

const image = 'minke.local/tools:latest';
const name = 'disk.example.com';
let cluster: TestCluster;
let driver: TestDriver;
let backing: string;

beforeAll(async () => {
  cluster = await startTestCluster();
  backing = mkdtempSync(join(tmpdir(), 'minke-csi-'));
  driver = new TestDriver({
    name,
    kubelet: join(cluster.dataDir, 'kubelet'),
    directory: backing,
    kubeconfig: cluster.kubeconfig,
    topology: { 'topology.disk.example.com/rack': 'r1' },
    maxVolumes: 4,
  });
  mkdirSync(backing, { recursive: true });
  await apply(
    { apiVersion: 'storage.k8s.io/v1', kind: 'CSIDriver', metadata: { name }, spec: driverSpec },
    {
      apiVersion: 'storage.k8s.io/v1',
      kind: 'StorageClass',
      metadata: { name: 'disk' },
      provisioner: name,
      allowVolumeExpansion: true,
      volumeBindingMode: 'Immediate',
    },
  );
  await driver.startControllers();
  await driver.start();
});
afterAll(async () => {
  try {
    await cluster?.destroy();
  } finally {
    await driver?.destroy();
  }
});
beforeEach(() => {
  driver.faults.clear();
  driver.calls.length = 0;
});

const driverSpec = {
  podInfoOnMount: true,
  volumeLifecycleModes: ['Persistent', 'Ephemeral'],
  fsGroupPolicy: 'File',
  tokenRequests: [{ audience: 'disk' }],
};

async function apply(...objects: object[]): Promise<void> {
  const input = JSON.stringify({ apiVersion: 'v1', kind: 'List', items: objects });
  const done = await cluster.tryKubectl(['apply', '-f', '-'], { input });
  if (done.code !== 0) throw new Error(done.stderr);
}
const claim = (claimName: string, more: object = {}) => ({
  apiVersion: 'v1',
  kind: 'PersistentVolumeClaim',
  metadata: { name: claimName },
  spec: { accessModes: ['ReadWriteOnce'], storageClassName: 'disk', resources: { requests: { storage: '8Mi' } }, ...more },
});
interface Shape {
  readonly volume: object;
  readonly command?: string;
  readonly container?: object;
  readonly spec?: object;
}
const pod = (podName: string, { volume, command = 'sleep 1000', container = {}, spec = {} }: Shape) => ({
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: { name: podName },
  spec: {
    restartPolicy: 'Never',
    terminationGracePeriodSeconds: 1,
    containers: [{ name: 'c', image, command: ['sh', '-c', command], volumeMounts: [{ name: 'data', mountPath: '/data' }], ...container }],
    volumes: [{ name: 'data', ...volume }],
    ...spec,
  },
});
const using = (claimName: string, more: object = {}) => ({ persistentVolumeClaim: { claimName, ...more } });
const get = (what: string, path: string) => cluster.kubectl('get', ...what.split(' '), '-o', `jsonpath={${path}}`);
const succeeded = (podName: string) =>
  cluster.kubectl('wait', '--for=jsonpath={.status.phase}=Succeeded', `pod/${podName}`, '--timeout=30s');
const ready = (podName: string) => cluster.kubectl('wait', '--for=condition=Ready', `pod/${podName}`, '--timeout=30s');
const said = (text: string, of = 'pod') =>
  eventually(
    () => cluster.kubectl('get', 'events', '-o', 'jsonpath={range .items[*]}{.involvedObject.kind} {.reason} {.message}{"\\n"}{end}'),
    (events) => events.includes(text),
  ).catch((error) => {
    throw new Error(`no event of ${of} says: ${text}`, { cause: error });
  });
const mountsOf = (text: string) =>
  readFileSync('/proc/self/mountinfo', 'utf8')
    .split('\n')
    .filter((line) => line.includes(text));
const node = () => cluster.kubectl('get', 'nodes', '-o', 'jsonpath={.items[0].metadata.name}');

test('a driver registers: CSINode, topology, how many volumes it takes', async () => {
  await eventually(
    async () => driver.told,
    (told) => told.some(({ pluginRegistered }) => pluginRegistered),
  );
  const drivers = JSON.parse(await get(`csinode ${await node()}`, '.spec.drivers'));
  expect(drivers).toEqual([{ name, nodeID: 'test-node', topologyKeys: ['topology.disk.example.com/rack'], allocatable: { count: 4 } }]);
  expect(await get(`node ${await node()}`, '.metadata.labels.topology\\.disk\\.example\\.com/rack')).toBe('r1');
  expect(await get(`node ${await node()}`, '.metadata.annotations.csi\\.volume\\.kubernetes\\.io/nodeid')).toBe(`{"${name}":"test-node"}`);
});

describe('a claim of the driver', () => {
  test('is made, attached, staged and published; and what was written is there for the next pod', async () => {
    await apply(
      claim('kept'),
      pod('writer', {
        volume: using('kept'),
        command: 'echo precious > /data/file; stat -c %g /data; sleep 1000',
        spec: { securityContext: { fsGroup: 2000 } },
      }),
    );
    await ready('writer');
    await eventually(
      () => cluster.kubectl('logs', 'writer'),
      (text) => text === '2000\n',
    );
    const volume = await get('pvc kept', '.spec.volumeName');
    expect(await cluster.kubectl('get', 'volumeattachment')).toMatch(new RegExp(`csi-\\S+\\s+${name}\\s+${volume}\\s+\\S+\\s+true`));
    const [stage] = driver.requests('stage');
    expect(stage).toMatchObject({ volumeId: volume, publishContext: { slot: '7' }, volumeContext: { from: 'the test' } });
    expect(stage.volumeCapability).toMatchObject({ mount: { fsType: '' }, accessMode: { mode: 1 } });
    const [publish] = driver.requests('publish');
    expect(publish.volumeContext).toMatchObject({ 'csi.storage.k8s.io/pod.name': 'writer', 'csi.storage.k8s.io/ephemeral': 'false' });
    const tokens = JSON.parse(publish.volumeContext['csi.storage.k8s.io/serviceAccount.tokens']);
    expect(tokens.disk.token.split('.')).toHaveLength(3);
    await said(`Pod SuccessfulAttachVolume AttachVolume.Attach succeeded for volume "${volume}" `);
    // Let go of, step by step: unpublished, unstaged, and only then detached.
    await cluster.kubectl('delete', 'pod', 'writer');
    await eventually(
      () => cluster.kubectl('get', 'volumeattachment', '-o', 'name'),
      (text) => text === '',
    );
    expect(driver.calls.map(({ method }) => method).filter((method) => method.startsWith('un'))).toEqual(['unpublish', 'unstage']);
    expect(mountsOf(join(cluster.dataDir, 'kubelet/plugins'))).toEqual([]);
    await apply(
      pod('reader', { volume: using('kept', { readOnly: true }), command: 'cat /data/file; touch /data/x 2>/dev/null || echo refused' }),
    );
    await succeeded('reader');
    expect(await cluster.kubectl('logs', 'reader')).toBe('precious\nrefused\n');
  });

  test('grows while a pod has it, and the pod sees it', async () => {
    await apply(pod('grower', { volume: using('kept') }));
    await ready('grower');
    const size = () => cluster.kubectl('exec', 'grower', '--', 'stat', '-f', '-c', '%b', '/data');
    const before = Number(await size());
    await cluster.kubectl('patch', 'pvc', 'kept', '-p', '{"spec":{"resources":{"requests":{"storage":"16Mi"}}}}');
    await eventually(
      () => get('pvc kept', '.status.capacity.storage'),
      (text) => text === '16Mi',
    );
    expect(Number(await size())).toBe(2 * before);
    const status = JSON.parse(await get('pvc kept', '.status'));
    expect(status.conditions ?? []).toEqual([]);
    expect(status.allocatedResourceStatuses ?? {}).toEqual({});
    await said('PersistentVolumeClaim ExternalExpanding waiting for an external controller to expand this PVC');
    await said('Pod FileSystemResizeSuccessful MountVolume.NodeExpandVolume succeeded for volume');
  });

  test('is measured by its driver', async () => {
    const summary = JSON.parse(await cluster.kubectl('get', '--raw', `/api/v1/nodes/${await node()}/proxy/stats/summary`));
    const { volume } = summary.pods.find((each: { podRef: { name: string } }) => each.podRef.name === 'grower');
    const own = volume.find((each: { name: string }) => each.name === 'data');
    expect(own).toMatchObject({ capacityBytes: 16 * 1024 * 1024, pvcRef: { namespace: 'default', name: 'kept' } });
    expect(own.usedBytes + own.availableBytes).toBe(own.capacityBytes);
    const metrics = await cluster.kubectl('get', '--raw', `/api/v1/nodes/${await node()}/proxy/metrics`);
    expect(metrics).toContain(
      `kubelet_volume_stats_capacity_bytes{namespace="default",persistentvolumeclaim="kept"} ${16 * 1024 * 1024}\n`,
    );
  });

  test('two pods of one node share it; it is staged once, and let go of with the last one', async () => {
    await apply(pod('second', { volume: using('kept') }));
    await ready('second');
    expect(driver.requests('stage')).toEqual([]);
    expect(driver.requests('publish')).toHaveLength(1);
    await cluster.kubectl('delete', 'pod', 'second');
    expect(driver.requests('unstage')).toEqual([]);
    expect(driver.requests('unpublish')).toHaveLength(1);
  });

  test('a restart of Minke finds what is mounted: nothing twice, nothing lost', async () => {
    const before = mountsOf(cluster.dataDir);
    await cluster.restart();
    await ready('grower');
    await eventually(
      async () => driver.requests('publish').length,
      (count) => count > 0,
    );
    expect(mountsOf(cluster.dataDir)).toEqual(before);
    expect(await cluster.kubectl('exec', 'grower', '--', 'cat', '/data/file')).toBe('precious\n');
    expect(await get('pod grower', '.status.containerStatuses[0].restartCount')).toBe('0');
    await cluster.kubectl('delete', 'pod', 'grower', 'reader');
    await eventually(
      () => get('nodes', '.items[0].status.volumesInUse'),
      (text) => text === '',
    );
    expect(mountsOf(join(cluster.dataDir, 'kubelet/plugins'))).toEqual([]);
  });
});

test('block: the container has the device, and what it wrote there is there for the next pod', async () => {
  await apply(claim('raw', { volumeMode: 'Block' }));
  const container = { volumeMounts: [], volumeDevices: [{ name: 'data', devicePath: '/dev/disk' }] };
  const write = 'test -b /dev/disk && printf blocks | dd of=/dev/disk conv=fsync 2>/dev/null && echo written';
  await apply(pod('block-writer', { volume: using('raw'), container, command: write }));
  await succeeded('block-writer');
  expect(await cluster.kubectl('logs', 'block-writer')).toBe('written\n');
  expect(driver.requests('publish')[0].volumeCapability).toMatchObject({ block: {}, mount: undefined });
  await cluster.kubectl('delete', 'pod', 'block-writer');
  await apply(pod('block-reader', { volume: using('raw'), container, command: 'head -c 6 /dev/disk' }));
  await succeeded('block-reader');
  expect(await cluster.kubectl('logs', 'block-reader')).toBe('blocks');
  await cluster.kubectl('delete', 'pod', 'block-reader');
});

describe('a volume of the pod’s own', () => {
  test('comes and goes with it', async () => {
    await apply({ apiVersion: 'v1', kind: 'Secret', metadata: { name: 'key' }, stringData: { password: 'open' } });
    const volume = { csi: { driver: name, volumeAttributes: { size: 'small' }, nodePublishSecretRef: { name: 'key' } } };
    await apply(pod('inline', { volume, command: 'echo x > /data/y && ls /data' }));
    await succeeded('inline');
    expect(await cluster.kubectl('logs', 'inline')).toBe('y\n');
    const [publish] = driver.requests('publish');
    expect(publish).toMatchObject({ secrets: { password: 'open' }, stagingTargetPath: '', publishContext: {} });
    expect(publish.volumeContext).toMatchObject({ size: 'small', 'csi.storage.k8s.io/ephemeral': 'true' });
    expect(publish.volumeId).toMatch(/^csi-[0-9a-f]{64}$/);
    await cluster.kubectl('delete', 'pod', 'inline');
    expect(driver.requests('stage')).toEqual([]);
    await eventually(
      async () => mountsOf(publish.volumeId),
      (mounts) => mounts.length === 0,
    );
  });
  test('of a driver that is not there: the pod says so, and can be deleted', async () => {
    await apply(pod('nowhere', { volume: { csi: { driver: 'other.example.com' } } }));
    await said(
      'FailedMount MountVolume.SetUp failed for volume "data" : kubernetes.io/csi: mounter.SetUpAt failed to get CSI client: driver name other.example.com not found in the list of registered CSI drivers',
    );
    await cluster.kubectl('delete', 'pod', 'nowhere', '--timeout=20s');
  });
});

describe('a driver in trouble', () => {
  test('that cannot stage, then cannot publish, says why; and the pod runs once it can', async () => {
    driver.faults.set('stage', { code: 13, details: 'the disk is on fire' });
    await apply(claim('hurt'), pod('hurt', { volume: using('hurt') }));
    const volume = await eventually(
      () => get('pvc hurt', '.spec.volumeName'),
      (text) => text !== '',
    );
    await said(`FailedMount MountVolume.MountDevice failed for volume "${volume}" : rpc error: code = Internal desc = the disk is on fire`);
    driver.faults.set('publish', { code: 9, details: 'not now' });
    driver.faults.delete('stage');
    await said(`FailedMount MountVolume.SetUp failed for volume "${volume}" : rpc error: code = FailedPrecondition desc = not now`);
    driver.faults.clear();
    await ready('hurt');
  });

  test('that is away when a pod goes: the pod waits for it, and goes when it is back', async () => {
    driver.stop();
    await eventually(
      async () => get(`csinode ${await node()}`, '.spec.drivers'),
      (text) => text === '' || text === '[]',
    );
    await cluster.kubectl('delete', 'pod', 'hurt', '--wait=false');
    await new Promise((resolve) => setTimeout(resolve, 2500));
    expect(await get('pod hurt', '.metadata.deletionTimestamp')).not.toBe('');
    await driver.start();
    await cluster.kubectl('wait', '--for=delete', 'pod/hurt', '--timeout=30s');
    expect(mountsOf(join(cluster.dataDir, 'kubelet/plugins'))).toEqual([]);
  });

  test('that never answers: a restart between stage and publish goes on from there, and a pod that goes is not held up', async () => {
    driver.faults.set('publish', 'hang');
    await apply(pod('stuck', { volume: using('hurt') }));
    await eventually(
      async () => driver.requests('publish').length,
      (count) => count > 0,
    );
    await cluster.restart();
    await eventually(
      async () => driver.requests('publish').length,
      (count) => count > 1,
    );
    await cluster.kubectl('delete', 'pod', 'stuck', '--timeout=30s');
    const undone = driver.calls.map(({ method }) => method).filter((method) => method.startsWith('un'));
    expect(undone).toEqual(['unpublish', 'unstage']);
    expect(mountsOf(join(cluster.dataDir, 'kubelet/p')).filter((line) => line.includes('csi'))).toEqual([]);
  });

  test('whose controller cannot attach: told on the pod, which runs once it can', async () => {
    driver.attachError = 'no free slot';
    await apply(pod('late', { volume: using('hurt') }));
    await said('FailedAttachVolume AttachVolume.Attach failed for volume');
    driver.attachError = undefined;
    expect(driver.requests('stage')).toEqual([]);
    await driver.attachAll();
    await ready('late');
    await cluster.kubectl('delete', 'pod', 'late');
  });
});
