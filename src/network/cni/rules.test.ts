import { describe, expect, test } from 'vitest';
import { ipv4, ipv6 } from '../addresses/family.ts';
import type { Nft } from '../nftables/nft.ts';
import { bridgeName, renderConflist } from './conflist.ts';
import { HostPortTable, type PublishRequest } from './host-ports.ts';
import { droppingChains, handlesOf, renderExceptionRemoval, renderExceptions } from './other-firewalls.ts';
import { outsideMtuOf } from './pod-network.ts';
import { type HostPort, parseHostPorts, renderRemoval, renderRules, tableName } from './rules.ts';

const options = { table: 'minke-3fa9c1', bridge: 'mk3fa9c1', podCidr: '10.42.0.0/24', clusterCidr: '10.42.0.0/16', bridgeNetfilter: true };

describe('rules', () => {
  test('everything is in the cluster’s own table', () => {
    for (const line of renderRules(options).trim().split('\n'))
      expect(line).toMatch(/^(add|flush) (table|map|chain|rule) ip minke-3fa9c1( |$)/);
  });

  test('a chain is emptied before it is filled, and maps are never emptied', () => {
    const lines = renderRules(options).split('\n');
    for (const chain of ['prerouting', 'output', 'postrouting', 'forward']) {
      const at = (start: string) => lines.findIndex((line) => line.startsWith(start));
      expect(at(`add chain ip minke-3fa9c1 ${chain} `)).toBeLessThan(at(`flush chain ip minke-3fa9c1 ${chain}`));
      expect(at(`flush chain ip minke-3fa9c1 ${chain}`)).toBeLessThan(at(`add rule ip minke-3fa9c1 ${chain} `));
    }
    expect(lines.join()).not.toMatch(/flush (map|table)|delete/);
  });

  test('where bridged packets are not shown to nftables, pods talk by way of the host', () => {
    const rule = 'ip saddr 10.42.0.0/24 oifname "mk3fa9c1" ct status dnat masquerade';
    expect(renderRules(options)).not.toContain(rule);
    expect(renderRules({ ...options, bridgeNetfilter: false })).toContain(rule);
  });

  test('removing works whether the table is there or not', () => {
    expect(renderRemoval(ipv4, tableName('a1'))).toBe('add table ip minke-a1\ndelete table ip minke-a1\n');
  });
});

test.each(['3fa9c1', '3fa9c1d2e3f4', 'my cluster', ''])('the bridge of %j has a name that the kernel takes', (clusterId) => {
  expect(bridgeName(clusterId)).toMatch(/^mk[0-9a-f]{6}$/);
});

test('the plugins’ configuration', () => {
  const list = JSON.parse(
    renderConflist({ bridge: 'mk3fa9c1', podCidrs: ['10.42.0.0/24'], leasesDir: '/run/minke/3fa9c1/cni', mtu: 1400, bandwidth: false }),
  );
  expect(list).toMatchObject({
    cniVersion: '0.4.0',
    plugins: [{ type: 'bridge', bridge: 'mk3fa9c1', isGateway: true, hairpinMode: true, mtu: 1400 }],
  });
  expect(list.plugins).toHaveLength(1);
  expect(list.plugins[0].ipam).toMatchObject({
    type: 'host-local',
    dataDir: '/run/minke/3fa9c1/cni',
    ranges: [[{ subnet: '10.42.0.0/24' }]],
  });
});

test.each([
  ['[{"dst":"default","dev":"eth0"}]', 1400],
  ['[]', 1500],
  ['', 1500],
])('the MTU of the way outside by %j is %i', (routes, expected) => {
  expect(outsideMtuOf(routes, '[{"ifname":"lo","mtu":65536},{"ifname":"eth0","mtu":1400}]')).toBe(expected);
});

