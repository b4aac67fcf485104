import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { ResourceRequest } from '../request.ts';
import {
  bodyOf,
  configMapOf,
  configMaps,
  deployments,
  frameText,
  type Loose,
  podOf,
  pods,
  startTestCore,
  type TestCore,
} from '../testing/fixture.ts';
import { readDeleteOptions } from './delete-options.ts';
import { planDelete } from './delete-plan.ts';

let t: TestCore;
beforeEach(async () => {
  t = await startTestCore();
});
afterEach(() => t.stop());

const remove = (name: string, options?: object, more: Partial<ResourceRequest> = {}) =>
  ({ verb: 'delete', kind: configMaps, name, ...(options ? { body: bodyOf(options) } : {}), ...more }) as const;

async function watching(kind: typeof pods) {
  const stop = new AbortController();
  const result = await t.run({ verb: 'watch', kind }, stop.signal);
  if (result.as !== 'watch') throw new Error('wanted a watch');
  const got: string[] = [];
  const { frames } = result;
  const done = (async () => {
    for await (const batch of frames) {
      for (const frame of batch)
        got.push(`${frameText(frame)} ${'entry' in frame ? (frame.entry.object.metadata?.deletionGracePeriodSeconds ?? '-') : ''}`);
    }
  })();
  return {
    got,
    async end() {
      await t.clock.settle();
      stop.abort();
      await done;
    },
  };
}

