import { describe, expect, test } from 'vitest';
import type { V1Pod, V1ResourceRequirements } from '../generated/types.gen.ts';
import { draftOf } from '../meta/object.ts';
import { defaultPullPolicy, imageTag } from './image-reference.ts';
import { addDefaultTolerations, setPriority, setServiceAccountName } from './pod-admission.ts';
import { qosClassOf } from './pod-qos.ts';
import { initPodStatus } from './pod-status.ts';

const podWith = (spec: object) => draftOf({ metadata: { name: 'p' }, spec: { containers: [], ...spec } } as V1Pod);

describe('admission', () => {
  test.each<[string, object[] | undefined, string[]]>([
    ['none', undefined, ['node.kubernetes.io/not-ready', 'node.kubernetes.io/unreachable']],
    [
      'one of its own',
      [{ key: 'node.kubernetes.io/not-ready', operator: 'Exists', effect: 'NoExecute', tolerationSeconds: 5 }],
      ['node.kubernetes.io/unreachable'],
    ],
    [
      'one of another effect',
      [{ key: 'node.kubernetes.io/not-ready', effect: 'NoSchedule' }],
      ['node.kubernetes.io/not-ready', 'node.kubernetes.io/unreachable'],
    ],
    ['all of them', [{ operator: 'Exists' }], []],
  ])('a pod that tolerates %s gets the rest', (_, tolerations, added) => {
    const pod = podWith({ tolerations });
    addDefaultTolerations(pod);
    expect(pod.spec?.tolerations?.slice(tolerations?.length ?? 0).map((toleration) => toleration.key)).toEqual(added);
  });

  test('priority and account', () => {
    const plain = podWith({});
    setPriority(plain);
    setServiceAccountName(plain);
    expect(plain.spec).toMatchObject({
      priority: 0,
      preemptionPolicy: 'PreemptLowerPriority',
      serviceAccountName: 'default',
      serviceAccount: 'default',
    });
    const own = podWith({ serviceAccountName: 'x', preemptionPolicy: 'Never' });
    setPriority(own, { value: 7, preemptionPolicy: 'PreemptLowerPriority', className: 'seven' });
    setServiceAccountName(own);
    expect(own.spec).toMatchObject({ priority: 7, preemptionPolicy: 'Never', priorityClassName: 'seven', serviceAccountName: 'x' });
    const mirror = podWith({});
    if (mirror.metadata) mirror.metadata.annotations = { 'kubernetes.io/config.mirror': 'x' };
    setServiceAccountName(mirror);
    expect(mirror.spec?.serviceAccountName).toBeUndefined();
  });
});

const both = (cpu: string, memory: string) => ({ cpu, memory });
const full: V1ResourceRequirements = { requests: both('1', '1Gi'), limits: both('1000m', '1024Mi') };

test.each<[string, (V1ResourceRequirements | undefined)[]]>([
  ['BestEffort', [undefined]],
  ['BestEffort', [{ requests: { cpu: '0' } }, { limits: { 'example.com/x': '1' } }]],
  ['Burstable', [{ requests: { cpu: '1' } }]],
  ['Burstable', [full, undefined]],
  ['Burstable', [{ ...full, requests: both('500m', '1Gi') }]],
  ['Guaranteed', [full, full]],
  ['Guaranteed', [{ limits: both('1', '1Gi') }]],
])('%s: %j', (want, resources) => {
  expect(qosClassOf({ containers: resources.map((each, i) => ({ name: `c${i}`, resources: each })) })).toBe(want);
});

test('a gated pod says what holds it back', () => {
  const pod = podWith({ schedulingGates: [{ name: 'a' }] });
  initPodStatus(pod, { nowMs: 0, nowTime: '1970-01-01T00:00:00Z' });
  expect(pod.status).toMatchObject({
    phase: 'Pending',
    qosClass: 'BestEffort',
    conditions: [{ type: 'PodScheduled', status: 'False', reason: 'SchedulingGated', lastTransitionTime: '1970-01-01T00:00:00Z' }],
  });
});

test.each([
  ['nginx', 'latest', 'Always'],
  ['nginx:1', '1', 'IfNotPresent'],
  ['localhost:5000/nginx', 'latest', 'Always'],
  ['localhost:5000/nginx:latest', 'latest', 'Always'],
  ['nginx@sha256:00', undefined, 'IfNotPresent'],
  ['nginx:1@sha256:00', '1', 'IfNotPresent'],
])('the tag of %s is %s', (image, tag, policy) => {
  expect(imageTag(image)).toBe(tag);
  expect(defaultPullPolicy(image)).toBe(policy);
});
