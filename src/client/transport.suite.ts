// The contract of a transport: what components may count on, whichever they have.
import { afterEach, describe, expect, test } from 'vitest';
import { hasReason, type ResourceType, StatusError, tooManyRequests, type V1ConfigMap } from '../api/mod.ts';
import { turn } from '../base/ports/clock.ts';
import type { MemoryHandler } from './memory-handler.fake.ts';
import { type ApiRequest, type Transport, TransportError, type WatchEvent } from './transport.ts';

const configMaps: ResourceType<V1ConfigMap> = { group: '', version: 'v1', kind: 'ConfigMap', resource: 'configmaps', namespaced: true };
const leases: ResourceType = { group: 'coordination.k8s.io', version: 'v1', kind: 'Lease', resource: 'leases', namespaced: true };
const nodes: ResourceType = { group: '', version: 'v1', kind: 'Node', resource: 'nodes', namespaced: false };

export interface TransportUnderTest {
  readonly transport: Transport;
  readonly handler: MemoryHandler;
  readonly stop: () => Promise<void>;
}

const named = (name: string, verb: ApiRequest['verb'] = 'get'): ApiRequest => ({ verb, resource: configMaps, namespace: 'default', name });
const creation = (name: string, data: Record<string, string> = {}): ApiRequest => ({
  verb: 'create',
  resource: configMaps,
  namespace: 'default',
  body: { metadata: { name, namespace: 'default' }, data },
});

async function until(done: () => boolean): Promise<void> {
  for (let i = 0; i < 5_000 && !done(); i++) await turn();
  expect(done()).toBe(true);
}

async function failure(promise: Promise<unknown>): Promise<unknown> {
  return promise.then(
    () => undefined,
    (error: unknown) => error,
  );
}

