import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { formatIp, hasAddress, parseCidr, parseIp } from '../../api/mod.ts';
import { SeededRandom } from '../../base/mod.ts';
import { openMemoryStore } from '../../store/mod.ts';
import { bodyOf, type Loose, services, startTestCore, type TestCore } from '../testing/fixture.ts';
import { NumberAllocator } from './number-allocator.ts';

let t: TestCore;
beforeEach(async () => {
  t = await startTestCore();
});
afterEach(() => t.stop());

const serviceOf = (name: string, spec: object = {}): Loose => ({ metadata: { name }, spec: { ports: [{ port: 80 }], ...spec } });
const create = (name: string, spec: object = {}) => t.create(services, serviceOf(name, spec));
const refused = (name: string, spec: object) => t.fail({ verb: 'create', kind: services, body: bodyOf(serviceOf(name, spec)) });

describe('cluster IPs', () => {
  test('the kubernetes service has the first address', async () => {
    const service = await t.call({ verb: 'get', kind: services, name: 'kubernetes' });
    expect(service.spec).toMatchObject({ clusterIP: '10.96.0.1', clusterIPs: ['10.96.0.1'] });
  });

  test('are given, kept on update, and given back on delete', async () => {
    const made = await create('a');
    expect(made.spec.clusterIP).toMatch(/^10\.96\.0\.\d+$/);
    expect(made.spec.clusterIPs).toEqual([made.spec.clusterIP]);
    const updated = await t.call({
      verb: 'update',
      kind: services,
      name: 'a',
      body: bodyOf(serviceOf('a', { sessionAffinity: 'ClientIP' })),
    });
    expect(updated.spec.clusterIP).toBe(made.spec.clusterIP);
    const taken = await refused('b', { clusterIP: made.spec.clusterIP });
    expect(taken.message).toBe(
      `Service "b" is invalid: spec.clusterIPs: Invalid value: ["${made.spec.clusterIP}"]: failed to allocate IP ${made.spec.clusterIP}: provided IP is already allocated`,
    );
    await t.run({ verb: 'delete', kind: services, name: 'a' });
    expect((await create('b', { clusterIP: made.spec.clusterIP })).spec.clusterIPs).toEqual([made.spec.clusterIP]);
  });

  test('are not lost to creates that fail or only try', async () => {
    const spec = { clusterIP: '10.96.0.9' };
    await t.run({ verb: 'create', kind: services, body: bodyOf(serviceOf('a', spec)), query: { dryRun: 'All' } });
    await refused('Bad_Name', spec);
    await create('a', { clusterIP: '10.96.0.10' });
    expect((await refused('a', spec)).reason).toBe('AlreadyExists');
    expect((await create('b', spec)).spec.clusterIP).toBe('10.96.0.9');
  });

  test('None and ExternalName take none; an address outside of the range is refused', async () => {
    expect((await create('h', { clusterIP: 'None' })).spec).toMatchObject({ clusterIP: 'None', clusterIPs: ['None'] });
    expect((await create('e', { type: 'ExternalName', externalName: 'x.example' })).spec.clusterIP).toBeUndefined();
    const outside = await refused('o', { clusterIP: '10.97.0.1' });
    expect(outside.message).toBe(
      'Service "o" is invalid: spec.clusterIPs: Invalid value: ["10.97.0.1"]: failed to allocate IP 10.97.0.1: the provided network does not match the current range',
    );
  });

  test('run out with an error that says so, and are all usable until then', async () => {
    const seen = new Set<string>(['10.96.0.1']);
    for (let i = 0; i < 253; i++) seen.add((await create(`s${i}`)).spec.clusterIP);
    expect(seen.size).toBe(254);
    expect(await refused('more', {})).toMatchObject({
      code: 500,
      message: 'Internal error occurred: failed to allocate a serviceIP: range is full',
    });
  });

  test('are known again after a restart', async () => {
    const store = openMemoryStore();
    const before = await startTestCore({ store });
    const { spec } = await before.create(services, serviceOf('a', { type: 'NodePort' }));
    await before.stop();
    const after = await startTestCore({ store });
    const again = (more: object) => after.fail({ verb: 'create', kind: services, body: bodyOf(serviceOf('b', more)) });
    expect((await again({ clusterIP: spec.clusterIP })).message).toContain('provided IP is already allocated');
    expect((await again({ type: 'NodePort', ports: [{ port: 1, nodePort: spec.ports[0].nodePort }] })).message).toContain(
      'provided port is already allocated',
    );
    await after.stop();
    await store.close();
  });
});