describe('host ports', () => {
  /** Keeps what it is told as nft would; fails when told to. */
  function fakeNft(elements: Map<string, HostPort> = new Map()) {
    const state = { applied: [] as string[], fail: false, elements };
    const apply = async (text: string) => {
      if (state.fail) throw new Error('nft failed');
      state.applied.push(text);
    };
    const list = async () => {
      const elem = [...state.elements.values()].map((port) => [
        { elem: { val: { concat: [...(port.hostIp ? [port.hostIp] : []), port.protocol, port.hostPort] }, comment: port.sandboxId } },
        { concat: [port.podIp, port.podPort] },
      ]);
      return JSON.stringify({ nftables: [{ metainfo: {} }, { map: { name: 'hostports', elem } }, { map: { name: 'other', elem } }] });
    };
    return { nft: Object.assign(apply, { list }) as Nft, state };
  }

  const request = (id: string, more: Partial<PublishRequest['ports'][number]> = {}): PublishRequest => ({
    id,
    ips: ['10.42.0.7'],
    ports: [{ protocol: 'TCP', containerPort: 80, hostPort: 8080, hostIp: '', ...more }],
  });

  test('are added and removed as elements with their owner', async () => {
    const { nft, state } = fakeNft();
    const table = new HostPortTable(nft, 'minke-1', () => [ipv4]);
    await table.add(request('s1'));
    await table.add(request('s1')); // Repeated: nothing to do.
    await table.add(request('s2', { hostIp: '192.0.2.2', protocol: 'UDP' }));
    await table.remove('s1');
    await table.remove('s1');
    expect(state.applied).toEqual([
      'add element ip minke-1 hostports { tcp . 8080 comment "s1" : 10.42.0.7 . 80 }\n',
      'add element ip minke-1 hostports-by-ip { 192.0.2.2 . udp . 8080 comment "s2" : 10.42.0.7 . 80 }\n',
      'delete element ip minke-1 hostports { tcp . 8080 }\n',
    ]);
  });

  test('have one owner, also of two that come at once and of one from before a restart', async () => {
    const old: HostPort = { sandboxId: 'old', protocol: 'tcp', hostIp: '', hostPort: 9000, podIp: '10.42.0.2', podPort: 90 };
    const { nft, state } = fakeNft(new Map([['x', old]]));
    const table = new HostPortTable(nft, 'minke-1', () => [ipv4]);
    const both = await Promise.allSettled([
      table.add(request('s1')),
      table.add(request('s2')),
      table.add(request('s3', { hostPort: 9000 })),
    ]);
    expect(both.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'rejected']);
    await table.remove('old');
    expect(state.applied.at(-1)).toBe('delete element ip minke-1 hostports { tcp . 9000 }\n');
  });

  test('of a pod with addresses of both families are in both tables, or where the host address is', async () => {
    const { nft, state } = fakeNft();
    const table = new HostPortTable(nft, 'minke-1', () => [ipv4, ipv6]);
    const ips = ['10.42.0.7', 'fd00:42::7'];
    await table.add({ ...request('s1'), ips });
    await table.add({ ...request('s2', { hostIp: '::', hostPort: 81 }), ips });
    await table.add({ ...request('s3', { hostIp: '0.0.0.0', hostPort: 81 }), ips });
    await table.add({ ...request('s4', { hostIp: 'fd00::2', hostPort: 82 }), ips });
    expect(state.applied.join('').trim().split('\n')).toEqual([
      'add element ip minke-1 hostports { tcp . 8080 comment "s1" : 10.42.0.7 . 80 }',
      'add element ip6 minke-1 hostports { tcp . 8080 comment "s1" : fd00:42::7 . 80 }',
      'add element ip6 minke-1 hostports { tcp . 81 comment "s2" : fd00:42::7 . 80 }',
      'add element ip minke-1 hostports { tcp . 81 comment "s3" : 10.42.0.7 . 80 }',
      'add element ip6 minke-1 hostports-by-ip { fd00::2 . tcp . 82 comment "s4" : fd00:42::7 . 80 }',
    ]);
    await table.remove('s1');
    expect(state.applied.at(-1)).toBe(
      'delete element ip minke-1 hostports { tcp . 8080 }\ndelete element ip6 minke-1 hostports { tcp . 8080 }\n',
    );
  });

  test('that nft refused are not taken for published', async () => {
    const { nft, state } = fakeNft();
    const table = new HostPortTable(nft, 'minke-1', () => [ipv4]);
    state.fail = true;
    await expect(table.add(request('s1'))).rejects.toThrow('nft failed');
    state.fail = false;
    await table.add(request('s2'));
    expect(state.applied).toHaveLength(1);
  });

  test('of an empty or missing table are none', () => {
    expect(parseHostPorts('{}')).toEqual([]);
    expect(parseHostPorts('{"nftables":[{"map":{"name":"hostports"}}]}')).toEqual([]);
  });
});

