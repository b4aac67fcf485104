import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { ResourceRequest } from '../request.ts';
import {
  bodyOf,
  configMapOf,
  configMaps,
  deployments,
  jsonBody,
  leases,
  namespaces,
  podOf,
  pods,
  startTestCore,
  type TestCore,
} from '../testing/fixture.ts';

let t: TestCore;
beforeEach(async () => {
  t = await startTestCore();
});
afterEach(() => t.stop());

const put = (name: string, object: object, more: Partial<ResourceRequest> = {}) =>
  ({ verb: 'update', kind: configMaps, name, body: bodyOf(object), ...more }) as const;

describe('update', () => {
  test('keeps what only the server says, and moves the revision', async () => {
    const made = await t.create(configMaps, configMapOf('a', { k: '1' }, { generation: 3 }));
    const next = await t.call(put('a', configMapOf('a', { k: '2' }, { creationTimestamp: '2001-01-01T00:00:00Z', generation: 99 })));
    expect(next.data).toEqual({ k: '2' });
    expect(next.metadata).toMatchObject({ uid: made.metadata?.uid, creationTimestamp: made.metadata?.creationTimestamp, generation: 3 });
    expect(Number(next.metadata?.resourceVersion)).toBeGreaterThan(Number(made.metadata?.resourceVersion));
  });

  test('that changes nothing writes nothing', async () => {
    const made = await t.create(configMaps, configMapOf('a', { k: '1', l: '2' }));
    const again = await t.call(put('a', { data: { l: '2', k: '1' }, metadata: { name: 'a' } }));
    expect(again).toBe(await t.call({ verb: 'get', kind: configMaps, name: 'a' }));
    expect(again.metadata?.resourceVersion).toBe(made.metadata?.resourceVersion);
  });

  test('is a conflict when it names an old revision, and goes through when it names none', async () => {
    const made = await t.create(configMaps, configMapOf('a', { k: '1' }));
    await t.call(put('a', configMapOf('a', { k: '2' })));
    const error = await t.fail(put('a', configMapOf('a', { k: '3' }, { resourceVersion: made.metadata?.resourceVersion })));
    expect(error.status).toMatchObject({
      code: 409,
      reason: 'Conflict',
      message:
        'Operation cannot be fulfilled on configmaps "a": the object has been modified; please apply your changes to the latest version and try again',
      details: { name: 'a', kind: 'configmaps' },
    });
    expect((await t.call({ verb: 'get', kind: configMaps, name: 'a' })).data).toEqual({ k: '2' });
  });

  test('writers without a revision all get through; of those with the same revision one does', async () => {
    const made = await t.create(configMaps, configMapOf('a'));
    const unconditional = await Promise.all(Array.from({ length: 8 }, (_, i) => t.call(put('a', configMapOf('a', { k: String(i) })))));
    expect(new Set(unconditional.map((object) => object.metadata?.resourceVersion)).size).toBe(8);
    expect(made).toBeDefined();
    const { resourceVersion } = (await t.call({ verb: 'get', kind: configMaps, name: 'a' })).metadata ?? {};
    const raced = await Promise.allSettled(
      Array.from({ length: 8 }, (_, i) => t.call(put('a', configMapOf('a', { r: String(i) }, { resourceVersion })))),
    );
    expect(raced.filter(({ status }) => status === 'fulfilled').length).toBe(1);
  });

  test('moves the generation with the spec only', async () => {
    await t.create(deployments, { metadata: { name: 'd' }, spec: { replicas: 1, selector: {}, template: {} } });
    const labelled = await t.call(
      put('d', { metadata: { name: 'd', labels: { a: 'b' } }, spec: { replicas: 1, selector: {}, template: {} } }, { kind: deployments }),
    );
    expect(labelled.metadata?.generation).toBe(1);
    const status = await t.call(
      put('d', { metadata: { name: 'd' }, spec: { replicas: 9 }, status: { replicas: 4 } }, { kind: deployments, subresource: 'status' }),
    );
    expect([status.metadata?.generation, status.spec.replicas, status.status]).toEqual([1, 1, { replicas: 4 }]);
    const scaled = await t.call(
      put(
        'd',
        { metadata: { name: 'd' }, spec: { replicas: 2, selector: {}, template: {} }, status: { replicas: 77 } },
        { kind: deployments },
      ),
    );
    expect([scaled.metadata?.generation, scaled.spec.replicas, scaled.status]).toEqual([2, 2, { replicas: 4 }]);
  });

  test('creates where the kind allows it, and demands a revision where the kind does', async () => {
    const made = await t.run(put('l', { metadata: { name: 'l' } }, { kind: leases }));
    expect(made).toMatchObject({ as: 'object', code: 201 });
    const error = await t.fail(put('l', { metadata: { name: 'l' } }, { kind: leases }));
    expect(error.message).toBe(
      'Lease.coordination.k8s.io "l" is invalid: metadata.resourceVersion: Invalid value: 0: must be specified for an update',
    );
  });

  test('a dry run leaves everything as it is', async () => {
    await t.create(configMaps, configMapOf('a', { k: '1' }));
    const dry = await t.call(put('a', configMapOf('a', { k: '2' }), { query: { dryRun: 'All' } }));
    expect(dry.data).toEqual({ k: '2' });
    expect((await t.call({ verb: 'get', kind: configMaps, name: 'a' })).data).toEqual({ k: '1' });
  });

  const refused: readonly { title: string; object: object; code: number; message: string | RegExp }[] = [
    {
      title: 'another name',
      object: configMapOf('b'),
      code: 400,
      message: 'the name of the object (b) does not match the name on the URL (a)',
    },
    {
      title: 'no name',
      object: {},
      code: 400,
      message: 'the name of the object (a based on URL) was undeterminable: name must be provided',
    },
    {
      title: 'another namespace',
      object: configMapOf('a', {}, { namespace: 'x' }),
      code: 400,
      message: 'the namespace of the object (x) does not match the namespace on the request (default)',
    },
    {
      title: 'another uid',
      object: configMapOf('a', {}, { uid: 'u1' }),
      code: 409,
      message: /Precondition failed: UID in precondition: u1, UID in object meta: /,
    },
    {
      title: 'a revision that is no number',
      object: configMapOf('a', {}, { resourceVersion: 'x' }),
      code: 500,
      message: /invalid syntax$/,
    },
  ];
  test.each(refused)('refuses $title', async ({ object, code, message }) => {
    await t.create(configMaps, configMapOf('a'));
    const error = await t.fail(put('a', object));
    expect(error.code).toBe(code);
    if (typeof message === 'string') expect(error.message).toBe(message);
    else expect(error.message).toMatch(message);
  });

  test('of what is not there is 404, and status of a kind without one too', async () => {
    expect((await t.fail(put('nope', configMapOf('nope')))).message).toBe('configmaps "nope" not found');
    expect((await t.fail(put('a', configMapOf('a'), { subresource: 'status' }))).code).toBe(404);
  });
});

