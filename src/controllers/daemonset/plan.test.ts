// Where a DaemonSet's pods belong, what a rollout does next, and what the status says, as tables.
import { describe, expect, test } from 'vitest';
import type { V1DaemonSetSpec, V1NodeSpec, V1PodSpec } from '../../api/mod.ts';
import { nodeOf, podOf } from '../runtime/world.fake.ts';
import { fitOf, nodeNameOf, specForNode, tolerationsOf } from './placement.ts';
import { type DaemonInput, type DaemonSet, hashLabel, type Pod, planPlacement, planRollout, planStatus } from './plan.ts';

const nowMs = Date.UTC(2026, 0, 1, 1);
const setOf = (spec: Partial<V1DaemonSetSpec> = {}, pod: Partial<V1PodSpec> = {}): DaemonSet => ({
  metadata: { name: 'a', namespace: 'default', uid: 'u', resourceVersion: '1', creationTimestamp: '2026-01-01T00:00:00Z', generation: 3 },
  spec: { selector: {}, template: { spec: { containers: [], ...pod } }, ...spec },
});
const node = (name: string, spec: V1NodeSpec = {}, labels: Record<string, string> = {}) => {
  const base = nodeOf(name, { spec });
  return { ...base, metadata: { ...base.metadata, labels } };
};
const taint = (effect: string): V1NodeSpec => ({ taints: [{ key: 'a', value: 'b', effect }] });

describe('fitOf()', () => {
  const affinity = (operator: string, values?: string[]): Partial<V1PodSpec> => ({
    affinity: {
      nodeAffinity: {
        requiredDuringSchedulingIgnoredDuringExecution: {
          nodeSelectorTerms: [{ matchExpressions: [{ key: 'zone', operator, ...(values ? { values } : {}) }] }],
        },
      },
    },
  });
  test.each<[string, Partial<V1PodSpec>, ReturnType<typeof node>, string]>([
    ['any node', {}, node('n'), 'run stay'],
    ['a NoSchedule taint', {}, node('n', taint('NoSchedule')), 'stay'],
    ['a NoExecute taint', {}, node('n', taint('NoExecute')), ''],
    ['a taint that is tolerated', { tolerations: [{ key: 'a', operator: 'Exists' }] }, node('n', taint('NoExecute')), 'run stay'],
    ['a cordoned node', {}, node('n', { taints: [{ key: 'node.kubernetes.io/unschedulable', effect: 'NoSchedule' }] }), 'run stay'],
    ['a node that is not ready', {}, node('n', { taints: [{ key: 'node.kubernetes.io/not-ready', effect: 'NoExecute' }] }), 'run stay'],
    [
      'a node without network',
      {},
      node('n', { taints: [{ key: 'node.kubernetes.io/network-unavailable', effect: 'NoSchedule' }] }),
      'stay',
    ],
    [
      'that, on its network',
      { hostNetwork: true },
      node('n', { taints: [{ key: 'node.kubernetes.io/network-unavailable', effect: 'NoSchedule' }] }),
      'run stay',
    ],
    ['a label that is wanted', { nodeSelector: { zone: 'x' } }, node('n', {}, { zone: 'x' }), 'run stay'],
    ['a label that is missing', { nodeSelector: { zone: 'x' } }, node('n'), ''],
    ['affinity that holds', affinity('In', ['x', 'y']), node('n', {}, { zone: 'y' }), 'run stay'],
    ['affinity that does not', affinity('NotIn', ['y']), node('n', {}, { zone: 'y' }), ''],
    ['a named node', { nodeName: 'n' }, node('n'), 'run stay'],
    ['another one', { nodeName: 'm' }, node('n'), ''],
  ])('%s', (_, pod, at, wanted) => {
    const { run, stay } = fitOf(setOf({}, pod), at);
    expect([run ? 'run' : '', stay ? 'stay' : ''].filter(Boolean).join(' ')).toBe(wanted);
  });

  test('a pod is tied to its node', () => {
    const spec = specForNode({ containers: [], ...affinity('Exists') }, 'n');
    expect(nodeNameOf({ spec })).toBe('n');
    expect(nodeNameOf({ spec: { ...spec, nodeName: 'm' } })).toBe('m');
    expect(nodeNameOf({ spec: { containers: [] } })).toBeUndefined();
    expect(tolerationsOf(spec)).toEqual(spec.tolerations);
  });
});

interface PodState {
  readonly hash?: string;
  readonly phase?: string;
  readonly ready?: boolean;
  readonly leaving?: boolean;
  readonly bound?: boolean;
}
function pod(
  name: string,
  nodeName: string,
  { hash = 'new', phase = 'Running', ready = true, leaving = false, bound = true }: PodState = {},
): Pod {
  const base = podOf(name);
  return {
    ...base,
    metadata: { ...base.metadata, labels: { [hashLabel]: hash }, ...(leaving ? { deletionTimestamp: '2026-01-01T00:59:00Z' } : {}) },
    spec: { ...specForNode({ containers: [] }, nodeName), ...(bound ? { nodeName } : {}) },
    status: { phase, conditions: [{ type: 'Ready', status: ready ? 'True' : 'False', lastTransitionTime: '2026-01-01T00:59:30Z' }] },
  };
}
const three = [node('n1'), node('n2'), node('n3')];
const inputOf = (pods: readonly Pod[], spec: Partial<V1DaemonSetSpec> = {}, nodes = three): DaemonInput => ({
  set: setOf(spec),
  nodes,
  pods,
  hash: 'new',
  nowMs,
});
const said = ({ createOn, remove }: { createOn: readonly string[]; remove: readonly Pod[] }) => ({
  createOn,
  remove: remove.map(({ metadata }) => metadata.name),
});
const surge = { updateStrategy: { type: 'RollingUpdate', rollingUpdate: { maxSurge: 1, maxUnavailable: 0 } } };
const percent = { updateStrategy: { type: 'RollingUpdate', rollingUpdate: { maxUnavailable: '50%' } } };
const old = { hash: 'old' };

