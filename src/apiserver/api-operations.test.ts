// The round that conformance tests make with an API, for every kind that is served: create, read, watch, patch, update,
// status, apply, delete, delete the collection; and each watch event is what its write answered.
import { afterAll, beforeAll, expect, test } from 'vitest';
import { apiVersionOf, type KindDefinition, servedKinds } from '../api/mod.ts';
import { adminToken, createEdge, edgeRequest, jsonOf } from './core.fake.ts';
import type { EdgeResponse } from './http/exchange.ts';
import { apiForms } from './http/forms.ts';
import { createPipeline } from './pipeline.ts';
import { createRoutes } from './routes.ts';
import { startTestCore, type TestCore } from './testing/fixture.ts';
import { sampleObject } from './testing/sample-objects.ts';

// biome-ignore lint/suspicious/noExplicitAny: answers of all kinds, looked into by path.
type Loose = any;
type Ask = (method: string, target: string, body?: object, contentType?: string, accept?: string) => Promise<{ code: number; body: Loose }>;

const types = {
  json: 'application/json',
  merge: 'application/merge-patch+json',
  strategic: 'application/strategic-merge-patch+json',
  jsonPatch: 'application/json-patch+json',
  apply: 'application/apply-patch+yaml',
};
const tableType = 'application/json;as=Table;v=v1;g=meta.k8s.io';
const selector = 'labelSelector=round%3Done';
let on: TestCore;
let send: (method: string, target: string, body?: object, contentType?: string, accept?: string) => Promise<EdgeResponse>;
let ask: Ask;

beforeAll(async () => {
  on = await startTestCore({ kinds: servedKinds });
  const { options } = createEdge({ clock: on.clock });
  const serve = createPipeline({ ...options, dispatch: createRoutes({ ...options, core: on.core, forms: apiForms }) });
  send = (method, target, body, contentType = types.json, accept = types.json) =>
    serve(
      edgeRequest(method, target, {
        readBody: async () => Buffer.from(body === undefined ? '' : JSON.stringify(body)),
        headers: { authorization: `Bearer ${adminToken}`, 'content-type': contentType, accept },
      }),
    );
  ask = async (...request) => {
    const response = await send(...request);
    return { code: response.status, body: await jsonOf(response) };
  };
});
afterAll(() => on.stop());

const rounds = servedKinds
  .filter((kind) => sampleObject(kind, 0) !== undefined)
  // The server itself writes their status beside the round.
  .filter(({ kind }) => kind !== 'CustomResourceDefinition')
  .map((kind) => [`${kind.resource}.${kind.group} ${kind.version}`, kind] as const);

test('every kind that can be created and listed has a sample', () => {
  const without = servedKinds.filter((kind) => (kind.verbs ?? ['list', 'create']).includes('list') && sampleObject(kind, 0) === undefined);
  expect(without.map(({ resource }) => resource)).toEqual(['componentstatuses']);
});

interface Round {
  readonly kind: KindDefinition;
  /** Where objects are created. */
  readonly path: string;
  /** Where all of them are listed. */
  readonly everywhere: string;
  /** What each write answered, as the watch should tell it. */
  readonly told: [string, Loose][];
}

function pathsOf(kind: KindDefinition): Pick<Round, 'path' | 'everywhere'> {
  const root = kind.group === '' ? `/api/${kind.version}` : `/apis/${apiVersionOf(kind)}`;
  const everywhere = `${root}/${kind.resource}`;
  return { everywhere, path: kind.namespaced ? `${root}/namespaces/default/${kind.resource}` : everywhere };
}

async function watchFrom(target: string): Promise<() => Promise<Loose>> {
  const { body, status } = await send('GET', target);
  if (body.as !== 'stream') throw new Error(`expected a stream, got ${status}`);
  const batches = body.batches[Symbol.asyncIterator]();
  const lines: string[] = [];
  let rest = '';
  return async () => {
    while (lines.length === 0) {
      const { value, done } = await batches.next();
      if (done) throw new Error('the watch ended');
      rest += Buffer.concat([...value]).toString();
      const whole = rest.split('\n');
      rest = whole.pop() ?? '';
      lines.push(...whole);
    }
    return JSON.parse(lines.shift() ?? '');
  };
}

