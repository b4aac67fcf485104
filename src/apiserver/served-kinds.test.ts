// All that is served, over the edge: discovery against what a v1.36 API server serves (api/testdata), and the forms of objects shown in another version.
import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type KubeObject, loadProtobuf, servedKinds } from '../api/mod.ts';
import { createEdge, jsonOf } from './core.fake.ts';
import { aggregatedType } from './discovery/documents.ts';
import type { EdgeRequest } from './http/exchange.ts';
import { apiForms } from './http/forms.ts';
import { apiOpenApi } from './openapi/openapi.ts';
import { createPipeline } from './pipeline.ts';
import { createRoutes } from './routes.ts';
import { startTestCore, type TestCore } from './testing/fixture.ts';

interface Fact {
  readonly groupVersion: string;
  readonly resource: string;
  readonly singular: string;
  readonly kind: string;
  readonly namespaced: boolean;
  readonly verbs: readonly string[];
  readonly shortNames: readonly string[];
  readonly categories: readonly string[];
  readonly subresources: readonly string[];
  readonly tableColumns: readonly (readonly [string, string, string, number])[];
}
const read = (name: string): readonly Fact[] => JSON.parse(readFileSync(new URL(`../api/testdata/${name}.json`, import.meta.url), 'utf8'));
const facts = [...read('resources'), ...read('other-resources')];

let on: TestCore;
let ask: (
  method: string,
  target: string,
  body?: object | Uint8Array,
  headers?: Record<string, string>,
) => ReturnType<ReturnType<typeof createPipeline>>;
beforeAll(async () => {
  on = await startTestCore({ kinds: servedKinds });
  const { options } = createEdge({ clock: on.clock });
  const serve = createPipeline({ ...options, dispatch: createRoutes({ ...options, core: on.core, forms: apiForms, openApi: apiOpenApi }) });
  ask = (method, target, body, headers = {}) => {
    const bytes = body instanceof Uint8Array ? body : Buffer.from(body === undefined ? '' : JSON.stringify(body));
    const request: EdgeRequest = {
      method,
      target,
      remoteAddress: '',
      peerCertificate: undefined,
      signal: new AbortController().signal,
      readBody: async () => bytes,
      headers: { authorization: 'Bearer admin-token', ...headers },
    };
    return serve(request);
  };
});
afterAll(() => on.stop());

const pathOf = (groupVersion: string) => (groupVersion.includes('/') ? `/apis/${groupVersion}` : `/api/${groupVersion}`);
const json = async (target: string, headers = {}) => jsonOf(await ask('GET', target, undefined, headers));

