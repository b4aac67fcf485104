// What pods experience under network policies: packets traced through the generated rules.
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { Labels, V1NetworkPolicy, V1NetworkPolicySpec, V1Pod } from '../../api/mod.ts';
import { ipv4, ipv6 } from '../addresses/family.ts';
import { around, base, here } from '../proxy/fixtures.fake.ts';
import { type Packet, PacketFilter } from '../proxy/trace.fake.ts';
import { type PolicyPod, policyPod } from './model.ts';
import { expectedListing, renderDifference, renderTable } from './nftables.ts';
import { isAllowed, type World } from './oracle.fake.ts';
import { PolicyProgram } from './program.ts';

const table = 'minke-abc123-policies';
const policyBase = { bridge: base.bridge, hasIpv6: false };
const namespaces: Readonly<Record<string, Labels>> = { x: { team: 'blue' }, y: { team: 'red' }, z: {} };

function pod(namespace: string, app: string, address: string, more: Partial<PolicyPod> = {}): PolicyPod {
  return { namespace, labels: { app }, address, ports: [{ name: 'web', protocol: 'tcp', port: 8080 }], isHere: true, ...more };
}

const standard: Readonly<Record<string, PolicyPod>> = {
  'x/a': pod('x', 'a', '10.42.0.11'),
  'x/b': pod('x', 'b', '10.42.0.12', { ports: [{ name: 'web', protocol: 'tcp', port: 80 }] }),
  'y/a': pod('y', 'a', '10.42.0.21'),
  'y/b': pod('y', 'b', '10.42.1.22', { isHere: false }),
  'z/c': pod('z', 'c', '10.42.0.33', { labels: { app: 'c', tier: 'db' } }),
};

function policy(namespace: string, spec: Partial<V1NetworkPolicySpec>): V1NetworkPolicy {
  return { metadata: { namespace, name: 'p' }, spec: { podSelector: {}, policyTypes: ['Ingress'], ...spec } };
}

/** A program and the kernel's table, changed step by step. */
class Node {
  readonly program = new PolicyProgram(ipv4);
  readonly filter = new PacketFilter(around);
  world: World = { namespaces: {}, pods: {}, policies: {} };
  #isNew = true;

  change(next: Partial<World>): this {
    const world = { ...this.world, ...next };
    const each = <T>(
      before: Readonly<Record<string, T>>,
      after: Readonly<Record<string, T>>,
      set: (key: string, to: T | undefined) => void,
    ) => {
      for (const key of new Set([...Object.keys(before), ...Object.keys(after)])) if (before[key] !== after[key]) set(key, after[key]);
    };
    each(this.world.namespaces, world.namespaces, (key, to) => this.program.setNamespace(key, to));
    each(this.world.pods, world.pods, (key, to) => this.program.setPod(key, to));
    each(this.world.policies, world.policies, (key, to) => this.program.setPolicy(key, to));
    this.world = world;
    return this.apply();
  }