async function made({ kind, path, told }: Round): Promise<void> {
  for (let i = 0; i < 3; i++) {
    const object = sampleObject(kind, i);
    const { code, body } = await ask('POST', `${path}?fieldValidation=Strict`, {
      ...object,
      metadata: { ...object?.metadata, labels: { round: 'one' } },
    });
    expect({ code, body }).toMatchObject({
      code: 201,
      body: { kind: kind.kind, apiVersion: apiVersionOf(kind), metadata: object?.metadata },
    });
    expect(body.metadata).toMatchObject({
      uid: expect.any(String),
      resourceVersion: expect.any(String),
      creationTimestamp: expect.any(String),
    });
    told.push(['ADDED', body]);
    const again = await ask('POST', path, object);
    expect(again.code).toBe(409);
  }
}

const nameOf = (object: Loose): string => object.metadata.name;

async function read({ kind, path, everywhere, told }: Round): Promise<void> {
  for (const [, object] of told) expect(await ask('GET', `${path}/${nameOf(object)}`)).toEqual({ code: 200, body: object });
  for (const at of [path, everywhere]) {
    const { body } = await ask('GET', `${at}?${selector}`);
    expect(body).toMatchObject({
      kind: `${kind.kind}List`,
      apiVersion: apiVersionOf(kind),
      metadata: { resourceVersion: expect.any(String) },
    });
    expect(body.items.map(nameOf)).toEqual(told.map(([, object]) => nameOf(object)));
    const { body: table } = await ask('GET', `${at}?${selector}`, undefined, types.json, tableType);
    expect(table.rows).toHaveLength(3);
    const chunk = (await ask('GET', `${at}?limit=2&${selector}`)).body;
    expect(chunk.items).toHaveLength(2);
    const last = (await ask('GET', `${at}?limit=2&${selector}&continue=${chunk.metadata.continue}`)).body;
    expect([...chunk.items, ...last.items].map(nameOf)).toEqual(body.items.map(nameOf));
  }
}

/** Generation follows the spec, which the round leaves alone; that of a Deployment follows its annotations too. */
const generationOf = (kind: KindDefinition, { generation }: Loose) => (kind.kind === 'Deployment' ? expect.any(Number) : generation);

/** Patches of every type, and an update. */
async function changed({ kind, path, told }: Round): Promise<void> {
  const [, first] = told[0] as [string, Loose];
  const target = `${path}/${nameOf(first)}`;
  const { apiVersion } = first;
  const patches: [string, object][] = [
    [types.merge, { metadata: { annotations: { patched: 'merge' } } }],
    [types.strategic, { metadata: { annotations: { patched: 'strategic' }, labels: { more: 'x' } } }],
    [types.jsonPatch, [{ op: 'replace', path: '/metadata/annotations/patched', value: 'json' }]],
    [types.apply, { apiVersion, kind: kind.kind, metadata: { name: nameOf(first), annotations: { applied: 'yes' } } }],
  ];
  let standing = first;
  for (const [type, patch] of patches) {
    const { code, body } = await ask('PATCH', `${target}?fieldManager=round`, patch, type);
    expect({ type, code, body }).toMatchObject({ type, code: 200, body: { metadata: { uid: first.metadata.uid } } });
    expect(body.metadata.generation).toEqual(generationOf(kind, first.metadata));
    expect(Number(body.metadata.resourceVersion)).toBeGreaterThan(Number(standing.metadata.resourceVersion));
    told.push(['MODIFIED', body]);
    standing = body;
  }
  expect(standing.metadata).toMatchObject({ annotations: { patched: 'json', applied: 'yes' }, labels: { round: 'one', more: 'x' } });
  const next = { ...standing, metadata: { ...standing.metadata, annotations: { updated: 'true' } } };
  const { code, body } = await ask('PUT', `${target}?fieldValidation=Strict`, next);
  expect({ code, body }).toMatchObject({ code: 200, body: { metadata: { annotations: { updated: 'true' } } } });
  expect(body.metadata.generation).toEqual(generationOf(kind, first.metadata));
  told.push(['MODIFIED', body]);
  const { metadata: _, ...fields } = body;
  const { metadata: __, ...before } = first;
  expect(fields).toEqual(before);
  expect((await ask('PUT', target, next)).body).toMatchObject({ reason: 'Conflict', code: 409 });
  expect((await ask('PUT', `${target}?dryRun=All`, body)).body).toEqual(body);
}