describe('delete', () => {
  test('answers with a Status that names what went', async () => {
    const made = await t.create(configMaps, configMapOf('a'));
    expect(await t.run(remove('a'))).toEqual({
      as: 'other',
      code: 200,
      object: {
        kind: 'Status',
        apiVersion: 'v1',
        metadata: {},
        status: 'Success',
        details: { name: 'a', kind: 'configmaps', uid: made.metadata?.uid },
      },
    });
    expect((await t.fail(remove('a'))).message).toBe('configmaps "a" not found');
  });

  test('answers with the object for kinds that say so, and whenever finalizers hold it', async () => {
    await t.create(pods, podOf('p'));
    expect(await t.call(remove('p', undefined, { kind: pods }))).toMatchObject({ kind: 'Pod' });
    await t.create(configMaps, configMapOf('a', {}, { finalizers: ['example.com/hold'] }));
    const held = await t.call(remove('a'));
    expect(held.metadata).toMatchObject({ deletionTimestamp: '2026-01-01T00:00:00Z', deletionGracePeriodSeconds: 0 });
    const taken = await t.fail({ verb: 'create', kind: configMaps, body: bodyOf(configMapOf('a')) });
    expect(taken.message).toBe('object is being deleted: configmaps "a" already exists');
    const again = await t.call(remove('a'));
    expect(again.metadata?.resourceVersion).toBe(held.metadata?.resourceVersion);
  });

  test('ends when the last finalizer goes; the event shows the object as it was', async () => {
    await t.create(configMaps, configMapOf('a', {}, { finalizers: ['example.com/hold'] }));
    await t.run(remove('a'));
    const more = await t.fail({
      verb: 'update',
      kind: configMaps,
      name: 'a',
      body: bodyOf(configMapOf('a', {}, { finalizers: ['example.com/hold', 'example.com/new'] })),
    });
    expect(more.message).toContain(
      'metadata.finalizers: Forbidden: no new finalizers can be added if the object is being deleted, found new finalizers []string{"example.com/new"}',
    );
    const w = await watching(configMaps);
    await t.run({ verb: 'update', kind: configMaps, name: 'a', body: bodyOf(configMapOf('a')) });
    expect((await t.fail({ verb: 'get', kind: configMaps, name: 'a' })).code).toBe(404);
    await w.end();
    expect(w.got).toEqual(['ADDED default/a 0', 'DELETED default/a 0']);
  });

  test('of a pod on a node is graceful; the period may shrink and not grow', async () => {
    await t.create(pods, podOf('p', { spec: { nodeName: 'n1' } }));
    const w = await watching(pods);
    const first = await t.call(remove('p', undefined, { kind: pods }));
    expect(first.metadata).toMatchObject({ deletionTimestamp: '2026-01-01T00:00:30Z', deletionGracePeriodSeconds: 30, generation: 2 });
    const longer = await t.call(remove('p', { gracePeriodSeconds: 60 }, { kind: pods }));
    expect(longer.metadata?.resourceVersion).toBe(first.metadata?.resourceVersion);
    const shorter = await t.call(remove('p', { gracePeriodSeconds: 5 }, { kind: pods }));
    expect(shorter.metadata).toMatchObject({ deletionTimestamp: '2026-01-01T00:00:05Z', deletionGracePeriodSeconds: 5, generation: 2 });
    await t.run(remove('p', { gracePeriodSeconds: 0 }, { kind: pods }));
    expect((await t.fail({ verb: 'get', kind: pods, name: 'p' })).code).toBe(404);
    await w.end();
    expect(w.got).toEqual([
      'ADDED default/p -',
      'MODIFIED default/p 30',
      'MODIFIED default/p 5',
      'MODIFIED default/p 0',
      'DELETED default/p 0',
    ]);
  });

  test('takes the propagation policy from body and query', async () => {
    const at = { kind: deployments, name: 'd' };
    const spec = { selector: {}, template: {} };
    await t.create(deployments, { metadata: { name: 'd' }, spec });
    const foreground = await t.call({ verb: 'delete', ...at, query: { propagationPolicy: 'Foreground' } });
    expect(foreground.metadata?.finalizers).toEqual(['foregroundDeletion']);
    expect(foreground.metadata?.generation).toBe(2);
    const orphan = await t.call({ verb: 'delete', ...at, body: bodyOf({ propagationPolicy: 'Orphan' }) });
    expect(orphan.metadata?.finalizers).toEqual(['orphan']);
    expect((await t.call({ verb: 'delete', ...at })).metadata?.finalizers).toEqual(['orphan']);
  });

  test('is refused by its preconditions, which name the Kind', async () => {
    await t.create(configMaps, configMapOf('a'));
    const error = await t.fail(remove('a', { preconditions: { uid: 'other' } }));
    expect(error.status).toMatchObject({ code: 409, details: { name: 'a', kind: 'ConfigMap' } });
    expect(error.message).toMatch(
      /^Operation cannot be fulfilled on ConfigMap "a": the UID in the precondition \(other\) does not match the UID in record \(.*\)\. The object might have been deleted and then recreated$/,
    );
    expect((await t.fail(remove('a', { preconditions: { resourceVersion: '1' } }))).code).toBe(409);
  });

  test.each([
    [
      { propagationPolicy: 'Sideways' },
      'propagationPolicy: Unsupported value: "Sideways": supported values: "Foreground", "Background", "Orphan", "nil"',
    ],
    [
      { propagationPolicy: 'Orphan', orphanDependents: true },
      'propagationPolicy: Invalid value: "Orphan": orphanDependents and deletionPropagation cannot be both set',
    ],
  ])('refuses the options %j', async (options, problem) => {
    const error = await t.fail(remove('a', options));
    expect([error.code, error.message]).toEqual([422, `DeleteOptions.meta.k8s.io "" is invalid: ${problem}`]);
  });

  test('as a dry run takes nothing away', async () => {
    await t.create(configMaps, configMapOf('a'));
    await t.run(remove('a', { dryRun: ['All'] }));
    await t.run(remove('a', undefined, { query: { dryRun: 'All' } }));
    expect((await t.call({ verb: 'get', kind: configMaps, name: 'a' })).metadata?.deletionTimestamp).toBeUndefined();
  });
});

