// What clients experience: packets traced through the generated rules.
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { V1EndpointSlice, V1Service } from '../../api/mod.ts';
import { around, base, type EndpointWords, here, nodeIp, service, slice } from './fixtures.fake.ts';
import { addressKey, type Frontend, frontendsOf } from './model.ts';
import { expectedListing, renderAll, renderChange } from './nftables.ts';
import { Program } from './plan.ts';
import { type Packet, PacketFilter, refused, targets } from './trace.fake.ts';

const filterOf = (...of: readonly (readonly [V1Service, ...V1EndpointSlice[]])[]): PacketFilter => {
  const program = new Program(base.podCidr);
  for (const [one, ...slices] of of) program.want(`default/${one.metadata?.name}`, frontendsOf(one, slices, here));
  const filter = new PacketFilter(around);
  filter.apply(renderAll(base, program.everything()));
  return filter;
};

const pod = (to: string, port = 80, protocol: Packet['protocol'] = 'tcp'): Packet => ({
  from: '10.42.0.9',
  to,
  port,
  protocol,
  by: base.bridge,
});
const host = (to: string, port = 80): Packet => ({ from: nodeIp, to, port, protocol: 'tcp' });
const outside = (to: string, port = 80): Packet => ({ from: '198.51.100.7', to, port, protocol: 'tcp', by: 'eth0' });
const ip = '10.96.0.20';
const two = [{ ip: '10.42.0.5' }, { ip: '10.42.0.6' }];
const both = ['10.42.0.5:8080', '10.42.0.6:8080'];

describe('cluster IP', () => {
  test('every ready endpoint is reached, from pods, host and outside; no other', () => {
    const filter = filterOf([
      service('web', { clusterIP: ip }),
      slice('web', [
        ...two,
        { ip: '10.42.0.7', conditions: { ready: false } },
        { ip: '10.42.0.8', conditions: { ready: false, serving: true, terminating: true } },
      ]),
    ]);
    for (const packet of [pod(ip), host(ip), outside(ip)]) expect(targets(filter, packet)).toEqual(both);
  });

  test('without endpoints it refuses at once: a reset for TCP, a message for others', () => {
    const filter = filterOf([service('web', { clusterIP: ip }), slice('web', [])]);
    for (const packet of [pod(ip), host(ip), outside(ip)]) expect(filter.trace(packet)).toEqual(refused);
    expect(filter.trace(pod(ip, 80, 'udp'))).toEqual({ is: 'refused', how: '' });
  });

  test('addresses and ports of the range that nobody has refuse, too', () => {
    const filter = filterOf([service('web', { clusterIP: ip }), slice('web', two)]);
    expect(filter.trace(pod(ip, 81))).toEqual(refused);
    expect(filter.trace(host('10.96.3.3'))).toEqual(refused);
    expect(filter.trace(outside('203.0.113.9'))).toEqual({ is: 'delivered', to: '203.0.113.9:80', masqueraded: false });
  });

  test('terminating endpoints that serve are used when nothing is ready', () => {
    const leaving = { ready: false, serving: true, terminating: true };
    const filter = filterOf([
      service('web', { clusterIP: ip }),
      slice('web', [
        { ip: '10.42.0.5', conditions: leaving },
        { ip: '10.42.0.6', conditions: { ...leaving, serving: false } },
      ]),
    ]);
    expect(targets(filter, pod(ip))).toEqual(['10.42.0.5:8080']);
  });

  test('a pod that reaches itself does so under another address', () => {
    const filter = filterOf([service('web', { clusterIP: ip }), slice('web', two)]);
    const own = filter.outcomes({ ...pod(ip), from: '10.42.0.5' });
    expect(own).toContainEqual({ is: 'delivered', to: '10.42.0.5:8080', masqueraded: true });
    expect(own).toContainEqual({ is: 'delivered', to: '10.42.0.6:8080', masqueraded: false });
  });

  test.each(['tcp', 'udp', 'sctp'] as const)('%s has backends of its own', (protocol) => {
    const upper = protocol.toUpperCase();
    const filter = filterOf([
      service('dns', {
        clusterIP: ip,
        ports: [
          { name: 'a', port: 53, protocol: upper },
          { name: 'b', port: 54, protocol: 'TCP' },
        ],
      }),
      slice('dns', [{ ip: '10.42.0.5' }], 5353, upper, 'a'),
    ]);
    expect(targets(filter, pod(ip, 53, protocol))).toEqual(['10.42.0.5:5353']);
    expect(targets(filter, pod(ip, 53, protocol === 'tcp' ? 'udp' : 'tcp'))).toEqual(['refused']);
  });

  test('endpoints outside of this node’s pods see the node as their client, unless a pod asks', () => {
    const filter = filterOf([service('db', { clusterIP: ip }), slice('db', [{ ip: '203.0.113.5' }])]);
    expect(filter.trace(outside(ip))).toMatchObject({ masqueraded: true });
    expect(filter.trace(pod(ip))).toMatchObject({ masqueraded: false }); // The pod network's own rule does it.
  });

  test.each([
    ['headless', { clusterIP: 'None' }],
    ['ExternalName', { type: 'ExternalName', externalName: 'example.com' }],
    ['without an address yet', {}],
  ])('a service that is %s has no rules', (_, spec) => {
    expect(frontendsOf(service('web', spec), [slice('web', two)], here)).toEqual([]);
  });
});

