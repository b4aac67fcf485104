import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { V1Node } from '../../api/mod.ts';
import { isSameWay, neighborhoodOf, planRoutes, readStanding, type Standing, type Step, tunnelMac, type Wanted } from './plan.ts';

const node = (name: string, podCIDR: string | undefined, ...ips: string[]): V1Node => ({
  metadata: { name },
  spec: podCIDR === undefined ? {} : { podCIDR },
  status: { addresses: ips.map((address) => ({ type: 'InternalIP', address })) },
});
const own = { podCidr: '10.42.0.0/24', address: '192.0.2.1' };
const second = { podCidr: '10.42.1.0/24', address: '192.0.2.2' };
const third = { podCidr: '10.42.2.0/24', address: '192.0.2.3' };
const wanted: Wanted = {
  mode: 'vxlan',
  device: 'mk3fa9c1vx',
  vni: 77,
  mtu: 1500,
  clusterCidr: '10.42.0.0/16',
  own,
  peers: [second, third],
};
const routes: Wanted = { ...wanted, mode: 'routes' };
const nothing: Standing = { link: undefined, routes: new Map(), neighbors: new Map(), forwarding: new Map() };
const words = (steps: readonly Step[]) => steps.flatMap(({ program, lines }) => lines.map((line) => `${program} ${line}`));

describe('neighborhoodOf()', () => {
  const of = (...nodes: V1Node[]) => neighborhoodOf(nodes, 'a', '10.42.0.0/16');
  const a = node('a', '10.42.0.0/24', 'fd00::1', '192.0.2.1');
  test('nodes with a range and an IPv4 address are peers, in the order of their ranges', () => {
    expect(of(node('c', '10.42.2.0/24', '192.0.2.3'), a, node('b', '10.42.1.0/24', '192.0.2.2', '10.1.1.1'))).toEqual({
      own,
      peers: [second, third],
    });
  });
  test.each<[string, V1Node]>([
    ['has no range yet', node('b', undefined, '192.0.2.2')],
    ['has no address yet', node('b', '10.42.1.0/24')],
    ['has a range of another cluster', node('b', '10.9.1.0/24', '192.0.2.2')],
    ['is simulated: its address is one of its pods’', node('b', '10.42.1.0/24', '10.42.1.254')],
    ['has this node’s own address', node('b', '10.42.1.0/24', '192.0.2.1')],
  ])('a node that %s is none', (_what, other) => {
    expect(of(a, other).peers).toEqual([]);
  });
  test('a heartbeat changes nothing, an address does', () => {
    expect(isSameWay(a, { ...a, status: { ...a.status, conditions: [] } }, '10.42.0.0/16')).toBe(true);
    expect(isSameWay(a, node('a', '10.42.0.0/24', '192.0.2.9'), '10.42.0.0/16')).toBe(false);
    expect(isSameWay(a, undefined, '10.42.0.0/16')).toBe(false);
  });
});

