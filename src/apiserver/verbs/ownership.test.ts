import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { ResourceRequest } from '../request.ts';
import {
  bodyOf,
  configMapOf,
  configMaps,
  deployments,
  jsonBody,
  type Loose,
  podOf,
  pods,
  startTestCore,
  type TestCore,
  type TestRequest,
} from '../testing/fixture.ts';

let t: TestCore;
beforeEach(async () => {
  t = await startTestCore();
});
afterEach(() => t.stop());

const applyType = 'application/apply-patch+yaml';
type Query = ResourceRequest['query'];

const applyOf = (object: Loose, query: Query, more: Partial<TestRequest> = {}): TestRequest => ({
  verb: 'patch',
  kind: configMaps,
  name: object.metadata?.name,
  patchType: applyType,
  body: bodyOf(object),
  query,
  ...more,
});

const cm = (data: Record<string, string>, metadata = {}): Loose => ({
  apiVersion: 'v1',
  kind: 'ConfigMap',
  metadata: { name: 'a', ...metadata },
  data,
});

const owners = (object: Loose) =>
  object.metadata?.managedFields?.map(({ manager, operation, subresource }) => [manager, operation, subresource].filter(Boolean).join(' '));
const fieldsOf = (object: Loose, manager: string) => object.metadata?.managedFields?.find((entry) => entry.manager === manager)?.fieldsV1;

describe('writes that are no apply', () => {
  test('the manager is named by the request, or by the user agent', async () => {
    expect(owners(await t.create(configMaps, configMapOf('a', { k: 'v' })))).toEqual(['test Update']);
    const named = { verb: 'patch', kind: configMaps, name: 'a', patchType: 'application/merge-patch+json' } as const;
    const patched = await t.call({ ...named, body: jsonBody({ data: { k2: 'v' } }), query: { fieldManager: 'me' } });
    expect(owners(patched)).toEqual(['me Update', 'test Update']);
    expect(fieldsOf(patched, 'me')).toEqual({ 'f:data': { 'f:k2': {} } });
  });

  test('what the server sets is nobody’s', async () => {
    const pod = await t.create(pods, podOf('p', { status: { phase: 'Running' } } as Loose));
    expect(pod.status).toEqual({ phase: 'Pending' });
    expect(Object.keys(fieldsOf(pod, 'test') ?? {})).toEqual(['f:spec']);
  });

  test('status and scale have entries of their own', async () => {
    const spec = { selector: { matchLabels: { app: 'web' } }, template: { spec: { containers: [{ name: 'c' }] } } };
    const made = await t.create(deployments, { metadata: { name: 'd' }, spec } as Loose);
    const status = { ...made, status: { replicas: 2, observedGeneration: 1 } };
    const first = await t.call({ verb: 'update', kind: deployments, name: 'd', subresource: 'status', body: bodyOf(status) });
    expect(owners(first)).toEqual(['test Update', 'test Update status']);
    expect(first.metadata?.managedFields?.[1]?.fieldsV1).toEqual({ 'f:status': { 'f:observedGeneration': {}, 'f:replicas': {} } });
    await t.call({
      verb: 'update',
      kind: deployments,
      name: 'd',
      subresource: 'scale',
      body: bodyOf({ metadata: { name: 'd' }, spec: { replicas: 4 } }),
    });
    const scaled = await t.call({ verb: 'get', kind: deployments, name: 'd' });
    expect(owners(scaled)).toEqual(['test Update', 'test Update scale', 'test Update status']);
    expect(scaled.metadata?.managedFields?.[1]?.fieldsV1).toEqual({ 'f:spec': { 'f:replicas': {} } });
  });

  test('an update that changes nothing writes nothing', async () => {
    const made = await t.create(configMaps, configMapOf('a', { k: 'v' }));
    await t.clock.advance(5000);
    const again = await t.call({ verb: 'update', kind: configMaps, name: 'a', body: bodyOf(made), query: { fieldManager: 'other' } });
    expect(again.metadata?.resourceVersion).toBe(made.metadata?.resourceVersion);
  });

  test.each([[[]], [[{}]]])('managedFields of %j reset ownership; the next applier meets before-first-apply', async (managedFields) => {
    await t.create(configMaps, configMapOf('a', { k: 'v' }));
    const body = jsonBody({ metadata: { managedFields } });
    const reset = await t.call({ verb: 'patch', kind: configMaps, name: 'a', patchType: 'application/merge-patch+json', body });
    expect(reset.metadata?.managedFields).toBeUndefined();
    const error = await t.fail(applyOf(cm({ k: 'w' }), { fieldManager: 'me' }));
    expect(error.message).toBe('Apply failed with 1 conflict: conflict with "before-first-apply" using v1: .data.k');
  });
});

