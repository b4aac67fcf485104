import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { V1PersistentVolume, V1PersistentVolumeClaim, V1PersistentVolumeSpec, V1Pod, V1PodSpec, V1Volume } from '../../api/mod.ts';
import { SeededRandom, VirtualClock } from '../../base/mod.ts';
import { turn } from '../../base/ports/clock.ts';
import { systemFiles as fs } from '../../base/ports/fs.ts';
import { setGroup } from './group.ts';
import { createVolumes, type Volumes } from './manager.ts';

let dir = '';
let volumes: Volumes;
let claims: Record<string, V1PersistentVolumeClaim> = {};
let persistent: Record<string, V1PersistentVolume> = {};
const source = {
  claim: async (namespace: string, name: string) => claims[`${namespace}/${name}`],
  volume: async (name: string) => persistent[name],
};

beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'minke-claims-'));
  await fs.mkdir(join(dir, 'data'));
  claims = { 'ns/data': claim() };
  persistent = { v: volume({ local: { path: join(dir, 'data') } }) };
  volumes = start();
});
afterEach(() => rm(dir, { recursive: true }));

/** A kubelet's volumes, as it has just started. */
const start = () =>
  createVolumes({
    fs,
    mounts: { mount: async () => {}, tmpfs: async () => {}, unmount: async () => {}, removeEmpty: async () => true, below: async () => [] },
    clock: new VirtualClock({ settle: turn }),
    random: new SeededRandom(1),
    references: { configMap: () => undefined, secret: () => undefined, services: { list: () => [], get: () => undefined } },
    tokens: undefined,
    claims: source,
    directory: join(dir, 'pods'),
  });

const claim = (more: Partial<V1PersistentVolumeClaim> = {}): V1PersistentVolumeClaim => ({
  metadata: { name: 'data', namespace: 'ns', uid: 'c1', annotations: { 'pv.kubernetes.io/bind-completed': 'yes' } },
  spec: { volumeName: 'v' },
  status: { phase: 'Bound' },
  ...more,
});
const volume = (spec: V1PersistentVolumeSpec): V1PersistentVolume => ({
  metadata: { name: 'v' },
  spec: { claimRef: { namespace: 'ns', name: 'data', uid: 'c1' }, ...spec },
});
const using = (readOnly?: boolean): V1Volume => ({
  name: 'd',
  persistentVolumeClaim: { claimName: 'data', ...(readOnly ? { readOnly } : {}) },
});
const pod = (data: V1Volume, spec: Partial<V1PodSpec> = {}): V1Pod => ({
  metadata: { uid: 'u1', name: 'web', namespace: 'ns' },
  spec: { containers: [{ name: 'app' }], volumes: [data], ...spec },
});
const facts = { podIPs: [], hostIPs: [], allocatable: { cpu: '1', memory: '1Gi' } };
const setUp = (of: V1Pod) => volumes.setUp(of, facts, new AbortController().signal);
const mountsOf = (of: V1Pod, mount: object = {}) =>
  volumes.mountsOf(
    of,
    { name: 'app', volumeMounts: [{ name: 'd', mountPath: '/d', ...mount }] },
    { env: new Map(), recursiveReadOnly: false },
  );

describe('a claim', () => {
  test('is the directory of its volume, and taking the pod down leaves what is in it', async () => {
    await setUp(pod(using()));
    await setUp(pod(using()));
    expect(await mountsOf(pod(using()))).toEqual([
      { containerPath: '/d', hostPath: join(dir, 'data'), readonly: false, propagation: 'private' },
    ]);
    await fs.write(join(dir, 'data/file'), 'x');
    await volumes.tearDown('u1');
    expect(await fs.readText(join(dir, 'data/file'))).toBe('x');
    expect(await fs.exists(join(dir, 'pods/u1/volumes'))).toBe(false);
  });
  test.each<[string, boolean, object, object]>([
    ['the volume', true, {}, { readonly: true }],
    ['the mount', false, { readOnly: true }, { readonly: true }],
    ['neither', false, {}, { readonly: false }],
  ])('is read-only when %s says so', async (_what, ofVolume, mount, want) => {
    await setUp(pod(using(ofVolume)));
    expect((await mountsOf(pod(using(ofVolume)), mount))[0]).toMatchObject(want);
  });
  test('a subPath is a part of it', async () => {
    await setUp(pod(using()));
    expect((await mountsOf(pod(using()), { subPath: 'a/b' }))[0]?.hostPath).toBe(join(dir, 'data/a/b'));
    expect((await fs.stat(join(dir, 'data/a/b')))?.kind).toBe('directory');
  });
  test('of a hostPath volume is made as its type says', async () => {
    persistent = { v: volume({ hostPath: { path: join(dir, 'host'), type: 'DirectoryOrCreate' } }) };
    await setUp(pod(using()));
    expect((await mountsOf(pod(using())))[0]?.hostPath).toBe(join(dir, 'host'));
  });
  test('of an ephemeral volume is the pod’s own', async () => {
    const ephemeral: V1Volume = { name: 'd', ephemeral: {} };
    const metadata = { ...claim().metadata, name: 'web-d' };
    claims = { 'ns/web-d': claim({ metadata }) };
    persistent = { v: volume({ local: { path: join(dir, 'data') }, claimRef: { namespace: 'ns', name: 'web-d', uid: 'c1' } }) };
    await expect(setUp(pod(ephemeral))).rejects.toThrow('PVC ns/web-d was not created for pod ns/web (pod is not owner)');
    const ownerReferences = [{ apiVersion: 'v1', kind: 'Pod', name: 'web', uid: 'u1', controller: true }];
    claims = { 'ns/web-d': claim({ metadata: { ...metadata, ownerReferences } }) };
    await setUp(pod(ephemeral));
    expect((await mountsOf(pod(ephemeral)))[0]).toMatchObject({ hostPath: join(dir, 'data'), readonly: false });
  });
});

