// Which rule of a pod failure policy decides, and when a success policy is met.
import { describe, expect, test } from 'vitest';
import type { V1Job, V1PodFailurePolicyRule, V1PodStatus, V1SuccessPolicyRule } from '../../api/mod.ts';
import { podOf } from '../runtime/world.fake.ts';
import { parseIndexes } from './indexes.ts';
import { failJobMessage, judgeFailure, metSuccessPolicy } from './policies.ts';

const exits = (codes: Readonly<Record<string, number>>): V1PodStatus => ({
  phase: 'Failed',
  containerStatuses: Object.entries(codes).map(([name, exitCode]) => ({
    name,
    image: '',
    imageID: '',
    ready: false,
    restartCount: 0,
    state: { terminated: { exitCode } },
  })),
});
const jobOf = (...rules: V1PodFailurePolicyRule[]): V1Job => ({ spec: { completions: 10, template: {}, podFailurePolicy: { rules } } });
const onCode = (action: string, operator: string, values: number[], containerName?: string): V1PodFailurePolicyRule => ({
  action,
  onExitCodes: { operator, values, ...(containerName === undefined ? {} : { containerName }) },
});
const disrupted: V1PodStatus = { phase: 'Failed', conditions: [{ type: 'DisruptionTarget', status: 'True' }] };
const onDisruption = (action: string, status?: string): V1PodFailurePolicyRule => ({
  action,
  onPodConditions: [{ type: 'DisruptionTarget', ...(status === undefined ? {} : { status }) }],
});

describe('judgeFailure()', () => {
  test.each<[string, V1Job, V1PodStatus, string | undefined, boolean]>([
    ['no rule', jobOf(), exits({ main: 1 }), undefined, true],
    ['a code that is listed', jobOf(onCode('Ignore', 'In', [1, 2])), exits({ main: 2 }), 'Ignore', false],
    ['a code that is not', jobOf(onCode('Ignore', 'In', [1, 2])), exits({ main: 3 }), undefined, true],
    ['any code but one', jobOf(onCode('FailIndex', 'NotIn', [3])), exits({ main: 4 }), 'FailIndex', true],
    ['success never matches', jobOf(onCode('FailJob', 'NotIn', [3])), exits({ main: 0 }), undefined, true],
    ['of one container alone', jobOf(onCode('Ignore', 'In', [1], 'side')), exits({ main: 1, side: 2 }), undefined, true],
    ['the first rule decides', jobOf(onDisruption('Count'), onDisruption('Ignore')), disrupted, 'Count', true],
    ['a condition', jobOf(onDisruption('Ignore')), disrupted, 'Ignore', false],
    ['a condition that is to be false', jobOf(onDisruption('Ignore', 'False')), disrupted, undefined, true],
  ])('%s', (_, job, status, action, counts) => expect(judgeFailure(job, podOf('p', { status }))).toMatchObject({ action, counts }));

  test('says why a job fails, only of pods that failed', () => {
    const job = jobOf(onCode('Ignore', 'In', [1]), onCode('FailJob', 'In', [2]));
    expect(failJobMessage(job, [podOf('p', { status: exits({ main: 2 }) })])).toBe(
      'Container main for pod default/p failed with exit code 2 matching FailJob rule at index 1',
    );
    expect(failJobMessage(jobOf(onDisruption('FailJob')), [podOf('p', { status: disrupted })])).toBe(
      'Pod default/p has condition DisruptionTarget matching FailJob rule at index 0',
    );
    expect(failJobMessage(job, [podOf('p', { status: { ...exits({ main: 2 }), phase: 'Running' } })])).toBeUndefined();
  });
});

describe('metSuccessPolicy()', () => {
  test.each<[string, readonly V1SuccessPolicyRule[], string, string | undefined]>([
    ['no rule', [], '0-9', undefined],
    ['enough of all', [{ succeededCount: 3 }], '1,5,7', 'Matched rules at index 0'],
    ['too few of all', [{ succeededCount: 3 }], '1,5', undefined],
    ['all of some', [{ succeededIndexes: '0,2-4' }], '0,2-5', 'Matched rules at index 0'],
    ['not all of some', [{ succeededIndexes: '0,2-4' }], '0,2,3', undefined],
    ['enough of some', [{ succeededIndexes: '0,2-4', succeededCount: 2 }], '2,3,9', 'Matched rules at index 0'],
    ['others do not count', [{ succeededIndexes: '0,2-4', succeededCount: 2 }], '2,8,9', undefined],
    ['a later rule', [{ succeededCount: 9 }, { succeededIndexes: '7' }], '7', 'Matched rules at index 1'],
  ])('%s', (_, rules, succeeded, wanted) => {
    const job: V1Job = { spec: { completions: 10, template: {}, successPolicy: { rules } } };
    expect(metSuccessPolicy(job, parseIndexes(succeeded, 10))).toBe(wanted);
  });
});
