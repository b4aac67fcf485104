import { describe, expect, test } from 'vitest';
import type { V1ServiceCIDR } from '../../api/mod.ts';
import { isCovered, isInUse, planServiceCidr } from './plan.ts';

const cidr = (name: string, ...cidrs: string[]): V1ServiceCIDR => ({ metadata: { name }, spec: { cidrs } });

describe('a ServiceCIDR that leaves', () => {
  test.each<[string, V1ServiceCIDR, V1ServiceCIDR[], boolean]>([
    ['nothing else', cidr('a', '10.0.0.0/24'), [], false],
    ['a larger one', cidr('a', '10.0.0.0/24'), [cidr('b', '10.0.0.0/16')], true],
    ['the same once more', cidr('a', '10.0.0.0/24'), [cidr('b', '10.0.0.0/24')], true],
    ['a smaller one', cidr('a', '10.0.0.0/16'), [cidr('b', '10.0.0.0/24')], false],
    ['one of its two families', cidr('a', '10.0.0.0/24', 'fd00::/112'), [cidr('b', '10.0.0.0/16')], false],
  ])('is covered by %s: %#', (_what, leaving, others, want) => {
    expect(isCovered(leaving, others)).toBe(want);
  });

  test.each<[string, string[], V1ServiceCIDR[], boolean]>([
    ['no address', [], [], false],
    ['an address of its own', ['10.0.0.7'], [], true],
    ['an address elsewhere', ['10.1.0.7'], [], false],
    ['an address that another range has', ['10.0.0.7'], [cidr('b', '10.0.0.0/28')], false],
    ['an address at the edge of another range', ['10.0.0.15'], [cidr('b', '10.0.0.0/28')], true],
  ])('with %s', (_what, names, others, want) => {
    expect(isInUse(cidr('a', '10.0.0.0/24'), others, names)).toBe(want);
  });
});

describe('planServiceCidr()', () => {
  const finalizer = 'networking.k8s.io/service-cidr-finalizer';
  const now = { inUse: false, nowMs: 100_000, nowTime: 't', deletedMs: 95_000 };
  const ready = { conditions: [{ type: 'Ready', status: 'True', reason: '', message: 'whatever', lastTransitionTime: 's' }] };
  const leaving = { ...cidr('a', '10.0.0.0/24'), metadata: { deletionTimestamp: 't', finalizers: [finalizer, 'x'] }, status: ready };

  test('a new one is held and ready', () => {
    expect(planServiceCidr(cidr('a', '10.0.0.0/24'), now)).toMatchObject({
      finalizers: [finalizer],
      status: { conditions: [{ type: 'Ready', status: 'True', message: 'Kubernetes Service CIDR is ready' }] },
    });
    expect(planServiceCidr({ ...cidr('a', '10.0.0.0/24'), metadata: { finalizers: [finalizer] }, status: ready }, now)).toEqual({});
  });

  test('one that leaves stays while it is in use, then for the grace period', () => {
    expect(planServiceCidr(leaving, { ...now, inUse: true })).toMatchObject({
      status: { conditions: [{ status: 'False', reason: 'Terminating' }] },
      againMs: 2_000,
    });
    expect(planServiceCidr(leaving, now)).toEqual({ againMs: 5_000 });
    expect(planServiceCidr(leaving, { ...now, nowMs: 105_000 })).toEqual({ finalizers: ['x'] });
  });
});
