import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { V1ConfigMap, V1Pod, V1PodSpec, V1Secret, V1Volume } from '../../api/mod.ts';
import { SeededRandom, VirtualClock } from '../../base/mod.ts';
import { turn } from '../../base/ports/clock.ts';
import { systemFiles as fs } from '../../base/ports/fs.ts';
import type { Mounts } from '../../base/ports/mounts.ts';
import { writeAtomically } from './atomic-writer.ts';
import { createVolumes, MountError, type Volumes } from './manager.ts';
import { resolveSubPath } from './sub-path.ts';

let dir = '';
let mounted: string[] = [];
let configMaps: Record<string, V1ConfigMap> = {};
let secrets: Record<string, V1Secret> = {};
const mounts: Mounts = {
  mount: async (path) => void mounted.push(path),
  tmpfs: async (path) => void mounted.push(path),
  unmount: async (path) => {
    mounted = mounted.filter((one) => one !== path);
  },
  removeEmpty: async () => true,
  below: async (path) => mounted.filter((one) => one.startsWith(path)),
};
const clock = new VirtualClock({ settle: turn });
let volumes: Volumes;

beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'minke-volumes-'));
  mounted = [];
  configMaps = { 'ns/cm': { data: { color: 'blue', size: 'L' }, binaryData: { raw: Buffer.from([1, 2]).toString('base64') } } };
  secrets = { 'ns/sec': { data: { key: Buffer.from('s3cret').toString('base64') } } };
  volumes = createVolumes({
    fs,
    mounts,
    clock,
    random: new SeededRandom(1),
    references: { configMap: (key) => configMaps[key], secret: (key) => secrets[key], services: { list: () => [], get: () => undefined } },
    tokens: {
      token: async ({ audience }) => ({ token: `token for ${audience ?? 'api'}`, refreshAtMs: 5000, expirationTimestamp: '' }),
      forget: () => {},
    },
    directory: join(dir, 'pods'),
  });
});
afterEach(() => rm(dir, { recursive: true }));

const facts = { podIPs: ['10.0.0.2'], hostIPs: ['1.1.1.1'], allocatable: { cpu: '4', memory: '8Gi' } };
const podWith = (volume: V1Volume, spec: Partial<V1PodSpec> = {}): V1Pod => ({
  metadata: { uid: 'u1', name: 'web', namespace: 'ns', labels: { a: 'b' } },
  spec: { containers: [{ name: 'app', volumeMounts: [{ name: volume.name, mountPath: '/data' }] }], volumes: [volume], ...spec },
});
const setUp = (volume: V1Volume, spec?: Partial<V1PodSpec>) => volumes.setUp(podWith(volume, spec), facts, new AbortController().signal);
const pathOf = (plugin: string, name = 'v') => join(dir, 'pods/u1/volumes', `kubernetes.io~${plugin}`, name);

describe('emptyDir', () => {
  test('is there for everyone, keeps what is in it, and goes with the pod', async () => {
    await setUp({ name: 'v', emptyDir: {} });
    const path = pathOf('empty-dir');
    expect((await fs.stat(path))?.mode).toBe(0o777);
    await fs.write(join(path, 'x'), '1');
    await setUp({ name: 'v', emptyDir: {} });
    expect(await fs.readText(join(path, 'x'))).toBe('1');
    await volumes.tearDown('u1');
    expect(await fs.exists(path)).toBe(false);
    await volumes.tearDown('u1');
  });
  test('in memory is mounted once and unmounted at the end', async () => {
    const volume = { name: 'v', emptyDir: { medium: 'Memory', sizeLimit: '1Mi' } };
    await setUp(volume);
    await setUp(volume);
    expect(mounted).toEqual([pathOf('empty-dir')]);
    await volumes.tearDown('u1');
    expect(mounted).toEqual([]);
  });
});