describe('apply', () => {
  test('creates, and again changes nothing', async () => {
    const made = await t.run(applyOf(cm({ k: 'v' }), { fieldManager: 'me' }));
    expect(made).toMatchObject({ code: 201 });
    await t.clock.advance(5000);
    const again = await t.run(applyOf(cm({ k: 'v' }), { fieldManager: 'me' }));
    expect(again).toMatchObject({ code: 200 });
    const [first, second] = [made, again].map((result) => (result.as === 'object' ? (result.entry.object as Loose) : undefined));
    expect(second).toEqual(first);
    expect(first && owners(first)).toEqual(['me Apply']);
  });

  test('conflicts are 409 with a cause each, and force takes over', async () => {
    await t.create(configMaps, configMapOf('a', { k: 'v' }));
    const error = await t.fail(applyOf(cm({ k: 'w' }), { fieldManager: 'me' }));
    expect(error.status).toMatchObject({
      code: 409,
      reason: 'Conflict',
      details: { causes: [{ reason: 'FieldManagerConflict', message: 'conflict with "test" using v1', field: '.data.k' }] },
    });
    const forced = await t.call(applyOf(cm({ k: 'w' }), { fieldManager: 'me', force: 'true' }));
    expect(forced.data).toEqual({ k: 'w' });
    expect(owners(forced)).toEqual(['me Apply', 'test Update']);
    expect(fieldsOf(forced, 'test')).toEqual({ 'f:data': {} });
  });

  test('null in a map becomes "" and is owned', async () => {
    const made = await t.call(applyOf({ ...cm({}), data: { a: null } } as Loose, { fieldManager: 'me' }));
    expect(made.data).toEqual({ a: '' });
    expect(fieldsOf(made, 'me')).toEqual({ 'f:data': { 'f:a': {} } });
  });

  test.each([
    [{ apiVersion: 'v1', kind: 'Secret' }, 400, 'invalid object type: /v1, Kind=Secret'],
    [{ metadata: { name: 'a', managedFields: [] } }, 400, 'metadata.managedFields must be nil'],
    [{ spec: {} }, 500, 'failed to create typed patch object (/a; /v1, Kind=ConfigMap): .spec: field not declared in schema'],
    [
      { immutable: 'x', metadata: { name: 'a', labels: { l: 1 } } },
      500,
      'failed to create typed patch object (/a; /v1, Kind=ConfigMap): errors:\n  .metadata.labels.l: expected string, got &value.valueUnstructured{Value:1}\n  .immutable: expected boolean, got &{x}',
    ],
  ])('%j is refused', async (change, code, message) => {
    const error = await t.fail(applyOf({ ...cm({}), ...change } as Loose, { fieldManager: 'me', fieldValidation: 'Ignore' }));
    expect([error.code, error.message]).toEqual([code, message]);
  });

  test('items of a list given twice are refused', async () => {
    const spec = { containers: [{ name: 'c' }, { name: 'c' }] };
    const error = await t.fail(
      applyOf({ apiVersion: 'v1', kind: 'Pod', metadata: { name: 'p' }, spec } as Loose, { fieldManager: 'me' }, { kind: pods }),
    );
    expect(error.message).toBe(
      'failed to create typed patch object (/p; /v1, Kind=Pod): .spec.containers: duplicate entries for key [name="c"]',
    );
  });

  test('a status is applied through its own endpoint, and owns nothing else', async () => {
    await t.create(pods, podOf('p'));
    const status = { phase: 'Running', conditions: [{ type: 'Ready', status: 'True' }] };
    const applied = { apiVersion: 'v1', kind: 'Pod', metadata: { name: 'p' }, spec: { nodeName: 'n' }, status } as Loose;
    const pod = await t.call(applyOf(applied, { fieldManager: 'me' }, { kind: pods, subresource: 'status' }));
    expect(pod.status).toMatchObject(status);
    expect(pod.spec.nodeName).toBeUndefined();
    expect(owners(pod)).toEqual(['me Apply status', 'test Update']);
    expect(fieldsOf(pod, 'me')).toEqual({
      'f:status': { 'f:conditions': { 'k:{"type":"Ready"}': { '.': {}, 'f:status': {}, 'f:type': {} } }, 'f:phase': {} },
    });
    // Through the object's own endpoint a status is nobody's.
    const again = await t.call(
      applyOf(applied, { fieldManager: 'spec' }, { kind: pods, body: bodyOf({ ...applied, spec: { hostname: 'h' } }) }),
    );
    expect(fieldsOf(again, 'spec')).toEqual({ 'f:spec': { 'f:hostname': {} } });
  });

  test('a scale is applied to the object’s replicas', async () => {
    const spec = { replicas: 1, selector: { matchLabels: { app: 'web' } }, template: { spec: { containers: [{ name: 'c' }] } } };
    await t.create(deployments, { metadata: { name: 'd' }, spec } as Loose);
    const applied = { apiVersion: 'autoscaling/v1', kind: 'Scale', metadata: { name: 'd' }, spec: { replicas: 3 } } as Loose;
    const at = { kind: deployments, subresource: 'scale' };
    const error = await t.fail(applyOf(applied, { fieldManager: 'hpa' }, at));
    expect(error.message).toBe('Apply failed with 1 conflict: conflict with "test" using apps/v1: .spec.replicas');
    expect(await t.call(applyOf(applied, { fieldManager: 'hpa', force: 'true' }, at))).toMatchObject({
      kind: 'Scale',
      spec: { replicas: 3 },
    });
    const object = await t.call({ verb: 'get', kind: deployments, name: 'd' });
    expect(object.spec.replicas).toBe(3);
    expect(object.metadata?.generation).toBe(2);
    expect(owners(object)).toEqual(['hpa Apply scale', 'test Update']);
    expect(fieldsOf(object, 'hpa')).toEqual({ 'f:spec': { 'f:replicas': {} } });
    expect((await t.fail(applyOf({ ...applied, kind: 'Pod' } as Loose, { fieldManager: 'hpa' }, at))).code).toBe(400);
  });

  test('kubectl takes over what it applied from the client, without a conflict', async () => {
    const note = 'kubectl.kubernetes.io/last-applied-configuration';
    const noted = JSON.stringify({ apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'a' }, data: { k: 'v' } });
    await t.create(configMaps, configMapOf('a', { k: 'v', other: 'x' }, { annotations: { [note]: noted } }));
    const error = await t.fail(applyOf(cm({ k: 'w', other: 'y' }), { fieldManager: 'kubectl' }));
    expect(error.message).toBe('Apply failed with 1 conflict: conflict with "test" using v1: .data.other');
    expect((await t.fail(applyOf(cm({ k: 'w' }), { fieldManager: 'someone' }))).message).toContain('.data.k');
    const applied = await t.call(applyOf(cm({ k: 'w' }), { fieldManager: 'kubectl' }));
    expect(applied.data).toEqual({ k: 'w', other: 'x' });
    expect(applied.metadata?.annotations?.[note]).toBe(`${JSON.stringify(cm({ k: 'w' }))}\n`);
  });
});