describe('discovery', () => {
  const versions = [...new Set(facts.map(({ groupVersion }) => groupVersion))];
  interface Listed {
    readonly name: string;
    readonly singularName: string;
    readonly [field: string]: unknown;
  }

  test.each(versions)('%s lists what upstream lists', async (groupVersion) => {
    const { resources } = (await json(pathOf(groupVersion))) as { resources: Listed[] };
    const wanted = facts.filter((fact) => fact.groupVersion === groupVersion);
    const names = wanted.flatMap(({ resource, subresources }) => [resource, ...subresources.map((name) => `${resource}/${name}`)]);
    expect(resources.map(({ name }) => name).sort()).toEqual(names.sort());
    for (const { resource, singular: singularName, kind, namespaced, verbs, shortNames, categories } of wanted) {
      expect(resources.find(({ name }) => name === resource)).toEqual({
        ...{ name: resource, singularName, namespaced, kind, verbs: [...verbs].sort() },
        ...(shortNames.length > 0 ? { shortNames } : {}),
        ...(categories.length > 0 ? { categories } : {}),
      });
    }
  });

  test('the groups, their versions, and the preferred ones', async () => {
    const { groups } = (await json('/apis')) as {
      groups: { name: string; versions: { groupVersion: string }[]; preferredVersion: { version: string } }[];
    };
    expect(groups.flatMap(({ versions: each }) => each.map(({ groupVersion }) => groupVersion)).sort()).toEqual(
      versions.filter((version) => version !== 'v1').sort(),
    );
    expect(groups.find(({ name }) => name === 'autoscaling')?.preferredVersion.version).toBe('v2');
  });

  test('the aggregated documents list the same', async () => {
    const listed: string[] = [];
    for (const path of ['/api', '/apis']) {
      const { items } = (await json(path, { accept: aggregatedType })) as {
        items: { metadata: { name?: string }; versions: { version: string; resources: { resource: string; verbs: string[] }[] }[] }[];
      };
      for (const { metadata, versions: each } of items) {
        for (const { version, resources } of each) {
          listed.push(
            ...resources.map(({ resource, verbs }) => `${[metadata.name, version].filter(Boolean).join('/')} ${resource} ${verbs}`),
          );
        }
      }
    }
    expect(listed.sort()).toEqual(
      facts.map(({ groupVersion, resource, verbs }) => `${groupVersion} ${resource} ${[...verbs].sort()}`).sort(),
    );
  });

  test('OpenAPI describes every path', async () => {
    const { paths } = (await json('/openapi/v3')) as { paths: object };
    for (const version of versions) expect(Object.keys(paths)).toContain(pathOf(version).slice(1));
    const document = (await json('/openapi/v3/apis/autoscaling/v1')) as { paths: object };
    expect(Object.keys(document.paths)).toContain('/apis/autoscaling/v1/namespaces/{namespace}/horizontalpodautoscalers/{name}/status');
  });
});

const asTable = { accept: 'application/json;as=Table;v=v1;g=meta.k8s.io,application/json' };

test.each(facts.filter(({ verbs }) => verbs.includes('list')).map((fact) => [`${fact.groupVersion} ${fact.resource}`, fact] as const))(
  '%s has the columns of upstream',
  async (_, { groupVersion, resource, tableColumns }) => {
    const table = (await json(`${pathOf(groupVersion)}/${resource}`, asTable)) as {
      columnDefinitions: { name: string; type: string; format: string; priority: number }[];
    };
    expect(table.columnDefinitions.map(({ name, type, format, priority }) => [name, type, format, priority])).toEqual(tableColumns);
  },
);

test('a review has no form but its own', async () => {
  const target = '/apis/authorization.k8s.io/v1/selfsubjectaccessreviews';
  const review = { spec: { nonResourceAttributes: { path: '/', verb: 'get' } } };
  const table = asTable.accept.split(',')[0] ?? '';
  const refused = await ask('POST', target, review, { 'content-type': 'application/json', accept: table });
  expect(refused.status).toBe(406);
  expect(await jsonOf(refused)).toMatchObject({ kind: 'Status', code: 406, reason: 'NotAcceptable' });
  expect((await ask('POST', target, review, { 'content-type': 'application/json', ...asTable })).status).toBe(201);
});