describe('traffic policies', () => {
  const mixed: readonly EndpointWords[] = [{ ip: '10.42.0.5' }, { ip: '10.42.1.6', node: 'there' }];
  const everywhere = ['10.42.0.5:8080', '10.42.1.6:8080'];
  const nodePorts = [{ name: 'http', port: 80, protocol: 'TCP', nodePort: 30_080 }];

  test('node ports answer on every address of the node, loopback included', () => {
    const filter = filterOf([service('web', { type: 'NodePort', clusterIP: ip, ports: nodePorts }), slice('web', two)]);
    for (const packet of [pod(nodeIp, 30_080), host('127.0.0.1', 30_080), host(nodeIp, 30_080), outside(nodeIp, 30_080)]) {
      expect(targets(filter, packet)).toEqual(both);
    }
    expect(targets(filter, outside('203.0.113.9', 30_080))).toEqual(['203.0.113.9:30080']);
  });

  test('external Local: from outside only to this node’s endpoints, under the client’s own address; inside to all', () => {
    const filter = filterOf([
      service('web', { type: 'NodePort', clusterIP: ip, ports: nodePorts, externalTrafficPolicy: 'Local', externalIPs: ['203.0.113.1'] }),
      slice('web', mixed),
    ]);
    expect(filter.outcomes(outside(nodeIp, 30_080))).toEqual([{ is: 'delivered', to: '10.42.0.5:8080', masqueraded: false }]);
    expect(targets(filter, outside('203.0.113.1'))).toEqual(['10.42.0.5:8080']);
    expect(targets(filter, outside(ip))).toEqual(everywhere);
    for (const packet of [pod(nodeIp, 30_080), pod('203.0.113.1'), host(nodeIp, 30_080)])
      expect(targets(filter, packet)).toEqual(everywhere);
  });

  test('Local with endpoints elsewhere only: dropped, because another node has them', () => {
    const spec = { type: 'NodePort', clusterIP: ip, ports: nodePorts, externalTrafficPolicy: 'Local', internalTrafficPolicy: 'Local' };
    const filter = filterOf([service('web', spec), slice('web', [{ ip: '10.42.1.6', node: 'there' }])]);
    expect(targets(filter, outside(nodeIp, 30_080))).toEqual(['dropped']);
    expect(targets(filter, pod(ip))).toEqual(['dropped']);
    const none = filterOf([service('web', spec), slice('web', [])]);
    expect(targets(none, outside(nodeIp, 30_080))).toEqual(['refused']);
    expect(targets(none, pod(ip))).toEqual(['refused']);
  });

  test('hints keep traffic near, when all endpoints have them and one is near', () => {
    const hinted = (zones: readonly string[]) =>
      slice(
        'web',
        zones.map((zone, i) => ({ ip: `10.42.0.${i + 5}`, hints: zone === '' ? undefined : { forZones: [{ name: zone }] } })),
      );
    const reached = (zones: readonly string[]) => targets(filterOf([service('web', { clusterIP: ip }), hinted(zones)]), pod(ip));
    expect(reached(['zone-a', 'zone-b'])).toEqual(['10.42.0.5:8080']);
    expect(reached(['zone-a', ''])).toEqual(both);
    expect(reached(['zone-b', 'zone-b'])).toEqual(both);
  });
});

