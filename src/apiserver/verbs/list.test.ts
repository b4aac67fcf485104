import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { ResourceRequest, Result } from '../request.ts';
import { bodyOf, configMapOf, configMaps, namespaces, podOf, pods, startTestCore, type TestCore } from '../testing/fixture.ts';
import { decodeContinue, encodeContinue } from './continue-token.ts';

let t: TestCore;
beforeEach(async () => {
  t = await startTestCore();
});
afterEach(() => t.stop());

type List = Result & { readonly as: 'list' };
async function list(request: Partial<ResourceRequest> = {}, core = t): Promise<List> {
  const result = await core.run({ verb: 'list', kind: configMaps, ...request });
  if (result.as !== 'list') throw new Error('wanted a list');
  return result;
}
const names = (of: List) => of.entries.map(({ object }) => object.metadata?.name);
const put = async (name: string, data: Record<string, string> = {}, labels?: Record<string, string>, core = t) =>
  core.create(configMaps, configMapOf(name, data, labels ? { labels } : {}));

describe('list', () => {
  test('gives objects in key order, at the revision of the store', async () => {
    for (const name of ['b', 'a', 'c-1', 'c']) await put(name);
    const all = await list();
    expect(names(all)).toEqual(['a', 'b', 'c', 'c-1']);
    expect(all.resourceVersion).toBe(String(await t.store.revision()));
    expect(all.continue).toBeUndefined();
  });

  test('orders namespaces as their keys are ordered', async () => {
    for (const name of ['a-b', 'a']) await t.create(namespaces, { metadata: { name } });
    for (const namespace of ['a', 'a-b']) await t.create(configMaps, configMapOf('x', {}, { namespace }));
    const everywhere = await list({ namespace: '*' });
    const stored = await t.store.list('/registry/core/configmaps/');
    expect(everywhere.entries.map((entry) => entry.object.metadata?.namespace)).toEqual(['a-b', 'a']);
    expect(stored.items.map((item) => item.key)).toEqual(['/registry/core/configmaps/a-b/x', '/registry/core/configmaps/a/x']);
  });

  test('selects by labels and fields', async () => {
    await put('a', {}, { app: 'web' });
    await put('b', {}, { app: 'db' });
    expect(names(await list({ query: { labelSelector: 'app in (web)' } }))).toEqual(['a']);
    expect(names(await list({ query: { labelSelector: 'app!=web' } }))).toEqual(['b']);
    expect(names(await list({ query: { fieldSelector: 'metadata.name=b' } }))).toEqual(['b']);
    expect(names(await list({ query: { fieldSelector: 'metadata.name=b', labelSelector: 'app=web' } }))).toEqual([]);
    expect(names(await list({ query: { fieldSelector: 'metadata.name!=b,metadata.namespace=default' } }))).toEqual(['a']);
  });

  test('gives pages of one snapshot, whatever is written meanwhile', async () => {
    for (const name of ['a', 'b', 'c', 'd', 'e']) await put(name);
    const first = await list({ query: { limit: '2' } });
    expect(names(first)).toEqual(['a', 'b']);
    expect(first.remainingItemCount).toBe(3);
    await t.run({ verb: 'delete', kind: configMaps, name: 'c' });
    await put('bb');
    await t.run({ verb: 'update', kind: configMaps, name: 'd', body: bodyOf(configMapOf('d', { new: 'yes' })) });
    const second = await list({ query: { limit: '2', continue: first.continue } });
    expect(names(second)).toEqual(['c', 'd']);
    expect(second.resourceVersion).toBe(first.resourceVersion);
    expect(second.entries[1]?.object).toMatchObject({ data: {} });
    const third = await list({ query: { limit: '2', continue: second.continue } });
    expect([names(third), third.continue, third.remainingItemCount]).toEqual([['e'], undefined, undefined]);
  });

  test('leaves remainingItemCount out with a selector', async () => {
    for (const name of ['a', 'b', 'c']) await put(name, {}, { app: 'web' });
    const first = await list({ query: { limit: '1', labelSelector: 'app=web' } });
    expect(first.continue).toBeDefined();
    expect(first.remainingItemCount).toBeUndefined();
  });

  test('lists a past revision when it is asked for exactly', async () => {
    const old = await put('a', { v: '1' });
    await t.run({ verb: 'update', kind: configMaps, name: 'a', body: bodyOf(configMapOf('a', { v: '2' })) });
    await put('b');
    const query = { resourceVersion: old.metadata?.resourceVersion };
    const exact = await list({ query: { ...query, resourceVersionMatch: 'Exact' } });
    expect(exact.entries.map(({ object }) => (object as { data?: object }).data)).toEqual([{ v: '1' }]);
    expect(exact.resourceVersion).toBe(old.metadata?.resourceVersion);
    expect(names(await list({ query: { ...query, resourceVersionMatch: 'NotOlderThan' } }))).toEqual(['a', 'b']);
    expect(names(await list({ query }))).toEqual(['a', 'b']);
    // With a limit and no match, a revision means exactly it.
    expect(names(await list({ query: { ...query, limit: '10' } }))).toEqual(['a']);
  });

  test('answers 410 for a page whose snapshot is gone', async () => {
    for (const name of ['a', 'b', 'c']) await put(name);
    const first = await list({ query: { limit: '1' } });
    await put('d');
    await t.store.compact(await t.store.revision());
    const error = await t.fail({ verb: 'list', kind: configMaps, query: { limit: '1', continue: first.continue } });
    expect([error.code, error.reason]).toEqual([410, 'Expired']);
    expect(error.message).toMatch(/^The provided continue parameter is too old to display a consistent list result\./);
    // The token in the answer goes on from the same place, in what stands now.
    const second = await list({ query: { limit: '2', continue: error.status.metadata?.continue } });
    expect([names(second), second.remainingItemCount, Number(second.resourceVersion) > Number(first.resourceVersion)]).toEqual([
      ['b', 'c'],
      1,
      true,
    ]);
    const third = await list({ query: { limit: '2', continue: second.continue } });
    expect([names(third), third.resourceVersion]).toEqual([['d'], second.resourceVersion]);
  });

  test('waits three seconds for a revision to come, then gives 504', async () => {
    const future = Number(await t.store.revision()) + 1;
    const query = { resourceVersion: String(future) };
    const coming = list({ query });
    await put('a');
    expect(names(await coming)).toEqual(['a']);
    const never = t.fail({ verb: 'get', kind: configMaps, name: 'a', query: { resourceVersion: '9999' } });
    await t.clock.advance(3000);
    expect((await never).status).toMatchObject({
      code: 504,
      reason: 'Timeout',
      message: `Too large resource version: 9999, current: ${future}`,
      details: { causes: [{ reason: 'ResourceVersionTooLarge', message: 'Too large resource version' }], retryAfterSeconds: 1 },
    });
  });

  const refused: readonly { title: string; query: Record<string, string>; kind?: typeof pods; code: number; message: string | RegExp }[] = [
    {
      title: 'a field the kind does not know',
      query: { fieldSelector: 'spec.x=1' },
      kind: pods,
      code: 400,
      message: 'field label not supported: spec.x',
    },
    {
      title: 'a field of a kind without fields',
      query: { fieldSelector: 'data=1' },
      code: 400,
      message: '"data" is not a known field selector: only "metadata.name", "metadata.namespace"',
    },
    { title: 'a malformed label selector', query: { labelSelector: 'a=(' }, code: 400, message: /^unable to parse requirement/ },
    { title: 'a resourceVersion that is no number', query: { resourceVersion: 'abc' }, code: 400, message: /^invalid resource version: / },
    { title: 'a continue token that is not ours', query: { continue: 'nonsense' }, code: 400, message: /^continue key is not valid/ },
    {
      title: 'continue with a resourceVersion',
      query: { continue: encodeContinue({ revision: 1, start: 'default/a' }), resourceVersion: '1' },
      code: 400,
      message: 'specifying resource version is not allowed when using continue',
    },
    {
      title: 'a match without a resourceVersion',
      query: { resourceVersionMatch: 'Exact' },
      code: 422,
      message:
        'ListOptions.meta.k8s.io "" is invalid: resourceVersionMatch: Forbidden: resourceVersionMatch is forbidden unless resourceVersion is provided',
    },
    {
      title: 'sendInitialEvents',
      query: { sendInitialEvents: 'true' },
      code: 422,
      message: 'ListOptions.meta.k8s.io "" is invalid: sendInitialEvents: Forbidden: sendInitialEvents is forbidden for list',
    },
  ];
  test.each(refused)('refuses $title', async ({ query, kind = configMaps, code, message }) => {
    const error = await t.fail({ verb: 'list', kind, query });
    expect(error.code).toBe(code);
    if (typeof message === 'string') expect(error.message).toBe(message);
    else expect(error.message).toMatch(message);
  });
});

