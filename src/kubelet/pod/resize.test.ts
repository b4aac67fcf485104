import { describe, expect, test } from 'vitest';
import type { V1Container } from '../../api/mod.ts';
import { admitResize } from '../node/admission.ts';
import { appliedResourcesAnnotation } from './labels.ts';
import { aContainer, aPod, aRun, aSandbox, planInput, seen } from './plan.fake.ts';
import { plan } from './plan.ts';
import type { PlanInput } from './plan-types.ts';
import { appliedResources, resizedContainers, resourcesText } from './resize.ts';
import { statusPatch } from './status-patch.ts';

const half = { requests: { cpu: '500m', memory: '64Mi' }, limits: { memory: '64Mi' } };
const whole = { requests: { cpu: '1', memory: '64Mi' }, limits: { memory: '64Mi' } };
const run = (resources: V1Container['resources'], state: 'running' | 'exited' = 'running', exitCode = 0) => {
  const base = aRun('app', state, { exitCode });
  return { ...base, annotations: { ...base.annotations, [appliedResourcesAnnotation]: resourcesText(resources) } };
};
const pod = (resources: V1Container['resources'], more: Partial<V1Container> = {}, restartPolicy = 'Always') =>
  aPod({ restartPolicy, containers: [aContainer('app', { resources, ...more })] });
const cpuRestarts = { resizePolicy: [{ resourceName: 'cpu', restartPolicy: 'RestartContainer' }] };
const memoryRestarts = { resizePolicy: [{ resourceName: 'memory', restartPolicy: 'RestartContainer' }] };
const go = { is: 'go' } as const;

describe('changed resources', () => {
  test.each<[string, PlanInput, string[]]>([
    ['as they are', planInput(pod(half), seen([aSandbox()], [run(half)]), { resize: go }), []],
    ['of a run of which nothing is known', planInput(pod(half), seen([aSandbox()], [aRun('app', 'running')]), { resize: go }), []],
    ['are set', planInput(pod(whole), seen([aSandbox()], [run(half)]), { resize: go }), ['resizeContainer']],
    ['wait for room', planInput(pod(whole), seen([aSandbox()], [run(half)]), { resize: { is: 'Deferred', message: 'm' } }), []],
    [
      'are not set twice',
      planInput(pod(whole), seen([aSandbox()], [run(half)]), { resize: go, resources: new Map([['app-0', resourcesText(whole)]]) }),
      [],
    ],
    [
      'are not set twice at a time',
      planInput(pod(whole), seen([aSandbox()], [run(half)]), { resize: go, busy: new Map([['resize/app', {}]]) }),
      [],
    ],
    ['need a new run', planInput(pod(whole, cpuRestarts), seen([aSandbox()], [run(half)]), { resize: go }), ['killContainer']],
    [
      'need none for what is the same',
      planInput(pod(whole, memoryRestarts), seen([aSandbox()], [run(half)]), { resize: go }),
      ['resizeContainer'],
    ],
  ])('%s', (_name, input, expected) => expect(plan(input).actions.map((action) => action.do)).toEqual(expected));

  test('order and form of writing do not matter', () => {
    expect(resourcesText({ limits: {}, requests: { memory: '1', cpu: '2' } })).toBe(resourcesText({ requests: { cpu: '2', memory: '1' } }));
    expect(appliedResources(run({ limits: { cpu: '1' } }), undefined)).toEqual({ limits: { cpu: '1' } });
    expect(appliedResources(aRun('app', 'running'), undefined)).toBeUndefined();
  });

  test('of init containers that have begun are as they were', () => {
    const of = aPod({ initContainers: [aContainer('app', { resources: whole })], containers: [aContainer('b')] });
    expect(resizedContainers(of, seen([aSandbox()], [run(half)]), new Map())).toEqual([]);
  });

  test.each([
    ['fits', '1', undefined],
    ['not now', '3', { never: false, message: "Node didn't have enough resource: cpu, requested: 3000, used: 2000, capacity: 4000" }],
    ['never', '5', { never: true, message: "Node didn't have enough capacity: cpu, requested: 5000, capacity: 4000" }],
  ])('the node has room: %s', (_name, cpu, expected) => {
    const others = [pod({ requests: { cpu: '2' } })];
    const input = {
      others,
      nodeName: 'n',
      labels: {},
      allocatable: { cpu: '4', pods: '10' },
      pressures: [],
      security: { appArmor: false, supplementalGroupsPolicy: false, allowedUnsafeSysctls: [] },
    };
    expect(admitResize({ ...input, pod: pod({ requests: { cpu } }) })).toEqual(expected);
  });
});

test('a condition that is over is taken out of the status', () => {
  const pending = { type: 'PodResizePending', status: 'True' };
  const other = { type: 'example.com/mine', status: 'True' };
  expect(statusPatch({ conditions: [pending, other] }, { conditions: [] })).toEqual({
    conditions: [{ type: 'PodResizePending', $patch: 'delete' }],
  });
  expect(statusPatch({ conditions: [pending, other] }, { conditions: [pending] })).toBeUndefined();
});