describe('is refused, in words', () => {
  const processing = 'Unable to attach or mount volumes: unmounted volumes=[d], unattached volumes=[], failed to process volumes=[d]: ';
  const ofVolume = 'MountVolume.SetUp failed for volume "v" : ';
  test.each<[string, () => void, string]>([
    [
      'no claim',
      () => {
        claims = {};
      },
      'error processing PVC ns/data: failed to fetch PVC from API server: persistentvolumeclaims "data" not found',
    ],
    [
      'not bound',
      () => {
        claims = { 'ns/data': claim({ status: { phase: 'Pending' } }) };
      },
      'error processing PVC ns/data: PVC is not bound',
    ],
    [
      'being deleted',
      () => {
        claims = { 'ns/data': claim({ metadata: { ...claim().metadata, deletionTimestamp: 'now' } }) };
      },
      'error processing PVC ns/data: PVC is being deleted',
    ],
    [
      'no volume',
      () => {
        persistent = {};
      },
      'error processing PVC ns/data: failed to fetch PV v from API server: persistentvolumes "v" not found',
    ],
    [
      'another claim’s volume',
      () => {
        persistent = { v: volume({ local: { path: dir }, claimRef: { namespace: 'ns', name: 'data', uid: 'c2' } }) };
      },
      'error processing PVC ns/data: found PV object v but its pv.Spec.ClaimRef.UID c2 does not point to claim.UID c1',
    ],
    [
      'another type',
      () => {
        persistent = { v: volume({ nfs: { server: 's', path: '/' } }) };
      },
      `${ofVolume}no volume plugin matched: this node mounts PersistentVolumes of types local, hostPath and csi, and v is another`,
    ],
    [
      'no directory',
      () => {
        persistent = { v: volume({ local: { path: join(dir, 'none') } }) };
      },
      `${ofVolume}path`,
    ],
  ])('%s', async (_what, arrange, message) => {
    arrange();
    await expect(setUp(pod(using()))).rejects.toThrow(message.startsWith('error') ? `${processing}${message}` : message);
  });
  test('a block device of a directory', async () => {
    persistent = { v: volume({ local: { path: dir }, volumeMode: 'Block' }) };
    const container = { name: 'app', volumeDevices: [{ name: 'd', devicePath: '/dev/x' }] };
    await expect(setUp(pod(using(), { containers: [container] }))).rejects.toThrow(
      'MapVolume.SetUpDevice failed for volume "v" : PV v has volumeMode Block, and this node has block volumes of CSI drivers alone',
    );
    const mounting = { name: 'app', volumeMounts: [{ name: 'd', mountPath: '/d' }] };
    await expect(setUp(pod(using(), { containers: [mounting] }))).rejects.toThrow(
      `${processing}volume d has volumeMode Block, but is specified in volumeMounts`,
    );
  });
  test('a container that wants a device of a directory', async () => {
    const wants = pod(using());
    const container = { name: 'app', volumeDevices: [{ name: 'd', devicePath: '/dev/x' }] };
    await expect(setUp({ ...wants, spec: { ...wants.spec, containers: [container] } })).rejects.toThrow(
      'volume d has volumeMode Filesystem, but is specified in volumeDevices',
    );
  });
});