test('continue tokens come back as they were', () => {
  const token = { revision: 42, start: 'default/web', sinceMs: 17 };
  expect(decodeContinue(encodeContinue(token))).toEqual(token);
  expect(decodeContinue(encodeContinue({ revision: 42, start: 'a' }))).toEqual({ revision: 42, start: 'a', sinceMs: undefined });
});

test('a snapshot is continued for five minutes after its first page, whatever is kept; then from the same place of what stands', async () => {
  for (const name of ['a', 'b', 'c', 'd']) await put(name);
  const first = await list({ query: { limit: '1' } });
  await t.clock.advance(4 * 60_000);
  const second = await list({ query: { limit: '1', continue: first.continue ?? '' } });
  expect(names(second)).toEqual(['b']);
  await t.clock.advance(90_000);
  const error = await t.fail({ verb: 'list', kind: configMaps, query: { limit: '1', continue: second.continue ?? '' } });
  expect([error.code, error.reason]).toEqual([410, 'Expired']);
  await put('bb');
  const rest = await list({ query: { continue: error.continue ?? '' } });
  expect([names(rest), rest.resourceVersion !== first.resourceVersion]).toEqual([['bb', 'c', 'd'], true]);
});

test('pods are selected by node', async () => {
  await t.create(pods, podOf('a', { spec: { nodeName: 'n1' } }));
  await t.create(pods, podOf('b'));
  expect(names(await list({ kind: pods, query: { fieldSelector: 'spec.nodeName=n1' } }))).toEqual(['a']);
});

