import { expect, test } from 'vitest';
import { SeededRandom, VirtualClock } from '../base/mod.ts';
import type { Client } from '../client/mod.ts';
import { SchedulerCache } from './cache.ts';
import { decide, fitMessage } from './decide.ts';
import { DecisionLog } from './explain.ts';
import type { Profile } from './framework.ts';
import { createProfiles } from './registry.ts';
import { makeInformers, makeNamespace, makeNode, makePod } from './testing.fake.ts';
import { tryPod } from './why.ts';

const [{ plugins }] = createProfiles({
  client: {} as Client,
  clock: new VirtualClock({ settle: async () => {} }),
  random: new SeededRandom(1),
  informers: makeInformers([makeNamespace('default')]),
}) as readonly [Profile];

function snapshotOf() {
  const cache = new SchedulerCache();
  cache.setNode(makeNode('small', { cpu: '1' }));
  cache.setNode(makeNode('tainted', { cpu: '1', taints: [{ key: 'gpu', value: 'yes', effect: 'NoSchedule' }] }));
  cache.setNode(makeNode('roomy', { cpu: '8' }));
  cache.setNode(makeNode('full', { cpu: '4' }));
  const there = makePod('there', { cpu: '3' });
  cache.setPod({ ...there, spec: { ...there.spec, containers: there.spec?.containers ?? [], nodeName: 'full' } });
  return cache;
}

test('a trial tells every refusal of every node, by plugin, and the scores of the rest', () => {
  const trial = tryPod(makePod('p', { cpu: '2' }), { plugins, snapshot: snapshotOf() });
  expect(trial.message).toBe('');
  expect(trial.reasons).toEqual([
    { plugin: 'NodeResourcesFit', reason: 'Insufficient cpu', nodes: 3 },
    { plugin: 'TaintToleration', reason: 'node(s) had untolerated taint {gpu: yes}', nodes: 1 },
  ]);
  const taint = { plugin: 'TaintToleration', reasons: ['node(s) had untolerated taint {gpu: yes}'], preemptionMayHelp: false };
  const lacking = { plugin: 'NodeResourcesFit', reasons: ['Insufficient cpu'] };
  expect(trial.refused).toEqual([
    { node: 'small', refusals: [{ ...lacking, preemptionMayHelp: false }] },
    { node: 'tainted', refusals: [taint, { ...lacking, preemptionMayHelp: false }] },
    { node: 'full', refusals: [{ ...lacking, preemptionMayHelp: true }] },
  ]);
  const [best] = trial.scored;
  expect(trial.scored).toHaveLength(1);
  expect(best?.node).toBe('roomy');
  expect(best?.total).toBe(Object.values(best?.scores ?? {}).reduce((sum, one) => sum + one, 0));
});

test('the message is the one that a failure is told with', () => {
  const pod = makePod('p', { cpu: '32' });
  const snapshot = snapshotOf();
  const decision = decide(pod, new Map(), { plugins, snapshot, random: new SeededRandom(1), startAt: 0 });
  expect(decision.is === 'none' && fitMessage(decision.why)).toBe(tryPod(pod, { plugins, snapshot }).message);
});

test('a bound pod is tried as if it had no node, and counts again afterwards', () => {
  const snapshot = snapshotOf();
  const [placed] = [...(snapshot.get('full')?.pods.values() ?? [])];
  const trial = tryPod(placed?.pod ?? makePod('none'), { plugins, snapshot });
  expect(trial.scored.map((one) => one.node).sort()).toEqual(['full', 'roomy']);
  expect(snapshot.get('full')?.requested.get('cpu')).toBe(3_000);
});

test('room that is kept for a nominated pod is told as such', () => {
  const snapshot = snapshotOf();
  snapshot.nominate(makePod('vital', { cpu: '7', priority: 10 }), 'roomy');
  const trial = tryPod(makePod('p', { cpu: '2' }), { plugins, snapshot });
  expect(trial.refused.find((one) => one.node === 'roomy')?.refusals).toEqual([
    {
      plugin: 'NodeResourcesFit',
      reasons: ['room is kept for pods that are nominated to run there (Insufficient cpu)'],
      preemptionMayHelp: true,
    },
  ]);
});

test('the log of decisions is bounded, and forgets the oldest', () => {
  const log = new DecisionLog();
  const record = { nodeName: 'n', time: '2026-01-01T00:00:00Z', evaluated: 1, feasible: 1, attempts: 1 };
  for (let i = 0; i < 3_000; i++) log.add(makePod(`p${i}`), record);
  expect(log.get(makePod('p0'))).toBeUndefined();
  expect(log.get(makePod('p2999'))).toEqual(record);
});