describe('planRoutes()', () => {
  test('a node that is alone makes nothing', () => {
    for (const one of [wanted, routes]) expect(planRoutes({ ...one, peers: [] }, nothing)).toEqual([]);
  });

  test('the first other node: the tunnel, then the way through it', () => {
    expect(words(planRoutes({ ...wanted, peers: [second] }, nothing))).toEqual([
      'ip link add mk3fa9c1vx mtu 1450 address 0a:58:0a:2a:00:00 type vxlan id 77 dstport 8472 local 192.0.2.1 nolearning',
      'ip addr add 10.42.0.0/32 dev mk3fa9c1vx',
      'ip link set mk3fa9c1vx up',
      'bridge fdb replace 0a:58:0a:2a:01:00 dev mk3fa9c1vx dst 192.0.2.2 self permanent',
      'ip neigh replace 10.42.1.0 lladdr 0a:58:0a:2a:01:00 dev mk3fa9c1vx nud permanent',
      'ip route replace 10.42.1.0/24 via 10.42.1.0 dev mk3fa9c1vx onlink proto 109',
    ]);
  });

  test('direct routes need no tunnel', () => {
    expect(words(planRoutes({ ...routes, peers: [second] }, nothing))).toEqual(['ip route replace 10.42.1.0/24 via 192.0.2.2 proto 109']);
  });

  test('nodes come and go one by one; the others are not touched', () => {
    const two = carriedOut(nothing, wanted);
    expect(words(planRoutes({ ...wanted, peers: [third] }, two))).toEqual([
      'bridge fdb del 0a:58:0a:2a:01:00 dev mk3fa9c1vx dst 192.0.2.2',
      'ip route del 10.42.1.0/24 proto 109',
      'ip neigh del 10.42.1.0 dev mk3fa9c1vx',
    ]);
    expect(words(planRoutes({ ...wanted, peers: [{ ...second, address: '192.0.2.22' }, third] }, two))).toEqual([
      'bridge fdb replace 0a:58:0a:2a:01:00 dev mk3fa9c1vx dst 192.0.2.22 self permanent',
    ]);
    expect(words(planRoutes({ ...wanted, peers: [] }, two))).toEqual(['ip link del mk3fa9c1vx']);
  });

  test.each<[string, Partial<Wanted>]>([
    ['address', { own: { ...own, address: '192.0.2.11' } }],
    ['range', { own: { ...own, podCidr: '10.42.9.0/24' } }],
    ['network identifier', { vni: 78 }],
    ['packet size', { mtu: 9000 }],
  ])('another %s makes the tunnel anew, with all that leads into it', (_what, change) => {
    const lines = words(planRoutes({ ...wanted, ...change }, carriedOut(nothing, wanted)));
    expect(lines[0]).toBe('ip link del mk3fa9c1vx');
    expect(lines.slice(1)).toEqual(words(planRoutes({ ...wanted, ...change }, nothing)));
  });

  test('from any nodes to any others, what is carried out leaves nothing to do', () => {
    const peer = fc.record({
      podCidr: fc.integer({ min: 1, max: 6 }).map((i) => `10.42.${i}.0/24`),
      address: fc.integer({ min: 2, max: 5 }).map((i) => `192.0.2.${i}`),
    });
    const peers = fc.uniqueArray(peer, { selector: ({ podCidr }) => podCidr, maxLength: 5 });
    const world = fc.record({ mode: fc.constantFrom('vxlan' as const, 'routes' as const), peers });
    fc.assert(
      fc.property(world, world, (before, after) => {
        const standing = carriedOut(carriedOut(nothing, { ...wanted, ...before }), { ...wanted, ...after });
        expect(planRoutes({ ...wanted, ...after }, standing)).toEqual([]);
        expect([...standing.routes.keys()].sort()).toEqual(after.peers.map(({ podCidr }) => podCidr).sort());
      }),
    );
  });
});

test('what the kernel lists is read as what was made; routes of others are passed over', () => {
  const link = [
    {
      ifname: 'mk3fa9c1vx',
      mtu: 1450,
      address: '0a:58:0a:2a:00:00',
      linkinfo: { info_kind: 'vxlan', info_data: { id: 77, local: '192.0.2.1' } },
      addr_info: [{ family: 'inet', local: '10.42.0.0', prefixlen: 32 }],
    },
  ];
  const route = [
    { dst: '10.42.1.0/24', gateway: '10.42.1.0', dev: 'mk3fa9c1vx', flags: ['onlink'] },
    { dst: '10.99.1.0/24', gateway: '192.0.2.9', dev: 'eth0' },
  ];
  const standing = readStanding(
    {
      link: JSON.stringify(link),
      routes: [JSON.stringify(route)],
      neighbors: '[{"dst":"10.42.1.0","lladdr":"0a:58:0a:2a:01:00","state":["PERMANENT"]}]',
      forwarding: '[{"mac":"0a:58:0a:2a:01:00","dst":"192.0.2.2","flags":["self"],"state":"permanent"}]',
    },
    wanted,
  );
  expect(standing).toEqual(carriedOut(nothing, { ...wanted, peers: [second] }));
  expect(planRoutes({ ...wanted, peers: [second] }, standing)).toEqual([]);
  expect(tunnelMac('10.42.1.0/24')).toBe('0a:58:0a:2a:01:00');
});

/** The kernel, as far as these lines know it. */
function carriedOut(standing: Standing, of: Wanted): Standing {
  let { link } = standing;
  const [table, neighbors, forwarding] = [new Map(standing.routes), new Map(standing.neighbors), new Map(standing.forwarding)];
  for (const line of words(planRoutes(of, standing))) {
    const [, object, verb, key = '', ...rest] = line.split(' ');
    const after = (word: string) => rest[rest.indexOf(word) + 1] ?? '';
    if (object === 'link' && verb === 'add') {
      link = { mtu: Number(after('mtu')), mac: after('address'), vni: Number(after('id')), local: after('local'), addresses: [] };
    } else if (object === 'link' && verb === 'del') {
      link = undefined;
      neighbors.clear();
      forwarding.clear();
      for (const [dst, to] of table) if (to.endsWith(` dev ${of.device}`)) table.delete(dst);
    } else if (object === 'addr' && link) link = { ...link, addresses: [...link.addresses, key.replace(/\/\d+$/, '')] };
    else if (object === 'route' && verb === 'del') table.delete(key);
    else if (object === 'route') table.set(key, `via ${after('via')}${rest.includes('dev') ? ` dev ${after('dev')}` : ''}`);
    else if (object === 'neigh' && verb === 'del') neighbors.delete(key);
    else if (object === 'neigh') neighbors.set(key, after('lladdr'));
    else if (object === 'fdb' && verb === 'del') forwarding.delete(key);
    else if (object === 'fdb') forwarding.set(key, after('dst'));
  }
  return { link, routes: table, neighbors, forwarding };
}

