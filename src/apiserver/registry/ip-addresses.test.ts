// Service addresses as IPAddress objects, over all ServiceCIDRs that are ready; and the repair of what does not fit.
import { afterEach, describe, expect, test } from 'vitest';
import { builtinKinds, ipFamilyOf, type V1IPAddress, type V1Service } from '../../api/mod.ts';
import { openMemoryStore } from '../../store/mod.ts';
import { bodyOf, type Loose, startTestCore, type TestCore } from '../testing/fixture.ts';
import { planRepair, type RepairView } from './service-repair.ts';

const kindOf = (resource: string) => {
  const kind = builtinKinds.find((each) => each.resource === resource && each.group !== 'events.k8s.io');
  if (!kind) throw new Error(`no kind ${resource}`);
  return kind;
};
const [services, addresses, cidrs] = [kindOf('services'), kindOf('ipaddresses'), kindOf('servicecidrs')];

const started: TestCore[] = [];
async function start(options: Parameters<typeof startTestCore>[0] = {}): Promise<TestCore> {
  const t = await startTestCore({ kinds: builtinKinds, ...options });
  started.push(t);
  return t;
}
afterEach(async () => {
  for (const t of started.splice(0)) await t.stop();
});
const serviceOf = (name: string, spec: object = {}): Loose => ({ metadata: { name }, spec: { ports: [{ port: 80 }], ...spec } });
const make = (t: TestCore, name: string, spec: object = {}) => t.create(services, serviceOf(name, spec));
const addressNames = async (t: TestCore): Promise<(string | undefined)[]> => {
  const answer = await t.run({ verb: 'list', kind: addresses });
  return answer.as === 'list' ? answer.entries.map(({ object }) => object.metadata?.name) : [];
};

describe('IPAddress objects', () => {
  test('the default ServiceCIDR is there and ready, and the kubernetes service has its address', async () => {
    const t = await start();
    const cidr = await t.call({ verb: 'get', kind: cidrs, name: 'kubernetes' });
    expect(cidr).toMatchObject({
      metadata: { finalizers: ['networking.k8s.io/service-cidr-finalizer'] },
      spec: { cidrs: ['10.96.0.0/24'] },
      status: { conditions: [{ type: 'Ready', status: 'True', message: 'Kubernetes default Service CIDR is ready' }] },
    });
    expect(await addressNames(t)).toEqual(['10.96.0.1']);
  });

  test('name their service, and go with it, with its type and with failure', async () => {
    const t = await start();
    const { spec } = await make(t, 'a');
    expect(await t.call({ verb: 'get', kind: addresses, name: spec.clusterIP })).toMatchObject({
      metadata: {
        labels: { 'ipaddress.kubernetes.io/ip-family': 'IPv4', 'ipaddress.kubernetes.io/managed-by': 'ipallocator.k8s.io' },
      },
      spec: { parentRef: { resource: 'services', namespace: 'default', name: 'a' } },
    });
    const external = { ...serviceOf('a'), spec: { type: 'ExternalName', externalName: 'x.example' } };
    await t.call({ verb: 'update', kind: services, name: 'a', body: bodyOf(external) });
    expect(await addressNames(t)).toEqual(['10.96.0.1']);
    await t.fail({ verb: 'create', kind: services, body: bodyOf(serviceOf('b', { sessionAffinity: 'Nope' })) });
    await t.run({ verb: 'create', kind: services, body: bodyOf(serviceOf('b')), query: { dryRun: 'All' } });
    expect(await addressNames(t)).toEqual(['10.96.0.1']);
    await make(t, 'c');
    await t.run({ verb: 'delete', kind: services, name: 'c' });
    expect(await addressNames(t)).toEqual(['10.96.0.1']);
  });

  test('are unique when many services are made at once, and by two servers of one store', async () => {
    const store = openMemoryStore();
    const [one, two] = [await start({ store, sharedStore: true }), await start({ store, sharedStore: true })];
    const made = await Promise.all(Array.from({ length: 200 }, (_, i) => make(i % 2 ? one : two, `s${i}`)));
    expect(new Set(made.map(({ spec }) => spec.clusterIP)).size).toBe(200);
    expect((await addressNames(one)).length).toBe(201);
  });

  test('an address that somebody else has taken is not given out', async () => {
    const t = await start();
    const parentRef = { group: 'example.com', resource: 'gateways', namespace: 'default', name: 'g' };
    await t.run({ verb: 'create', kind: addresses, body: bodyOf({ metadata: { name: '10.96.0.99' }, spec: { parentRef } } as Loose) });
    const refused = await t.fail({ verb: 'create', kind: services, body: bodyOf(serviceOf('a', { clusterIP: '10.96.0.99' })) });
    expect(refused.message).toContain('failed to allocate IP 10.96.0.99: provided IP is already allocated');
  });
});