describe('patch', () => {
  const patch = (name: string, patchType: ResourceRequest['patchType'], body: object, more: Partial<ResourceRequest> = {}) =>
    ({ verb: 'patch', kind: configMaps, name, patchType, body: jsonBody(body), ...more }) as const;
  const merge = 'application/merge-patch+json';
  const json = 'application/json-patch+json';
  const strategic = 'application/strategic-merge-patch+json';

  test('by each of the three ways', async () => {
    await t.create(configMaps, configMapOf('a', { k: '1', gone: 'x' }));
    expect((await t.call(patch('a', merge, { data: { gone: null, m: '1' } }))).data).toEqual({ k: '1', m: '1' });
    expect((await t.call(patch('a', json, [{ op: 'replace', path: '/data/k', value: '2' }]))).data).toEqual({ k: '2', m: '1' });
    expect((await t.call(patch('a', strategic, { metadata: { labels: { x: 'y' } } }))).metadata?.labels).toEqual({ x: 'y' });
  });

  test('merges lists by their key when strategic', async () => {
    await t.create(
      pods,
      podOf('p', {
        spec: {
          containers: [
            { name: 'c', image: 'i' },
            { name: 'd', image: 'j' },
          ],
        },
      }),
    );
    const patched = await t.call(patch('p', strategic, { spec: { containers: [{ name: 'd', image: 'k' }] } }, { kind: pods }));
    expect(patched.spec.containers).toEqual([
      { name: 'c', image: 'i' },
      { name: 'd', image: 'k' },
    ]);
    expect(patched.metadata?.generation).toBe(2);
  });

  test('of the status leaves the spec', async () => {
    await t.create(pods, podOf('p'));
    const patched = await t.call(
      patch('p', merge, { status: { phase: 'Running' }, spec: { nodeName: 'n' } }, { kind: pods, subresource: 'status' }),
    );
    expect([patched.status, patched.spec.nodeName]).toEqual([{ phase: 'Running' }, undefined]);
  });

  test('tries again when others write; a patch with an old revision is a conflict', async () => {
    const made = await t.create(configMaps, configMapOf('a'));
    await Promise.all(Array.from({ length: 10 }, (_, i) => t.call(patch('a', merge, { data: { [`k${i}`]: 'v' } }))));
    expect(Object.keys((await t.call({ verb: 'get', kind: configMaps, name: 'a' })).data).length).toBe(10);
    const { resourceVersion } = made.metadata ?? {};
    expect((await t.fail(patch('a', merge, { metadata: { resourceVersion }, data: { z: 'z' } }))).code).toBe(409);
  });

  const refused: readonly {
    title: string;
    type: ResourceRequest['patchType'];
    body: object;
    query?: Record<string, string>;
    want: object;
  }[] = [
    {
      title: 'a result that does not decode',
      type: merge,
      body: { data: 'text' },
      want: { code: 422, details: { kind: '', causes: [{ field: 'patch' }] } },
    },
    {
      title: 'a test that fails',
      type: json,
      body: [{ op: 'test', path: '/data/k', value: 'no' }],
      want: { code: 422, reason: 'Invalid' },
    },
    { title: 'another name', type: merge, body: { metadata: { name: 'b' } }, want: { code: 400 } },
    { title: 'a bad directive', type: strategic, body: { $patch: 'nonsense' }, want: { code: 500, reason: '' } },
    { title: 'an unknown patch type', type: undefined, body: {}, want: { code: 415, reason: 'UnsupportedMediaType' } },
    {
      title: 'force on a patch that is not an apply',
      type: merge,
      body: {},
      query: { force: 'true' },
      want: { code: 422, message: 'PatchOptions.meta.k8s.io "" is invalid: force: Forbidden: may not be specified for non-apply patch' },
    },
    {
      title: 'apply without a field manager',
      type: 'application/apply-patch+yaml',
      body: {},
      want: { code: 422, message: 'PatchOptions.meta.k8s.io "" is invalid: fieldManager: Required value: is required for apply patch' },
    },
    { title: 'unknown fields when strict', type: merge, body: { nope: 1 }, query: { fieldValidation: 'Strict' }, want: { code: 422 } },
  ];
  test.each(refused)('refuses $title', async ({ type, body, query, want }) => {
    await t.create(configMaps, configMapOf('a', { k: '1' }));
    const error = await t.fail(patch('a', type, body, query ? { query } : {}));
    expect({ code: error.code, reason: error.reason, message: error.message, details: error.details }).toMatchObject(want);
  });

  test('uses the engine it is given for server-side apply, which may create', async () => {
    await t.stop();
    t = await startTestCore({
      patchEngine: {
        jsonPatch: (document) => document,
        mergePatch: (document) => document,
        strategicMerge: (document) => document,
        apply: ({ live, patch: wanted, manager }) => ({
          ...live,
          ...(wanted as object),
          metadata: { ...live?.metadata, name: 'a', annotations: { manager } },
        }),
      },
    });
    const body = { as: 'bytes', bytes: Buffer.from('data:\n  k: "1"\n'), mediaType: 'application/apply-patch+yaml' } as const;
    const request = {
      verb: 'patch',
      kind: configMaps,
      name: 'a',
      patchType: 'application/apply-patch+yaml',
      body,
      query: { fieldManager: 'me' },
    } as const;
    expect(await t.run(request)).toMatchObject({ as: 'object', code: 201 });
    const again = await t.run(request);
    expect(again).toMatchObject({ as: 'object', code: 200 });
    expect((await t.call(request)).data).toEqual({ k: '1' });
  });
});

