// Informers over a fake server under a virtual clock: gaps, restarts, expiry, order, stopping.
import { describe, expect, test } from 'vitest';
import type { Persisted, ResourceType, V1ConfigMap } from '../api/mod.ts';
import { tooManyRequests } from '../api/mod.ts';
import { SeededRandom, StoppedError, silentLogger, VirtualClock } from '../base/mod.ts';
import { turn } from '../base/ports/clock.ts';
import { createInProcessTransport } from './in-process.ts';
import { createInformers } from './informers.ts';
import { createMemoryHandler } from './memory-handler.fake.ts';
import { createClient } from './typed-client.ts';

const configMaps: ResourceType<V1ConfigMap> = { group: '', version: 'v1', kind: 'ConfigMap', resource: 'configmaps', namespaced: true };

function setup() {
  const clock = new VirtualClock({ settle: turn });
  const handler = createMemoryHandler(() => clock.nowMs());
  const stop = new AbortController();
  const client = createClient(createInProcessTransport({ handler, user: { name: 'test', groups: [] } }), { clock, userAgent: 'test' });
  const informers = createInformers({ client, clock, random: new SeededRandom(1), log: silentLogger, signal: stop.signal });
  const make = (name: string, data: Record<string, string> = {}, namespace = 'default') =>
    client.create(configMaps, { metadata: { name, namespace }, data });
  return { clock, handler, client, informers, stop, make };
}

type Change = { old?: Persisted<V1ConfigMap> | undefined; next?: Persisted<V1ConfigMap> | undefined };
const said = ({ old, next }: Change): string =>
  !old ? `+${next?.metadata.name}` : !next ? `-${old.metadata.name}` : `${next.metadata.name}=${next.data?.v ?? ''}`;

