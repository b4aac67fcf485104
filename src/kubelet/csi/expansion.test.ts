import { describe, expect, test } from 'vitest';
import type { V1PersistentVolume, V1PersistentVolumeClaim, V1PersistentVolumeClaimStatus } from '../../api/mod.ts';
import type { Client } from '../../client/mod.ts';
import type { CsiClient, ExpandRequest } from './client.ts';
import { DriverError, type StatusName } from './driver-error.ts';
import { createExpansion, expandedStatus, expansionNeed } from './expansion.ts';
import type { NodeCapability } from './messages.ts';

const claim = (status: V1PersistentVolumeClaimStatus = {}): V1PersistentVolumeClaim => ({
  metadata: { namespace: 'ns', name: 'data' },
  status: { phase: 'Bound', capacity: { storage: '1Gi' }, ...status },
});
const volume = (storage: string): V1PersistentVolume => ({
  metadata: { name: 'pv' },
  spec: {
    capacity: { storage },
    mountOptions: ['noatime'],
    csi: { driver: 'd', volumeHandle: 'h', nodeExpandSecretRef: { namespace: 'keys', name: 'key' } },
  },
});
const infeasible = { allocatedResourceStatuses: { storage: 'NodeResizeInfeasible' } };

test.each<[string, ReturnType<typeof expansionNeed>, V1PersistentVolumeClaim, string, boolean, boolean]>([
  ['of the same size', 'nothing', claim(), '1Gi', false, true],
  ['smaller than what the claim was told', 'nothing', claim({ capacity: { storage: '2Gi' } }), '1Gi', false, true],
  ['of a claim that is not bound', 'nothing', claim({ phase: 'Lost' }), '2Gi', false, true],
  ['that the driver has said it cannot enlarge', 'nothing', claim(infeasible), '2Gi', false, true],
  ['of a driver that has nothing to do for it', 'note', claim(), '2Gi', false, false],
  ['of a driver that has nothing to do for it, read-only', 'note', claim(), '2Gi', true, false],
  ['that is only read', 'refuse', claim(), '2Gi', true, true],
  ['that has grown', 'expand', claim(), '2Gi', false, true],
])('a volume %s: %s', (_what, want, of, size, readOnly, canExpand) => {
  expect(expansionNeed({ volume: volume(size), claim: of, readOnly }, canExpand)).toBe(want);
});

test('a claim that has grown has no conditions of growing any more, and keeps its others', () => {
  const conditions = ['Resizing', 'FileSystemResizePending', 'NodeResizeError', 'ControllerResizeError'].map((type) => ({
    type,
    status: 'True',
  }));
  const other = { type: 'ModifyingVolume', status: 'True' };
  expect(expandedStatus(claim({ conditions }), '2Gi')).toEqual({ status: { capacity: { storage: '2Gi' }, conditions: null } });
  expect(expandedStatus(claim({ conditions: [other, ...conditions], ...infeasible }), '2Gi')).toEqual({
    status: { capacity: { storage: '2Gi' }, conditions: [other], allocatedResourceStatuses: { storage: null } },
  });
});