test('managedFields come from the engine that is given; a write that only moves their time is none', async () => {
  await t.stop();
  t = await startTestCore({
    managedFields: {
      update: ({ draft, manager, operation, nowTime, apiVersion }) => {
        if (draft.metadata) draft.metadata.managedFields = [{ manager, operation, time: nowTime, apiVersion }];
      },
    },
  });
  const made = await t.create(configMaps, configMapOf('a'));
  expect(made.metadata?.managedFields).toEqual([{ manager: 'test', operation: 'Update', time: '2026-01-01T00:00:00Z', apiVersion: 'v1' }]);
  await t.clock.advance(5000);
  const again = await t.call(put('a', configMapOf('a')));
  expect(again.metadata?.resourceVersion).toBe(made.metadata?.resourceVersion);
});

describe('subresources that are calls of their own', () => {
  test('scale reads and writes replicas through the object', async () => {
    await t.create(deployments, { metadata: { name: 'd' }, spec: { replicas: 2, selector: {}, template: {} } });
    const at = { kind: deployments, name: 'd', subresource: 'scale' } as const;
    const scale = await t.call({ verb: 'get', ...at });
    expect(scale).toMatchObject({
      kind: 'Scale',
      apiVersion: 'autoscaling/v1',
      spec: { replicas: 2 },
      status: { replicas: 0, selector: 'app=web' },
    });
    expect(await t.call({ verb: 'update', ...at, body: bodyOf({ ...scale, spec: { replicas: 5 } }) })).toMatchObject({
      spec: { replicas: 5 },
    });
    expect(
      await t.call({ verb: 'patch', ...at, patchType: 'application/merge-patch+json', body: bodyOf({ spec: { replicas: 3 } }) }),
    ).toMatchObject({ spec: { replicas: 3 } });
    expect((await t.call({ verb: 'get', kind: deployments, name: 'd' })).metadata?.generation).toBe(3);
    expect((await t.fail({ verb: 'update', ...at, body: bodyOf(scale) })).code).toBe(409);
    const error = await t.fail({ verb: 'update', ...at, body: bodyOf({ metadata: { name: 'd' }, spec: { replicas: -1 } }) });
    expect(error.message).toBe('Scale.autoscaling "d" is invalid: spec.replicas: Invalid value: -1: must be greater than or equal to 0');
    expect(await t.call({ verb: 'update', ...at, body: bodyOf({ metadata: { name: 'd' }, spec: {} }) })).toMatchObject({ spec: {} });
    expect((await t.call({ verb: 'get', kind: deployments, name: 'd' })).spec.replicas).toBe(0);
  });

  test('binding sets the node once', async () => {
    await t.create(pods, podOf('p'));
    const bind = (target: object) =>
      ({ verb: 'create', kind: pods, name: 'p', subresource: 'binding', body: bodyOf({ metadata: { name: 'p' }, target }) }) as const;
    expect((await t.fail(bind({ kind: 'Pod', name: 'n1' }))).status).toMatchObject({ code: 500 });
    expect(await t.run(bind({ kind: 'Node', name: 'n1' }))).toMatchObject({
      as: 'other',
      code: 201,
      object: { kind: 'Status', status: 'Success' },
    });
    const bound = await t.call({ verb: 'get', kind: pods, name: 'p' });
    expect(bound.spec.nodeName).toBe('n1');
    expect(bound.status.conditions).toMatchObject([{ type: 'PodScheduled', status: 'True', lastTransitionTime: '2026-01-01T00:00:00Z' }]);
    const again = await t.fail(bind({ kind: 'Node', name: 'n2' }));
    expect(again.status).toMatchObject({
      code: 409,
      message: 'Operation cannot be fulfilled on pods/binding "p": pod p is already assigned to node "n1"',
      details: { name: 'p', kind: 'pods/binding' },
    });
  });

  test('finalize empties a namespace of its hold, and a deleted one goes', async () => {
    await t.create(namespaces, { metadata: { name: 'ns1' } });
    const marked = await t.call({ verb: 'delete', kind: namespaces, name: 'ns1' });
    expect([marked.status.phase, marked.metadata?.deletionTimestamp]).toEqual(['Terminating', '2026-01-01T00:00:00Z']);
    const { finalizers: _, ...spec } = marked.spec;
    await t.run({ verb: 'update', kind: namespaces, name: 'ns1', subresource: 'finalize', body: bodyOf({ ...marked, spec }) });
    expect((await t.fail({ verb: 'get', kind: namespaces, name: 'ns1' })).code).toBe(404);
  });

  test('others are not found, and wrong verbs are 405', async () => {
    expect((await t.fail({ verb: 'get', kind: pods, name: 'p', subresource: 'nope' })).status).toMatchObject({
      code: 404,
      message: 'the server could not find the requested resource',
    });
    expect((await t.fail({ verb: 'get', kind: pods, name: 'p', subresource: 'binding' })).code).toBe(405);
  });
});