test('deletecollection takes what the selector selects', async () => {
  for (const [name, app] of [
    ['a', 'web'],
    ['b', 'db'],
    ['c', 'web'],
  ] as const)
    await t.create(configMaps, configMapOf(name, {}, { labels: { app } }));
  const deleted = await t.run({ verb: 'deletecollection', kind: configMaps, query: { labelSelector: 'app=web' } });
  expect(deleted.as === 'list' && deleted.entries.map((entry) => entry.object.metadata?.name)).toEqual(['a', 'c']);
  const left = await t.run({ verb: 'list', kind: configMaps });
  expect(left.as === 'list' && left.entries.map((entry) => entry.object.metadata?.name)).toEqual(['b']);
});

test('eviction deletes and says why', async () => {
  await t.create(pods, podOf('p', { spec: { nodeName: 'n1' } }));
  const result = await t.run({
    verb: 'create',
    kind: pods,
    name: 'p',
    subresource: 'eviction',
    body: bodyOf({ deleteOptions: { gracePeriodSeconds: 3 } }),
  });
  expect(result).toMatchObject({ as: 'other', code: 201 });
  const pod = await t.call({ verb: 'get', kind: pods, name: 'p' });
  expect(pod.metadata?.deletionGracePeriodSeconds).toBe(3);
  expect(pod.status.conditions).toMatchObject([{ type: 'DisruptionTarget', status: 'True', reason: 'EvictionByEvictionAPI' }]);
});

describe('the plan of a delete', () => {
  const nowMs = Date.UTC(2026, 0, 1, 0, 0, 20);
  const marked = { deletionTimestamp: '2026-01-01T00:00:30Z', deletionGracePeriodSeconds: 30 };
  const held = { deletionTimestamp: '2026-01-01T00:00:00Z', deletionGracePeriodSeconds: 0 };
  const cases: readonly {
    title: string;
    object: Loose;
    kind?: typeof pods;
    options?: object;
    held?: boolean;
    want: string;
    thenRemove?: boolean;
  }[] = [
    { title: 'plain object', object: { metadata: {} }, want: 'remove' },
    { title: 'held by a finalizer', object: { metadata: { finalizers: ['a/b'] } }, want: 'mark', thenRemove: false },
    { title: 'held by its kind', object: { metadata: {} }, held: true, want: 'mark', thenRemove: false },
    { title: 'held and marked already', object: { metadata: { ...held, finalizers: ['a/b'] } }, want: 'keep' },
    { title: 'a pod without a node', object: { metadata: {} }, kind: pods, want: 'mark', thenRemove: true },
    { title: 'a pod on a node', object: { metadata: {}, spec: { nodeName: 'n' } }, kind: pods, want: 'mark', thenRemove: false },
    { title: 'a terminating pod', object: { metadata: marked, spec: { nodeName: 'n' } }, kind: pods, want: 'keep' },
    {
      title: 'a terminating pod by force',
      object: { metadata: marked },
      kind: pods,
      options: { gracePeriodSeconds: 0 },
      want: 'mark',
      thenRemove: true,
    },
    {
      title: 'a terminating pod by force, held',
      object: { metadata: { ...marked, finalizers: ['a/b'] } },
      kind: pods,
      options: { gracePeriodSeconds: 0 },
      want: 'mark',
      thenRemove: false,
    },
    {
      title: 'a pod left behind between mark and removal',
      object: { metadata: held },
      kind: pods,
      options: { gracePeriodSeconds: 0 },
      want: 'remove',
    },
    {
      title: 'a negative period is one second',
      object: { metadata: marked },
      kind: pods,
      options: { gracePeriodSeconds: -5 },
      want: 'mark',
      thenRemove: false,
    },
  ];
  test.each(cases)('$title: $want', ({ object, kind = configMaps, options = {}, held: isHeld = false, want, thenRemove }) => {
    const plan = planDelete({ kind, object, options: readDeleteOptions({ ...options }), held: isHeld, nowMs });
    expect(plan.do).toBe(want);
    if (plan.do === 'mark') expect(plan.thenRemove).toBe(thenRemove);
  });
});