describe('load balancer', () => {
  const balanced = (more: Partial<NonNullable<V1Service['spec']>> = {}) =>
    service(
      'web',
      { type: 'LoadBalancer', clusterIP: ip, ports: [{ name: 'http', port: 80, protocol: 'TCP' }], ...more },
      { status: { loadBalancer: { ingress: [{ ip: '10.200.0.1', ipMode: 'VIP' }] } } },
    );

  test('its address leads to the endpoints', () => {
    const filter = filterOf([balanced(), slice('web', two)]);
    for (const packet of [pod('10.200.0.1'), host('10.200.0.1'), outside('10.200.0.1')]) expect(targets(filter, packet)).toEqual(both);
  });

  test('source ranges let in nobody else; the cluster IP is not theirs', () => {
    const filter = filterOf([
      balanced({ loadBalancerSourceRanges: ['198.51.100.0/25', '198.51.100.0/24', '10.42.0.9/32'] }),
      slice('web', two),
    ]);
    expect(targets(filter, outside('10.200.0.1'))).toEqual(both);
    expect(targets(filter, pod('10.200.0.1'))).toEqual(both);
    expect(targets(filter, { ...outside('10.200.0.1'), from: '198.51.101.7' })).toEqual(['dropped']);
    expect(targets(filter, host('10.200.0.1'))).toEqual(['dropped']);
    expect(targets(filter, host(ip))).toEqual(both);
    expect(targets(filterOf([balanced({ loadBalancerSourceRanges: ['fd00::/8'] }), slice('web', two)]), outside('10.200.0.1'))).toEqual([
      'dropped',
    ]);
  });
});

describe('session affinity', () => {
  const sticky = service('web', {
    clusterIP: ip,
    sessionAffinity: 'ClientIP',
    sessionAffinityConfig: { clientIP: { timeoutSeconds: 60 } },
  });
  const at = (filter: PacketFilter, from: string, choice: number) => {
    const fate = filter.trace({ ...pod(ip), from }, (count) => choice % count);
    return fate.is === 'delivered' ? fate.to : fate.is;
  };

  test('a client comes back to its backend, whatever chance says; another goes its own way', () => {
    const filter = filterOf([sticky, slice('web', two)]);
    expect([at(filter, '10.42.0.9', 1), at(filter, '10.42.0.9', 0), at(filter, '10.42.0.10', 0)]).toEqual([both[1], both[1], both[0]]);
  });

  test('clients of a backend that goes are sent elsewhere, the others stay', () => {
    const program = new Program(base.podCidr);
    const filter = new PacketFilter(around);
    const three = [...two, { ip: '10.42.0.7' }];
    program.want('web', frontendsOf(sticky, [slice('web', three)], here));
    filter.apply(renderAll(base, program.everything()));
    expect([at(filter, '10.42.0.9', 2), at(filter, '10.42.0.10', 1)]).toEqual(['10.42.0.7:8080', both[1]]);
    program.want('web', frontendsOf(sticky, [slice('web', two)], here));
    const change = program.plan();
    filter.apply(renderChange(base, change ?? program.standing()));
    expect([at(filter, '10.42.0.9', 0), at(filter, '10.42.0.10', 0)]).toEqual([both[0], both[1]]);
    program.want('web', []);
    filter.apply(renderChange(base, program.plan() ?? program.standing()));
    expect([...filter.sets.keys(), ...filter.chains.keys()].filter((name) => name.startsWith('affinity'))).toEqual([]);
  });
});