describe('configMap', () => {
  test('every key is a file, behind one link', async () => {
    await setUp({ name: 'v', configMap: { name: 'cm' } });
    const path = pathOf('configmap');
    expect(await fs.readText(join(path, 'color'))).toBe('blue');
    expect(await fs.read(join(path, 'raw'))).toEqual(Buffer.from([1, 2]));
    expect(await fs.readLink(join(path, 'color'))).toBe('..data/color');
    expect((await fs.stat(join(path, 'color')))?.mode).toBe(0o644);
  });
  test('follows a change as one step, and removes what is gone', async () => {
    await setUp({ name: 'v', configMap: { name: 'cm' } });
    const path = pathOf('configmap');
    const before = await fs.readLink(join(path, '..data'));
    await setUp({ name: 'v', configMap: { name: 'cm' } });
    expect(await fs.readLink(join(path, '..data'))).toBe(before);
    configMaps = { 'ns/cm': { data: { color: 'red' } } };
    await setUp({ name: 'v', configMap: { name: 'cm' } });
    expect(await fs.readLink(join(path, '..data'))).not.toBe(before);
    expect((await fs.list(path)).filter((one) => !one.name.startsWith('..')).map((one) => one.name)).toEqual(['color']);
    expect((await fs.list(path)).filter((one) => one.kind === 'directory')).toHaveLength(1);
    expect(await fs.readText(join(path, 'color'))).toBe('red');
  });
  test('items name files and modes', async () => {
    await setUp({
      name: 'v',
      configMap: {
        name: 'cm',
        defaultMode: 0o400,
        items: [
          { key: 'color', path: 'a/b/c' },
          { key: 'size', path: 's', mode: 0o755 },
        ],
      },
    });
    expect(await fs.readText(join(pathOf('configmap'), 'a/b/c'))).toBe('blue');
    expect((await fs.stat(join(pathOf('configmap'), 'a/b/c')))?.mode).toBe(0o400);
    expect((await fs.stat(join(pathOf('configmap'), 's')))?.mode).toBe(0o755);
  });
  test.each<[V1Volume, string]>([
    [{ name: 'v', configMap: { name: 'none' } }, 'MountVolume.SetUp failed for volume "v" : configmap "none" not found'],
    [{ name: 'v', secret: { secretName: 'none' } }, 'MountVolume.SetUp failed for volume "v" : secret "none" not found'],
    [
      { name: 'v', configMap: { name: 'cm', items: [{ key: 'k', path: 'p' }] } },
      'MountVolume.SetUp failed for volume "v" : configmap references non-existent config key: k',
    ],
    [{ name: 'v', configMap: { name: 'cm', items: [{ key: 'color', path: '../x' }] } }, 'must be relative'],
    [{ name: 'v', nfs: { path: '/', server: 'x' } }, 'no volume plugin matched'],
  ])('%j is refused', async (volume, message) => {
    const error = await setUp(volume).then(
      () => undefined,
      (reason: unknown) => reason,
    );
    expect(error).toBeInstanceOf(MountError);
    expect((error as MountError).message).toContain(message);
  });
  test('an optional one may be missing', async () => {
    await setUp({ name: 'v', configMap: { name: 'none', optional: true } });
    expect((await fs.list(pathOf('configmap'))).filter((one) => !one.name.startsWith('..'))).toEqual([]);
  });
});

test('a secret is kept in memory', async () => {
  await setUp({ name: 'v', secret: { secretName: 'sec' } });
  expect(await fs.readText(join(pathOf('secret'), 'key'))).toBe('s3cret');
  expect(mounted).toEqual([pathOf('secret')]);
});

test('projected puts its sources together and says when its token is due', async () => {
  const sources = [
    { configMap: { name: 'cm', items: [{ key: 'color', path: 'color' }] } },
    { secret: { name: 'sec' } },
    { downwardAPI: { items: [{ path: 'labels', fieldRef: { fieldPath: 'metadata.labels' } }] } },
    { serviceAccountToken: { path: 'token', audience: 'vault' } },
  ];
  const { refreshAtMs } = await setUp({ name: 'v', projected: { sources } });
  const read = (name: string) => fs.readText(join(pathOf('projected'), name));
  expect(await Promise.all(['color', 'key', 'labels', 'token'].map(read))).toEqual(['blue', 's3cret', 'a="b"', 'token for vault']);
  expect((await fs.stat(join(pathOf('projected'), 'token')))?.mode).toBe(0o600);
  expect(refreshAtMs).toBe(5000);
});

test.each([
  ['', 'missing', false],
  ['DirectoryOrCreate', 'missing', false],
  ['FileOrCreate', 'missing', false],
  ['Directory', 'missing', true],
  ['File', 'file', false],
  ['Directory', 'file', true],
  ['Socket', 'file', true],
])('hostPath of type %j on %s fails: %s', async (type, what, fails) => {
  const path = join(dir, what);
  if (what === 'file') await fs.write(path, 'x');
  const done = setUp({ name: 'v', hostPath: { path, type } });
  if (fails) await expect(done).rejects.toThrow('hostPath type check failed');
  else await done;
});

