import { expect, test } from 'vitest';
import type { Draft, IPFamily, V1Service } from '../../api/mod.ts';
import { setFamilies } from './service-families.ts';

type Spec = NonNullable<V1Service['spec']>;
const v4: readonly IPFamily[] = ['IPv4'];
const dual: readonly IPFamily[] = ['IPv4', 'IPv6'];
const selector = { app: 'a' };
const both = {
  ipFamilyPolicy: 'PreferDualStack',
  ipFamilies: ['IPv4', 'IPv6'],
  clusterIP: '10.0.0.1',
  clusterIPs: ['10.0.0.1', 'fd00::1'],
};

test.each<[string, Spec, readonly IPFamily[], string, readonly string[]]>([
  ['nothing said', { selector }, dual, 'SingleStack', ['IPv4']],
  [
    'two families preferred where there are two',
    { selector, ipFamilyPolicy: 'PreferDualStack' },
    dual,
    'PreferDualStack',
    ['IPv4', 'IPv6'],
  ],
  ['two families preferred where there is one', { selector, ipFamilyPolicy: 'PreferDualStack' }, v4, 'PreferDualStack', ['IPv4']],
  ['two required, IPv6 first', { ipFamilyPolicy: 'RequireDualStack', ipFamilies: ['IPv6'] }, dual, 'RequireDualStack', ['IPv6', 'IPv4']],
  ['an IPv6 address is chosen', { clusterIP: 'fd00::1', clusterIPs: ['fd00::1'] }, dual, 'SingleStack', ['IPv6']],
  ['headless without a selector', { clusterIP: 'None', clusterIPs: ['None'] }, v4, 'RequireDualStack', ['IPv4', 'IPv6']],
  ['headless with a selector', { clusterIP: 'None', clusterIPs: ['None'], selector }, v4, 'SingleStack', ['IPv4']],
])('%s', (_what, sent, configured, policy, families) => {
  const spec = structuredClone(sent) as Draft<Spec>;
  expect(setFamilies(spec, undefined, configured)).toEqual([]);
  expect(spec).toMatchObject({ ipFamilyPolicy: policy, ipFamilies: families });
});

test.each<[string, Spec, Spec | undefined, readonly IPFamily[], string]>([
  [
    'two required where there is one',
    { ipFamilyPolicy: 'RequireDualStack' },
    undefined,
    v4,
    'this cluster is not configured for dual-stack services',
  ],
  ['a family that is not there', { ipFamilies: ['IPv6'] }, undefined, v4, 'not configured on this cluster'],
  ['an address of a family that is not there', { clusterIPs: ['fd00::1'] }, undefined, v4, 'IPv6 is not configured on this cluster'],
  [
    'one family, two addresses',
    { ...both, ipFamilyPolicy: 'SingleStack' },
    undefined,
    dual,
    "must be 'RequireDualStack' or 'PreferDualStack' when multiple cluster IPs",
  ],
  [
    'the second address left out',
    { ...both, clusterIPs: ['10.0.0.1'] },
    both,
    dual,
    "must be 'SingleStack' to release the secondary cluster IP",
  ],
])('%s is refused', (_what, sent, old, configured, want) => {
  expect(setFamilies(structuredClone(sent) as Draft<Spec>, old, configured)[0]?.text).toContain(want);
});

test('an update to one family drops the second, and one that changes nothing is left alone', () => {
  const narrowed = structuredClone({ ...both, ipFamilyPolicy: 'SingleStack' }) as Draft<Spec>;
  expect(setFamilies(narrowed, both, dual)).toEqual([]);
  expect(narrowed).toMatchObject({ ipFamilies: ['IPv4'], clusterIPs: ['10.0.0.1'] });
  const single = { ...both, ipFamilies: ['IPv4'], clusterIPs: ['10.0.0.1'] };
  const kept = structuredClone(single) as Draft<Spec>;
  setFamilies(kept, single, dual);
  expect(kept).toEqual(single);
});
