// CSI volumes over files of their own and a driver that is made up here: the order of the steps, restarts between them, and errors.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { V1CSIDriver, V1PersistentVolumeSpec, V1Pod } from '../../api/mod.ts';
import { systemFiles as fs } from '../../base/ports/fs.ts';
import { type Mounts, systemMounts } from '../../base/ports/mounts.ts';
import type { TokenSource } from '../volumes/tokens.ts';
import type { CsiClient } from './client.ts';
import { DriverError } from './driver-error.ts';
import { createDrivers } from './drivers.ts';
import type { NodeCapability } from './messages.ts';
import { findRecords } from './records.ts';
import type { WantedVolume } from './request.ts';
import { createVolumeUsers } from './users.ts';
import { createCsiVolumes } from './volumes.ts';

let dir: string;
let calls: string[];
let mounted: Set<string>;
let failing: Map<string, DriverError>;
let capabilities: NodeCapability[];
let object: V1CSIDriver | undefined;
let inUse: string[];
let there: boolean;
/** Of each call: its secrets, and the attributes of its volume. */
let given: [string, object, object][];
let secrets: Record<string, Record<string, string>>;
/** Undefined: the node has no source of tokens. */
let tokens: TokenSource | undefined;
let nowMs: number;
let attach: () => Promise<Record<string, string>>;

const mounts: Mounts = {
  mount: async () => {},
  tmpfs: async () => {},
  unmount: async (path) => void mounted.delete(path),
  below: async (path) => [...mounted].filter((one) => one === path || one.startsWith(`${path}/`)),
  removeEmpty: (path) => (mounted.has(path) ? Promise.resolve(false) : systemMounts.removeEmpty(path).catch(() => false)),
};
const step = async (name: string, what: string, work: () => void = () => {}) => {
  calls.push(`${name} ${what}`);
  const error = failing.get(name);
  if (error) throw error;
  work();
};
const client: CsiClient = {
  capabilities: async () => new Set(capabilities),
  info: async () => ({ nodeId: 'n', maxVolumes: 0, topology: {} }),
  stage: async ({ volumeId, stagingTargetPath, secrets }) => {
    given.push(['stage', secrets, {}]);
    await step('stage', volumeId, () => mounted.add(stagingTargetPath));
  },
  unstage: async ({ volumeId, stagingTargetPath }) => step('unstage', volumeId, () => mounted.delete(stagingTargetPath)),
  publish: async ({ volumeId, targetPath, readonly, secrets, volumeContext }) => {
    given.push(['publish', secrets, volumeContext]);
    await step('publish', `${volumeId}${readonly ? ' read-only' : ''}`);
    await fs.mkdir(targetPath);
    mounted.add(targetPath);
  },
  unpublish: async ({ volumeId, targetPath }) => step('unpublish', volumeId, () => mounted.delete(targetPath)),
  expand: async () => step('expand', ''),
  stats: async () => ({ usage: [] }),
  close: () => {},
};

/** A kubelet's CSI volumes, as it has just started. */
function start() {
  const paths = { pods: join(dir, 'pods'), staging: join(dir, 'plugins') };
  const users = createVolumeUsers();
  const found = findRecords(fs, paths).then((all) => {
    for (const { record, folder } of all.published) users.add(record, folder);
    return all;
  });
  const records = { begin: async () => {}, add: async () => {}, remove: async () => {} };
  const drivers = { ...createDrivers({ clock: {} as never, records }), get: () => (there ? client : undefined) };
  return createCsiVolumes({
    fs,
    mounts,
    paths,
    drivers,
    users,
    found,
    attachments: {
      begin: async () => {},
      attached: async ({ volumeHandle }) => {
        inUse.push(volumeHandle);
        return attach();
      },
      release: async ({ volumeHandle }) => {
        inUse = inUse.filter((one) => one !== volumeHandle);
      },
    },
    expansion: { expand: async () => ({}) },
    tokens,
    nowMs: () => nowMs,
    driverObject: async () => object,
    secret: async (namespace, name) => secrets[`${namespace}/${name}`],
    onPublished: () => {},
  });
}
const podOf = (uid: string): V1Pod => ({
  metadata: { name: uid, namespace: 'ns', uid },
  spec: { containers: [], volumes: [{ name: 'data' }] },
});
const wanted = (uid: string, spec: V1PersistentVolumeSpec = {}): WantedVolume => ({
  pod: podOf(uid),
  name: 'pv',
  readOnly: false,
  from: {
    is: 'persistent',
    claim: {},
    volume: { spec: { accessModes: ['ReadWriteOnce'], csi: { driver: 'd', volumeHandle: 'h' }, ...spec } },
  },
});
const leftovers = async () => {
  const { published, staged } = await findRecords(fs, { pods: join(dir, 'pods'), staging: join(dir, 'plugins') });
  return [...published, ...staged].length + mounted.size;
};

beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'minke-csi-'));
  calls = [];
  mounted = new Set();
  failing = new Map();
  capabilities = ['stageUnstage'];
  object = undefined;
  inUse = [];
  there = true;
  given = [];
  secrets = {};
  tokens = undefined;
  nowMs = 1_000_000;
  attach = async () => ({});
});
afterEach(() => rmSync(dir, { recursive: true, force: true }));

describe('two pods with one volume', () => {
  test('staged once, taken back with the last one, and nothing is left', async () => {
    const volumes = start();
    const { path } = await volumes.setUp(wanted('a'), undefined);
    expect(path).toBe(join(dir, 'pods/a/volumes/kubernetes.io~csi/pv/mount'));
    await volumes.setUp(wanted('b'), undefined);
    await volumes.setUp(wanted('a'), undefined);
    expect(calls).toEqual(['stage h', 'publish h', 'publish h']);
    await volumes.tearDown('a');
    expect(calls.slice(3)).toEqual(['unpublish h']);
    expect(inUse).not.toEqual([]);
    await volumes.tearDown('b');
    expect(calls.slice(4)).toEqual(['unpublish h', 'unstage h']);
    expect([await leftovers(), inUse]).toEqual([0, []]);
    await volumes.tearDown('b');
    expect(calls).toHaveLength(6);
  });
  test('after a restart the volume is still the first one’s', async () => {
    await start().setUp(wanted('a'), undefined);
    await start().setUp(wanted('b'), undefined);
    calls = [];
    const again = start();
    await again.tearDown('b');
    expect(calls).toEqual(['unpublish h']);
    await again.tearDown('a');
    expect([calls, await leftovers()]).toEqual([['unpublish h', 'unpublish h', 'unstage h'], 0]);
  });
});

test.each<[string, string, boolean, string[]]>([
  ['stage, for certain', 'stage', true, ['stage h']],
  ['stage, perhaps', 'stage', false, ['stage h', 'unstage h']],
  ['publish, for certain', 'publish', true, ['stage h', 'publish h', 'unstage h']],
  ['publish, perhaps', 'publish', false, ['stage h', 'publish h', 'unpublish h', 'unstage h']],
])('a driver that fails to %s: only what may be there is taken back', async (_what, name, final, want) => {
  const volumes = start();
  failing.set(name, new DriverError(final ? 'Internal' : 'DeadlineExceeded', 'no'));
  const what = name === 'stage' ? 'MountVolume.MountDevice' : 'MountVolume.SetUp';
  await expect(volumes.setUp(wanted('a'), undefined)).rejects.toThrow(
    `${what} failed for volume "pv" : rpc error: code = ${final ? 'Internal' : 'DeadlineExceeded'} desc = no`,
  );
  failing.clear();
  // Also by a kubelet that was started again meanwhile.
  await start().tearDown('a');
  expect(calls).toEqual(want);
  expect([await leftovers(), inUse]).toEqual([0, []]);
});

test('a volume that is not attached in time: told in upstream’s words; and it is in use no more when the pod goes', async () => {
  const volumes = start();
  const { VolumeError } = await import('../volumes/payload.ts');
  attach = async () => {
    throw new VolumeError('context deadline exceeded');
  };
  await expect(volumes.setUp(wanted('a'), undefined)).rejects.toThrow(
    'Unable to attach or mount volumes: unmounted volumes=[data], unattached volumes=[data], failed to process volumes=[]: context deadline exceeded',
  );
  expect(calls).toEqual([]);
  // Its driver was never asked, and so need not be there.
  there = false;
  await volumes.tearDown('a');
  expect([calls, inUse, await leftovers()]).toEqual([[], [], 0]);
});

test('a driver that is away when the pod goes: nothing is given up', async () => {
  const volumes = start();
  await volumes.setUp(wanted('a'), undefined);
  there = false;
  const why =
    'kubernetes.io/csi: Unmounter.TearDownAt failed to get CSI client: driver name d not found in the list of registered CSI drivers';
  await expect(volumes.tearDown('a')).rejects.toThrow(why);
  there = true;
  failing.set('unstage', new DriverError('Internal', 'busy'));
  await expect(volumes.tearDown('a')).rejects.toThrow('busy');
  expect(inUse).toEqual(['h']);
  failing.clear();
  await volumes.tearDown('a');
  expect([await leftovers(), inUse]).toEqual([0, []]);
});

test('a kubelet that ended between unpublish and unstage: the volume is let go of when its driver comes back', async () => {
  await start().setUp(wanted('a'), undefined);
  rmSync(join(dir, 'pods'), { recursive: true });
  mounted.delete(join(dir, 'pods/a/volumes/kubernetes.io~csi/pv/mount'));
  calls = [];
  await start().sweep('other', new AbortController().signal);
  expect(calls).toEqual([]);
  await start().sweep('d', new AbortController().signal);
  expect([calls, await leftovers(), inUse]).toEqual([['unstage h'], 0, []]);
});