describe('expand()', () => {
  interface Options {
    readonly of?: V1PersistentVolumeClaim;
    readonly error?: Error;
    readonly told?: boolean;
    readonly readOnly?: boolean;
    readonly can?: readonly NodeCapability[];
    readonly secrets?: Readonly<Record<string, string>> | undefined;
  }
  async function run({ of = claim(), error, told = true, readOnly = false, can = ['expand'], ...more }: Options = {}) {
    const events: string[] = [];
    const patches: unknown[] = [];
    const asked: ExpandRequest[] = [];
    const api = {
      patch: async (_type: unknown, key: object, _how: string, patch: unknown, options: { subresource?: string }) => {
        expect([key, options.subresource]).toEqual([{ namespace: 'ns', name: 'data' }, 'status']);
        patches.push(patch);
      },
    } as unknown as Client;
    const client = {
      expand: async (request: ExpandRequest) => {
        asked.push(request);
        if (error) throw error;
      },
    } as unknown as CsiClient;
    const expansion = createExpansion({
      api,
      nodeName: 'n1',
      nowMs: () => 1000,
      told,
      secret: async (namespace, name) => ('secrets' in more ? more.secrets : { of: `${namespace}/${name}` }),
      record: (_of, type, reason, message) => void events.push(`${type} ${reason} ${message}`),
    });
    const wanted = { pod: {}, name: 'pv', readOnly, from: { is: 'persistent', volume: volume('2Gi'), claim: of } } as const;
    const job = { wanted, client, capabilities: new Set(can), path: '/p', staging: '/s', signal: undefined };
    return { done: await expansion.expand(job), events, patches, asked };
  }
  const states = (patches: readonly unknown[]) =>
    patches.map(
      (each) => (each as { status: { allocatedResourceStatuses?: { storage: unknown } } }).status.allocatedResourceStatuses?.storage,
    );
  const pending = { allocatedResourceStatuses: { storage: 'NodeResizePending' } };
  const done = 'Normal FileSystemResizeSuccessful MountVolume.NodeExpandVolume succeeded for volume "pv" n1';

  test('the driver is told where, how large, how it is mounted, and its secret', async () => {
    const { asked, events, patches } = await run({ of: claim(pending) });
    expect(asked).toEqual([
      {
        volumeId: 'h',
        volumePath: '/p',
        stagingTargetPath: '/s',
        requiredBytes: 2 * 1024 ** 3,
        volumeCapability: { mount: { fsType: '', mountFlags: ['noatime'] }, accessMode: { mode: 1 } },
        secrets: { of: 'keys/key' },
      },
    ]);
    expect(events).toEqual([done]);
    expect(states(patches)).toEqual(['NodeResizeInProgress', null]);
    expect(patches.at(-1)).toMatchObject({ status: { capacity: { storage: '2Gi' } } });
  });
  test('a claim without states of growing gets its size and none of them', async () => {
    const { patches } = await run();
    expect(patches).toEqual([{ status: { capacity: { storage: '2Gi' }, conditions: null } }]);
  });
  test('a driver that does nothing on the node: the claim is told alone', async () => {
    const { asked, patches } = await run({ can: [] });
    expect([asked.length, patches.length]).toEqual([0, 1]);
  });
  test('what is only read is not enlarged', async () => {
    const { asked, patches, events } = await run({ readOnly: true });
    expect([asked, patches]).toEqual([[], []]);
    expect(events).toEqual([
      'Warning FileSystemResizeFailed MountVolume.NodeExpandVolume failed for volume "pv" requested read-only file system',
    ]);
  });
  test('a secret that is not there: the driver is not asked without it', async () => {
    const { asked, events, done: next } = await run({ secrets: undefined });
    expect(asked).toEqual([]);
    expect(events).toEqual([
      'Warning VolumeResizeFailed MountVolume.NodeExpandVolume failed for volume "pv" : fetching NodeExpandSecretRef keys/key failed: secrets "key" not found',
    ]);
    expect(next).toEqual({ againMs: 31_000 });
  });
  test.each<[StatusName, 'NodeResizeInfeasible' | undefined, string | undefined, boolean]>([
    ['InvalidArgument', 'NodeResizeInfeasible', 'NodeResizeError', false],
    ['OutOfRange', 'NodeResizeInfeasible', 'NodeResizeError', false],
    ['NotFound', 'NodeResizeInfeasible', 'NodeResizeError', false],
    ['Internal', undefined, 'NodeResizeError', true],
    ['FailedPrecondition', undefined, 'NodeResizeError', false],
    ['Unavailable', undefined, undefined, true],
    ['DeadlineExceeded', undefined, undefined, true],
  ])('the driver answers %s: the claim’s state %s, its condition %s', async (code, state, condition, again) => {
    const { events, patches, done: next } = await run({ of: claim(pending), error: new DriverError(code, 'no') });
    const text = `rpc error: code = ${code} desc = no`;
    expect(events).toEqual([`Warning VolumeResizeFailed MountVolume.NodeExpandVolume failed for volume "pv" : ${text}`]);
    expect(states(patches).filter((each) => each !== undefined)).toEqual(['NodeResizeInProgress', ...(state ? [state] : [])]);
    const conditions = patches.slice(1).flatMap((each) => (each as { status: V1PersistentVolumeClaimStatus }).status.conditions ?? []);
    expect(conditions).toMatchObject(
      condition
        ? [{ type: condition, status: 'True', message: `failed to expand pvc with ${text}`, lastTransitionTime: '1970-01-01T00:00:01Z' }]
        : [],
    );
    expect(next).toEqual(again ? { againMs: 31_000 } : { lookAgain: false });
  });
  test('what the claim has been told already is not written again; its other conditions stay', async () => {
    const message = 'failed to expand pvc with rpc error: code = Internal desc = no';
    const other = { type: 'FileSystemResizePending', status: 'True' };
    const old = { type: 'NodeResizeError', status: 'True', message };
    const error = new DriverError('Internal', 'no');
    expect((await run({ of: claim({ conditions: [other, old] }), error })).patches).toEqual([]);
    const { patches } = await run({ of: claim({ conditions: [other, { ...old, message: 'another' }] }), error });
    expect(patches).toMatchObject([{ status: { conditions: [other, old] } }]);
  });
  test('a node that is not told of claims looks again', async () => {
    expect((await run({ told: false })).done).toEqual({ lookAgain: true });
    expect((await run({ told: false, can: [] })).done).toEqual({ lookAgain: false });
  });
  test('what is not the driver’s error is not hidden', async () => {
    await expect(run({ error: new Error('a bug') })).rejects.toThrow('a bug');
  });
});
