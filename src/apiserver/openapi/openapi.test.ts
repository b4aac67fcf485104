import { describe, expect, test } from 'vitest';
import { builtinKinds } from '../../api/mod.ts';
import { createEdge, fakeKinds, jsonOf, textOf } from '../core.fake.ts';
import { apiOpenApi, createOpenApi, type OpenApiSource } from './openapi.ts';

describe('OpenAPI documents', () => {
  const ask = (path: string, headers = {}) => createEdge().ask('GET', path, { headers });

  test('v2 as JSON, and as protobuf for whoever asks for that', async () => {
    expect(await textOf(await ask('/openapi/v2'))).toBe('{"swagger":"2.0"}');
    for (const separator of ['@', '.']) {
      const response = await ask('/openapi/v2', { accept: `application/com.github.proto-openapi.spec.v2${separator}v1.0+protobuf` });
      expect([response.headers['content-type'], await textOf(response)]).toEqual([
        'application/com.github.proto-openapi.spec.v2.v1.0+protobuf',
        'protobuf',
      ]);
    }
  });

  test('v3: the index leads to documents that may be kept for good', async () => {
    const { paths } = (await jsonOf(await ask('/openapi/v3'))) as { paths: Record<string, { serverRelativeURL: string }> };
    const url = paths['api/v1']?.serverRelativeURL ?? '';
    expect(url).toMatch(/^\/openapi\/v3\/api\/v1\?hash=[0-9A-F]{128}$/);
    const document = await ask(url);
    expect([await textOf(document), document.headers['cache-control']]).toEqual([
      '{"openapi":"3.0.0","path":"api/v1"}',
      'public, immutable',
    ]);
    expect((await ask('/openapi/v3/api/v1?hash=old')).headers['cache-control']).toBe('no-cache, private');
    expect((await ask('/openapi/v3/api/v1', { 'if-none-match': document.headers.etag })).status).toBe(304);
  });

  test('each document is made once, and again when the kinds change or making it failed', async () => {
    let made = 0;
    let kinds = fakeKinds;
    const source: OpenApiSource = {
      v2: async () => {
        made++;
        if (made === 1) throw new Error('not yet');
        return Buffer.from('{}');
      },
      v2Protobuf: async () => Buffer.from(''),
      v3Paths: async () => [],
      v3: async () => Buffer.from('{}'),
    };
    const openApi = createOpenApi(
      () => kinds,
      () => source,
    );
    const get = () => openApi.serve({ headers: {} } as never, '/openapi/v2', {});
    await expect(get()).rejects.toThrow('not yet');
    await Promise.all([get(), get()]);
    await get();
    expect(made).toBe(2);
    kinds = [...fakeKinds];
    await get();
    expect(made).toBe(3);
  });

  test('when kinds change, the documents of other group versions stand', async () => {
    const made: string[] = [];
    const [configMaps, deployments] = ['configmaps', 'deployments'].map((name) => builtinKinds.find(({ resource }) => resource === name));
    if (!configMaps || !deployments) throw new Error('no such kinds');
    let kinds = [configMaps, deployments];
    const openApi = createOpenApi(
      () => kinds,
      (of) => ({
        ...apiOpenApi(of, { yield: async () => {} }),
        v3: async (path) => {
          made.push(path);
          return Buffer.from(`{"kinds":${of.length}}`);
        },
      }),
    );
    const index = () => openApi.serve({ headers: {} } as never, '/openapi/v3', {});
    await index();
    kinds = [configMaps, { ...deployments }];
    await index();
    kinds = [configMaps, ...kinds.slice(1)];
    await index();
    expect(made).toEqual(['api/v1', 'apis/apps/v1', 'apis/apps/v1']);
    kinds = [configMaps];
    await index();
    expect(await openApi.serve({ headers: {} } as never, '/openapi/v3/apis/apps/v1', {})).toBeUndefined();
  });

  test('the real documents name every built-in group version', async () => {
    let turns = 0;
    const clock = { yield: async () => void turns++ };
    const source = apiOpenApi(builtinKinds, clock);
    const paths = await source.v3Paths();
    expect(paths).toContain('api/v1');
    expect(JSON.parse(Buffer.from(await source.v3('api/v1')).toString())).toMatchObject({ openapi: '3.0.0' });
    // In slices: others run between.
    expect(turns).toBeGreaterThan(10);
  });
});
