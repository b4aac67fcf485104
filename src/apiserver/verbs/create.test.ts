import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import {
  bodyOf,
  configMapOf,
  configMaps,
  deployments,
  jsonBody,
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

describe('create', () => {
  test('stamps metadata and overwrites what only the server says', async () => {
    const made = await t.create(
      configMaps,
      configMapOf(
        'a',
        { k: 'v' },
        { uid: 'mine', creationTimestamp: '2001-01-01T00:00:00Z', deletionTimestamp: '2001-01-01T00:00:00Z', generation: 7 },
      ),
    );
    expect(made).toMatchObject({ apiVersion: 'v1', kind: 'ConfigMap', data: { k: 'v' } });
    expect(made.metadata).toMatchObject({ name: 'a', namespace: 'default', creationTimestamp: '2026-01-01T00:00:00Z', generation: 7 });
    expect(made.metadata?.uid).toMatch(/^[0-9a-f]{8}-/);
    expect(made.metadata?.deletionTimestamp).toBeUndefined();
    expect(made.metadata?.resourceVersion).toMatch(/^[0-9]+$/);
    expect(Object.isFrozen(made)).toBe(true);
  });

  test('answers with the bytes that GET sends', async () => {
    const made = await t.run({ verb: 'create', kind: configMaps, body: bodyOf(configMapOf('a', { k: 'é' })) });
    const got = await t.run({ verb: 'get', kind: configMaps, name: 'a' });
    if (made.as !== 'object' || got.as !== 'object') throw new Error('wanted objects');
    expect(made.code).toBe(201);
    expect(got.entry.bytes).toBe(made.entry.bytes);
    expect(JSON.parse(Buffer.from(got.entry.bytes).toString('utf8'))).toEqual(got.entry.object);
  });

  test('decodes bytes and does not change the object of an in-process caller', async () => {
    await t.run({ verb: 'create', kind: configMaps, body: jsonBody({ metadata: { name: 'bytes' }, data: { a: 'b' } }) });
    expect((await t.call({ verb: 'get', kind: configMaps, name: 'bytes' })).data).toEqual({ a: 'b' });
    const mine = Object.freeze({ metadata: Object.freeze({ name: 'mine' }) });
    await t.run({ verb: 'create', kind: configMaps, body: bodyOf(mine) });
    expect(mine).toEqual({ metadata: { name: 'mine' } });
  });

  test('generates names, and draws again when one is taken', async () => {
    const made = await t.create(configMaps, configMapOf('', {}, { name: undefined, generateName: 'web-' }));
    expect(made.metadata?.name).toMatch(/^web-[bcdfghjklmnpqrstvwxz2456789]{5}$/);
  });

  test('gives generation 1 to kinds that have it', async () => {
    const made = await t.create(pods, podOf('a', { metadata: { generation: 9 } }));
    expect(made.metadata?.generation).toBe(1);
    expect(made.status).toEqual({ phase: 'Pending' });
  });

  test('a dry run checks everything and stores nothing', async () => {
    const query = { dryRun: 'All' };
    const dry = await t.run({ verb: 'create', kind: configMaps, body: bodyOf(configMapOf('a')), query });
    expect(dry).toMatchObject({ as: 'object', code: 201 });
    expect((await t.fail({ verb: 'get', kind: configMaps, name: 'a' })).code).toBe(404);
    await t.create(configMaps, configMapOf('a'));
    const again = await t.fail({ verb: 'create', kind: configMaps, body: bodyOf(configMapOf('a')), query });
    expect(again.reason).toBe('AlreadyExists');
  });

  test('a read after the answer sees the object', async () => {
    for (let i = 0; i < 50; i++) {
      await t.create(configMaps, configMapOf(`c${i}`));
      expect((await t.call({ verb: 'get', kind: configMaps, name: `c${i}` })).metadata?.name).toBe(`c${i}`);
    }
  });
});

describe('create is refused', () => {
  const cases: readonly {
    title: string;
    kind?: typeof pods;
    object: object;
    query?: Record<string, string>;
    namespace?: string;
    want: object;
  }[] = [
    {
      title: 'when it exists',
      object: configMapOf('taken'),
      want: {
        code: 409,
        reason: 'AlreadyExists',
        message: 'configmaps "taken" already exists',
        details: { name: 'taken', kind: 'configmaps' },
      },
    },
    {
      title: 'with a resourceVersion: 500 without a reason',
      object: configMapOf('a', {}, { resourceVersion: '1' }),
      want: { code: 500, reason: '', message: 'resourceVersion should not be set on objects to be created' },
    },
    {
      title: 'in a namespace that is not there',
      object: { metadata: { name: 'a' } },
      namespace: 'nowhere',
      want: { code: 404, reason: 'NotFound', message: 'namespaces "nowhere" not found', details: { name: 'nowhere', kind: 'namespaces' } },
    },
    {
      title: 'in another namespace than the URL says',
      object: configMapOf('a', {}, { namespace: 'other' }),
      want: {
        code: 400,
        reason: 'BadRequest',
        message: 'the namespace of the provided object does not match the namespace sent on the request',
      },
    },
    {
      title: 'without a name',
      object: { metadata: {} },
      want: {
        code: 422,
        reason: 'Invalid',
        message: 'ConfigMap "" is invalid: metadata.name: Required value: name or generateName is required',
      },
    },
    {
      title: 'with what the kind refuses, together with bad metadata',
      kind: pods,
      object: podOf('a', { metadata: { labels: { 'a b': 'c' } }, spec: { hostname: 'bad!' } }),
      want: {
        code: 422,
        details: {
          kind: 'Pod',
          name: 'a',
          causes: [{ field: 'metadata.labels' }, { field: 'spec.hostname', message: 'Invalid value: "bad!": is bad' }],
        },
      },
    },
    {
      title: 'as another kind',
      object: podOf('a'),
      want: { code: 400, reason: 'BadRequest' },
    },
    {
      title: 'with a bad dryRun: 422 on CreateOptions',
      object: configMapOf('a'),
      query: { dryRun: 'Some' },
      want: {
        code: 422,
        message: 'CreateOptions.meta.k8s.io "" is invalid: dryRun: Unsupported value: []string{"Some"}: supported values: "All"',
        details: { group: 'meta.k8s.io', kind: 'CreateOptions' },
      },
    },
    {
      title: 'with a bad fieldValidation',
      object: configMapOf('a'),
      query: { fieldValidation: 'Maybe' },
      want: {
        code: 422,
        message: expect.stringContaining('fieldValidation: Unsupported value: "Maybe": supported values: "", "Ignore", "Strict", "Warn"'),
      },
    },
    {
      title: 'with a finalizer that is no qualified name',
      object: configMapOf('a', {}, { finalizers: ['mine'] }),
      want: { code: 422, message: expect.stringContaining('name is neither a standard finalizer name nor is it fully qualified') },
    },
    {
      title: 'when it is too large',
      object: configMapOf('a', { big: 'x'.repeat(1_600_000) }),
      want: { code: 413, reason: 'RequestEntityTooLarge' },
    },
  ];
  test.each(cases)('$title', async ({ kind = configMaps, object, query, namespace, want }) => {
    await t.create(configMaps, configMapOf('taken'));
    const error = await t.fail({
      verb: 'create',
      kind,
      body: bodyOf(object),
      ...(query ? { query } : {}),
      ...(namespace ? { namespace } : {}),
    });
    expect({ code: error.code, reason: error.reason, message: error.message, details: error.details }).toMatchObject(want);
  });

  test('with unknown fields when asked for strictly; otherwise they are dropped with a warning', async () => {
    const body = jsonBody({ metadata: { name: 'a' }, nope: 1 });
    const strict = await t.fail({ verb: 'create', kind: configMaps, body, query: { fieldValidation: 'Strict' } });
    expect(strict.message).toContain('strict decoding error: unknown field "nope"');
    await t.run({ verb: 'create', kind: configMaps, body });
    expect(t.warnings).toEqual(['unknown field "nope"']);
  });

  test('in a namespace that is going away, and system namespaces are not deleted', async () => {
    await t.create(namespaces, { metadata: { name: 'ns1' } });
    await t.run({ verb: 'delete', kind: namespaces, name: 'ns1' });
    const error = await t.fail({ verb: 'create', kind: configMaps, namespace: 'ns1', body: bodyOf({ metadata: { name: 'a' } }) });
    expect(error.status).toMatchObject({
      code: 403,
      message: 'configmaps "a" is forbidden: unable to create new content in namespace ns1 because it is being terminated',
      details: { causes: [{ reason: 'NamespaceTerminating', message: 'namespace ns1 is being terminated', field: 'metadata.namespace' }] },
    });
    const kept = await t.fail({ verb: 'delete', kind: namespaces, name: 'kube-system' });
    expect(kept.message).toBe('namespaces "kube-system" is forbidden: this namespace may not be deleted');
  });
});

test('a create sets defaults', async () => {
  const made = await t.create(deployments, { metadata: { name: 'd' }, spec: { selector: {}, template: {} } });
  expect(made.spec.replicas).toBe(1);
});