describe('informers', () => {
  test('hold the list, then follow the watch in order', async () => {
    const { clock, client, informers, make } = setup();
    await make('a');
    const informer = informers.of(configMaps);
    const changes: string[] = [];
    informer.onChange((change) => changes.push(said(change)));
    expect(informer.hasSynced).toBe(false);
    await informers.synced();
    expect(informer.hasSynced).toBe(true);
    await clock.settle();
    const b = await make('b');
    await client.update(configMaps, { ...b, data: { v: '2' } });
    await client.delete(configMaps, { namespace: 'default', name: 'a' });
    await clock.settle();
    expect(changes).toEqual(['+a', '+b', 'b=2', '-a']);
    expect(informer.get('default/b')?.data).toEqual({ v: '2' });
    expect(informer.get('default/a')).toBeUndefined();
  });

  test('are shared: one list and one watch a resource', async () => {
    const { clock, handler, informers } = setup();
    expect(informers.of(configMaps)).toBe(informers.of({ ...configMaps }));
    await clock.settle();
    expect(handler.requests.filter((line) => line.startsWith('list'))).toHaveLength(1);
    expect(handler.watching).toBe(1);
  });

  test('resume from the last revision, bookmarks included, when the server ends the watch', async () => {
    const { clock, handler, informers, make } = setup();
    const informer = informers.of(configMaps);
    await informers.synced();
    await clock.settle();
    await make('a');
    handler.bookmark();
    await clock.settle();
    handler.endWatches();
    await clock.settle();
    expect(handler.requests.filter((line) => /^(list|watch)/.test(line))).toEqual([
      'list configmaps//',
      'watch configmaps// from 100',
      'watch configmaps// from 102',
    ]);
    await make('b');
    await clock.settle();
    expect(informer.list().map((object) => object.metadata.name)).toEqual(['a', 'b']);
  });

  test('list again after 410 and tell of what was deleted, replaced and added in the gap', async () => {
    const { clock, handler, client, informers, make } = setup();
    for (const name of ['gone', 'replaced', 'same']) await make(name);
    const informer = informers.of(configMaps);
    await informers.synced();
    await clock.settle();
    const changes: string[] = [];
    informer.onChange((change) => changes.push(said(change)));
    changes.length = 0;
    handler.endWatches();
    await client.delete(configMaps, { namespace: 'default', name: 'gone' });
    await client.delete(configMaps, { namespace: 'default', name: 'replaced' });
    await make('replaced');
    await make('new');
    handler.compact();
    await clock.advance(60_000);
    expect(changes).toEqual(['-gone', '-replaced', '+replaced', '+new']);
  });

  test('back off while the server refuses, and do not list again for it', async () => {
    const { clock, handler, informers, make } = setup();
    const informer = informers.of(configMaps);
    await informers.synced();
    await clock.settle();
    handler.before = (request) => {
      if (request.verb === 'watch') throw tooManyRequests('busy', 1);
    };
    handler.endWatches();
    handler.requests.length = 0;
    await clock.advance(60_000);
    const tries = handler.requests.length;
    expect(tries).toBeGreaterThan(4);
    expect(tries).toBeLessThan(16);
    expect(handler.requests.every((line) => line.startsWith('watch'))).toBe(true);
    handler.before = () => {};
    await make('late');
    await clock.advance(60_000);
    expect(informer.get('default/late')).toBeDefined();
  });

  test('do not spin when the server ends every watch at once', async () => {
    const { clock, handler, informers } = setup();
    informers.of(configMaps);
    await informers.synced();
    await clock.settle();
    handler.before = (request) => {
      if (request.verb === 'watch') queueMicrotask(() => queueMicrotask(() => queueMicrotask(() => handler.endWatches())));
    };
    handler.requests.length = 0;
    await clock.settle();
    handler.endWatches();
    await clock.advance(30_000);
    expect(handler.requests.length).toBeLessThan(16);
  });

  test('end a watch that has fallen silent past its time', async () => {
    const { clock, handler, informers } = setup();
    informers.of(configMaps);
    await informers.synced();
    await clock.advance(660_000);
    expect(handler.requests.filter((line) => line.startsWith('watch')).length).toBeGreaterThan(1);
    expect(handler.watching).toBe(1);
  });

  test('answer by namespace and by index, also for indexes added late', async () => {
    const { clock, client, informers, make } = setup();
    await make('a', { color: 'red' });
    await make('b', { color: 'blue' }, 'other');
    const informer = informers.of(configMaps);
    await informers.synced();
    await clock.settle();
    informer.addIndex('color', (object) => (object.data?.color ? [object.data.color] : []));
    const names = (list: readonly Persisted<V1ConfigMap>[]) => list.map((object) => object.metadata.name);
    expect(names(informer.list('other'))).toEqual(['b']);
    expect(names(informer.byIndex('color', 'red'))).toEqual(['a']);
    const a = await client.get(configMaps, { namespace: 'default', name: 'a' });
    await client.update(configMaps, { ...a, data: { color: 'blue' } });
    await clock.settle();
    expect(names(informer.byIndex('color', 'red'))).toEqual([]);
    expect(names(informer.byIndex('color', 'blue')).sort()).toEqual(['a', 'b']);
    await client.delete(configMaps, { namespace: 'other', name: 'b' });
    await clock.settle();
    expect(names(informer.byIndex('color', 'blue'))).toEqual(['a']);
    expect(names(informer.list('other'))).toEqual([]);
  });

  test('go on when a handler throws, and give a late handler everything once', async () => {
    const { clock, informers, make } = setup();
    await make('a');
    const informer = informers.of(configMaps);
    await informers.synced();
    await clock.settle();
    informer.onChange(() => {
      throw new Error('a bug of its own');
    });
    const changes: string[] = [];
    const off = informer.onChange((change) => changes.push(said(change)));
    await make('b');
    await clock.settle();
    off();
    await make('c');
    await clock.settle();
    expect(changes).toEqual(['+a', '+b']);
  });

  test('leave nothing behind when the signal fires, at any moment', async () => {
    const early = setup();
    const informer = early.informers.of(configMaps);
    early.stop.abort(new StoppedError());
    await expect(informer.synced).rejects.toThrow(StoppedError);
    await early.informers.stopped;

    const late = setup();
    late.informers.of(configMaps);
    await late.informers.synced();
    await late.clock.settle();
    late.stop.abort(new StoppedError());
    await late.informers.stopped;
    expect(late.clock.timers).toBe(0);
    expect(late.handler.watching).toBe(0);
  });
});