describe('node ports', () => {
  test('are given to NodePort services, kept, and dropped with the type', async () => {
    const made = await create('n', { type: 'NodePort' });
    const { nodePort } = made.spec.ports[0];
    expect(nodePort).toBeGreaterThanOrEqual(30_000);
    const updated = await t.call({
      verb: 'update',
      kind: services,
      name: 'n',
      body: bodyOf(serviceOf('n', { type: 'NodePort', sessionAffinity: 'None' })),
    });
    expect(updated.spec.ports[0].nodePort).toBe(nodePort);
    const plain = await t.call({ verb: 'update', kind: services, name: 'n', body: bodyOf(serviceOf('n', { type: 'ClusterIP' })) });
    expect(plain.spec.ports[0].nodePort).toBeUndefined();
    expect((await create('m', { type: 'NodePort', ports: [{ port: 80, nodePort }] })).spec.ports[0].nodePort).toBe(nodePort);
  });

  test('are shared between protocols of one service and not between services', async () => {
    const ports = [
      { name: 't', port: 53, protocol: 'TCP', nodePort: 30_053 },
      { name: 'u', port: 53, protocol: 'UDP', nodePort: 30_053 },
    ];
    expect((await create('dns', { type: 'NodePort', ports })).spec.ports.map((port: { nodePort: number }) => port.nodePort)).toEqual([
      30_053, 30_053,
    ]);
    const other = await refused('other', { type: 'NodePort', ports: [{ port: 53, protocol: 'UDP', nodePort: 30_053 }] });
    expect(other.message).toBe(
      'Service "other" is invalid: spec.ports[0].nodePort: Invalid value: 30053: provided port is already allocated',
    );
    expect((await refused('low', { type: 'NodePort', ports: [{ port: 1, nodePort: 80 }] })).message).toContain(
      'provided port is not in the valid range',
    );
  });
});

test.each([
  ['10.96.0.0', '10.96.0.0'],
  ['255.255.255.255', '255.255.255.255'],
  ['fd00::1', 'fd00::1'],
  ['fd00:0:0:1:0:0:0:1', 'fd00:0:0:1::1'],
  ['::', '::'],
  ['01.2.3.4', undefined],
  ['1.2.3', undefined],
  ['1.2.3.256', undefined],
  ['a::b::c', undefined],
  ['12345::', undefined],
])('the address %s reads as %s', (text, want) => {
  const address = parseIp(text);
  expect(address && formatIp(address)).toBe(want);
});

test.each([
  ['10.96.0.0/22', '10.96.3.254', true],
  ['10.96.0.0/22', '10.96.0.0', false],
  ['10.96.0.0/22', '10.96.3.255', false],
  ['10.96.0.0/22', '10.96.4.0', false],
  ['10.96.0.0/22', 'fd00::1', false],
  ['fd00::/112', 'fd00::ffff', true],
  ['fd00::/112', 'fd00::1:0', false],
  ['fd00::/64', 'fd00::ff:0:0:1', true],
])('%s gives out %s: %s', (cidr, text, want) => {
  const [range, address] = [parseCidr(cidr), parseIp(text)];
  expect(range && address && hasAddress(range, address)).toBe(want);
});

test('malformed ranges are none', () => {
  expect([parseCidr('nonsense'), parseCidr('10.0.0.0/33'), parseCidr('10.0.0.0')]).toEqual([undefined, undefined, undefined]);
});

test('the allocator leaves the reserved end until the rest is used up', () => {
  const numbers = new NumberAllocator({ first: 1, last: 10, reservedUntil: 4 }, new SeededRandom(1));
  const drawn = Array.from({ length: 11 }, () => numbers.takeAny());
  expect(drawn.slice(0, 6).every((number) => number !== undefined && number > 4)).toBe(true);
  expect(new Set(drawn.slice(0, 10)).size).toBe(10);
  expect([drawn[10], numbers.free]).toEqual([undefined, 0]);
  numbers.release(7);
  expect([numbers.takeAny(), numbers.take(7), numbers.take(99)]).toEqual([7, false, false]);
});