export function transportContract(name: string, open: () => Promise<TransportUnderTest>): void {
  describe(`${name} transport`, () => {
    const opened: TransportUnderTest[] = [];
    const start = async (): Promise<TransportUnderTest> => {
      const under = await open();
      opened.push(under);
      return under;
    };
    afterEach(async () => {
      for (const under of opened.splice(0)) await under.stop();
    });

    test('carries every verb, for core and other groups, namespaced and not', async () => {
      const { transport } = await start();
      const made = await transport.send(creation('a', { k: 'v' }));
      expect(made.object).toMatchObject({ metadata: { name: 'a', namespace: 'default' }, data: { k: 'v' } });
      expect((await transport.send(named('a'))).object).toEqual(made.object);
      const patch: ApiRequest = { ...named('a', 'patch'), patchType: 'application/merge-patch+json', body: { data: { k: 'w' } } };
      expect((await transport.send(patch)).object).toMatchObject({ data: { k: 'w' } });
      const { resource: _, ...old } = patch;
      const current = (await transport.send(named('a'))).object as V1ConfigMap;
      const update: ApiRequest = { ...old, verb: 'update', resource: configMaps, body: { ...current, data: { k: 'x' } } };
      expect((await transport.send(update)).object).toMatchObject({ data: { k: 'x' } });
      await transport.send({
        verb: 'create',
        resource: leases,
        namespace: 'default',
        body: { metadata: { name: 'l', namespace: 'default' } },
      });
      await transport.send({ verb: 'create', resource: nodes, body: { metadata: { name: 'n' } } });
      expect((await transport.send({ verb: 'list', resource: leases })).object).toMatchObject({ items: [{ metadata: { name: 'l' } }] });
      expect((await transport.send({ verb: 'get', resource: nodes, name: 'n' })).object).toMatchObject({ metadata: { name: 'n' } });
      await transport.send({ ...named('a', 'delete'), body: {} });
      await transport.send({ verb: 'deletecollection', resource: leases, namespace: 'default' });
      expect((await transport.send({ verb: 'list', resource: leases })).object).toMatchObject({ items: [] });
    });

    test('throws the errors of the API as StatusError, with reason, code and details', async () => {
      const { transport, handler } = await start();
      const error = await failure(transport.send(named('nope')));
      expect(hasReason(error, 'NotFound')).toBe(true);
      expect(error).toMatchObject({ code: 404, message: 'configmaps "nope" not found', details: { name: 'nope', kind: 'configmaps' } });
      handler.before = () => {
        throw tooManyRequests('slow down', 7);
      };
      expect(await failure(transport.send(named('nope')))).toMatchObject({ code: 429, details: { retryAfterSeconds: 7 } });
    });

    test('throws a broken-off call as TransportError', async () => {
      const { transport, handler } = await start();
      handler.before = () => {
        throw new Error('server fell over');
      };
      expect(await failure(transport.send(named('a')))).toBeInstanceOf(TransportError);
    });

    test('does not change what it is given', async () => {
      const { transport } = await start();
      const request = creation('a', { k: 'v' });
      const before = JSON.stringify(request);
      Object.freeze(request.body);
      await transport.send(request);
      expect(JSON.stringify(request)).toBe(before);
    });

    test('a call ends with the reason of its signal', async () => {
      const { transport, handler } = await start();
      const own = new AbortController();
      let entered = false;
      handler.before = async (request) => {
        entered = true;
        await new Promise<void>((resolve) => request.signal?.addEventListener('abort', () => resolve()));
      };
      const call = failure(transport.send({ ...named('a'), signal: own.signal }));
      await until(() => entered);
      own.abort(new RangeError('enough'));
      expect(await call).toBeInstanceOf(RangeError);
      expect(await failure(transport.send({ ...named('a'), signal: own.signal }))).toBeInstanceOf(RangeError);
    });

    test('a watch gives what happens after its revision, in order, bookmarks included', async () => {
      const { transport, handler } = await start();
      await transport.send(creation('before'));
      const { object } = await transport.send({ verb: 'list', resource: configMaps });
      const resourceVersion = (object as { metadata: { resourceVersion: string } }).metadata.resourceVersion;
      const events: WatchEvent[] = [];
      const own = new AbortController();
      const watching = (async () => {
        for await (const event of transport.watch({
          verb: 'watch',
          resource: configMaps,
          query: { resourceVersion },
          signal: own.signal,
        })) {
          events.push(event);
        }
      })();
      await until(() => handler.watching === 1);
      for (let i = 0; i < 50; i++) await transport.send(creation(`a${i}`, { text: 'ünïcödé \n '.repeat(i * 10) }));
      await transport.send({ ...named('a0', 'delete'), body: {} });
      handler.bookmark();
      await until(() => events.length === 52);
      expect(events.map((event) => event.type)).toEqual([...Array(50).fill('ADDED'), 'DELETED', 'BOOKMARK']);
      expect(events[49]?.object).toMatchObject({ metadata: { name: 'a49' }, data: { text: 'ünïcödé \n '.repeat(490) } });
      own.abort();
      await watching;
      await until(() => handler.watching === 0);
    });

    test('a watch ends without error when the server ends it, and with a StatusError when it refuses', async () => {
      const { transport, handler } = await start();
      const watching = (async () => {
        for await (const _ of transport.watch({ verb: 'watch', resource: configMaps }));
        return 'ended';
      })();
      await until(() => handler.watching === 1);
      handler.endWatches();
      expect(await watching).toBe('ended');
      handler.compact();
      const refused = await failure(
        (async () => {
          for await (const _ of transport.watch({ verb: 'watch', resource: configMaps, query: { resourceVersion: '1' } }));
        })(),
      );
      expect(refused).toBeInstanceOf(StatusError);
      expect(refused).toMatchObject({ code: 410 });
    });

    test('breaking off the iteration ends the watch at the server', async () => {
      const { transport, handler } = await start();
      const first = (async () => {
        for await (const event of transport.watch({ verb: 'watch', resource: configMaps })) return event.object.metadata?.name;
        return undefined;
      })();
      await until(() => handler.watching === 1);
      await transport.send(creation('a'));
      expect(await first).toBe('a');
      await until(() => handler.watching === 0);
    });

    test('close ends watches and refuses further calls', async () => {
      const { transport, handler } = await start();
      const watching = (async () => {
        for await (const _ of transport.watch({ verb: 'watch', resource: configMaps }));
        return 'ended';
      })();
      await until(() => handler.watching === 1);
      await transport.close();
      expect(await watching).toBe('ended');
      expect(await failure(transport.send(named('a')))).toBeInstanceOf(TransportError);
    });
  });
}
