import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { openMemoryStore } from '../../store/mod.ts';
import type { ResourceRequest, WatchFrame } from '../request.ts';
import { bodyOf, configMapOf, configMaps, frameText, podOf, pods, startTestCore, type TestCore } from '../testing/fixture.ts';

/** Reads a watch until it has nothing more to give right now, or to its end. */
function reader(frames: AsyncIterable<readonly WatchFrame[]>) {
  const got: WatchFrame[] = [];
  const state = { ended: false };
  const done = (async () => {
    for await (const batch of frames) got.push(...batch);
    state.ended = true;
  })();
  return { got, state, done, texts: () => got.map(frameText) };
}

async function watch(t: TestCore, request: Partial<ResourceRequest> = {}, signal?: AbortSignal) {
  const result = await t.run({ verb: 'watch', kind: configMaps, ...request }, signal);
  if (result.as !== 'watch') throw new Error('wanted a watch');
  return reader(result.frames);
}

const put = async (t: TestCore, name: string, data: Record<string, string>, labels?: Record<string, string>) => {
  const object = configMapOf(name, data, labels ? { labels } : {});
  const standing = t.core.registry.of(configMaps).get('default', name);
  return t.call({ verb: standing ? 'update' : 'create', kind: configMaps, name: standing ? name : undefined, body: bodyOf(object) });
};
const remove = (t: TestCore, name: string) => t.run({ verb: 'delete', kind: configMaps, name });

