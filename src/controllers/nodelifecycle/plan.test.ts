// Silence, taints and evictions, case by case.
import { describe, expect, test } from 'vitest';
import { tolerates, type V1NodeCondition, type V1Taint, type V1Toleration } from '../../api/mod.ts';
import { nodeOf, podOf } from '../runtime/world.fake.ts';
import { judgeHealth, planEviction, planTaints } from './plan.ts';

const nowMs = Date.UTC(2026, 0, 1, 1);
const nowTime = '2026-01-01T01:00:00Z';
const ready = (status: string): V1NodeCondition => ({
  type: 'Ready',
  status,
  reason: 'KubeletReady',
  lastHeartbeatTime: 'x',
  lastTransitionTime: 'y',
});

describe('judgeHealth', () => {
  test.each([
    ['just heard of', 0, 50_000],
    ['silent for less than the grace period', 49_999, 1],
  ])('%s', (_, silentMs, checkInMs) => {
    const node = nodeOf('n', { status: { conditions: [ready('True')] } });
    expect(judgeHealth({ node, silentMs, nowMs, nowTime })).toEqual({ checkInMs, conditions: node.status?.conditions });
  });

  test('after the grace period what the kubelet said is unknown', () => {
    const own = { type: 'NetworkUnavailable', status: 'False' };
    const node = nodeOf('n', { status: { conditions: [ready('True'), own] } });
    const { checkInMs, conditions } = judgeHealth({ node, silentMs: 50_000, nowMs, nowTime });
    expect(checkInMs).toBeUndefined();
    expect(conditions[0]).toEqual({
      type: 'Ready',
      status: 'Unknown',
      reason: 'NodeStatusUnknown',
      message: 'Kubelet stopped posting node status.',
      lastHeartbeatTime: 'x',
      lastTransitionTime: nowTime,
    });
    expect(conditions[1]).toBe(own);
    expect(conditions.map(({ type }) => type)).toEqual(['Ready', 'NetworkUnavailable', 'MemoryPressure', 'DiskPressure', 'PIDPressure']);
    const silent = { ...node, status: { conditions } };
    expect(judgeHealth({ node: silent, silentMs: 80_000, nowMs, nowTime: 'later' }).conditions).toBe(conditions);
  });

  test('a node that has never posted has a minute from its creation', () => {
    const node = nodeOf('n', { metadata: { creationTimestamp: '2026-01-01T00:59:30Z' } });
    expect(judgeHealth({ node, silentMs: 0, nowMs, nowTime }).checkInMs).toBe(30_000);
    const late = judgeHealth({ node, silentMs: 0, nowMs: nowMs + 30_000, nowTime });
    expect(late.conditions[0]).toMatchObject({ reason: 'NodeStatusNeverUpdated', message: 'Kubelet never posted node status.' });
  });
});

describe('planTaints', () => {
  const said = (taints: readonly V1Taint[]) =>
    taints.map(({ key, effect }) => `${key.replace('node.kubernetes.io/', '')}:${effect}`).join(' ');
  const other: V1Taint = { key: 'team', effect: 'NoExecute' };
  test.each<[string, string | undefined, V1Taint[], boolean, string]>([
    ['ready', 'True', [other], true, 'team:NoExecute'],
    ['not ready', 'False', [other], true, 'team:NoExecute not-ready:NoSchedule not-ready:NoExecute'],
    ['unreachable', 'Unknown', [], true, 'unreachable:NoSchedule unreachable:NoExecute'],
    ['unreachable like all others', 'Unknown', [], false, 'unreachable:NoSchedule'],
    [
      'from not ready to unreachable',
      'Unknown',
      [{ key: 'node.kubernetes.io/not-ready', effect: 'NoExecute' }],
      true,
      'unreachable:NoSchedule unreachable:NoExecute',
    ],
    ['ready again', 'True', [{ key: 'node.kubernetes.io/unreachable', effect: 'NoExecute' }, other], true, 'team:NoExecute'],
    ['not heard of yet', undefined, [], true, 'not-ready:NoSchedule'],
  ])('%s', (_, status, taints, evict, expected) => {
    const node = nodeOf('n', { spec: { taints }, status: { conditions: status === undefined ? [] : [ready(status)] } });
    expect(said(planTaints({ node, evict, nowTime }))).toBe(expected);
  });

  test('pressure and cordon', () => {
    const conditions = [ready('True'), { type: 'MemoryPressure', status: 'True' }, { type: 'DiskPressure', status: 'False' }];
    const node = nodeOf('n', { spec: { unschedulable: true }, status: { conditions } });
    expect(said(planTaints({ node, evict: true, nowTime }))).toBe('memory-pressure:NoSchedule unschedulable:NoSchedule');
  });

  test('gives the same list when all is as it should be, and times new taints', () => {
    const node = nodeOf('n', { spec: { taints: [other] }, status: { conditions: [ready('True')] } });
    expect(planTaints({ node, evict: true, nowTime })).toBe(node.spec?.taints);
    const silent = { ...node, status: { conditions: [ready('Unknown')] } };
    expect(planTaints({ node: silent, evict: true, nowTime })[1]?.timeAdded).toBe(nowTime);
  });
});

describe('tolerates', () => {
  const taint: V1Taint = { key: 'k', value: 'v', effect: 'NoExecute' };
  test.each<[V1Toleration, boolean]>([
    [{ operator: 'Exists' }, true],
    [{ key: 'k', operator: 'Exists' }, true],
    [{ key: 'k', value: 'v' }, true],
    [{ key: 'k', value: 'x' }, false],
    [{ key: 'k', operator: 'Exists', effect: 'NoSchedule' }, false],
    [{ key: 'other', operator: 'Exists' }, false],
    [{ value: 'v' }, false],
  ])('%j: %s', (toleration, expected) => expect(tolerates(toleration, taint)).toBe(expected));
});

describe('planEviction', () => {
  const taint: V1Taint = { key: 'k', effect: 'NoExecute', timeAdded: '2026-01-01T00:00:00Z' };
  const forever: V1Toleration = { key: 'k', operator: 'Exists' };
  test.each<[string, V1Toleration[], V1Taint[], number | undefined]>([
    ['no taints', [], [], undefined],
    ['a taint that does not evict', [], [{ ...taint, effect: 'NoSchedule' }], undefined],
    ['not tolerated', [], [taint], 0],
    ['tolerated for ever', [forever], [taint], undefined],
    ['tolerated for a time', [{ ...forever, tolerationSeconds: 300 }], [taint], 300_000],
    [
      'the shortest counts',
      [
        { ...forever, tolerationSeconds: 300 },
        { ...forever, tolerationSeconds: 60 },
      ],
      [taint],
      60_000,
    ],
    ['negative is at once', [{ ...forever, tolerationSeconds: -1 }], [taint], 0],
    ['one tolerated, one not', [forever], [taint, { ...taint, key: 'z' }], 0],
  ])('%s', (_, tolerations, taints, inMs) => {
    const pod = podOf('p', { spec: { containers: [], tolerations } });
    expect(planEviction(pod, taints, nowMs)).toEqual(inMs === undefined ? { do: 'keep' } : { do: 'evict', atMs: nowMs + inMs });
  });
});