describe('the node itself', () => {
  const api: Frontend = {
    table: 'inside-addresses',
    key: addressKey(base.gateway, 'tcp', 6443),
    protocol: 'tcp',
    backends: [{ address: '127.0.0.1', port: 6443 }],
    otherwise: 'refuse',
  };
  const program = new Program(base.podCidr);
  program.want('', [api]);
  program.want('evil', [{ ...api, backends: [{ address: '10.42.0.66', port: 1 }] }]);
  const filter = new PacketFilter(around);
  filter.apply(renderAll(base, program.everything()));

  test('what it serves on loopback is reached by pods where it says, and no service takes that over', () => {
    expect(filter.trace(pod(base.gateway, 6443))).toEqual({ is: 'delivered', to: '127.0.0.1:6443', masqueraded: false });
  });

  test('nobody but pods gets to its address on the bridge', () => {
    expect(filter.trace(outside(base.gateway, 6443))).toEqual({ is: 'dropped' });
    expect(filter.trace(host('127.0.0.1', 22))).toMatchObject({ is: 'delivered' });
  });
});

test('of two services that claim one address, one has it; when it goes, the other', () => {
  const claim = (name: string, clusterIP: string) => service(name, { clusterIP, externalIPs: ['203.0.113.1'] });
  const program = new Program(base.podCidr);
  const filter = new PacketFilter(around);
  program.want('b', frontendsOf(claim('b', '10.96.0.21'), [slice('b', [{ ip: '10.42.0.6' }])], here));
  program.want('a', frontendsOf(claim('a', '10.96.0.20'), [slice('a', [{ ip: '10.42.0.5' }])], here));
  filter.apply(renderAll(base, program.everything()));
  expect(targets(filter, outside('203.0.113.1'))).toEqual(['10.42.0.5:8080']);
  program.want('a', []);
  filter.apply(renderChange(base, program.plan() ?? program.standing()));
  expect(targets(filter, outside('203.0.113.1'))).toEqual(['10.42.0.6:8080']);
});

test('a change costs its own elements, not those of other services or endpoints', () => {
  const program = new Program(base.podCidr);
  const all = (count: number) =>
    slice(
      'web',
      Array.from({ length: count }, (_, i) => ({ ip: `10.42.0.${i + 2}` })),
    );
  for (let i = 1; i < 200; i++) program.want(`s${i}`, frontendsOf(service(`s${i}`, { clusterIP: `10.96.1.${i}` }), [all(5)], here));
  program.want('web', frontendsOf(service('web', { clusterIP: ip }), [all(100)], here));
  program.everything();
  program.want('web', frontendsOf(service('web', { clusterIP: ip }), [all(99)], here));
  const change = program.plan();
  expect((change?.removed.length ?? 0) + (change?.added.length ?? 0)).toBeLessThanOrEqual(6);
  expect(program.plan()).toBeUndefined();
});

