// The edge as a client sees it that speaks protobuf: over the real core, and over one whose watches the test writes.

import { gunzipSync } from 'node:zlib';
import { afterEach, describe, expect, test } from 'vitest';
import { type KubeObject, loadProtobuf, type ProtobufCodec, servedKinds } from '../api/mod.ts';
import { SeededRandom, silentLogger, VirtualClock } from '../base/mod.ts';
import { turn } from '../base/ports/clock.ts';
import { openMemoryStore } from '../store/mod.ts';
import { adminToken, bytesOf, createEdge, createFakeCore, edgeRequest, encoded, jsonOf, kindOf, podKind } from './core.fake.ts';
import { createApiCore } from './core.ts';
import type { EdgeResponse } from './http/exchange.ts';
import { apiForms } from './http/forms.ts';
import { createPipeline } from './pipeline.ts';
import { createRoutes } from './routes.ts';

const protobuf = 'application/vnd.kubernetes.protobuf';
const path = '/api/v1/namespaces/default/pods';
const pod = (name: string, more: object = {}): KubeObject & { spec: object } => ({
  kind: 'Pod',
  apiVersion: 'v1',
  metadata: { name, ...more },
  spec: { containers: [{ name: 'app', image: 'nginx' }] },
});
const codec: ProtobufCodec = await loadProtobuf();
const decoded = async (response: EdgeResponse): Promise<unknown> => codec.decodeAnyProtobuf(await bytesOf(response));
const body = (object: KubeObject | Uint8Array) => ({
  readBody: async () => (object instanceof Uint8Array ? object : (codec.encodeProtobuf(object) ?? new Uint8Array())),
});

const stops: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const stop of stops.splice(0)) await stop();
});

