// Who gets which load balancer address.
import { expect, test } from 'vitest';
import type { Persisted, V1Service } from '../../api/mod.ts';
import { service } from './fixtures.fake.ts';
import { planLoadBalancers } from './load-balancer.ts';

const cidr = '10.127.0.0/30';
const wants = (name: string, more: Partial<NonNullable<V1Service['spec']>> = {}, ip?: string) =>
  service(
    name,
    { type: 'LoadBalancer', ...more },
    ip === undefined ? {} : { status: { loadBalancer: { ingress: [{ ip }] } } },
  ) as Persisted<V1Service>;
const outcome = (...services: readonly Persisted<V1Service>[]) => {
  const { assignments, waiting } = planLoadBalancers(services, cidr);
  return [
    ...assignments.map((one) => `${one.service.metadata.name} ${one.ips.join() || 'none'}`),
    ...waiting.map((one) => `${one.metadata.name} waits`),
  ];
};

test.each<[string, readonly Persisted<V1Service>[], readonly string[]]>([
  ['the lowest free addresses, in order', [wants('b'), wants('a')], ['a 10.127.0.1', 'b 10.127.0.2']],
  ['who has one keeps it', [wants('a', {}, '10.127.0.2'), wants('b')], ['b 10.127.0.1']],
  ['of two with the same, one gets another', [wants('a', {}, '10.127.0.1'), wants('b', {}, '10.127.0.1')], ['b 10.127.0.2']],
  ['an address of another range is replaced', [wants('a', {}, '10.9.9.9')], ['a 10.127.0.1']],
  ['what is asked for', [wants('a', { loadBalancerIP: '10.127.0.3' })], ['a 10.127.0.3']],
  ['what is asked for and not to be had is waited for', [wants('a', { loadBalancerIP: '10.9.9.9' })], ['a waits']],
  ['another class is not ours', [wants('a', { loadBalancerClass: 'example.com/x' })], []],
  ['no more than there are', ['a', 'b', 'c', 'd'].map((name) => wants(name)), ['a 10.127.0.1', 'b 10.127.0.2', 'c 10.127.0.3', 'd waits']],
  ['who is no load balancer any more gives it back', [wants('a', { type: 'ClusterIP' }, '10.127.0.1')], ['a none']],
])('%s', (_, services, expected) => {
  expect(outcome(...services)).toEqual(expected);
});

test('of two families: an address of each, in the order of the service; what it has it keeps', () => {
  const both = (name: string, ipFamilies: string[], ...ips: string[]) => ({
    ...wants(name, { ipFamilies }),
    status: { loadBalancer: { ingress: ips.map((ip) => ({ ip })) } },
  });
  const plan = (...services: readonly Persisted<V1Service>[]) =>
    planLoadBalancers(services, `${cidr},fd6d::/122`).assignments.map(({ service, ips }) => `${service.metadata.name} ${ips.join()}`);
  expect(plan(both('a', ['IPv4', 'IPv6']), both('b', ['IPv6', 'IPv4']), both('c', ['IPv6']))).toEqual([
    'a 10.127.0.1,fd6d::1',
    'b fd6d::2,10.127.0.2',
    'c fd6d::3',
  ]);
  expect(plan(both('a', ['IPv4', 'IPv6'], '10.127.0.3'))).toEqual(['a 10.127.0.3,fd6d::1']);
  expect(plan(both('a', ['IPv4'], '10.127.0.3', 'fd6d::1'))).toEqual(['a 10.127.0.3']);
  expect(plan(both('a', ['IPv4', 'IPv6'], '10.127.0.1', 'fd6d::1'))).toEqual([]);
});