describe('firewalls of others', () => {
  const chain = (more: object) => ({
    chain: { family: 'ip', table: 'filter', name: 'FORWARD', handle: 1, type: 'filter', hook: 'forward', policy: 'drop', ...more },
  });
  const forward = { family: 'ip', table: 'filter', name: 'FORWARD' };

  test('that drop what is forwarded get an exception; others do not', () => {
    const chains = [
      chain({}),
      chain({ policy: 'accept' }),
      chain({ hook: 'input' }),
      chain({ family: 'ip6' }),
      chain({ family: 'inet', table: 'fw' }),
      { metainfo: {} },
    ];
    expect(droppingChains(JSON.stringify({ nftables: chains }), [ipv4])).toEqual([forward, { ...forward, family: 'inet', table: 'fw' }]);
    expect(droppingChains('{}', [ipv4])).toEqual([]);
    expect(droppingChains(JSON.stringify({ nftables: chains }), [ipv4, ipv6])).toHaveLength(3);
    expect(renderExceptions(forward, 'mk1', 'minke-1')).toBe(
      'insert rule ip filter FORWARD iifname "mk1" accept comment "minke-1"\ninsert rule ip filter FORWARD oifname "mk1" accept comment "minke-1"\n',
    );
  });

  test('lose exactly our exceptions again', () => {
    const rules = [
      chain({}),
      { rule: { handle: 4, comment: 'minke-1' } },
      { rule: { handle: 5, comment: 'minke-2' } },
      { rule: { handle: 6 } },
    ];
    const handles = handlesOf(JSON.stringify({ nftables: rules }), 'minke-1');
    expect(renderExceptionRemoval(forward, handles)).toBe('delete rule ip filter FORWARD handle 4\n');
  });
});

test('IPv6: a table of its own, no way from loopback, and addresses from the third on', () => {
  const rules = renderRules({ ...options, podCidr: 'fd00:42::/64', clusterCidr: 'fd00:42::/56' });
  for (const line of rules.trim().split('\n')) expect(line).toMatch(/^(add|flush) (table|map|chain|rule) ip6 minke-3fa9c1( |$)/);
  expect(rules).toContain('ip6 saddr fd00:42::/64 ip6 daddr != fd00:42::/56 oifname != "mk3fa9c1" ip6 daddr != ff00::/8 masquerade');
  expect(rules).toContain('ip6 daddr != ::1 fib daddr type local dnat ip6 to meta l4proto . th dport map @hostports\n');
  expect(rules).not.toMatch(/ip (s|d)addr|ipv4/);
  const list = JSON.parse(
    renderConflist({ bridge: 'b', podCidrs: ['10.42.0.0/24', 'fd00:42::/64'], leasesDir: '/l', mtu: 1500, bandwidth: false }),
  );
  expect(list.plugins[0].ipam).toMatchObject({
    ranges: [[{ subnet: '10.42.0.0/24' }], [{ subnet: 'fd00:42::/64', rangeStart: 'fd00:42::3' }]],
    routes: [{ dst: '0.0.0.0/0' }, { dst: '::/0' }],
  });
});
