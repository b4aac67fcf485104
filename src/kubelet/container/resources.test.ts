import { describe, expect, test } from 'vitest';
import type { V1Container, V1Pod, V1ResourceRequirements } from '../../api/mod.ts';
import { qosClassOf } from './qos.ts';
import { cgroupParentOf, cpuQuota, cpuShares, linuxResources, oomScoreAdj } from './resources.ts';

const podWith = (...resources: V1ResourceRequirements[]): V1Pod => ({
  metadata: { uid: 'u1' },
  spec: { containers: resources.map((one, i): V1Container => ({ name: `c${i}`, resources: one })) },
});
const machine = { memoryBytes: 8 * 1024 ** 3, oomScoreAdjMin: -1000, cpuQuota: { enforced: true, periodUs: 100_000 } };
const both = (cpu: string, memory: string) => ({ cpu, memory });

test.each([
  [0, 2],
  [1, 2],
  [100, 102],
  [1000, 1024],
  [1_000_000, 262_144],
])('%i thousandths of a cpu are %i shares', (milli, shares) => {
  expect(cpuShares(milli)).toBe(shares);
});

test.each([
  [0, 0],
  [1, 1000],
  [100, 10_000],
  [1500, 150_000],
])('a limit of %i thousandths is a quota of %i us', (milli, quota) => {
  expect(cpuQuota(milli, machine.cpuQuota)).toBe(quota);
  expect(cpuQuota(milli, { enforced: true, periodUs: 10_000 })).toBe(quota === 0 ? 0 : Math.max(1000, quota / 10));
  expect(cpuQuota(milli, { enforced: false, periodUs: 100_000 })).toBe(0);
});

describe('quality of service', () => {
  test.each<[string, V1Pod, string]>([
    ['nothing asked', podWith({}), 'BestEffort'],
    ['requests are limits', podWith({ requests: both('1', '1Gi'), limits: both('1000m', '1024Mi') }), 'Guaranteed'],
    ['limits alone', podWith({ limits: both('1', '1Gi') }), 'Guaranteed'],
    ['one container without', podWith({ limits: both('1', '1Gi') }, {}), 'Burstable'],
    ['request below limit', podWith({ requests: both('500m', '1Gi'), limits: both('1', '1Gi') }), 'Burstable'],
    ['memory alone', podWith({ requests: { memory: '1Gi' }, limits: { memory: '1Gi' } }), 'Burstable'],
    ['zero is nothing', podWith({ requests: both('0', '0') }), 'BestEffort'],
  ])('%s', (_, pod, expected) => {
    expect(qosClassOf(pod)).toBe(expected);
  });

  test('places the pod in the cgroup tree', () => {
    expect(cgroupParentOf('/minke', podWith({}))).toBe('/minke/kubepods/besteffort/podu1');
    expect(cgroupParentOf('/minke', podWith({ requests: { cpu: '1' } }))).toBe('/minke/kubepods/burstable/podu1');
    expect(cgroupParentOf('/minke', podWith({ limits: both('1', '1Gi') }))).toBe('/minke/kubepods/podu1');
  });
});

test.each<[string, V1ResourceRequirements, number]>([
  ['best effort', {}, 1000],
  ['guaranteed', { limits: both('1', '1Gi') }, -997],
  ['burstable by its share', { requests: { memory: '2Gi' } }, 750],
  ['burstable with little', { requests: { memory: '1Mi' } }, 999],
  ['burstable with everything', { requests: { memory: '16Gi' } }, 3],
])('OOM score: %s', (_, resources, expected) => {
  const pod = podWith(resources);
  expect(oomScoreAdj(pod, pod.spec?.containers[0] as V1Container, machine)).toBe(expected);
});

test('a machine that cannot lower scores gets its lowest', () => {
  const pod = podWith({ limits: both('1', '1Gi') });
  expect(oomScoreAdj(pod, pod.spec?.containers[0] as V1Container, { ...machine, oomScoreAdjMin: 0 })).toBe(0);
});

test('a limit without a request counts as the request', () => {
  const pod = podWith({ limits: both('2', '64Mi') });
  expect(linuxResources(pod, pod.spec?.containers[0] as V1Container, machine)).toEqual({
    cpuShares: 2048,
    cpuPeriod: 100_000,
    cpuQuota: 200_000,
    memoryLimitBytes: 64 * 1024 * 1024,
    oomScoreAdj: -997,
  });
});