describe('a watch', () => {
  test('begins with the state, goes on with changes, and ends with its signal', async () => {
    const t = await startTestCore();
    await put(t, 'a', {});
    const stop = new AbortController();
    const w = await watch(t, {}, stop.signal);
    await put(t, 'b', {});
    await put(t, 'a', { k: 'v' });
    await remove(t, 'b');
    await t.clock.settle();
    expect(w.texts()).toEqual(['ADDED default/a', 'ADDED default/b', 'MODIFIED default/a', 'DELETED default/b']);
    const last = w.got[3];
    expect(last?.type === 'DELETED' && Number(last.entry.object.metadata?.resourceVersion)).toBe(t.core.registry.cache.revision);
    stop.abort();
    await w.done;
    expect(w.state.ended).toBe(true);
    await t.stop();
  });

  test('ends when the core stops, and leaves no timer', async () => {
    const t = await startTestCore();
    const w = await watch(t, { query: { allowWatchBookmarks: 'true', timeoutSeconds: '600' } });
    await t.clock.settle();
    await t.stop();
    await w.done;
    expect(t.clock.timers).toBe(0);
  });

  test('shows what enters and leaves a selector as ADDED and DELETED', async () => {
    const t = await startTestCore();
    const w = await watch(t, { query: { labelSelector: 'app=web' } });
    await put(t, 'a', {});
    await put(t, 'a', {}, { app: 'web' });
    await put(t, 'a', { k: 'v' }, { app: 'web' });
    await put(t, 'a', { k: 'w' }, { app: 'db' });
    await t.clock.settle();
    expect(w.texts()).toEqual(['ADDED default/a', 'MODIFIED default/a', 'DELETED default/a']);
    const gone = w.got[2];
    // The object as it was when it was still selected, at the revision of the change.
    expect(gone?.type === 'DELETED' && gone.entry.object).toMatchObject({ data: { k: 'v' }, metadata: { labels: { app: 'web' } } });
    if (gone?.type === 'DELETED') expect(JSON.parse(Buffer.from(gone.entry.bytes).toString('utf8'))).toEqual(gone.entry.object);
    await t.stop();
  });

  test('by field selector follows a pod onto its node', async () => {
    const t = await startTestCore();
    const onNode = await watch(t, { kind: pods, query: { fieldSelector: 'spec.nodeName=n1' } });
    const unbound = await watch(t, { kind: pods, query: { fieldSelector: 'spec.nodeName=' } });
    await t.create(pods, podOf('p'));
    await t.run({ verb: 'create', kind: pods, name: 'p', subresource: 'binding', body: bodyOf({ target: { kind: 'Node', name: 'n1' } }) });
    await t.clock.settle();
    expect(onNode.texts()).toEqual(['ADDED default/p']);
    expect(unbound.texts()).toEqual(['ADDED default/p', 'DELETED default/p']);
    await t.stop();
  });

  test('of one name or namespace sees nothing else', async () => {
    const t = await startTestCore();
    const one = await watch(t, { query: { fieldSelector: 'metadata.name=b' } });
    const elsewhere = await watch(t, { namespace: 'kube-system' });
    await put(t, 'a', {});
    await put(t, 'b', {});
    await t.clock.settle();
    expect(one.texts()).toEqual(['ADDED default/b']);
    expect(elsewhere.texts()).toEqual([]);
    await t.stop();
  });

  test('shares one frame among its watchers', async () => {
    const t = await startTestCore();
    const [a, b] = [await watch(t), await watch(t)];
    await put(t, 'x', {});
    await t.clock.settle();
    expect(a.got[0]).toBe(b.got[0]);
    await t.stop();
  });

  test('resumes after a revision, from the ring or from the history of the store', async () => {
    const t = await startTestCore({ ringLimits: { events: 2, bytes: 1e9 } });
    const first = await put(t, 'a', {});
    for (let i = 0; i < 5; i++) await put(t, 'a', { i: String(i) });
    const query = { resourceVersion: first.metadata?.resourceVersion };
    const old = await watch(t, { query });
    const recent = await watch(t, { query: { resourceVersion: String(t.core.registry.cache.revision - 1) } });
    await put(t, 'b', {});
    await t.clock.settle();
    expect(old.texts()).toEqual([...Array.from({ length: 5 }, () => 'MODIFIED default/a'), 'ADDED default/b']);
    expect(recent.texts()).toEqual(['MODIFIED default/a', 'ADDED default/b']);
    await t.stop();
  });

  test('that begins too early gets one ERROR frame: 410', async () => {
    const t = await startTestCore({ ringLimits: { events: 2, bytes: 1e9 } });
    const first = await put(t, 'a', {});
    for (let i = 0; i < 5; i++) await put(t, 'a', { i: String(i) });
    await t.store.compact(t.core.registry.cache.revision - 1);
    const w = await watch(t, { query: { resourceVersion: first.metadata?.resourceVersion } });
    await w.done;
    expect(w.texts()).toEqual(['ERROR 410']);
    expect(w.got[0]?.type === 'ERROR' && w.got[0].status).toMatchObject({
      reason: 'Expired',
      message: expect.stringMatching(/^too old resource version: \d+ \(\d+\)$/),
    });
    await t.stop();
  });

  test('resumes across a restart from the history of the store', async () => {
    const store = openMemoryStore();
    const before = await startTestCore({ store });
    const first = await put(before, 'a', {});
    await put(before, 'a', { k: 'v' });
    await remove(before, 'a');
    await before.stop();
    const t = await startTestCore({ store });
    const w = await watch(t, { query: { resourceVersion: first.metadata?.resourceVersion } });
    await put(t, 'c', {});
    await t.clock.settle();
    expect(w.texts()).toEqual(['MODIFIED default/a', 'DELETED default/a', 'ADDED default/c']);
    await t.stop();
    await store.close();
  });

  test('after a revision that is yet to come is silent until then', async () => {
    const t = await startTestCore();
    const w = await watch(t, { query: { resourceVersion: String(t.core.registry.cache.revision + 1) } });
    await put(t, 'a', {});
    await put(t, 'b', {});
    await t.clock.settle();
    expect(w.texts()).toEqual(['ADDED default/b']);
    await t.stop();
  });

  test('sends bookmarks once a minute, and one shortly before its time is up', async () => {
    const t = await startTestCore();
    const w = await watch(t, { query: { allowWatchBookmarks: 'true', timeoutSeconds: '90' } });
    const without = await watch(t, { query: { timeoutSeconds: '90' } });
    await t.clock.advance(61_000);
    expect(w.texts()).toEqual(['BOOKMARK']);
    await t.clock.advance(30_000);
    expect(w.texts()).toEqual(['BOOKMARK', 'BOOKMARK']);
    expect(w.got[1]).toEqual({ type: 'BOOKMARK', resourceVersion: String(t.core.registry.cache.revision) });
    expect(w.state.ended).toBe(true);
    expect(without.texts()).toEqual([]);
    await t.stop();
  });

  test('sends the initial state with its closing bookmark when asked', async () => {
    const t = await startTestCore();
    await put(t, 'a', {});
    const query = { sendInitialEvents: 'true', resourceVersionMatch: 'NotOlderThan', allowWatchBookmarks: 'true' };
    const w = await watch(t, { query });
    const none = await watch(t, { query: { ...query, sendInitialEvents: 'false' } });
    await put(t, 'b', {});
    await t.clock.settle();
    expect(w.texts()).toEqual(['ADDED default/a', 'BOOKMARK end', 'ADDED default/b']);
    expect(none.texts()).toEqual(['ADDED default/b']);
    const error = await t.fail({ verb: 'watch', kind: configMaps, query: { sendInitialEvents: 'true' } });
    expect(error.message).toBe(
      'ListOptions.meta.k8s.io "" is invalid: resourceVersionMatch: Forbidden: sendInitialEvents requires setting resourceVersionMatch to NotOlderThan',
    );
    await t.stop();
  });

  test('that nobody reads ends when its queue is full, and the others go on', async () => {
    const t = await startTestCore();
    const stuck = await t.run({ verb: 'watch', kind: configMaps });
    const reading = await watch(t);
    for (let i = 0; i < 8200; i++) await put(t, 'a', { i: String(i) });
    await t.clock.settle();
    expect(reading.got.length).toBe(8200);
    if (stuck.as !== 'watch') throw new Error('wanted a watch');
    const late = reader(stuck.frames);
    await late.done;
    expect(late.got.length).toBe(8192);
    await t.stop();
  });
});