test('pages put together are one snapshot, for any limit and any writes between them', async () => {
  const write = fc.record({ name: fc.nat(12), delete: fc.boolean() });
  await fc.assert(
    fc.asyncProperty(
      fc.array(write, { maxLength: 20 }),
      fc.integer({ min: 1, max: 5 }),
      fc.array(write, { maxLength: 20 }),
      async (before, limit, during) => {
        const core = await startTestCore();
        const apply = async ({ name: number, delete: gone }: { name: number; delete: boolean }) => {
          const name = `n${number}`;
          const there = core.core.registry.of(configMaps).get('default', name) !== undefined;
          if (gone && there) await core.run({ verb: 'delete', kind: configMaps, name });
          else if (!there) await put(name, {}, { parity: String(number % 2) }, core);
          else
            await core.run({
              verb: 'update',
              kind: configMaps,
              name,
              body: bodyOf(configMapOf(name, { at: String(await core.store.revision()) }, { labels: { parity: String(number % 2) } })),
            });
        };
        for (const one of before) await apply(one);
        for (const labelSelector of [undefined, 'parity=1']) {
          const want = (await list({ query: { labelSelector } }, core)).entries.map(({ object }) => object);
          const got: unknown[] = [];
          let token: string | undefined;
          const writes = [...during];
          do {
            const page: List = await list({ query: { limit: String(limit), continue: token, labelSelector } }, core);
            got.push(...page.entries.map(({ object }) => object));
            expect(page.entries.length).toBeLessThanOrEqual(limit);
            token = page.continue;
            for (const one of writes.splice(0, 4)) await apply(one);
          } while (token !== undefined);
          expect(got).toEqual(want);
        }
        await core.stop();
      },
    ),
    { numRuns: 50 },
  );
});
