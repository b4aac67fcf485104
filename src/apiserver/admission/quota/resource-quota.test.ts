// The quota against the whole write path: many writers at once, writes that fail after they were charged, others who write the status.
import { afterEach, describe, expect, test } from 'vitest';
import { builtinKinds, configmaps, type KindDefinition, namespaces, resourcequotas, StatusError, services } from '../../../api/mod.ts';
import { bodyOf, type Loose, startTestCore, type TestCore } from '../../testing/fixture.ts';

const quotaKind = resourcequotas as KindDefinition;
const configMapKind = configmaps as KindDefinition;
const kinds = builtinKinds.filter((kind) =>
  ['namespaces', 'resourcequotas', 'configmaps', 'services', 'serviceaccounts'].includes(kind.resource),
);

let t: TestCore;
afterEach(() => t.stop());

const quotaOf = (name = 'q'): Promise<Loose> => t.call({ verb: 'get', kind: quotaKind, namespace: 'ns', name });

/** What the controller does: takes over `hard`, and counts. */
async function writeStatus(used: Record<string, string>, name = 'q'): Promise<void> {
  const quota = await quotaOf(name);
  const status = { hard: quota.spec.hard, used };
  const { resourceVersion: _, ...metadata } = quota.metadata ?? {};
  await t.call({
    verb: 'update',
    kind: quotaKind,
    namespace: 'ns',
    name,
    subresource: 'status',
    body: bodyOf({ ...quota, metadata, status }),
  });
}

async function setup(hard: Record<string, string>): Promise<void> {
  t = await startTestCore({ kinds });
  await t.create(namespaces as KindDefinition, { metadata: { name: 'ns' } });
  await addQuota('q', hard);
}

async function addQuota(name: string, hard: Record<string, string>): Promise<void> {
  await t.create(quotaKind, { metadata: { name, namespace: 'ns' }, spec: { hard } } as Loose);
  await writeStatus(Object.fromEntries(Object.keys(hard).map((each) => [each, '0'])), name);
}

const makeMap = (name: string, more: object = {}): Promise<Loose> =>
  t.create(configMapKind, { metadata: { name, namespace: 'ns' }, ...more } as Loose);

async function attempt(work: Promise<unknown>): Promise<string> {
  try {
    await work;
    return 'made';
  } catch (error) {
    if (error instanceof StatusError) return `${error.code} ${error.message}`;
    throw error;
  }
}

const count = (): number => t.core.registry.of(configMapKind).cache.page({ namespace: 'ns' }).entries.length;

describe('ResourceQuota', () => {
  test('is exact with 64 creators at once, in few writes of the quota', async () => {
    await setup({ 'count/configmaps': '10' });
    const before = Number((await quotaOf()).metadata?.resourceVersion);
    const results = await Promise.all(Array.from({ length: 64 }, (_, i) => attempt(makeMap(`m${i}`))));
    expect(results.filter((each) => each === 'made')).toHaveLength(10);
    expect(new Set(results.filter((each) => each !== 'made').map((each) => each.replace(/"m\d+"/, '"m"')))).toEqual(
      new Set([
        '403 configmaps "m" is forbidden: exceeded quota: q, requested: count/configmaps=1, used: count/configmaps=10, limited: count/configmaps=10',
      ]),
    );
    expect(count()).toBe(10);
    const quota = await quotaOf();
    expect(quota.status.used).toEqual({ 'count/configmaps': '10' });
    // Ten config maps, and no more than a few writes of the quota.
    expect(Number(quota.metadata?.resourceVersion) - before).toBeLessThan(16);
  });

  test('is exact while another writes a status that counts without what is under way', async () => {
    await setup({ 'count/configmaps': '20' });
    const creators = Array.from({ length: 64 }, (_, i) => attempt(makeMap(`m${i}`)));
    const liars = Array.from({ length: 10 }, () => writeStatus({ 'count/configmaps': '0' }));
    const results = await Promise.all(creators);
    await Promise.all(liars);
    const late = await Promise.all(Array.from({ length: 64 }, (_, i) => attempt(makeMap(`n${i}`))));
    expect([...results, ...late].filter((each) => each === 'made')).toHaveLength(20);
    expect(count()).toBe(20);
  });

  test('gives back what was charged for a write that fails, or that another quota refuses', async () => {
    await setup({ 'count/configmaps': '3' });
    await makeMap('a');
    expect(await attempt(makeMap('a'))).toMatch(/^409 /);
    expect((await quotaOf()).status.used).toEqual({ 'count/configmaps': '1' });
    await addQuota('r', { 'count/configmaps': '2' });
    expect(await attempt(makeMap('b'))).toBe('made');
    expect(await attempt(makeMap('c'))).toMatch(/exceeded quota: r/);
    expect((await quotaOf()).status.used).toEqual({ 'count/configmaps': '2' });
  });

  test('judges dry runs, and charges nothing for them', async () => {
    await setup({ 'count/configmaps': '1' });
    const dryRun = (name: string) => t.create(configMapKind, { metadata: { name, namespace: 'ns' } } as Loose, { dryRun: ['All'] });
    await dryRun('a');
    expect((await quotaOf()).status.used).toEqual({ 'count/configmaps': '0' });
    await makeMap('a');
    expect(await attempt(dryRun('b'))).toMatch(/exceeded quota/);
  });

  test('charges an update what it adds', async () => {
    await setup({ 'services.nodeports': '1' });
    const service = (ports: number): Loose =>
      ({
        metadata: { name: 's', namespace: 'ns' },
        spec: { type: 'NodePort', ports: Array.from({ length: ports }, (_, i) => ({ name: `p${i}`, port: 80 + i })) },
      }) as Loose;
    const made = await t.create(services as KindDefinition, service(1));
    const next = { ...made, spec: { ...made.spec, ports: [...made.spec.ports, { name: 'p1', port: 81 }] } };
    const update = t.call({ verb: 'update', kind: services as KindDefinition, namespace: 'ns', name: 's', body: bodyOf(next) });
    expect(await attempt(update)).toMatch(
      /exceeded quota: q, requested: services.nodeports=1, used: services.nodeports=1, limited: services.nodeports=1/,
    );
  });
});