async function start() {
  const controller = new AbortController();
  const store = openMemoryStore();
  const clock = new VirtualClock({ settle: turn });
  const core = await createApiCore({
    store,
    kinds: servedKinds,
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
  const serve = createPipeline({ ...options, dispatch: createRoutes({ ...options, core, forms: apiForms }) });
  const speak = (method: string, target: string, sent?: KubeObject | Uint8Array, headers: Record<string, string> = {}) =>
    serve(
      edgeRequest(method, target, {
        ...(sent ? body(sent) : {}),
        headers: { authorization: `Bearer ${adminToken}`, accept: `${protobuf},application/json`, 'content-type': protobuf, ...headers },
      }),
    );
  return { speak, clock };
}

describe('over the real core', () => {
  test('create, read, replace, delete', async () => {
    const { speak } = await start();
    const created = await speak('POST', path, pod('web'));
    expect([created.status, created.headers['content-type']]).toEqual([201, protobuf]);
    const object = (await decoded(created)) as KubeObject & { spec: object };
    expect(object).toMatchObject({ kind: 'Pod', metadata: { name: 'web', namespace: 'default' }, spec: { restartPolicy: 'Always' } });
    expect(await decoded(await speak('GET', `${path}/web`))).toEqual(object);
    const labelled = { ...object, metadata: { ...object.metadata, labels: { a: 'b' } } };
    expect(await decoded(await speak('PUT', `${path}/web`, labelled))).toMatchObject({ metadata: { labels: { a: 'b' } } });
    const options: KubeObject & { gracePeriodSeconds: number } = { kind: 'DeleteOptions', apiVersion: 'v1', gracePeriodSeconds: 0 };
    expect((await speak('DELETE', `${path}/web`, options)).status).toBe(200);
    const gone = await speak('GET', `${path}/web`);
    expect([gone.status, gone.headers['content-type']]).toEqual([404, protobuf]);
    expect(await decoded(gone)).toMatchObject({ kind: 'Status', status: 'Failure', code: 404, message: 'pods "web" not found' });
  });

  test('lists, in pages, as metadata only, and large ones compressed', async () => {
    const { speak } = await start();
    for (let i = 0; i < 30; i++)
      await speak('POST', path, pod(`p${String(i).padStart(2, '0')}`, { annotations: { big: 'x'.repeat(20_000) } }));
    const all = (await decoded(await speak('GET', path))) as { kind: string; items: KubeObject[] };
    expect([all.kind, all.items.length, all.items[7]?.metadata?.name]).toEqual(['PodList', 30, 'p07']);
    const page = await decoded(await speak('GET', `${path}?limit=10`));
    expect(page).toMatchObject({ metadata: { continue: expect.any(String), remainingItemCount: 20 } });
    const zipped = await speak('GET', path, undefined, { 'accept-encoding': 'gzip' });
    expect(zipped.headers['content-encoding']).toBe('gzip');
    expect(codec.decodeAnyProtobuf(gunzipSync(await bytesOf(zipped)))).toEqual(all);
    const metadata = await speak('GET', `${path}?limit=1`, undefined, {
      accept: `${protobuf};as=PartialObjectMetadataList;g=meta.k8s.io;v=v1`,
    });
    expect(await decoded(metadata)).toMatchObject({
      kind: 'PartialObjectMetadataList',
      apiVersion: 'meta.k8s.io/v1',
      items: [{ metadata: { name: 'p00' } }],
    });
  });

  test('subresources and reviews', async () => {
    const { speak } = await start();
    const review = {
      kind: 'SelfSubjectAccessReview',
      apiVersion: 'authorization.k8s.io/v1',
      spec: { resourceAttributes: { verb: 'get', resource: 'pods' } },
    };
    const answer = await speak('POST', '/apis/authorization.k8s.io/v1/selfsubjectaccessreviews', review);
    expect([answer.status, await decoded(answer)]).toMatchObject([201, { status: { allowed: true } }]);
    const labels = { app: 'd' };
    const template = { metadata: { labels }, spec: pod('').spec };
    const deployment = {
      kind: 'Deployment',
      apiVersion: 'apps/v1',
      metadata: { name: 'd' },
      spec: { selector: { matchLabels: labels }, template },
    };
    expect((await speak('POST', '/apis/apps/v1/namespaces/default/deployments', deployment)).status).toBe(201);
    const scalePath = '/apis/apps/v1/namespaces/default/deployments/d/scale';
    const scale = (await decoded(await speak('GET', scalePath))) as KubeObject;
    expect(await decoded(await speak('PUT', scalePath, { ...scale, spec: { replicas: 3 } } as KubeObject))).toMatchObject({
      kind: 'Scale',
      spec: { replicas: 3 },
    });
  });

  test.each([
    [
      'another kind',
      { kind: 'ConfigMap', apiVersion: 'v1', metadata: { name: 'c' } },
      'ConfigMap in version "v1" cannot be handled as a Pod',
    ],
    ['bytes that break off', Buffer.from((codec.encodeProtobuf(pod('a')) ?? []).slice(0, 30)), 'unexpected EOF'],
    ['JSON', Buffer.from('{"kind":"Pod"}'), 'does not appear to be a protobuf message, expected prefix [107 56 115 0] ({"kind":"Pod"})'],
  ])('%s is a 400', async (_name, sent, message) => {
    const { speak } = await start();
    const refused = await speak('POST', path, sent);
    expect([refused.status, await decoded(refused)]).toMatchObject([
      400,
      { reason: 'BadRequest', message: expect.stringContaining(message) },
    ]);
  });

  test('a patch is never protobuf', async () => {
    const { speak } = await start();
    await speak('POST', path, pod('web'));
    expect((await speak('PATCH', `${path}/web`, pod('web'))).status).toBe(415);
  });
});

describe('over a core that the test writes', () => {
  const headers = { accept: `${protobuf};stream=watch` };

  test('watch frames: four bytes of length, then an event around an object in its envelope', async () => {
    const { ask, core } = createEdge({ forms: apiForms });
    const added = { type: 'ADDED', entry: encoded(pod('web', { resourceVersion: '5' })) } as const;
    core.frames = [
      [added, { type: 'BOOKMARK', resourceVersion: '7', initialEventsEnd: true }],
      [{ type: 'ERROR', status: { kind: 'Status', apiVersion: 'v1', code: 410, reason: 'Expired' } }],
    ];
    core.endWatch = true;
    const watch = await ask('GET', `${path}?watch=true`, { headers });
    expect(watch.headers['content-type']).toBe(`${protobuf};stream=watch`);
    expect(eventsOf(await bytesOf(watch))).toEqual([
      ['ADDED', { ...pod('web', { resourceVersion: '5' }) }],
      [
        'BOOKMARK',
        { kind: 'Pod', apiVersion: 'v1', metadata: { resourceVersion: '7', annotations: { 'k8s.io/initial-events-end': 'true' } } },
      ],
      ['ERROR', { kind: 'Status', apiVersion: 'v1', code: 410, reason: 'Expired' }],
    ]);
  });

  test('a watch of metadata only', async () => {
    const { ask, core } = createEdge({ forms: apiForms });
    core.frames = [[{ type: 'DELETED', entry: encoded(pod('web')) }]];
    core.endWatch = true;
    const accept = `${protobuf};as=PartialObjectMetadata;g=meta.k8s.io;v=v1`;
    expect(eventsOf(await bytesOf(await ask('GET', `${path}?watch=true`, { headers: { accept } })))).toEqual([
      ['DELETED', { kind: 'PartialObjectMetadata', apiVersion: 'meta.k8s.io/v1', metadata: { name: 'web' } }],
    ]);
  });

  test('a kind without a protobuf form goes out as JSON, or not at all, and comes in as JSON or YAML', async () => {
    const thing = kindOf({ group: 'example.com', kind: 'Thing', resource: 'things' });
    const core = createFakeCore([podKind, thing]);
    core.put(thing, { metadata: { name: 'a', namespace: 'default' } });
    const { ask } = createEdge({ core });
    const target = '/apis/example.com/v1/namespaces/default/things';
    const both = await ask('GET', `${target}/a`, { headers: { accept: `${protobuf}, application/json` } });
    expect(both.headers['content-type']).toBe('application/json');
    const only = await ask('GET', `${target}/a`, { headers: { accept: protobuf } });
    expect(only.status).toBe(406);
    const sent = await ask('POST', target, { headers: { 'content-type': protobuf } });
    expect([sent.status, (await jsonOf(sent)).message]).toEqual([
      415,
      'the body of the request was in an unknown format - accepted media types include: application/json, application/yaml',
    ]);
  });

  test.each([
    ['/api', 'APIVersions'],
    ['/apis', 'APIGroupList'],
    ['/apis/apps', 'APIGroup'],
    ['/api/v1', 'APIResourceList'],
  ])('discovery: %s', async (target, kind) => {
    const { ask } = createEdge();
    const answer = await ask('GET', target, { headers: { accept: protobuf } });
    expect(answer.headers['content-type']).toBe(protobuf);
    const plain = await jsonOf(await ask('GET', target));
    expect(await decoded(answer)).toEqual({ ...plain, kind, apiVersion: 'v1' });
  });

  test('a client that takes nothing that is served is told so in JSON', async () => {
    const refused = await createEdge().ask('GET', path, { headers: { accept: 'text/html' } });
    expect([refused.status, refused.headers['content-type']]).toEqual([406, 'application/json']);
  });
});

/** A client's own reading of a watch. */
function eventsOf(bytes: Buffer): [string, unknown][] {
  const events: [string, unknown][] = [];
  for (let at = 0; at < bytes.length; ) {
    const length = bytes.readUInt32BE(at);
    const event = bytes.subarray(at + 4, at + 4 + length);
    at += 4 + length;
    const typeBytes = event[1] ?? 0;
    expect(event[0]).toBe(0x0a);
    const magicAt = event.indexOf('k8s\0');
    events.push([event.subarray(2, 2 + typeBytes).toString(), codec.decodeAnyProtobuf(event.subarray(magicAt))]);
  }
  return events;
}