describe('ServiceCIDRs', () => {
  const addRange = (t: TestCore, name: string, ...ranges: string[]) =>
    t.run({
      verb: 'create',
      kind: cidrs,
      body: bodyOf({ metadata: { name, finalizers: ['test/hold'] }, spec: { cidrs: ranges } } as Loose),
    });

  test('a further range takes over when the first is full, until it is deleted', async () => {
    const t = await start({ serviceCidr: '10.96.0.0/29' });
    for (let i = 0; i < 5; i++) await make(t, `s${i}`);
    expect((await t.fail({ verb: 'create', kind: services, body: bodyOf(serviceOf('more')) })).message).toContain('range is full');
    await addRange(t, 'second', '10.97.0.0/28');
    expect((await make(t, 'more')).spec.clusterIP).toMatch(/^10\.97\.0\.\d+$/);
    expect((await make(t, 'chosen', { clusterIP: '10.97.0.14' })).spec.clusterIP).toBe('10.97.0.14');
    await t.run({ verb: 'delete', kind: cidrs, name: 'second' });
    expect((await t.fail({ verb: 'create', kind: services, body: bodyOf(serviceOf('again')) })).message).toContain('range is full');
    expect((await t.fail({ verb: 'create', kind: services, body: bodyOf(serviceOf('x', { clusterIP: '10.97.0.13' })) })).message).toContain(
      'the provided network does not match the current range',
    );
  });

  test('two families where they are configured', async () => {
    const t = await start({ serviceCidr: '10.96.0.0/24,fd00:96::/112' });
    const { spec } = await make(t, 'both', { ipFamilyPolicy: 'PreferDualStack', selector: { a: 'b' } });
    expect([spec.ipFamilies, spec.clusterIPs.map(ipFamilyOf), spec.clusterIP]).toEqual([
      ['IPv4', 'IPv6'],
      ['IPv4', 'IPv6'],
      spec.clusterIPs[0],
    ]);
    expect(await addressNames(t)).toEqual(['10.96.0.1', ...spec.clusterIPs].sort());
    const single = serviceOf('both', { ipFamilyPolicy: 'SingleStack', selector: { a: 'b' } });
    const narrowed = await t.call({ verb: 'update', kind: services, name: 'both', body: bodyOf(single) });
    expect(narrowed.spec.clusterIPs).toEqual([spec.clusterIP]);
    expect((await addressNames(t)).sort()).toEqual(['10.96.0.1', spec.clusterIP].sort());
    const wide = serviceOf('both', { ipFamilyPolicy: 'RequireDualStack', selector: { a: 'b' } });
    expect((await t.call({ verb: 'update', kind: services, name: 'both', body: bodyOf(wide) })).spec.clusterIPs).toHaveLength(2);
    expect((await make(t, 'six', { ipFamilies: ['IPv6'] })).spec.clusterIP).toMatch(/^fd00:96::/);
  });
});