  apply(): this {
    const difference = this.program.difference();
    if (this.#isNew) this.filter.apply(renderTable(ipv4, table, policyBase, this.program.standing()));
    else if (difference) this.filter.apply(renderDifference(ipv4, table, difference));
    this.#isNew = false;
    return this;
  }

  passes(packet: Packet): boolean {
    return this.filter.passes('forward', { by: base.bridge, ...packet }, base.bridge);
  }
}

const nodeWith = (policies: Readonly<Record<string, V1NetworkPolicy>>, pods = standard) =>
  new Node().change({ namespaces, pods, policies });
const packet = (from: string, to: string, port = 80, protocol: Packet['protocol'] = 'tcp'): Packet => ({ from, to, port, protocol });
const answerTo = ({ from, to, ...rest }: Packet): Packet => ({ ...rest, from: to, to: from, kind: 'answer' });
const ip = (key: string): string => standard[key]?.address ?? '';
const outside = '198.51.100.7';

describe('isolation', () => {
  test('without a policy everything passes; denied by default only in the directions that a policy speaks of', () => {
    const node = nodeWith({});
    const [inward, outward, within] = [packet(ip('y/a'), ip('x/a')), packet(ip('x/a'), ip('y/a')), packet(ip('y/a'), ip('z/c'))];
    const see = () => [inward, outward, within].map((one) => node.passes(one));
    expect(see()).toEqual([true, true, true]);
    expect(node.change({ policies: { 'x/p': policy('x', {}) } }) && see()).toEqual([false, true, true]);
    expect(node.change({ policies: { 'x/p': policy('x', { policyTypes: ['Egress'] }) } }) && see()).toEqual([true, false, true]);
    expect(node.change({ policies: { 'x/p': policy('x', { policyTypes: ['Ingress', 'Egress'] }) } }) && see()).toEqual([
      false,
      false,
      true,
    ]);
    expect(node.change({ policies: {} }) && see()).toEqual([true, true, true]);
    expect(node.program.standing()).toEqual({
      sets: { added: [], removed: [] },
      chains: { added: [], removed: [] },
      elements: { added: [], removed: [] },
    });
  });

  test('an answer passes exactly when the question does: also of connections older than the policy', () => {
    const question = packet(ip('y/a'), ip('x/a'), 8080);
    const node = nodeWith({ 'x/p': policy('x', { ingress: [{ ports: [{ port: 'web' }] }] }) });
    expect([node.passes(question), node.passes(answerTo(question))]).toEqual([true, true]);
    // x/a may not begin a connection of its own from that port.
    node.change({ policies: { ...node.world.policies, 'x/q': policy('x', { policyTypes: ['Egress'] }) } });
    expect([node.passes(answerTo(question)), node.passes(packet(ip('x/a'), ip('y/a')))]).toEqual([true, false]);
    node.change({ policies: { 'x/p': policy('x', {}) } });
    expect([node.passes(question), node.passes(answerTo(question))]).toEqual([false, false]);
  });

  test('a pod always reaches itself; errors of the path always arrive; pings go where all ports are open', () => {
    const node = nodeWith({ 'x/p': policy('x', { policyTypes: ['Ingress', 'Egress'] }) });
    expect(node.passes(packet(ip('x/a'), ip('x/a')))).toBe(true);
    const icmp = (kind: 'icmp' | 'related') => node.passes({ ...packet(outside, ip('x/a')), kind, by: 'eth0' });
    expect([icmp('related'), icmp('icmp')]).toEqual([true, false]);
    node.change({ policies: { 'x/p': policy('x', { ingress: [{ ports: [{ protocol: 'TCP' }] }] }) } });
    expect(icmp('icmp')).toBe(false);
    node.change({ policies: { 'x/p': policy('x', { ingress: [{}] }) } });
    expect(icmp('icmp')).toBe(true);
  });

  test('between pods nothing goes by IPv6, which no policy would see', () => {
    const node = nodeWith({ 'x/p': policy('x', {}) });
    expect(node.passes(packet('fe80::1', 'fe80::2'))).toBe(false);
  });
});

describe('pods with two addresses', () => {
  const six = (app: string, last: number): V1Pod => ({
    metadata: { namespace: 'x', name: app, labels: { app } },
    spec: { nodeName: 'here', containers: [{ name: 'c', ports: [{ name: 'web', containerPort: 8080 }] }] },
    status: { phase: 'Running', podIP: `10.42.0.${last}`, podIPs: [{ ip: `10.42.0.${last}` }, { ip: `fd00:42::${last}` }] },
  });
  const [a, b] = ['fd00:42::11', 'fd00:42::12'];
  const filterWith = (spec: Partial<V1NetworkPolicySpec>) => {
    const program = new PolicyProgram(ipv6);
    for (const [app, last] of [['a', 11] as const, ['b', 12] as const])
      program.setPod(`x/${app}`, policyPod(six(app, last), { ...here, family: ipv6 }));
    program.setPolicy('x/p', policy('x', spec));
    program.difference();
    const filter = new PacketFilter(around);
    filter.apply(renderTable(ipv6, table, { ...policyBase, hasIpv6: true }, program.standing()));
    return (one: Packet) => filter.passes('forward', { by: base.bridge, ...one }, base.bridge);
  };

  test('are judged by each in a table of its own', () => {
    const passes = filterWith({
      podSelector: { matchLabels: { app: 'a' } },
      ingress: [{ from: [{ podSelector: { matchLabels: { app: 'b' } } }], ports: [{ port: 'web' }] }],
    });
    expect([passes(packet(b, a, 8080)), passes(packet(b, a, 80)), passes(packet('2001:db8::1', a, 8080)), passes(packet(a, b))]).toEqual([
      true,
      false,
      false,
      true,
    ]);
    expect(passes(answerTo(packet(b, a, 8080)))).toBe(true);
  });

  test('are found by their neighbours whatever policies say; by the link’s own addresses they reach nobody', () => {
    const passes = filterWith({ policyTypes: ['Ingress', 'Egress'] });
    expect(passes({ ...packet(b, a), kind: 'discovery' })).toBe(true);
    expect(passes({ ...packet('fe80::1', a), kind: 'discovery' })).toBe(true);
    expect([passes(packet(b, a)), passes(packet('fe80::1', 'fe80::2')), passes(packet('fe80::1', a))]).toEqual([false, false, false]);
    expect(passes({ ...packet('2001:db8::1', a), kind: 'related' })).toBe(true);
  });

  test('blocks of IPv6 have exceptions; those of IPv4 hold nobody', () => {
    const block = (cidr: string, ...except: string[]) => filterWith({ ingress: [{ from: [{ ipBlock: { cidr, except } }] }] });
    const passes = block('2001:db8::/32', '2001:db8:1::/48', '10.0.0.0/8');
    expect([packet('2001:db8::1', a), packet('2001:db8:1::1', a), packet('2001:db9::1', a)].map(passes)).toEqual([true, false, false]);
    expect(block('0.0.0.0/0')(packet('2001:db8::1', a))).toBe(false);
    expect(block('::/0')(packet('2001:db8::1', a))).toBe(true);
  });

  test('without IPv6 in the cluster, the first table still stops it', () => {
    expect(renderTable(ipv4, table, policyBase, new PolicyProgram(ipv4).standing())).toContain('meta nfproto ipv6');
    expect(renderTable(ipv4, table, { ...policyBase, hasIpv6: true }, new PolicyProgram(ipv4).standing())).not.toContain('ipv6');
  });
});

describe('peers and ports', () => {
  const allowed = (ingress: V1NetworkPolicySpec['ingress'], ...packets: readonly Packet[]) => {
    const node = nodeWith({ 'x/p': policy('x', { podSelector: { matchLabels: { app: 'a' } }, ingress }) });
    return packets.map((one) => node.passes(one));
  };
  const fromAll = [...Object.values(standard).map(({ address }) => address), outside].map((from) => packet(from, ip('x/a'), 8080));

  test.each([
    ['pods of the policy’s own namespace', [{ podSelector: {} }], ['x/a', 'x/b']],
    ['all pods of some namespaces', [{ namespaceSelector: { matchLabels: { team: 'red' } } }], ['x/a', 'y/a', 'y/b']],
    ['some pods of every namespace', [{ namespaceSelector: {}, podSelector: { matchLabels: { app: 'b' } } }], ['x/a', 'x/b', 'y/b']],
    ['two peers', [{ namespaceSelector: { matchLabels: { team: 'red' } } }, { podSelector: {} }], ['x/a', 'x/b', 'y/a', 'y/b']],
    [
      'a range without a part of it',
      [{ ipBlock: { cidr: '10.42.0.0/16', except: ['10.42.0.16/28', '10.42.1.0/24'] } }],
      ['x/a', 'x/b', 'z/c'],
    ],
    ['everywhere', [{ ipBlock: { cidr: '0.0.0.0/0' } }], [...Object.keys(standard), 'outside']],
    ['a range of the other family', [{ ipBlock: { cidr: 'fd00::/8' } }], ['x/a']],
  ])('%s', (_, from, expected) => {
    const names = [...Object.keys(standard), 'outside'];
    expect(allowed([{ from }], ...fromAll).flatMap((passes, i) => (passes ? [names[i]] : []))).toEqual(expected);
  });

  test('numbers, ranges, names and protocols', () => {
    const ports = [{ port: 80 }, { port: 82, endPort: 90 }, { port: 85, endPort: 95 }, { port: 'web' }, { protocol: 'UDP' }];
    const to = (port: number, protocol?: Packet['protocol']) => packet(outside, ip('x/a'), port, protocol);
    const packets = [to(80), to(81), to(82), to(95), to(96), to(8080), to(9, 'udp'), to(80, 'sctp')];
    expect(allowed([{ ports }], ...packets)).toEqual([true, false, true, true, false, true, true, false]);
  });

  test('a named port out is whatever number the pod at the other end has under it', () => {
    const node = nodeWith({ 'z/p': policy('z', { policyTypes: ['Egress'], egress: [{ ports: [{ port: 'web' }] }] }) });
    const reached = (key: string, port: number) => node.passes(packet(ip('z/c'), ip(key), port));
    expect([reached('x/a', 8080), reached('x/a', 80), reached('x/b', 80), reached('x/b', 8080)]).toEqual([true, false, true, false]);
  });
});

describe('changes', () => {
  test('labels of pods and namespaces count at once; an address belongs to the pod that claimed it last', () => {
    const from = [{ namespaceSelector: { matchLabels: { team: 'red' } }, podSelector: { matchLabels: { app: 'a' } } }];
    const node = nodeWith({ 'x/p': policy('x', { ingress: [{ from }] }) });
    const see = () => node.passes(packet(ip('y/a'), ip('x/b')));
    expect(see()).toBe(true);
    expect(node.change({ namespaces: { ...namespaces, y: {} } }) && see()).toBe(false);
    expect(node.change({ namespaces }) && see()).toBe(true);
    // The old pod's status still says the address when the next one has it.
    node.change({ pods: { ...standard, 'y/next': pod('y', 'other', ip('y/a')) } });
    expect(see()).toBe(false);
    node.change({ pods: standard });
    expect(see()).toBe(true);
  });

  test('a pod that comes costs its own elements only', () => {
    const many = Object.fromEntries(
      Array.from({ length: 200 }, (_, i) => [`y/many-${i}`, pod('y', 'a', `10.43.0.${i}`, { isHere: false })] as const),
    );
    const rules = { 'x/p': policy('x', { ingress: [{ from: [{ namespaceSelector: {} }], ports: [{ port: 'web' }] }] }) };
    const node = nodeWith(rules, { ...standard, ...many });
    node.program.setPod('x/new', pod('x', 'new', '10.42.0.99'));
    const difference = node.program.difference();
    expect([difference?.elements.added.length, difference?.chains.added.length, difference?.sets.added.length]).toEqual([5, 0, 0]);
  });
});

test('what of a pod counts', () => {
  const full: V1Pod = {
    metadata: { namespace: 'x', name: 'a', labels: { app: 'a' } },
    spec: {
      nodeName: 'here',
      containers: [{ name: 'c', ports: [{ name: 'dns', containerPort: 53, protocol: 'UDP' }, { containerPort: 1 }] }],
    },
    status: { podIP: '10.42.0.11', phase: 'Running' },
  };
  const dns = { name: 'dns', protocol: 'udp', port: 53 };
  expect(policyPod(full, here)).toEqual({ namespace: 'x', labels: { app: 'a' }, address: '10.42.0.11', ports: [dns], isHere: true });
  expect(policyPod(full, { ...here, nodeName: 'there' }, ['10.42.0.12'])).toMatchObject({ address: '10.42.0.12', isHere: false });
  expect(policyPod({ ...full, spec: { containers: [], hostNetwork: true } }, here)).toBeUndefined();
  expect(policyPod({ ...full, status: { ...full.status, phase: 'Failed' } }, here)).toBeUndefined();
  expect(policyPod({ ...full, status: {} }, here)).toBeUndefined();
});

describe('laws', () => {
  const apps = fc.constantFrom('a', 'b', 'c');
  const selector = fc.oneof(
    fc.constant({}),
    apps.map((app) => ({ matchLabels: { app } })),
    fc.constant({ matchExpressions: [{ key: 'app', operator: 'NotIn', values: ['a'] }] }),
  );
  const namespaceSelector = fc.oneof(
    fc.constant({}),
    fc.constantFrom('red', 'blue').map((team) => ({ matchLabels: { team } })),
  );
  const block = fc.constantFrom(
    { cidr: '0.0.0.0/0', except: ['10.42.0.0/28'] },
    { cidr: '10.42.0.0/16', except: ['10.42.0.20/32', '10.42.0.16/29'] },
    { cidr: '198.51.100.7/32' },
  );
  const peer = fc.oneof(
    selector.map((podSelector) => ({ podSelector })),
    namespaceSelector.map((one) => ({ namespaceSelector: one })),
    fc.record({ namespaceSelector, podSelector: selector }),
    block.map((ipBlock) => ({ ipBlock })),
  );
  const port = fc.record({
    protocol: fc.constantFrom('TCP', 'UDP', 'SCTP'),
    port: fc.constantFrom(undefined, 80, 8080, 'web'),
  });
  const range = fc.constant({ protocol: 'TCP', port: 79, endPort: 90 });
  const rules = fc.array(fc.record({ peers: fc.array(peer, { maxLength: 2 }), ports: fc.array(fc.oneof(port, range), { maxLength: 3 }) }), {
    maxLength: 2,
  });
  const policies = fc.record({
    namespace: fc.constantFrom('x', 'y', 'z'),
    podSelector: selector,
    policyTypes: fc.constantFrom(['Ingress'], ['Egress'], ['Ingress', 'Egress']),
    ingress: rules,
    egress: rules,
  });
  const step = fc.oneof(
    fc.record({ is: fc.constant('policy' as const), name: fc.constantFrom('p', 'q', 'r'), policy: fc.option(policies) }),
    fc.record({
      is: fc.constant('pod' as const),
      name: fc.constantFrom('m', 'n'),
      namespace: fc.constantFrom('x', 'y', 'z'),
      app: fc.option(apps),
      last: fc.integer({ min: 14, max: 24 }),
      isHere: fc.boolean(),
      port: fc.constantFrom(80, 8080),
    }),
    fc.record({ is: fc.constant('namespace' as const), name: fc.constantFrom('x', 'y', 'z'), team: fc.constantFrom('red', 'blue') }),
  );

  const without = <T>(all: Readonly<Record<string, T>>, key: string): Readonly<Record<string, T>> =>
    Object.fromEntries(Object.entries(all).filter(([one]) => one !== key));

  function after(world: World, one: typeof step extends fc.Arbitrary<infer T> ? T : never): World {
    if (one.is === 'namespace') return { ...world, namespaces: { ...world.namespaces, [one.name]: { team: one.team } } };
    if (one.is === 'policy') {
      if (!one.policy) return { ...world, policies: without(world.policies, `x/${one.name}`) };
      const key = `${one.policy.namespace}/${one.name}`;
      const { namespace, podSelector, policyTypes, ingress, egress } = one.policy;
      const spec = {
        podSelector,
        policyTypes,
        ingress: ingress.map(({ peers, ports }) => ({ from: peers, ports })),
        egress: egress.map(({ peers, ports }) => ({ to: peers, ports })),
      };
      return { ...world, policies: { ...world.policies, [key]: { metadata: { namespace, name: one.name }, spec } } };
    }
    const key = `${one.namespace}/${one.name}`;
    const address = `10.42.0.${one.last}`;
    const isTaken = Object.entries(world.pods).some(([other, { address: its }]) => other !== key && its === address);
    if (one.app === null || isTaken) return { ...world, pods: without(world.pods, key) };
    const ports = [{ name: 'web', protocol: 'tcp' as const, port: one.port }];
    return { ...world, pods: { ...world.pods, [key]: pod(one.namespace, one.app, address, { ports, isHere: one.isHere }) } };
  }

  test('after any history, every packet and every answer is judged as the API’s words say, and the table is that of a fresh start', () => {
    fc.assert(
      fc.property(fc.array(step, { minLength: 1, maxLength: 12 }), (steps) => {
        const node = nodeWith({});
        for (const one of steps) node.change(after(node.world, one));
        const addresses = [...Object.values(node.world.pods).map(({ address }) => address), outside];
        for (const from of addresses) {
          for (const to of addresses) {
            for (const [port, protocol] of [
              [80, 'tcp'],
              [8080, 'tcp'],
              [85, 'tcp'],
              [80, 'udp'],
              [80, 'sctp'],
            ] as const) {
              const one = packet(from, to, port, protocol);
              const expected = isAllowed(node.world, one);
              expect([one, node.passes(one), node.passes(answerTo(one))]).toEqual([one, expected, expected]);
            }
            const ping: Packet = { ...packet(from, to), kind: 'icmp' };
            expect([ping, node.passes(ping)]).toEqual([ping, isAllowed(node.world, ping)]);
          }
        }
        const fresh = nodeWith(node.world.policies, node.world.pods).change({ namespaces: node.world.namespaces });
        const [now, anew] = [node, fresh].map(({ program }) => expectedListing(ipv4, policyBase, program.standing()));
        expect(now).toEqual(anew);
      }),
      { numRuns: 150 },
    );
  });
});