describe('ReadWriteOncePod', () => {
  const refused =
    'MountVolume.SetUp failed for volume "v" : volume uses the ReadWriteOncePod access mode and is already in use by another pod';
  const podNamed = (uid: string) => ({ ...pod(using()), metadata: { uid, name: uid, namespace: 'ns' } });
  const sole = (...accessModes: string[]) => {
    persistent = { v: volume({ local: { path: join(dir, 'data') }, accessModes }) };
  };
  test('a volume is for one pod of the node, until its volumes are taken down', async () => {
    sole('ReadWriteOncePod');
    await setUp(podNamed('a'));
    await setUp(podNamed('a'));
    await expect(setUp(podNamed('b'))).rejects.toThrow(refused);
    await volumes.tearDown('b');
    await expect(setUp(podNamed('b'))).rejects.toThrow(refused);
    await volumes.tearDown('a');
    await setUp(podNamed('b'));
    await expect(setUp(podNamed('a'))).rejects.toThrow(refused);
  });
  test('of two at once one gets it', async () => {
    sole('ReadWriteOncePod');
    const ends = await Promise.allSettled(['a', 'b', 'c'].map((uid) => setUp(podNamed(uid))));
    expect(ends.map(({ status }) => status).sort()).toEqual(['fulfilled', 'rejected', 'rejected']);
  });
  test.each<[string, () => V1PersistentVolumeSpec]>([
    ['local', () => ({ local: { path: join(dir, 'data') } })],
    ['hostPath', () => ({ hostPath: { path: join(dir, 'data') } })],
  ])('a kubelet that was started again still knows who has it: %s', async (_what, spec) => {
    persistent = { v: volume({ ...spec(), accessModes: ['ReadWriteOncePod'] }) };
    await setUp(podNamed('a'));
    volumes = start();
    await expect(setUp(podNamed('b'))).rejects.toThrow(refused);
    await setUp(podNamed('a'));
    await volumes.tearDown('a');
    await setUp(podNamed('b'));
  });
  test('a kubelet that was started again still knows who has it: csi', async () => {
    persistent = { v: volume({ csi: { driver: 'd', volumeHandle: 'h' }, accessModes: ['ReadWriteOncePod'] }) };
    const record = join(dir, 'pods/a/volumes/kubernetes.io~csi/v');
    await fs.mkdir(record);
    await expect(setUp(podNamed('b'))).rejects.toThrow(refused);
    await expect(setUp(podNamed('a'))).rejects.toThrow('this node has no storage drivers');
    await fs.remove(record);
    await volumes.tearDown('a');
    await expect(setUp(podNamed('b'))).rejects.toThrow('this node has no storage drivers');
  });
  test.each([['ReadWriteOnce'], ['ReadWriteMany'], ['ReadWriteOncePod', 'ReadWriteOnce']])('%s is for several', async (...modes) => {
    sole(...modes);
    await setUp(podNamed('a'));
    await setUp(podNamed('b'));
  });
});

describe.runIf(process.getuid?.() === 0)('fsGroup', () => {
  const group = 4321;
  test('gives a local volume to the group, links left where they lead', async () => {
    await fs.write(join(dir, 'outside'), 'x', { mode: 0o600 });
    await fs.mkdir(join(dir, 'data/sub'), { mode: 0o700 });
    await fs.write(join(dir, 'data/sub/file'), 'x', { mode: 0o600 });
    await fs.symlink(join(dir, 'outside'), join(dir, 'data/link'));
    await setUp(pod(using(), { securityContext: { fsGroup: group } }));
    const modeOf = async (path: string) => {
      const stat = await fs.stat(join(dir, path));
      return `${stat?.gid} ${stat?.mode.toString(8)}`;
    };
    expect(await modeOf('data/sub')).toBe(`${group} 2770`);
    expect(await modeOf('data/sub/file')).toBe(`${group} 660`);
    expect(await modeOf('outside')).toBe('0 600');
  });
  test('OnRootMismatch does not walk what is right already', async () => {
    const root = join(dir, 'data');
    await setGroup(fs, root, { group, policy: 'OnRootMismatch' });
    await fs.write(join(root, 'late'), 'x', { mode: 0o600 });
    await fs.chown(join(root, 'late'), 0, 0);
    await setGroup(fs, root, { group, policy: 'OnRootMismatch' });
    expect((await fs.stat(join(root, 'late')))?.gid).toBe(0);
    await setGroup(fs, root, { group, policy: undefined });
    expect((await fs.stat(join(root, 'late')))?.gid).toBe(group);
  });
  test('leaves directories of the host alone, and what is only read', async () => {
    persistent = { v: volume({ hostPath: { path: join(dir, 'data') } }) };
    await setUp(pod(using(), { securityContext: { fsGroup: group } }));
    persistent = { v: volume({ local: { path: join(dir, 'data') } }) };
    await setUp(pod(using(true), { securityContext: { fsGroup: group } }));
    expect((await fs.stat(join(dir, 'data')))?.gid).toBe(0);
  });
});