describe('an object shown in another version', () => {
  const path = (version: string) => `/apis/autoscaling/${version}/namespaces/default/horizontalpodautoscalers`;
  const autoscaler: KubeObject & { readonly spec: object } = {
    apiVersion: 'autoscaling/v1',
    kind: 'HorizontalPodAutoscaler',
    metadata: { name: 'web' },
    spec: { maxReplicas: 3, scaleTargetRef: { kind: 'Deployment', name: 'web' }, targetCPUUtilizationPercentage: 50 },
  };
  const inV1 = { apiVersion: 'autoscaling/v1', spec: { targetCPUUtilizationPercentage: 50 } };
  beforeAll(async () => {
    expect((await ask('POST', path('v1'), autoscaler, { 'content-type': 'application/json' })).status).toBe(201);
  });

  test('JSON and YAML, one and listed', async () => {
    expect(await json(`${path('v1')}/web`)).toMatchObject(inV1);
    expect(await json(path('v1'))).toMatchObject({ kind: 'HorizontalPodAutoscalerList', apiVersion: 'autoscaling/v1', items: [inV1] });
    expect(await json(path('v2'))).toMatchObject({ apiVersion: 'autoscaling/v2', items: [{ apiVersion: 'autoscaling/v2' }] });
    const { body } = await ask('GET', `${path('v1')}/web`, undefined, { accept: 'application/yaml' });
    expect(body.as === 'bytes' && Buffer.from(body.bytes).toString()).toContain('targetCPUUtilizationPercentage: 50');
  });

  test.each(['/web', ''])('Tables are those of the stored kind, around objects of this version: %s', async (of) => {
    const stored = (await json(path('v2') + of, asTable)) as { columnDefinitions: object[]; rows: { cells: unknown[] }[] };
    const shown = await json(`${path('v1')}${of}?includeObject=Object`, asTable);
    expect(stored.rows[0]?.cells).toEqual(['web', 'Deployment/web', 'cpu: <unknown>/50%', '1', 3, 0, '0s']);
    expect(shown).toMatchObject({ columnDefinitions: stored.columnDefinitions, rows: [{ cells: stored.rows[0]?.cells, object: inV1 }] });
    expect(await json(path('v1') + of, asTable)).toMatchObject({
      rows: [{ object: { kind: 'PartialObjectMetadata', metadata: { name: 'web' } } }],
    });
  });

  test('metadata alone', async () => {
    const accept = 'application/json;as=PartialObjectMetadataList;v=v1;g=meta.k8s.io';
    expect(await json(path('v1'), { accept })).toMatchObject({ kind: 'PartialObjectMetadataList', items: [{ metadata: { name: 'web' } }] });
  });

  test('protobuf, both ways', async () => {
    const codec = await loadProtobuf();
    const protobuf = 'application/vnd.kubernetes.protobuf';
    const bytes = codec.encodeProtobuf({ ...autoscaler, metadata: { name: 'packed' } }) ?? new Uint8Array();
    const made = await ask('POST', path('v1'), bytes, { 'content-type': protobuf, accept: protobuf });
    expect(made.status).toBe(201);
    for (const target of [`${path('v1')}/packed`, `${path('v1')}?fieldSelector=metadata.name%3Dpacked`]) {
      const { body } = await ask('GET', target, undefined, { accept: protobuf });
      const object = body.as === 'bytes' ? codec.decodeAnyProtobuf(body.bytes) : undefined;
      expect(object).toMatchObject(target.includes('?') ? { items: [{ spec: inV1.spec }] } : inV1);
    }
    expect((await ask('DELETE', `${path('v1')}/packed`)).status).toBe(200);
  });

  test.each([
    ['objects', {}, inV1],
    ['Tables', asTable, { kind: 'Table', rows: [{ cells: ['web', 'Deployment/web', 'cpu: <unknown>/50%', '1', 3, 0, '0s'] }] }],
  ])('watches of %s', async (_, headers, wanted) => {
    const { body } = await ask('GET', `${path('v1')}?watch=1`, undefined, headers);
    if (body.as !== 'stream') throw new Error('expected a stream');
    let text = '';
    for await (const batch of body.batches) {
      text += Buffer.concat([...batch]).toString();
      if (text !== '') break;
    }
    expect(JSON.parse(text)).toMatchObject({ type: 'ADDED', object: wanted });
  });

  test('a list without a revision has none', async () => {
    const response = await ask('GET', '/api/v1/componentstatuses');
    expect(response.headers.warning).toEqual(['299 - "v1 ComponentStatus is deprecated in v1.19+"']);
    expect((await jsonOf(response)).metadata).toEqual({});
    expect((await json('/api/v1/componentstatuses', asTable)) as object).toMatchObject({
      rows: [{ cells: ['etcd-0', 'Healthy', 'ok', ''] }, {}, {}],
    });
  });
});