describe('laws', () => {
  const endpoint = fc.record({
    ip: fc.integer({ min: 2, max: 12 }).map((n) => `10.42.0.${n}`),
    conditions: fc.constantFrom({ ready: true }, { ready: false }, { ready: false, serving: true, terminating: true }),
    node: fc.constantFrom('here', 'there'),
  });
  const state = fc.record({
    name: fc.integer({ min: 0, max: 3 }).map((n) => `s${n}`),
    endpoints: fc.uniqueArray(endpoint, { maxLength: 6, selector: ({ ip: address }) => address }),
    affinity: fc.boolean(),
    external: fc.boolean(),
    policy: fc.constantFrom('Cluster', 'Local'),
    gone: fc.boolean(),
  });
  const ipOf = (name: string) => `10.96.0.${20 + Number(name.slice(1))}`;
  const frontends = ({ name, endpoints, affinity, external, policy, gone }: typeof state extends fc.Arbitrary<infer T> ? T : never) =>
    gone
      ? []
      : frontendsOf(
          service(name, {
            type: 'NodePort',
            clusterIP: ipOf(name),
            ports: [{ name: 'http', port: 80, protocol: 'TCP', nodePort: 30_000 + Number(name.slice(1)) }],
            sessionAffinity: affinity ? 'ClientIP' : 'None',
            externalTrafficPolicy: policy,
            externalIPs: external ? ['203.0.113.1'] : [],
          }),
          [slice(name, endpoints)],
          here,
        );

  test('any history of changes leads to what one full table gives, and reaches just the usable endpoints', () => {
    fc.assert(
      fc.property(fc.array(fc.array(state, { minLength: 1, maxLength: 3 }), { minLength: 1, maxLength: 8 }), (history) => {
        const program = new Program(base.podCidr);
        const filter = new PacketFilter(around);
        filter.apply(renderAll(base, program.everything()));
        const last = new Map<string, (typeof history)[number][number]>();
        for (const step of history) {
          for (const one of step) {
            program.want(one.name, frontends(one));
            last.set(one.name, one);
          }
          const change = program.plan();
          if (change) filter.apply(renderChange(base, change));
        }
        const fresh = new Program(base.podCidr);
        for (const [name, one] of last) fresh.want(name, frontends(one));
        const full = new PacketFilter(around);
        full.apply(renderAll(base, fresh.everything()));
        const packets = [...last.keys()].flatMap((name) => [
          pod(ipOf(name)),
          outside(nodeIp, 30_000 + Number(name.slice(1))),
          pod(nodeIp, 30_000 + Number(name.slice(1))),
        ]);
        for (const packet of [...packets, outside('203.0.113.1')]) expect(targets(filter, packet)).toEqual(targets(full, packet));
        for (const [name, { endpoints, gone }] of last) {
          const ready = endpoints.filter(({ conditions }) => conditions.ready);
          const leaving = endpoints.filter(({ conditions }) => 'serving' in conditions);
          const usable = (ready.length > 0 ? ready : leaving).map((one) => `${one.ip}:8080`).sort();
          const packet = { ...pod(ipOf(name)), from: '10.42.0.200' };
          expect(targets(filter, packet)).toEqual(gone || usable.length === 0 ? ['refused'] : usable);
        }
        // What the check against tampering expects is what stands.
        const expected = expectedListing(base, program.standing());
        const standing = [...filter.sets].flatMap(([set, elements]) =>
          set.startsWith('affinity') ? [] : [...elements].map(([key, value]) => `${set} ${key} : ${value}`),
        );
        expect(new Set(standing)).toEqual(expected.elements);
        expect(new Map([...filter.chains].map(([name, rules]) => [name, rules.length]))).toEqual(expected.rules);
      }),
      { numRuns: 150 },
    );
  });

  test('nothing that services or slices hold gets into the rules as it is', () => {
    const text = fc.oneof(
      fc.string(),
      fc.constantFrom(
        '10.1.2.3',
        '010.1.2.3',
        '10.1.2.3/8',
        'localhost',
        '10.1.2.3 } ; flush ruleset',
        '::1',
        '0.0.0.0/0',
        '1.2.3.4\nflush ruleset',
        '',
      ),
    );
    const number = fc.oneof(fc.integer(), fc.double(), fc.constantFrom(80, 0, 65_535, 65_536));
    const hostile = fc.record({
      ips: fc.array(text, { maxLength: 4 }),
      protocol: fc.oneof(text, fc.constantFrom('TCP', 'UDP')),
      number,
      other: number,
      seconds: number,
    });
    fc.assert(
      fc.property(hostile, ({ ips, protocol, number: port, other, seconds }) => {
        const one = service(
          'web',
          {
            type: 'LoadBalancer',
            clusterIP: ips[0] ?? ip,
            clusterIPs: ips,
            externalIPs: ips,
            loadBalancerSourceRanges: ips,
            ports: [{ name: ips[0], port, nodePort: other, protocol }],
            sessionAffinity: seconds > 0 ? 'ClientIP' : 'None',
            sessionAffinityConfig: { clientIP: { timeoutSeconds: seconds } },
          },
          { status: { loadBalancer: { ingress: ips.map((address) => ({ ip: address })) } } },
        );
        const slices = [
          slice(
            'web',
            ips.map((address) => ({ ip: address })),
            other,
            protocol,
            ips[0],
          ),
        ];
        const program = new Program(base.podCidr);
        program.want('default/web', frontendsOf(one, slices, here));
        const rules = renderAll(base, program.everything());
        expect(rules).toMatch(/^[a-z0-9 .:;_@,{}=!"/\n-]*$/);
        expect(rules).not.toMatch(/flush ruleset|localhost|NaN|undefined/);
        new PacketFilter(around).apply(rules);
      }),
      { numRuns: 1_000 },
    );
  });
});