describe('mounts', () => {
  const mountsOf = (volume: V1Volume, mount: object, recursiveReadOnly = false) => {
    const pod = podWith(volume);
    return volumes.mountsOf(
      pod,
      { name: 'app', volumeMounts: [{ name: 'v', mountPath: '/data', ...mount }] },
      { env: new Map([['WHO', 'me']]), recursiveReadOnly },
    );
  };
  test('files made from API objects cannot be changed by containers', async () => {
    await setUp({ name: 'v', configMap: { name: 'cm' } });
    expect(await mountsOf({ name: 'v', configMap: { name: 'cm' } }, {})).toEqual([
      { containerPath: '/data', hostPath: pathOf('configmap'), readonly: true, propagation: 'private' },
    ]);
  });
  test('a subPath is made where it is missing, from the environment too', async () => {
    await setUp({ name: 'v', emptyDir: {} });
    const [mount] = await mountsOf({ name: 'v', emptyDir: {} }, { subPathExpr: 'logs/$(WHO)' });
    expect(mount).toMatchObject({ hostPath: join(pathOf('empty-dir'), 'logs/me'), readonly: false });
    expect((await fs.stat(mount?.hostPath ?? ''))?.kind).toBe('directory');
  });
  test('a subPath from a variable without a value is refused', async () => {
    await setUp({ name: 'v', emptyDir: {} });
    const mounted = mountsOf({ name: 'v', emptyDir: {} }, { subPathExpr: '$(NOBODY)/$(WHO)/$(ELSE)' });
    await expect(mounted).rejects.toThrow('missing value for ELSE, NOBODY');
  });
  test.each([
    ['Enabled', true, true],
    ['Enabled', false, 'volume "v" requested recursive read-only mode, but it is not supported by the runtime'],
    ['IfPossible', true, true],
    ['IfPossible', false, undefined],
    ['Disabled', true, undefined],
  ])('recursiveReadOnly %s where the runtime can (%s): %s', async (recursiveReadOnly, can, want) => {
    await setUp({ name: 'v', emptyDir: {} });
    const mounted = mountsOf({ name: 'v', emptyDir: {} }, { readOnly: true, recursiveReadOnly }, can);
    if (typeof want === 'string') await expect(mounted).rejects.toThrow(want);
    else expect((await mounted)[0]).toMatchObject({ readonly: true, ...(want ? { recursiveReadOnly: true } : {}) });
  });
  test.each([
    ['the directory that it is in', 'new'],
    ['one further up', 'there/new'],
    ['of several the first', 'new/er/still'],
  ])('CVE-2021-25741: %s is swapped for a link while what is missing is made: nothing is made outside', async (_what, subPath) => {
    await setUp({ name: 'v', emptyDir: {} });
    const root = pathOf('empty-dir');
    const outside = join(dir, 'outside');
    await fs.mkdir(join(root, 'a/there'));
    await fs.mkdir(join(outside, 'there'));
    // After the look that finds the part missing, before it is made.
    const racing = {
      ...fs,
      linkStat: async (path: string) => {
        const found = await fs.linkStat(path);
        if (!found && (await fs.readLink(join(root, 'a'))) === undefined) {
          await fs.rename(join(root, 'a'), join(root, 'aside'));
          await fs.symlink(outside, join(root, 'a'));
        }
        return found;
      },
    };
    await expect(resolveSubPath(racing, root, `a/${subPath}`)).rejects.toThrow();
    expect((await fs.list(outside)).map(({ name }) => name)).toEqual(['there']);
    expect(await fs.list(join(outside, 'there'))).toEqual([]);
  });
  test('a link that was put where a directory is missing is not followed, and no mode outside is changed', async () => {
    await setUp({ name: 'v', emptyDir: {} });
    const root = pathOf('empty-dir');
    await fs.mkdir(join(dir, 'outside'), { mode: 0o700 });
    const racing = {
      ...fs,
      linkStat: async (path: string) => {
        const found = await fs.linkStat(path);
        if (!found) await fs.symlink(join(dir, 'outside'), path);
        return found;
      },
    };
    await expect(resolveSubPath(racing, root, 'new/er')).rejects.toThrow('leads out of the volume');
    expect(await fs.list(join(dir, 'outside'))).toEqual([]);
    expect((await fs.stat(join(dir, 'outside')))?.mode).toBe(0o700);
  });
  test('CVE-2017-1002101: a subPath that a link leads out of the volume is refused', async () => {
    await setUp({ name: 'v', emptyDir: {} });
    await fs.symlink('/etc', join(pathOf('empty-dir'), 'out'));
    await fs.symlink('real', join(pathOf('empty-dir'), 'in'));
    await fs.mkdir(join(pathOf('empty-dir'), 'real'));
    await expect(resolveSubPath(fs, pathOf('empty-dir'), 'out')).rejects.toThrow('leads out of the volume');
    await expect(resolveSubPath(fs, pathOf('empty-dir'), 'out/passwd')).rejects.toThrow('leads out of the volume');
    await expect(resolveSubPath(fs, pathOf('empty-dir'), '../x')).rejects.toThrow("may not contain '..'");
    expect(await resolveSubPath(fs, pathOf('empty-dir'), 'in/deeper')).toBe(join(pathOf('empty-dir'), 'real/deeper'));
  });
});

test('files belong to the fsGroup where there is one', async () => {
  const gid = process.getgid?.() ?? 0;
  const payload = new Map([['a/b', { data: new Uint8Array([1]), mode: 0o400 }]]);
  if (process.getuid?.() !== 0) return;
  expect(await writeAtomically({ fs, clock, random: new SeededRandom(2), fsGroup: gid + 7 }, join(dir), payload)).toBe(true);
  const stat = await fs.stat(join(dir, 'a/b'));
  expect([stat?.gid, stat?.mode]).toEqual([gid + 7, 0o440]);
  expect(await writeAtomically({ fs, clock, random: new SeededRandom(3), fsGroup: gid + 7 }, join(dir), payload)).toBe(false);
});
