// Objects that the store cannot read: the server runs, says which, and lets them be written off or written anew.
import { describe, expect, test } from 'vitest';
import { type KindDefinition, StatusError, servedKinds } from '../../api/mod.ts';
import { SeededRandom, silentLogger } from '../../base/mod.ts';
import { openMemoryStore, type Store, type Stored, type StoreEvent } from '../../store/mod.ts';
import type { ResourceRequest } from '../request.ts';
import { startTestCore } from '../testing/fixture.ts';

const why = 'the record is damaged';
const configMaps = servedKinds.find(({ resource }) => resource === 'configmaps') as KindDefinition;

/** A store of which some records have been damaged: those of the keys, as long as they are not written again. */
function damaged(store: Store, broken: Map<string, number>): Store {
  const seen = <T extends Stored>(stored: T): T =>
    broken.get(stored.key) === stored.revision ? { ...stored, value: new Uint8Array(), unreadable: `${why}: ${stored.key}` } : stored;
  return {
    ...store,
    read: async (key) => {
      const found = await store.read(key);
      return found && seen(found);
    },
    list: async (prefix, options) => {
      const page = await store.list(prefix, options);
      return { ...page, items: page.items.map(seen) };
    },
    write: (op) => store.write(op),
    compact: (revision) => store.compact(revision),
    revision: () => store.revision(),
    close: () => store.close(),
    async *watch(prefix, after, signal): AsyncIterable<StoreEvent> {
      for await (const event of store.watch(prefix, after, signal)) {
        yield event.type === 'progress' || !event.previous ? event : { ...event, previous: seen(event.previous) };
      }
    },
  };
}

/** Runs a core with objects, and another one over the same store after the keys have been damaged. */
async function withDamage(
  keys: readonly string[],
  fill: (core: Awaited<ReturnType<typeof startTestCore>>) => Promise<unknown> = async () => {},
) {
  const disk = openMemoryStore();
  const first = await startTestCore({ kinds: servedKinds, store: disk });
  await fill(first);
  const broken = new Map<string, number>();
  const standing = await disk.list('/registry/');
  for (const { key, revision } of standing.items) if (keys.some((one) => key.startsWith(one))) broken.set(key, revision);
  const core = await startTestCore({ kinds: servedKinds, store: damaged(disk, broken) });
  return { core, broken, stop: () => Promise.all([first.stop(), core.stop()]) };
}

const said = (running: Promise<unknown>) =>
  running.then(
    () => 'done',
    (error: unknown) => (error instanceof StatusError ? `${error.status.code} ${error.status.message}` : String(error)),
  );
const configMap = (name: string, data = {}) => ({ apiVersion: 'v1', kind: 'ConfigMap', metadata: { name, namespace: 'default' }, data });
const at = { kind: configMaps, namespace: 'default' };
const writeOff = (name: string, more = {}): ResourceRequest => ({
  ...at,
  verb: 'delete',
  name,
  body: {
    as: 'object',
    object: { apiVersion: 'v1', kind: 'DeleteOptions', ignoreStoreReadErrorWithClusterBreakingPotential: true, ...more },
  },
});
const prefix = '/registry/core/configmaps/default/';

