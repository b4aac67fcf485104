import { describe, expect, test } from 'vitest';
import type { KubeObject, V1Pod, V1PodStatus, V1ResourceQuota } from '../../api/mod.ts';
import { concerns, frees, isNews, planQuota } from './plan.ts';

const podKind = { group: '', resource: 'pods' };
const quota = (hard: Record<string, string>, status: V1ResourceQuota['status'] = {}): V1ResourceQuota => ({ spec: { hard }, status });
const pod = (cpu: string, status: V1PodStatus = {}): V1Pod => ({
  metadata: {},
  spec: { containers: [{ name: 'c', resources: { requests: { cpu } } }] },
  status,
});

describe('planQuota()', () => {
  const all = [
    { of: podKind, objects: [pod('250m'), pod('1'), pod('5', { phase: 'Succeeded' })] },
    { of: { group: 'apps', resource: 'deployments' }, objects: [{}, {}] },
    { of: { group: '', resource: 'secrets' }, objects: [{}] },
  ];
  test('adds up what lives, counts what is there, and says zero for what there is none of', () => {
    const hard = {
      pods: '5',
      'count/pods': '9',
      'requests.cpu': '2',
      'limits.cpu': '2',
      'count/deployments.apps': '3',
      'count/unknown.example.com': '1',
    };
    expect(planQuota({ quota: quota(hard), all, nowMs: 0 })).toEqual({
      hard,
      used: { pods: '2', 'count/pods': '3', 'requests.cpu': '1250m', 'limits.cpu': '0', 'count/deployments.apps': '2' },
    });
  });
  test('leaves a true status alone', () => {
    const status = { hard: { secrets: '2' }, used: { secrets: '1' } };
    expect(planQuota({ quota: quota({ secrets: '2' }, status), all, nowMs: 0 })).toBeUndefined();
  });
  test('a pod whose time to end is over uses nothing', () => {
    const going: V1Pod = { ...pod('1'), metadata: { deletionTimestamp: '1970-01-01T00:00:10Z', deletionGracePeriodSeconds: 10 } };
    const used = (nowMs: number) => planQuota({ quota: quota({ pods: '1' }), all: [{ of: podKind, objects: [going] }], nowMs })?.used;
    expect(used(20_000)).toEqual({ pods: '1' });
    expect(used(20_001)).toEqual({ pods: '0' });
  });
});

test.each<[string, V1ResourceQuota | undefined, V1ResourceQuota, boolean]>([
  ['new', undefined, quota({ pods: '1' }), true],
  ['with another spec', quota({ pods: '2' }, { hard: { pods: '1' } }), quota({ pods: '1' }, { hard: { pods: '1' } }), true],
  ['charged', quota({ pods: '1' }, { hard: { pods: '1' } }), quota({ pods: '1' }, { hard: { pods: '1' }, used: { pods: '1' } }), false],
  ['whose status others changed', quota({ pods: '1' }, { hard: { pods: '1' } }), quota({ pods: '1' }, { hard: { pods: '7' } }), true],
])('isNews(): a quota that is %s', (_what, old, next, want) => {
  expect(isNews(old, next)).toBe(want);
});

test.each<[string, KubeObject | undefined, KubeObject | undefined, boolean]>([
  ['is made', undefined, pod('1'), false],
  ['goes', pod('1'), undefined, true],
  ['ends', pod('1'), pod('1', { phase: 'Failed' }), true],
  ['runs', pod('1'), pod('1', { phase: 'Running' }), false],
  ['is resized', pod('2'), pod('1'), true],
])('frees(): a pod that %s', (_what, old, next, want) => {
  expect(frees(podKind, old, next, 0)).toBe(want);
});

test('concerns()', () => {
  expect(concerns(quota({ 'requests.example.com/gpu': '1' }), podKind)).toBe(true);
  expect(concerns(quota({ configmaps: '1' }), podKind)).toBe(false);
});