describe('two families', () => {
  const clusterCidr = '10.42.0.0/16,fd00:42::/56';
  const dual = (name: string, part: number, ...ips: string[]): V1Node => ({
    ...node(name, undefined, ...ips),
    spec: { podCIDR: `10.42.${part}.0/24`, podCIDRs: [`10.42.${part}.0/24`, `fd00:42:0:${part}::/64`] },
  });
  const nodes = [dual('a', 0, '192.0.2.1', '2001:db8::1'), dual('b', 1, '192.0.2.2', '2001:db8::2'), dual('c', 2, '192.0.2.3')];
  const of = (mode: Wanted['mode']): Wanted => {
    const { own: self = own, peers } = neighborhoodOf(nodes, 'a', clusterCidr);
    return { ...wanted, mode, clusterCidr, own: self, peers };
  };

  test('one tunnel carries both: the ends have an address of each and one hardware address', () => {
    const steps = words(planRoutes(of('vxlan'), nothing));
    expect(steps.slice(0, 4)).toEqual([
      'ip link add mk3fa9c1vx mtu 1450 address 0a:58:0a:2a:00:00 type vxlan id 77 dstport 8472 local 192.0.2.1 nolearning',
      'ip addr add 10.42.0.0/32 dev mk3fa9c1vx',
      'ip addr add fd00:42::2/128 dev mk3fa9c1vx nodad',
      'ip link set mk3fa9c1vx up',
    ]);
    expect(steps).toContain('ip neigh replace fd00:42:0:1::2 lladdr 0a:58:0a:2a:01:00 dev mk3fa9c1vx nud permanent');
    expect(steps).toContain('ip route replace fd00:42:0:1::/64 via fd00:42:0:1::2 dev mk3fa9c1vx onlink proto 109');
    expect(planRoutes(of('vxlan'), carriedOut(nothing, of('vxlan')))).toEqual([]);
  });

  test('by routes, a node without an address of the second family is reached by the first alone', () => {
    expect(words(planRoutes(of('routes'), nothing))).toEqual([
      'ip route replace 10.42.1.0/24 via 192.0.2.2 proto 109',
      'ip route replace fd00:42:0:1::/64 via 2001:db8::2 proto 109',
      'ip route replace 10.42.2.0/24 via 192.0.2.3 proto 109',
    ]);
  });

  test('an address of the second family that comes is a change', () => {
    expect(isSameWay(nodes[2], dual('c', 2, '192.0.2.3'), clusterCidr)).toBe(true);
    expect(isSameWay(nodes[2], dual('c', 2, '192.0.2.3', '2001:db8::3'), clusterCidr)).toBe(false);
  });

  test('routes of IPv6 are read back, those of others passed over', () => {
    const route = [
      { dst: 'fd00:42:0:1::/64', gateway: 'fd00:42:0:1::2', dev: 'mk3fa9c1vx' },
      { dst: 'fd00:43::/64', gateway: 'fe80::1', dev: 'eth0' },
    ];
    const listings = { link: '', routes: ['[]', JSON.stringify(route)], neighbors: '', forwarding: '' };
    expect([...readStanding(listings, of('vxlan')).routes]).toEqual([['fd00:42:0:1::/64', 'via fd00:42:0:1::2 dev mk3fa9c1vx']]);
  });

  test('where IPv6 is the main one, nodes’ tunnels end at IPv6 addresses', () => {
    const six = { podCidr: 'fd00:42:0:1::/64', address: '2001:db8::2' };
    const [add] = words(
      planRoutes({ ...wanted, clusterCidr: 'fd00:42::/56', own: { ...six, podCidr: 'fd00:42::/64' }, peers: [six] }, nothing),
    );
    expect(add).toBe(
      'ip link add mk3fa9c1vx mtu 1430 address 0a:58:00:00:00:00 type vxlan id 77 dstport 8472 local 2001:db8::2 nolearning',
    );
    expect(tunnelMac('fd00:42:0:1::/64')).toBe('0a:58:00:00:00:01');
  });
});
