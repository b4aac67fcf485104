import { gunzipSync } from 'node:zlib';
import { describe, expect, test } from 'vitest';
import type { KubeObject } from '../api/mod.ts';
import { bytesOf, createEdge, encoded, fakeKinds, jsonOf, kindOf, podKind, textOf } from './core.fake.ts';
import { fieldManagerOf } from './routes.ts';

const pod = (name: string, more: object = {}): KubeObject => ({
  kind: 'Pod',
  apiVersion: 'v1',
  metadata: { name, namespace: 'default', resourceVersion: '5' },
  ...more,
});
const tableType = 'application/json;as=Table;v=v1;g=meta.k8s.io';
const metadataType = 'application/json;as=PartialObjectMetadata;v=v1;g=meta.k8s.io';

describe('paths and methods that are not served', () => {
  test.each([
    ['GET', '/nope', 404, '404 page not found\n'],
    ['GET', '/apis/nope', 404, '404 page not found\n'],
    ['GET', '/apis/nope/v1/things', 404, '404 page not found\n'],
    ['GET', '/api/v9', 404, '404 page not found\n'],
    ['GET', '/api/v9/pods', 404, '404 page not found\n'],
    ['GET', '/healthz/nope', 404, '404 page not found\n'],
    ['GET', '/openapi/v3/nope', 404, '404 page not found\n'],
    ['GET', '/api/v1/things', 404, 'the server could not find the requested resource'],
    ['GET', '/apis/apps/v1/namespaces/a/things/x', 404, 'the server could not find the requested resource'],
    ['GET', '/api/v1/namespaces/a/pods/x/things', 404, 'the server could not find the requested resource'],
    ['GET', '/api/v1/namespaces/a/pods/x/status/more', 404, 'the server could not find the requested resource'],
    ['GET', '/api/v1/namespaces/a/nodes/x', 404, 'the server could not find the requested resource'],
    ['GET', '/api/v1/pods/x', 404, 'the server could not find the requested resource'],
    ['HEAD', '/api/v1/namespaces/a/pods/x', 405, 'the server does not allow this method on the requested resource'],
    ['OPTIONS', '/api/v1/namespaces/a/pods/x', 405, 'the server does not allow this method on the requested resource'],
    ['POST', '/api/v1/namespaces/a/pods/x', 405, 'the server does not allow this method on the requested resource'],
    ['PUT', '/api/v1/namespaces/a/pods', 405, 'the server does not allow this method on the requested resource'],
    ['POST', '/api/v1/pods', 405, 'the server does not allow this method on the requested resource'],
    ['DELETE', '/api/v1/namespaces/a/pods/x/status', 405, 'the server does not allow this method on the requested resource'],
    ['DELETE', '/api/v1/namespaces', 405, 'deletecollection is not supported on resources of kind "namespaces"'],
    [
      'GET',
      '/apis/authorization.k8s.io/v1/selfsubjectaccessreviews',
      405,
      'list is not supported on resources of kind "selfsubjectaccessreviews.authorization.k8s.io"',
    ],
  ])('%s %s is %i', async (method, target, status, message) => {
    const response = await createEdge().ask(method, target);
    const text = await textOf(response);
    expect(response.status).toBe(status);
    expect(text.startsWith('{') ? (JSON.parse(text) as { message: string }).message : text).toBe(message);
  });
});