test('a driver that says it has taken the volume back, and has not: what it holds is not removed', async () => {
  const volumes = start();
  const { path } = await volumes.setUp(wanted('a'), undefined);
  await fs.write(join(path, 'precious'), 'x');
  await expect(volumes.tearDown('a')).rejects.toThrow('is not empty though its driver has taken the volume back');
  expect(await fs.readText(join(path, 'precious'))).toBe('x');
});

test('one without staging, and one that wants to publish again and again', async () => {
  capabilities = [];
  object = { metadata: { name: 'd' }, spec: { attachRequired: false, requiresRepublish: true } };
  const volumes = start();
  const { refreshAtMs } = await volumes.setUp(wanted('a'), undefined);
  expect(refreshAtMs).toBe(nowMs + 60_000);
  await volumes.setUp(wanted('a'), undefined);
  expect(calls).toEqual(['publish h']);
  nowMs += 60_000;
  await volumes.setUp(wanted('a'), undefined);
  expect(calls).toEqual(['publish h', 'publish h']);
  // One that cannot be renewed stays: the pod has it.
  nowMs += 60_000;
  failing.set('publish', new DriverError('Internal', 'no'));
  await expect(volumes.setUp(wanted('a'), undefined)).rejects.toThrow('no');
  failing.clear();
  await volumes.tearDown('a');
  expect([calls.at(-1), await leftovers(), inUse]).toEqual(['unpublish h', 0, []]);
});

const secretsOf = { nodeStageSecretRef: { namespace: 'x', name: 'stage' }, nodePublishSecretRef: { namespace: 'x', name: 'publish' } };
const withSecrets = (uid: string) => wanted(uid, { csi: { driver: 'd', volumeHandle: 'h', volumeAttributes: { a: '1' }, ...secretsOf } });

test('each call is given its own secret, and none before all of it is there', async () => {
  const volumes = start();
  const missing = (what: string, name: string) => `fetching ${what} x/${name} failed: secrets "${name}" not found`;
  await expect(volumes.setUp(withSecrets('a'), undefined)).rejects.toThrow(missing('NodeStageSecretRef', 'stage'));
  expect(given).toEqual([]);
  secrets['x/stage'] = { key: 's' };
  await expect(volumes.setUp(withSecrets('a'), undefined)).rejects.toThrow(missing('NodePublishSecretRef', 'publish'));
  secrets['x/publish'] = { key: 'p' };
  await volumes.setUp(withSecrets('a'), undefined);
  expect(given).toEqual([
    ['stage', { key: 's' }, {}],
    ['publish', { key: 'p' }, { a: '1' }],
  ]);
});

const tokenKey = 'csi.storage.k8s.io/serviceAccount.tokens';
const tokenRequests = [{ audience: '' }, { audience: 'disk', expirationSeconds: 7200 }];
const tokenTexts = (count: number) =>
  JSON.stringify({
    '': { token: `a/none/3600/${count}`, expirationTimestamp: 'then' },
    disk: { token: `a/disk/7200/${count + 1}`, expirationTimestamp: 'then' },
  });

test.each([
  [undefined, 'attributes'],
  [false, 'attributes'],
  [true, 'secrets'],
])('tokens of the pod for each audience, new ones each time (serviceAccountTokenInSecrets %s: among the %s)', async (inSecrets, place) => {
  let count = 0;
  tokens = {
    token: async ({ pod, audience = 'none', expirationSeconds }) => ({
      token: `${pod.metadata?.uid}/${audience}/${expirationSeconds}/${++count}`,
      refreshAtMs: 0,
      expirationTimestamp: 'then',
    }),
    forget: () => {},
  };
  const spec = { attachRequired: false, requiresRepublish: true, tokenRequests };
  object = { metadata: { name: 'd' }, spec: { ...spec, ...(inSecrets === undefined ? {} : { serviceAccountTokenInSecrets: inSecrets }) } };
  secrets = { 'x/stage': { key: 's' }, 'x/publish': { key: 'p' } };
  const volumes = start();
  await volumes.setUp(withSecrets('a'), undefined);
  nowMs += 60_000;
  await volumes.setUp(withSecrets('a'), undefined);
  const at = (wantedPlace: string, n: number) => (place === wantedPlace ? { [tokenKey]: tokenTexts(n) } : {});
  expect(given).toEqual([
    ['stage', { key: 's' }, {}],
    ['publish', { key: 'p', ...at('secrets', 1) }, { a: '1', ...at('attributes', 1) }],
    ['publish', { key: 'p', ...at('secrets', 3) }, { a: '1', ...at('attributes', 3) }],
  ]);
});

test('a driver that wants tokens is not asked without them', async () => {
  object = { metadata: { name: 'd' }, spec: { attachRequired: false, tokenRequests } };
  await expect(start().setUp(wanted('a'), undefined)).rejects.toThrow('this node has no source of service account tokens');
  expect(calls).toEqual(['stage h']);
});
