import { expect, test } from 'vitest';
import type { V1Pod } from '../../api/mod.ts';
import { aContainer, aPod } from '../pod/plan.fake.ts';
import { type Missing, podsToPreempt } from './preemption.ts';

function named(name: string, resources: object, priority = 0): V1Pod {
  const pod = aPod({ priority, containers: [aContainer('app', { resources })] });
  return { ...pod, metadata: { ...pod.metadata, name, uid: name } };
}
const burstable = (name: string, cpu: string, memory = '1', priority = 0) => named(name, { requests: { cpu, memory } }, priority);
const guaranteed = (name: string, cpu: string) => named(name, { requests: { cpu, memory: '1' }, limits: { cpu, memory: '1' } });
const bestEffort = (name: string) => named(name, {});
const critical = burstable('critical', '1', '1', 2_000_001_000);
const cpu = (amount: number): Missing => ({ name: 'cpu', amount });

test.each<[string, readonly V1Pod[], readonly Missing[], readonly string[] | undefined]>([
  ['nothing is enough', [burstable('a', '100m')], [cpu(500)], undefined],
  ['the one that fits best', [burstable('a', '2'), burstable('b', '500m'), burstable('c', '1')], [cpu(500)], ['b']],
  ['of two that fit, the smaller', [burstable('a', '1', '2Gi'), burstable('b', '1', '1Gi')], [cpu(500)], ['b']],
  ['burstable before guaranteed', [guaranteed('a', '500m'), burstable('b', '2')], [cpu(500)], ['b']],
  ['guaranteed only for what is left', [guaranteed('a', '1'), guaranteed('b', '2'), burstable('c', '500m')], [cpu(1500)], ['c', 'a']],
  ['a best-effort pod for its place', [guaranteed('a', '1'), bestEffort('b')], [{ name: 'pods', amount: 1 }], ['b']],
  [
    'two resources at once',
    [burstable('a', '1', '10'), burstable('b', '10m', '2Gi'), burstable('c', '1', '2Gi')],
    [cpu(900), { name: 'memory', amount: 1e9 }],
    ['c'],
  ],
  ['a critical pod is not taken', [burstable('a', '1', '1', 2_000_001_000)], [cpu(500)], undefined],
  ['but one that is less critical is', [burstable('a', '1', '1', 2_000_000_000)], [cpu(500)], ['a']],
])('%s', (_, others, missing, want) => {
  expect(podsToPreempt(critical, others, missing)?.map((pod) => pod.metadata?.name)).toEqual(want);
});