describe('planPlacement()', () => {
  test.each<[string, DaemonInput, readonly string[], readonly string[]]>([
    ['a pod for each node', inputOf([]), ['n1', 'n2', 'n3'], []],
    ['nothing to do', inputOf([pod('a', 'n1'), pod('b', 'n2'), pod('c', 'n3', { bound: false })]), [], []],
    ['waits for one that goes', inputOf([pod('a', 'n1', { leaving: true }), pod('b', 'n2'), pod('c', 'n3')]), [], []],
    ['not when it surges', inputOf([pod('a', 'n1', { leaving: true }), pod('b', 'n2'), pod('c', 'n3')], surge), ['n1'], []],
    ['the younger of two goes', inputOf([pod('a', 'n1'), pod('z', 'n1'), pod('b', 'n2'), pod('c', 'n3')]), [], ['z']],
    [
      'two while it surges',
      inputOf([pod('a', 'n1', old), pod('z', 'n1', { ready: false }), pod('b', 'n2'), pod('c', 'n3')], surge),
      [],
      [],
    ],
    [
      'the old one goes when the new one is there',
      inputOf([pod('a', 'n1', old), pod('z', 'n1'), pod('b', 'n2'), pod('c', 'n3')], surge),
      [],
      ['a'],
    ],
    ['none where it does not belong', inputOf([pod('a', 'n1')], {}, [node('n1', taint('NoExecute'))]), [], ['a']],
    ['one that waits for a node that is gone', inputOf([pod('a', 'n9', { bound: false })], {}, []), [], ['a']],
  ])('%s', (_, input, createOn, remove) => expect(said(planPlacement(input))).toEqual({ createOn, remove }));

  test('pods that ended are told apart', () => {
    const { ended, remove } = planPlacement(
      inputOf([pod('a', 'n1', { phase: 'Failed' }), pod('b', 'n2', { phase: 'Succeeded' }), pod('c', 'n3')]),
    );
    expect([ended.map((each) => `${each.pod.metadata.name} ${each.nodeName}`), remove]).toEqual([['a n1', 'b n2'], []]);
  });
});

describe('planRollout()', () => {
  test.each<[string, DaemonInput, readonly string[], readonly string[]]>([
    ['one at a time', inputOf([pod('a', 'n1', old), pod('b', 'n2', old), pod('c', 'n3', old)]), [], ['a']],
    ['waits for the one before', inputOf([pod('a', 'n1', { ready: false }), pod('b', 'n2', old), pod('c', 'n3', old)]), [], []],
    ['as many as may be missing', inputOf([pod('a', 'n1', old), pod('b', 'n2', old), pod('c', 'n3', old)], percent), [], ['a', 'b']],
    [
      'broken ones in any case',
      inputOf([pod('a', 'n1', { ready: false }), pod('b', 'n2', { ...old, ready: false }), pod('c', 'n3', old)]),
      [],
      ['b'],
    ],
    [
      'one that does not count as available may always be replaced',
      inputOf([pod('a', 'n1'), pod('b', 'n2', old), pod('c', 'n3', old)], { minReadySeconds: 60 }),
      [],
      ['b', 'c'],
    ],
    ['surges on one node', inputOf([pod('a', 'n1', old), pod('b', 'n2', old), pod('c', 'n3', old)], surge), ['n1'], []],
    ['ends the old one then', inputOf([pod('a', 'n1', old), pod('z', 'n1'), pod('b', 'n2', old), pod('c', 'n3')], surge), ['n2'], ['a']],
    ['has nothing to do', inputOf([pod('a', 'n1'), pod('b', 'n2'), pod('c', 'n3')]), [], []],
  ])('%s', (_, input, createOn, remove) => expect(said(planRollout(input))).toEqual({ createOn, remove }));
});

test('the status counts nodes', () => {
  const nodes = [...three, node('n4', taint('NoSchedule'))];
  const input = inputOf([pod('a', 'n1'), pod('b', 'n2', { ...old, ready: false }), pod('d', 'n4')], {}, nodes);
  expect(planStatus({ ...input, collisionCount: undefined, observed: true })).toEqual({
    desiredNumberScheduled: 3,
    currentNumberScheduled: 2,
    numberMisscheduled: 1,
    numberReady: 1,
    numberAvailable: 1,
    numberUnavailable: 2,
    updatedNumberScheduled: 1,
    observedGeneration: 3,
  });
});
