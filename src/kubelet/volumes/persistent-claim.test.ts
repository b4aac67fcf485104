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
  volumes = createVolumes({
    fs,
    mounts: { mount: async () => {}, tmpfs: async () => {}, unmount: async () => {}, removeEmpty: async () => true, below: async () => [] },
    clock: new VirtualClock({ settle: turn }),
    random: new SeededRandom(1),
    references: { configMap: () => undefined, secret: () => undefined, services: { list: () => [], get: () => undefined } },
    tokens: undefined,
    claims: source,
    directory: join(dir, 'pods'),
  });
});
afterEach(() => rm(dir, { recursive: true }));

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
const setUp = (of: V1Pod) => volumes.setUp(of, facts);
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
      'PVC is being deleted',
    ],
    [
      'no volume',
      () => {
        persistent = {};
      },
      'persistentvolumes "v" not found',
    ],
    [
      'another claim’s volume',
      () => {
        persistent = { v: volume({ local: { path: dir }, claimRef: { namespace: 'ns', name: 'data', uid: 'c2' } }) };
      },
      'PV v claimRef UID does not match',
    ],
    [
      'a block device',
      () => {
        persistent = { v: volume({ local: { path: dir }, volumeMode: 'Block' }) };
      },
      'has volumeMode Block',
    ],
    [
      'another type',
      () => {
        persistent = { v: volume({ nfs: { server: 's', path: '/' } }) };
      },
      'this node mounts PersistentVolumes of types local, hostPath and csi',
    ],
    [
      'no directory',
      () => {
        persistent = { v: volume({ local: { path: join(dir, 'none') } }) };
      },
      'does not exist',
    ],
  ])('%s', async (_what, arrange, message) => {
    arrange();
    await expect(setUp(pod(using()))).rejects.toThrow(message);
    await expect(setUp(pod(using()))).rejects.toThrow('MountVolume.SetUp failed for volume "d" : ');
  });
  test('a container that wants a device of a directory', async () => {
    const wants = pod(using());
    const container = { name: 'app', volumeDevices: [{ name: 'd', devicePath: '/dev/x' }] };
    await expect(setUp({ ...wants, spec: { ...wants.spec, containers: [container] } })).rejects.toThrow(
      'volume d has volumeMode Filesystem, but is specified in volumeDevices',
    );
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
