// What clients experience over IPv6: packets traced through the rules of the second table.
import { describe, expect, test } from 'vitest';
import type { V1EndpointSlice, V1Service } from '../../api/mod.ts';
import { ipv6 } from '../addresses/family.ts';
import { around, base as base4, here as here4, service, slice } from './fixtures.fake.ts';
import { flowArguments } from './flows.ts';
import { frontendsOf } from './model.ts';
import { type BaseOptions, renderAll } from './nftables.ts';
import { Program } from './plan.ts';
import { type Packet, PacketFilter, refused, targets } from './trace.fake.ts';

const base: BaseOptions = {
  ...base4,
  family: ipv6,
  podCidr: 'fd00:42::/64',
  serviceCidr: 'fd00:96::/112',
  loadBalancerCidr: 'fd6d::7f:0/122',
  gateway: 'fd00:42::1',
};
const here = { ...here4, family: ipv6 };
const nodeIp = '2001:db8::2';
const ip = 'fd00:96::20';
const both = ['[fd00:42::5]:8080', '[fd00:42::6]:8080'];
const endpoints = [{ ip: 'fd00:42::5' }, { ip: 'FD00:42:0::6' }];
const families = { clusterIP: '10.96.0.20', ipFamilies: ['IPv4', 'IPv6'], clusterIPs: ['10.96.0.20', ip] };

const filterOf = (one: V1Service, ...slices: V1EndpointSlice[]): PacketFilter => {
  const program = new Program(base.podCidr);
  program.want('default/web', frontendsOf(one, slices, here));
  const filter = new PacketFilter({ ...around, ...base, local: [nodeIp, base.gateway] });
  filter.apply(renderAll(base, program.everything()));
  return filter;
};
const pod = (to: string, port = 80): Packet => ({ from: 'fd00:42::9', to, port, protocol: 'tcp', by: base.bridge });
const host = (to: string, port = 80): Packet => ({ from: nodeIp, to, port, protocol: 'tcp' });
const outside = (to: string, port = 80): Packet => ({ from: '2001:db8:7::7', to, port, protocol: 'tcp', by: 'eth0' });

test('the table speaks of IPv6 alone', () => {
  const program = new Program(base.podCidr);
  program.want('default/web', frontendsOf(service('web', families), [slice('web', endpoints)], here));
  expect(renderAll(base, program.everything())).not.toMatch(/\bip \b(?!minke)|ipv4_addr|\d+\.\d+\.\d+/);
});

describe('a service of two families', () => {
  const slices = [slice('web', [{ ip: '10.42.0.5' }]), slice('web', endpoints)];

  test('leads to the endpoints of the address’s own family, from pods, host and outside', () => {
    const filter = filterOf(service('web', families), ...slices);
    for (const packet of [pod(ip), host(ip), outside(ip)]) expect(targets(filter, packet)).toEqual(both);
    expect(filter.trace(pod(ip, 81))).toEqual(refused);
    expect(filter.trace(host('fd00:96::ffff'))).toEqual(refused);
    expect(filter.trace(outside('2001:db8::99'))).toEqual({ is: 'delivered', to: '[2001:db8::99]:80', masqueraded: false });
  });

  test('a pod that reaches itself does so under another address', () => {
    const filter = filterOf(service('web', families), ...slices);
    const own = filter.outcomes({ ...pod(ip), from: 'fd00:42::5' });
    expect(own).toContainEqual({ is: 'delivered', to: '[fd00:42::5]:8080', masqueraded: true });
    expect(own).toContainEqual({ is: 'delivered', to: '[fd00:42::6]:8080', masqueraded: false });
  });

  test('has its node port on every address but loopback', () => {
    const ports = [{ name: 'http', port: 80, protocol: 'TCP', nodePort: 30_080 }];
    const filter = filterOf(service('web', { ...families, type: 'NodePort', ports }), ...slices);
    for (const packet of [pod(nodeIp, 30_080), host(nodeIp, 30_080), outside(nodeIp, 30_080)])
      expect(targets(filter, packet)).toEqual(both);
    expect(filter.trace({ ...host('::1', 30_080), from: '::1' })).toMatchObject({ is: 'delivered', to: '[::1]:30080' });
  });

  test('of IPv4 alone has neither address nor node port here', () => {
    const ports = [{ name: 'http', port: 80, protocol: 'TCP', nodePort: 30_080 }];
    const four = service('web', { clusterIP: '10.96.0.20', ipFamilies: ['IPv4'], clusterIPs: ['10.96.0.20'], type: 'NodePort', ports });
    expect(filterOf(four, ...slices).trace(outside(nodeIp, 30_080))).toMatchObject({ to: `[${nodeIp}]:30080` });
  });

  test('keeps a client at its backend', () => {
    const filter = filterOf(service('web', { ...families, sessionAffinity: 'ClientIP' }), ...slices);
    const first = filter.trace(pod(ip), () => 1);
    for (let i = 0; i < 2; i++) expect(filter.trace(pod(ip), () => i)).toEqual(first);
    expect(targets(filter, { ...pod(ip), from: 'fd00:42::a' })).toEqual(both);
  });

  test('with the policy Local drops what comes from outside where it has no endpoint', () => {
    const more = { type: 'LoadBalancer', externalTrafficPolicy: 'Local', externalIPs: ['2001:db8:e::1'] };
    const status = { loadBalancer: { ingress: [{ ip: '10.127.0.1' }, { ip: 'fd6d::7f:1' }] } };
    const far = slice('web', [{ ip: 'fd00:42:0:1::5', node: 'there' }]);
    const filter = filterOf(service('web', { ...families, ...more }, { status }), far);
    for (const address of ['fd6d::7f:1', '2001:db8:e::1']) {
      expect(filter.trace(outside(address))).toEqual({ is: 'dropped' });
      expect(targets(filter, pod(address))).toEqual(['[fd00:42:0:1::5]:8080']);
    }
  });

  test('lets the ranges in that it names, and of the other family’s ranges nobody', () => {
    const status = { loadBalancer: { ingress: [{ ip: 'fd6d::7f:1' }] } };
    const guarded = (...loadBalancerSourceRanges: string[]) =>
      filterOf(service('web', { ...families, type: 'LoadBalancer', loadBalancerSourceRanges }, { status }), ...slices);
    const client = outside('fd6d::7f:1');
    expect(targets(guarded('10.0.0.0/8', '2001:db8:7::/48'), client)).toEqual(both);
    expect(targets(guarded('2001:db8:8::/48'), client)).toEqual(['dropped']);
    expect(targets(guarded('10.0.0.0/8'), client)).toEqual(['dropped']);
    expect(targets(guarded('::/0'), client)).toEqual(both);
  });
});

test('addresses that are IPv4 ones in disguise are left out', () => {
  const odd = service('web', { ...families, externalIPs: ['::ffff:192.0.2.9', '::192.0.2.9'] });
  const keys = frontendsOf(odd, [slice('web', endpoints)], here).map(({ key }) => key);
  expect(keys).toEqual([`${ip} . tcp . 80`]);
});

test('flows are looked for among those of the family', () => {
  const frontend = { table: 'addresses' as const, key: `${ip} . udp . 53` };
  expect(flowArguments({ frontend, backend: { address: 'fd00:42::5', port: 5353 } }).slice(0, 7)).toEqual([
    '-D',
    '-f',
    'ipv6',
    '-p',
    'udp',
    '--orig-dst',
    ip,
  ]);
});