async function statusWritten({ kind, path, told }: Round): Promise<void> {
  if (kind.status === undefined) return;
  const [, first] = told[0] as [string, Loose];
  const target = `${path}/${nameOf(first)}/status`;
  const standing = (await ask('GET', target)).body;
  expect(standing).toEqual(told.at(-1)?.[1]);
  const patched = await ask('PATCH', target, { metadata: { annotations: { patchedstatus: 'true' } } }, types.merge);
  expect(patched).toMatchObject({ code: 200, body: { metadata: { annotations: { patchedstatus: 'true' } } } });
  expect(patched.body.metadata.generation).toEqual(generationOf(kind, standing.metadata));
  told.push(['MODIFIED', patched.body]);
  const { spec, ...rest } = patched.body;
  const put = await ask('PUT', target, { ...rest, spec, metadata: { ...rest.metadata, annotations: { updatedstatus: 'true' } } });
  expect(put).toMatchObject({ code: 200, body: { metadata: { annotations: { updatedstatus: 'true' } } } });
  expect(put.body.spec).toEqual(first.spec);
  told.push(['MODIFIED', put.body]);
}

/** Takes away the finalizers that nobody is here to take away. */
async function finished({ kind, path, told }: Round, name: string): Promise<void> {
  const { code, body } = await ask('GET', `${path}/${name}`);
  if (code === 404) return;
  told.push(['MODIFIED', body]);
  expect(body.metadata.deletionTimestamp).toEqual(expect.any(String));
  if (kind.kind === 'Namespace') await ask('PUT', `${path}/${name}/finalize`, { ...body, spec: {} });
  else await ask('PATCH', `${path}/${name}`, { metadata: { finalizers: null } }, types.merge);
  expect((await ask('GET', `${path}/${name}`)).code).toBe(404);
}

async function deleted(round: Round): Promise<void> {
  const { kind, path, told } = round;
  const names = told.slice(0, 3).map(([, object]) => nameOf(object));
  const uids = told.slice(0, 3).map(([, object]) => object.metadata.uid);
  const options = { kind: 'DeleteOptions', apiVersion: 'v1', propagationPolicy: 'Background' };
  const one = await ask('DELETE', `${path}/${names[0]}`, options);
  expect(one.code).toBe(200);
  expect(one.body.kind === 'Status' ? one.body.details.uid : one.body.metadata.uid).toBe(uids[0]);
  await finished(round, names[0] ?? '');
  told.push(['DELETED', { metadata: { uid: uids[0] } }]);
  expect((await ask('GET', `${path}?${selector}`)).body.items.map(nameOf)).toEqual(names.slice(1));
  if (kind.verbs !== undefined && !kind.verbs.includes('deletecollection')) return;
  const rest = await ask('DELETE', `${path}?${selector}`, options);
  expect(rest.code).toBe(200);
  for (const name of names.slice(1)) await finished(round, name);
  expect((await ask('GET', `${path}?${selector}`)).body.items).toEqual([]);
}

test.each(rounds)('%s', async (_, kind) => {
  const round: Round = { kind, ...pathsOf(kind), told: [] };
  const { metadata } = (await ask('GET', round.everywhere)).body;
  const next = await watchFrom(`${round.everywhere}?watch=true&resourceVersion=${metadata.resourceVersion}&${selector}`);
  await made(round);
  await read(round);
  await changed(round);
  await statusWritten(round);
  await deleted(round);
  let revision = Number(metadata.resourceVersion);
  for (const [type, object] of round.told) {
    let event = await next();
    // A pod is always marked before it goes.
    if (kind.kind === 'Pod' && type === 'DELETED' && event.type === 'MODIFIED') event = await next();
    expect(event).toMatchObject({
      type,
      object: { kind: kind.kind, apiVersion: apiVersionOf(kind), metadata: { uid: object.metadata.uid } },
    });
    if (type !== 'DELETED') expect(event.object).toEqual(object);
    expect(Number(event.object.metadata.resourceVersion)).toBeGreaterThan(revision);
    revision = Number(event.object.metadata.resourceVersion);
  }
});