describe('planRepair()', () => {
  const service = (name: string, ip: string): V1Service => ({
    metadata: { name, namespace: 'ns' },
    spec: { clusterIP: ip, clusterIPs: [ip], ports: [] },
  });
  const address = (ip: string, parent: string, more: object = {}): V1IPAddress => ({
    metadata: {
      name: ip,
      creationTimestamp: '1970-01-01T00:00:00Z',
      labels: { 'ipaddress.kubernetes.io/ip-family': 'IPv4', 'ipaddress.kubernetes.io/managed-by': 'ipallocator.k8s.io' },
    },
    spec: { parentRef: { resource: 'services', namespace: 'ns', name: parent } },
    ...more,
  });
  const view = (has: V1Service[], held: V1IPAddress[], nowMs = 3_600_000): RepairView => ({
    services: has,
    addresses: held,
    address: (name) => held.find((each) => each.metadata?.name === name),
    service: ({ name }) => has.find((each) => each.metadata?.name === name),
    inRange: ({ value }) => value >> 24n === 10n,
    nowMs,
  });
  const gateway = { spec: { parentRef: { group: 'g.io', resource: 'gateways', name: 'a' } } };

  test.each<[string, RepairView, readonly (readonly [string, string | undefined])[]]>([
    ['all fits', view([service('a', '10.0.0.1')], [address('10.0.0.1', 'a')]), []],
    ['no address', view([service('a', '10.0.0.1')], []), [['make', 'Cluster IP [IPv4]: 10.0.0.1 is not allocated; repairing']]],
    [
      'out of range',
      view([service('a', '11.0.0.1')], []),
      [['tell', 'Cluster IP [IPv4]: 11.0.0.1 is not within any configured Service CIDR; please recreate service']],
    ],
    [
      'two services',
      view([service('a', '10.0.0.1'), service('b', '10.0.0.1')], [address('10.0.0.1', 'a')]),
      [['tell', 'Cluster IP [IPv4]:10.0.0.1 was assigned to multiple services; please recreate service']],
    ],
    [
      'of a service that is gone',
      view([service('a', '10.0.0.1')], [address('10.0.0.1', 'z')]),
      [
        ['make', 'the ClusterIP [IPv4]: 10.0.0.1 for Service ns/a has a wrong reference; repairing'],
        ['remove', 'IPAddress: 10.0.0.1 for Service ns/z appears to have leaked: cleaning up'],
      ],
    ],
    [
      'leaked',
      view([], [address('10.0.0.1', 'z')]),
      [['remove', 'IPAddress: 10.0.0.1 for Service ns/z appears to have leaked: cleaning up']],
    ],
    ['on its way', view([], [address('10.0.0.1', 'z')], 5_000), []],
    [
      'not the one the service has',
      view([service('a', '10.0.0.1')], [address('10.0.0.1', 'a'), address('10.0.0.2', 'a')]),
      [['remove', 'IPAddress: 10.0.0.2 for Service ns/a has a wrong reference; cleaning up']],
    ],
    ["somebody else's", view([], [{ ...address('10.0.0.1', ''), ...gateway, metadata: { name: '10.0.0.1' } }]), []],
    [
      'without its labels',
      view([service('a', '10.0.0.1')], [address('10.0.0.1', 'a', { metadata: { name: '10.0.0.1' } })]),
      [['make', undefined]],
    ],
  ])('%s', (_what, seen, want) => {
    expect(planRepair(seen).steps.map((step) => [step.do, step.report?.message])).toEqual(want);
  });
});

test('what is missing is made at the next start, and what has leaked goes, with events', async () => {
  const store = openMemoryStore();
  const before = await startTestCore({ kinds: builtinKinds, store });
  const { spec } = await make(before, 'a');
  await before.run({ verb: 'delete', kind: addresses, name: spec.clusterIP });
  const labels = { 'ipaddress.kubernetes.io/ip-family': 'IPv4', 'ipaddress.kubernetes.io/managed-by': 'ipallocator.k8s.io' };
  const leaked = {
    metadata: { name: '10.96.0.200', labels },
    spec: { parentRef: { resource: 'services', namespace: 'default', name: 'gone' } },
  };
  await before.run({ verb: 'create', kind: addresses, body: bodyOf(leaked as Loose) });
  await before.stop();
  const t = await start({ store });
  expect(await addressNames(t)).toEqual(['10.96.0.1', spec.clusterIP, '10.96.0.200'].sort());
  await t.clock.advance(120_000);
  expect((await addressNames(t)).sort()).toEqual(['10.96.0.1', spec.clusterIP].sort());
  const events = await t.run({ verb: 'list', kind: kindOf('events') });
  const told = events.as === 'list' ? events.entries.map(({ object }) => (object as { reason?: string }).reason) : [];
  expect(told.sort()).toEqual(['ClusterIPNotAllocated', 'IPAddressNotAllocated']);
});