interface Step {
  readonly do: 'put' | 'delete' | 'watch';
  readonly name: number;
  readonly app: number;
  /** For a watch: which selector, and whether it resumes after an earlier revision. */
  readonly selector: number;
  readonly back: number;
}

const selectors = [undefined, 'app=a0', 'app!=a1', 'app in (a1,a2)'];
const selects = [() => true, (app: string) => app === 'a0', (app: string) => app !== 'a1', (app: string) => app === 'a1' || app === 'a2'];

/** What every watch promises, told naively from the history of the states. */
test('watches give exactly the changes of their selection, in order, whatever the writes', async () => {
  const step = fc.record<Step>({
    do: fc.constantFrom('put', 'put', 'put', 'delete', 'watch'),
    name: fc.nat(3),
    app: fc.nat(2),
    selector: fc.nat(selectors.length - 1),
    back: fc.nat(6),
  });
  await fc.assert(
    fc.asyncProperty(fc.array(step, { minLength: 5, maxLength: 40 }), async (steps) => {
      const t = await startTestCore({ ringLimits: { events: 3, bytes: 1e9 } });
      const history: { revision: number; name: string; was: string | undefined; is: string | undefined }[] = [];
      const state = new Map<string, string>();
      const open: { w: ReturnType<typeof reader>; selector: number; after: number }[] = [];
      for (const [index, { do: what, name: number, app: appNumber, selector, back }] of steps.entries()) {
        const name = `n${number}`;
        const was = state.get(name);
        if (what === 'watch') {
          const after = history[Math.max(0, history.length - 1 - back)]?.revision ?? t.core.registry.cache.revision;
          const w = await watch(t, { query: { labelSelector: selectors[selector], resourceVersion: String(after) } });
          open.push({ w, selector, after });
        } else if (what === 'put') {
          const app = `a${appNumber}`;
          const stored = await put(t, name, { index: String(index) }, { app });
          state.set(name, app);
          history.push({ revision: Number(stored.metadata?.resourceVersion), name, was, is: app });
        } else if (was !== undefined) {
          await remove(t, name);
          state.delete(name);
          history.push({ revision: t.core.registry.cache.revision, name, was, is: undefined });
        }
      }
      await t.clock.settle();
      for (const { w, selector, after } of open) {
        const selected = selects[selector] ?? (() => true);
        const want = history
          .filter(({ revision }) => revision > after)
          .flatMap(({ revision, name, was, is }) => {
            const before = was !== undefined && selected(was);
            const now = is !== undefined && selected(is);
            if (!before && !now) return [];
            return [`${now ? (before ? 'MODIFIED' : 'ADDED') : 'DELETED'} default/${name} ${revision}`];
          });
        const got = w.got.map((frame) => `${frameText(frame)} ${'entry' in frame ? frame.entry.object.metadata?.resourceVersion : ''}`);
        expect(got).toEqual(want);
      }
      await t.stop();
      await Promise.all(open.map(({ w }) => w.done));
    }),
    { numRuns: 60 },
  );
});
