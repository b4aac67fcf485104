// The typed client: what it asks for, how long it waits, what it makes of answers.
import { describe, expect, test } from 'vitest';
import { notFound, type ResourceType, tooManyRequests, type V1ConfigMap } from '../api/mod.ts';
import { VirtualClock } from '../base/mod.ts';
import { turn } from '../base/ports/clock.ts';
import { type ApiRequest, type ApiResponse, type Transport, TransportError, type WatchEvent } from './transport.ts';
import { createClient } from './typed-client.ts';

const configMaps: ResourceType<V1ConfigMap> = { group: '', version: 'v1', kind: 'ConfigMap', resource: 'configmaps', namespaced: true };
const key = { namespace: 'default', name: 'a' };
const object: V1ConfigMap = { metadata: key, data: {} };

function setup(answer: (request: ApiRequest) => unknown = () => ({})) {
  const clock = new VirtualClock({ settle: turn });
  const requests: ApiRequest[] = [];
  const warned: string[] = [];
  const transport: Transport = {
    async send(request): Promise<ApiResponse> {
      requests.push(request);
      return { status: 200, object: await answer(request), warnings: ['old API'] };
    },
    async *watch(request): AsyncIterable<WatchEvent> {
      requests.push(request);
      yield* [];
    },
    async close() {},
  };
  const client = createClient(transport, { clock, userAgent: 'tool/v1 (linux)', onWarning: (text) => warned.push(text) });
  const last = () => {
    const { signal: _, resource: __, ...rest } = requests.at(-1) ?? { verb: 'get', resource: configMaps };
    return JSON.parse(JSON.stringify(rest)) as object;
  };
  return { clock, client, requests, warned, last };
}

describe('requests', () => {
  const fieldManager = 'tool';
  const deletion = { kind: 'DeleteOptions', apiVersion: 'v1' };
  type Call = (client: ReturnType<typeof setup>['client']) => unknown;
  test.each<[string, Call, object]>([
    ['get', (c) => c.get(configMaps, key), { verb: 'get', ...key }],
    [
      'list',
      (c) => c.list(configMaps, { namespace: 'x', labelSelector: 'a=b', limit: 5, continue: 't', resourceVersion: '7' }),
      { verb: 'list', namespace: 'x', query: { labelSelector: 'a=b', limit: '5', continue: 't', resourceVersion: '7' } },
    ],
    ['create', (c) => c.create(configMaps, object), { verb: 'create', namespace: 'default', body: object, query: { fieldManager } }],
    [
      'create of a subresource',
      (c) => c.create(configMaps, object, { subresource: 'token' }),
      { verb: 'create', ...key, subresource: 'token', body: object, query: { fieldManager } },
    ],
    [
      'update with a manager of its own',
      (c) => c.update(configMaps, object, { query: { fieldManager: 'other', dryRun: 'All' } }),
      { verb: 'update', ...key, body: object, query: { fieldManager: 'other', dryRun: 'All' } },
    ],
    [
      'status',
      (c) => c.updateStatus(configMaps, object),
      { verb: 'update', ...key, subresource: 'status', body: object, query: { fieldManager } },
    ],
    [
      'patch',
      (c) => c.patch(configMaps, key, 'application/merge-patch+json', { data: null }),
      { verb: 'patch', ...key, body: { data: null }, patchType: 'application/merge-patch+json', query: { fieldManager } },
    ],
    [
      'delete',
      (c) => c.delete(configMaps, key, { gracePeriodSeconds: 0, propagationPolicy: 'Orphan', preconditions: { uid: 'u' } }),
      { verb: 'delete', ...key, body: { ...deletion, gracePeriodSeconds: 0, propagationPolicy: 'Orphan', preconditions: { uid: 'u' } } },
    ],
    [
      'deletecollection',
      (c) => c.deleteCollection(configMaps, { namespace: 'x', fieldSelector: 'f=g' }),
      { verb: 'deletecollection', namespace: 'x', query: { fieldSelector: 'f=g' }, body: deletion },
    ],
  ])('%s', async (_, call, expected) => {
    const { client, last } = setup();
    await call(client);
    expect(last()).toMatchObject(expected);
  });

  test('watch', async () => {
    const { client, last } = setup();
    for await (const _ of client.watch(configMaps, { resourceVersion: '3', allowWatchBookmarks: true, timeoutSeconds: 9 }));
    expect(last()).toMatchObject({
      verb: 'watch',
      query: { watch: 'true', resourceVersion: '3', allowWatchBookmarks: 'true', timeoutSeconds: '9' },
    });
  });
});

describe('answers', () => {
  test('warnings are handed on', async () => {
    const { client, warned } = setup();
    await client.get(configMaps, key);
    expect(warned).toEqual(['old API']);
  });

  test('deleting what is not there gives undefined, other failures are thrown', async () => {
    const missing = setup(() => {
      throw notFound({ group: '', resource: 'configmaps', name: 'a' });
    });
    expect(await missing.client.delete(configMaps, key)).toBeUndefined();
    await expect(missing.client.get(configMaps, key)).rejects.toMatchObject({ reason: 'NotFound' });
  });

  test('a server that does not answer within 30 s is a TransportError, and the transport is told to stop', async () => {
    const { clock, client, requests } = setup(() => new Promise(() => {}));
    const failed = client.get(configMaps, key).catch((error: unknown) => error);
    await clock.advance(29_999);
    expect(requests[0]?.signal?.aborted).toBe(false);
    await clock.advance(1);
    const error = await failed;
    expect(error).toBeInstanceOf(TransportError);
    expect((error as Error).message).toBe('get configmaps "a" did not finish within 30000 ms');
    expect(requests[0]?.signal?.aborted).toBe(true);
    expect(clock.timers).toBe(0);
  });

  test("the caller's signal ends a call with its reason", async () => {
    const { clock, client } = setup(() => new Promise(() => {}));
    const own = new AbortController();
    const failed = client.get(configMaps, key, { signal: own.signal }).catch((error: unknown) => error);
    await clock.settle();
    own.abort(new RangeError('enough'));
    expect(await failed).toBeInstanceOf(RangeError);
    expect(clock.timers).toBe(0);
  });

  test('a busy server is asked again when it says, but not beyond the deadline, and not when it does not say', async () => {
    let busy = 2;
    const soon = setup(() => {
      if (busy-- > 0) throw tooManyRequests('busy', 3);
      return object;
    });
    const answer = soon.client.get(configMaps, key);
    await soon.clock.advance(6_000);
    expect(await answer).toEqual(object);
    expect(soon.requests).toHaveLength(3);

    const late = setup(() => {
      throw tooManyRequests('busy', 20);
    });
    const failed = late.client.get(configMaps, key).catch((error: unknown) => error);
    await late.clock.advance(60_000);
    expect(await failed).toBeInstanceOf(TransportError);

    const never = setup(() => {
      throw tooManyRequests('would violate a budget', 0);
    });
    await expect(never.client.get(configMaps, key)).rejects.toMatchObject({ code: 429 });
    expect(never.requests).toHaveLength(1);
  });
});