describe('requests on resources', () => {
  test('what the verb gets: scope, name, subresource, query, body with its media type', async () => {
    const { ask, core } = createEdge();
    const body = Buffer.from('{"metadata":{"name":"web"}}');
    const readBody = async () => body;
    await ask('POST', '/api/v1/namespaces/default/pods?dryRun=All&x=1&x=2', {
      readBody,
      headers: { 'content-type': 'application/yaml; charset=utf-8' },
    });
    await ask('PATCH', '/api/v1/nodes/n1/status', { readBody, headers: { 'content-type': 'application/merge-patch+json' } });
    await ask('GET', '/api/v1/namespaces/dev');
    await ask('DELETE', '/apis/apps/v1/namespaces/a/deployments/web');
    expect(core.requests.map(({ request: { kind, ...rest } }) => ({ ...rest, resource: kind.resource, query: { ...rest.query } }))).toEqual(
      [
        {
          verb: 'create',
          resource: 'pods',
          namespace: 'default',
          query: { dryRun: 'All', x: ['1', '2'] },
          body: { as: 'bytes', bytes: body, mediaType: 'application/yaml' },
        },
        {
          verb: 'patch',
          resource: 'nodes',
          name: 'n1',
          subresource: 'status',
          query: {},
          body: { as: 'bytes', bytes: body, mediaType: 'application/merge-patch+json' },
          patchType: 'application/merge-patch+json',
        },
        { verb: 'get', resource: 'namespaces', name: 'dev', query: {} },
        { verb: 'delete', resource: 'deployments', namespace: 'a', name: 'web', query: {} },
      ],
    );
  });

  test('a patch of an unknown type is a 415', async () => {
    const response = await createEdge().ask('PATCH', '/api/v1/nodes/n1', { readBody: async () => Buffer.from('{}') });
    expect(await jsonOf(response)).toMatchObject({ code: 415, reason: 'UnsupportedMediaType' });
  });

  test('a body in a form that is not read is a 415', async () => {
    const response = await createEdge().ask('POST', '/api/v1/namespaces/a/pods', { headers: { 'content-type': 'text/csv' } });
    expect(await jsonOf(response)).toMatchObject({
      code: 415,
      message:
        'the body of the request was in an unknown format - accepted media types include: application/json, application/yaml, application/vnd.kubernetes.protobuf',
    });
  });

  test('a body over the limit is a 413', async () => {
    const readBody = () => Promise.reject(Object.assign(new Error('large'), { code: 'tooLarge' }));
    expect(await jsonOf(await createEdge().ask('POST', '/api/v1/namespaces/a/pods', { readBody }))).toMatchObject({
      code: 413,
      reason: 'RequestEntityTooLarge',
      message: 'Request entity too large: limit is 3145728',
    });
  });

  test('what nobody can read is refused before the verb runs', async () => {
    const { ask, core } = createEdge();
    expect((await ask('GET', '/api/v1/pods', { headers: { accept: 'application/*' } })).status).toBe(406);
    expect((await ask('GET', '/api/v1/pods?watch=1', { headers: { accept: 'application/yaml' } })).status).toBe(406);
    expect(core.requests).toEqual([]);
  });

  test.each([
    [undefined, 'unknown'],
    ['kubectl/v1.36.0 (linux/amd64) kubernetes/abc', 'kubectl'],
    ['curl', 'curl'],
    ['/x', 'unknown'],
    ['a'.repeat(200), 'a'.repeat(128)],
  ])('the field manager of user agent %s', (agent, wanted) => {
    expect(fieldManagerOf(agent)).toBe(wanted);
  });
});