describe('a config map that cannot be read', () => {
  const start = () =>
    withDamage([`${prefix}bad`], async (core) => {
      for (const name of ['good', 'bad', 'worse'])
        await core.run({
          ...at,
          verb: 'create',
          body: { as: 'object', object: { ...configMap(name), metadata: { name, namespace: 'default', finalizers: ['a.b/c'] } } },
        });
    });

  test('is told by name to who asks for it or lists; others are given; a usual delete and an update say why they cannot', async () => {
    const { core, stop } = await start();
    const told = `500 Internal error occurred: ${why}: ${prefix}bad`;
    expect(await said(core.call({ ...at, verb: 'get', name: 'bad' }))).toBe(told);
    expect(
      await said(core.run({ ...at, verb: 'list' }).then((result) => result.as === 'list' && result.entries.map(({ bytes }) => bytes))),
    ).toBe(told);
    expect(await said(core.run({ ...at, verb: 'delete', name: 'bad' }))).toBe(told);
    expect(await said(core.run({ ...at, verb: 'update', name: 'bad', body: { as: 'object', object: configMap('bad') } }))).toBe(told);
    expect(await said(core.run({ ...at, verb: 'get', name: 'good' }))).toBe('done');
    await stop();
  });

  test('is written off by the option, whatever its finalizers; then it is gone, can be listed and made anew', async () => {
    const { core, stop } = await start();
    expect(await said(core.run(writeOff('bad')))).toBe('done');
    expect(await said(core.run({ ...at, verb: 'get', name: 'bad' }))).toBe('404 configmaps "bad" not found');
    const result = await core.run({ ...at, verb: 'list' });
    expect(result.as === 'list' && result.entries.map(({ object }) => object.metadata?.name)).toEqual(['good', 'worse']);
    expect(await said(core.run(writeOff('bad')))).toBe('404 configmaps "bad" not found');
    expect(await said(core.run({ ...at, verb: 'create', body: { as: 'object', object: configMap('bad') } }))).toBe('done');
    await stop();
  });

  test('the option is for nothing else: not for what can be read, not with other options, not for collections, and not for all users', async () => {
    const { core, stop } = await start();
    expect(await said(core.run(writeOff('good')))).toContain(
      '422 configmaps "good" is invalid: ignoreStoreReadErrorWithClusterBreakingPotential: Invalid value: true: is exclusively used to delete corrupt object(s)',
    );
    const both = await said(core.run(writeOff('bad', { gracePeriodSeconds: 0, preconditions: { uid: 'x' } })));
    expect(both).toContain('cannot be set together with .gracePeriodSeconds');
    expect(both).toContain('cannot be set together with .preconditions');
    expect(await said(core.run({ ...writeOff('bad'), verb: 'deletecollection', name: undefined }))).toContain(
      'is not allowed with DELETECOLLECTION',
    );
    const context = {
      user: { name: 'eve', groups: ['system:authenticated'] },
      clock: core.clock,
      random: new SeededRandom(1),
      log: silentLogger,
      signal: new AbortController().signal,
      userAgent: 'test/1.0',
      warn: () => {},
    };
    expect(await said(core.core.execute(writeOff('bad'), context))).toBe(
      '403 configmaps "bad" is forbidden: not permitted to do "unsafe-delete-ignore-read-errors", reason: ',
    );
    await stop();
  });

  test('a watch of it ends when it goes, so that clients list anew', async () => {
    const { core, stop } = await start();
    const watch = await core.run({ ...at, verb: 'watch' });
    if (watch.as !== 'watch') throw new Error('no watch');
    const ended = (async () => {
      for await (const _ of watch.frames);
    })();
    await core.run(writeOff('bad'));
    await ended;
    await stop();
  });
});

test.each([
  '/registry/core/services/',
  '/registry/core/namespaces/',
  '/registry/core/serviceaccounts/',
  '/registry/rbac.authorization.k8s.io/clusterroles/',
  '/registry/rbac.authorization.k8s.io/clusterrolebindings/',
  '/registry/scheduling.k8s.io/priorityclasses/',
  '/registry/networking.k8s.io/ipaddresses/',
  '/registry/networking.k8s.io/servicecidrs/',
  '/registry/flowcontrol.apiserver.k8s.io/',
])('the server starts although all below %s is damaged, and an administrator writes one off', async (under) => {
  const { core, broken, stop } = await withDamage([under]);
  expect(broken.size).toBeGreaterThan(0);
  for (const key of broken.keys()) {
    const [, , group = '', resource = '', ...rest] = key.split('/');
    const kind = servedKinds.find((one) => one.resource === resource && (one.group === group || (group === 'core' && one.group === '')));
    if (!kind) throw new Error(`no kind for ${key}`);
    const [namespace, name] = kind.namespaced ? [rest[0], rest[1]] : [undefined, rest[0]];
    const body = {
      as: 'object',
      object: { apiVersion: 'v1', kind: 'DeleteOptions', ignoreStoreReadErrorWithClusterBreakingPotential: true },
    } as const;
    expect(await said(core.run({ kind, verb: 'delete', namespace, name, body }))).toBe('done');
  }
  await stop();
});
