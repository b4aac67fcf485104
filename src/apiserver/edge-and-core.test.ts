// The edge over the real core: what a client sees of one pod's life, without a socket.
import { afterEach, expect, test } from 'vitest';
import { builtinKinds } from '../api/mod.ts';
import { SeededRandom, silentLogger, VirtualClock } from '../base/mod.ts';
import { turn } from '../base/ports/clock.ts';
import { openMemoryStore } from '../store/mod.ts';
import { createEdge, jsonOf } from './core.fake.ts';
import { createApiCore } from './core.ts';
import type { EdgeRequest } from './http/exchange.ts';
import { apiForms } from './http/forms.ts';
import { apiOpenApi } from './openapi/openapi.ts';
import { createPipeline } from './pipeline.ts';
import { createRoutes } from './routes.ts';

const stops: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const stop of stops.splice(0)) await stop();
});

async function start() {
  const clock = new VirtualClock({ settle: turn });
  const controller = new AbortController();
  const store = openMemoryStore();
  const core = await createApiCore({
    store,
    kinds: builtinKinds,
    clock,
    random: new SeededRandom(1),
    log: silentLogger,
    serviceCidr: '10.96.0.0/16',
    signal: controller.signal,
  });
  stops.push(async () => {
    controller.abort();
    await core.stopped();
    await store.close();
  });
  const { options } = createEdge({ clock });
  const routes = { ...options, core, forms: apiForms, openApi: apiOpenApi };
  const serve = createPipeline({ ...options, dispatch: createRoutes(routes) });
  const ask = (method: string, target: string, body?: unknown, more: Partial<EdgeRequest> = {}) =>
    serve({
      method,
      target,
      remoteAddress: '',
      peerCertificate: undefined,
      signal: new AbortController().signal,
      readBody: async () => (body === undefined ? new Uint8Array() : Buffer.from(typeof body === 'string' ? body : JSON.stringify(body))),
      ...more,
      headers: { authorization: 'Bearer admin-token', ...more.headers },
    });
  return { ask, clock };
}

const path = '/api/v1/namespaces/default/pods';
const pod = { apiVersion: 'v1', kind: 'Pod', metadata: { name: 'web' }, spec: { containers: [{ name: 'app', image: 'nginx' }] } };

test('create, read, change, refuse, delete', async () => {
  const { ask } = await start();
  const created = await ask('POST', path, pod);
  expect([created.status, await jsonOf(created)]).toMatchObject([
    201,
    { metadata: { name: 'web', namespace: 'default' }, spec: { restartPolicy: 'Always' } },
  ]);
  expect(await jsonOf(await ask('POST', path, pod))).toMatchObject({
    code: 409,
    reason: 'AlreadyExists',
    message: 'pods "web" already exists',
  });
  const patched = await ask(
    'PATCH',
    `${path}/web`,
    { metadata: { labels: { a: 'b' } } },
    { headers: { 'content-type': 'application/merge-patch+json' } },
  );
  expect(await jsonOf(patched)).toMatchObject({ metadata: { labels: { a: 'b' } } });
  const bad = await ask('POST', path, { ...pod, metadata: { name: 'Bad_Name' } });
  expect(await jsonOf(bad)).toMatchObject({ code: 422, reason: 'Invalid', details: { kind: 'Pod', causes: [{ field: 'metadata.name' }] } });
  expect(await jsonOf(await ask('GET', `${path}?labelSelector=a%3Db`))).toMatchObject({
    kind: 'PodList',
    items: [{ metadata: { name: 'web' } }],
  });
  expect((await ask('DELETE', `${path}/web?gracePeriodSeconds=0`)).status).toBe(200);
  expect(await jsonOf(await ask('GET', `${path}/web`))).toMatchObject({ code: 404, message: 'pods "web" not found' });
});

test('unknown fields are refused or warned of, as the request asks', async () => {
  const { ask } = await start();
  const body = { ...pod, spec: { ...pod.spec, nope: 1 } };
  expect((await jsonOf(await ask('POST', `${path}?fieldValidation=Strict`, body))).message).toContain('unknown field "spec.nope"');
  expect((await ask('POST', `${path}?fieldValidation=Warn`, body)).headers.warning).toEqual(['299 - "unknown field \\"spec.nope\\""']);
});

test('as YAML in and out, and as a Table', async () => {
  const { ask } = await start();
  const yaml = 'apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: c\ndata:\n  yes: "1"\n';
  const created = await ask('POST', '/api/v1/namespaces/default/configmaps', yaml, {
    headers: { 'content-type': 'application/yaml', accept: 'application/yaml' },
  });
  expect(created.body.as === 'bytes' && Buffer.from(created.body.bytes).toString()).toContain('kind: ConfigMap\n');
  await ask('POST', path, pod);
  const table = await jsonOf(await ask('GET', path, undefined, { headers: { accept: 'application/json;as=Table;v=v1;g=meta.k8s.io' } }));
  expect(table).toMatchObject({
    kind: 'Table',
    rows: [{ cells: expect.arrayContaining(['web', '0/1', 'Pending', '0s']), object: { kind: 'PartialObjectMetadata' } }],
  });
});

test('a watch sees what is written, and ends at its timeout', async () => {
  const { ask, clock } = await start();
  const { body } = await ask('GET', `${path}?watch=true&timeoutSeconds=5`);
  if (body.as !== 'stream') throw new Error('no stream');
  const events: string[] = [];
  const read = (async () => {
    for await (const batch of body.batches) {
      for (const chunk of batch) {
        for (const line of Buffer.from(chunk).toString().trim().split('\n')) {
          const { type, object } = JSON.parse(line) as { type: string; object: { metadata: { name: string } } };
          events.push(`${type} ${object.metadata.name}`);
        }
      }
    }
  })();
  await ask('POST', path, pod);
  await ask('DELETE', `${path}/web?gracePeriodSeconds=0`);
  await clock.advance(5_000);
  await read;
  expect(events[0]).toBe('ADDED web');
  expect(events.at(-1)).toBe('DELETED web');
});

test('discovery and OpenAPI tell of every built-in kind', async () => {
  const { ask } = await start();
  const { resources } = (await jsonOf(await ask('GET', '/apis/apps/v1'))) as { resources: { name: string }[] };
  expect(resources.map(({ name }) => name)).toEqual(
    expect.arrayContaining(['deployments', 'deployments/scale', 'deployments/status', 'replicasets']),
  );
  const document = await jsonOf(await ask('GET', '/openapi/v3/apis/apps/v1'));
  expect(Object.keys(document.paths as object)).toContain('/apis/apps/v1/namespaces/{namespace}/deployments');
});