describe('forms', () => {
  const edge = () => {
    const made = createEdge();
    made.core.put(podKind, pod('a'));
    made.core.put(podKind, pod('b', { spec: { x: 1 } }));
    return made;
  };
  const listed = '/api/v1/namespaces/default/pods';

  test('a list is joined from the items’ own bytes', async () => {
    const response = await edge().ask('GET', listed);
    expect(await textOf(response)).toBe(
      '{"kind":"PodList","apiVersion":"v1","metadata":{"resourceVersion":"7"},"items":[{"kind":"Pod","apiVersion":"v1","metadata":{"name":"a","namespace":"default","resourceVersion":"5"}},{"kind":"Pod","apiVersion":"v1","metadata":{"name":"b","namespace":"default","resourceVersion":"5"},"spec":{"x":1}}]}\n',
    );
    expect(response.headers['content-length']).toBe((await bytesOf(response)).length);
    expect(await textOf(await edge().ask('GET', '/apis/apps/v1/deployments'))).toBe(
      '{"kind":"DeploymentList","apiVersion":"apps/v1","metadata":{"resourceVersion":"7"},"items":[]}\n',
    );
  });

  test('Table', async () => {
    const list = await jsonOf(
      await edge().ask('GET', `${listed}?includeObject=None`, { headers: { accept: `${tableType}, application/json` } }),
    );
    expect(list).toEqual({
      kind: 'Table',
      apiVersion: 'meta.k8s.io/v1',
      metadata: { resourceVersion: '7' },
      columnDefinitions: [{ name: 'Name', type: 'string' }],
      rows: [{ cells: ['a'] }, { cells: ['b'] }],
    });
    const one = await jsonOf(await edge().ask('GET', `${listed}/a`, { headers: { accept: tableType } }));
    expect(one).toMatchObject({
      kind: 'Table',
      metadata: { resourceVersion: '5' },
      rows: [{ cells: ['a'], object: { metadata: { name: 'a' } } }],
    });
    expect((await edge().ask('GET', `${listed}?includeObject=Some`, { headers: { accept: tableType } })).status).toBe(400);
  });

  test('metadata only', async () => {
    const one = await jsonOf(await edge().ask('GET', `${listed}/b`, { headers: { accept: metadataType } }));
    expect(one).toEqual({
      kind: 'PartialObjectMetadata',
      apiVersion: 'meta.k8s.io/v1',
      metadata: { name: 'b', namespace: 'default', resourceVersion: '5' },
    });
    const list = await jsonOf(await edge().ask('GET', listed, { headers: { accept: metadataType.replace('Metadata;', 'MetadataList;') } }));
    expect(list).toMatchObject({
      kind: 'PartialObjectMetadataList',
      metadata: { resourceVersion: '7' },
      items: [{ metadata: { name: 'a' } }, { metadata: { name: 'b' } }],
    });
  });

  test('YAML', async () => {
    const response = await edge().ask('GET', `${listed}/a`, { headers: { accept: 'application/yaml' } });
    expect(response.headers['content-type']).toBe('application/yaml');
    expect(await textOf(response)).toMatch(/^yaml: \{"kind":"Pod"/);
  });

  test('a large list comes in batches and loses nothing; compressed where that is asked for', async () => {
    const { ask, core } = createEdge();
    for (let i = 0; i < 300; i++) core.put(podKind, pod(`p${i}`, { spec: { text: 'x'.repeat(2000) } }));
    const plain = await ask('GET', listed);
    expect(plain.body.as).toBe('stream');
    const text = await textOf(plain);
    expect((JSON.parse(text) as { items: KubeObject[] }).items.map((item) => item.metadata?.name)).toEqual(
      Array.from({ length: 300 }, (_, i) => `p${i}`),
    );
    const zipped = await ask('GET', listed, { headers: { 'accept-encoding': 'gzip' } });
    expect(zipped.headers['content-encoding']).toBe('gzip');
    const bytes = await bytesOf(zipped);
    expect(bytes.length).toBeLessThan(text.length / 10);
    expect(gunzipSync(bytes).toString()).toBe(text);
    expect((await edge().ask('GET', listed, { headers: { 'accept-encoding': 'gzip' } })).headers['content-encoding']).toBeUndefined();
  });
});

describe('watches', () => {
  const edge = () => {
    const made = createEdge();
    const [first, second] = [encoded(pod('a')), encoded(pod('b'))];
    made.core.frames = [
      [
        { type: 'ADDED', entry: first },
        { type: 'ADDED', entry: second },
        { type: 'BOOKMARK', resourceVersion: '9', initialEventsEnd: true },
      ],
      [{ type: 'DELETED', entry: first }],
      [{ type: 'ERROR', status: { kind: 'Status', code: 410 } }],
    ];
    made.core.endWatch = true;
    return made;
  };
  const lines = async (accept: string) => {
    const response = await edge().ask('GET', '/api/v1/pods?watch=true', { headers: { accept } });
    return (await textOf(response))
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line) as { type: string; object: Record<string, unknown> });
  };

  test('events are lines of JSON around the objects’ own bytes', async () => {
    const response = await edge().ask('GET', '/api/v1/pods?watch=true');
    expect(response.headers['content-type']).toBe('application/json');
    const one = (name: string) =>
      `{"kind":"Pod","apiVersion":"v1","metadata":{"name":"${name}","namespace":"default","resourceVersion":"5"}}`;
    expect(await textOf(response)).toBe(
      [
        `{"type":"ADDED","object":${one('a')}}`,
        `{"type":"ADDED","object":${one('b')}}`,
        '{"type":"BOOKMARK","object":{"kind":"Pod","apiVersion":"v1","metadata":{"resourceVersion":"9","annotations":{"k8s.io/initial-events-end":"true"}}}}',
        `{"type":"DELETED","object":${one('a')}}`,
        '{"type":"ERROR","object":{"kind":"Status","code":410}}',
        '',
      ].join('\n'),
    );
  });

  test('as Tables: the columns come once', async () => {
    const events = await lines(tableType);
    expect(
      events.map(({ type, object }) => [
        type,
        (object.columnDefinitions as unknown[] | undefined)?.length,
        (object.rows as { cells: unknown[] }[] | undefined)?.[0]?.cells,
      ]),
    ).toEqual([
      ['ADDED', 1, ['a']],
      ['ADDED', 0, ['b']],
      ['BOOKMARK', 0, ['']],
      ['DELETED', 0, ['a']],
      ['ERROR', undefined, undefined],
    ]);
  });

  test('as metadata only', async () => {
    const events = await lines(metadataType);
    expect(events.map(({ type, object }) => [type, object.kind, (object.metadata as { name?: string } | undefined)?.name])).toEqual([
      ['ADDED', 'PartialObjectMetadata', 'a'],
      ['ADDED', 'PartialObjectMetadata', 'b'],
      ['BOOKMARK', 'PartialObjectMetadata', undefined],
      ['DELETED', 'PartialObjectMetadata', 'a'],
      ['ERROR', 'Status', undefined],
    ]);
  });

  test('watchers of the same event send the same bytes', async () => {
    const { ask, core } = createEdge();
    core.frames = [[{ type: 'ADDED', entry: encoded(pod('a')) }]];
    core.endWatch = true;
    const chunkOf = async () => {
      const { body } = await ask('GET', '/api/v1/pods?watch=true');
      const chunks: Uint8Array[] = [];
      if (body.as === 'stream') for await (const batch of body.batches) chunks.push(...batch);
      return chunks[0];
    };
    expect(await chunkOf()).toBe(await chunkOf());
  });

  test('a watch has no deadline, ends when the client goes, and its end lets go of everything', async () => {
    const { ask, core, clock } = createEdge();
    const client = new AbortController();
    const response = await ask('GET', '/api/v1/pods?watch=true', { signal: client.signal });
    const text = textOf(response);
    await clock.advance(3_600_000);
    client.abort();
    expect(await text).toBe('');
    response.finished?.();
    expect(core.requests[0]?.context.signal.aborted).toBe(true);
    expect(clock.timers).toBe(0);
  });
});

test('custom kinds of the core come up in discovery when its list changes', async () => {
  const { ask, core } = createEdge();
  expect((await ask('GET', '/apis/example.com/v1')).status).toBe(404);
  Object.assign(core, { kinds: [...fakeKinds, kindOf({ group: 'example.com', kind: 'Thing', resource: 'things' })] });
  expect((await ask('GET', '/apis/example.com/v1')).status).toBe(200);
});
