import { expect, test } from 'vitest';
import type { PodExplanation } from '../scheduler/mod.ts';
import { whyText } from './why-text.ts';

const refused = (node: string) => ({
  node,
  refusals: [{ plugin: 'NodeResourcesFit', reasons: ['Insufficient cpu'], preemptionMayHelp: true }],
});
const pending: PodExplanation = {
  namespace: 'default',
  name: 'web',
  uid: 'u',
  schedulerName: 'default-scheduler',
  state: 'unschedulable',
  gates: [],
  priority: 0,
  attempts: 2,
  waitingSeconds: 30,
  wokenBy: [{ plugin: 'NodeResourcesFit', event: 'a pod goes' }],
  trial: {
    nodes: 7,
    message: '0/7 nodes are available: 7 Insufficient cpu.',
    reasons: [{ plugin: 'NodeResourcesFit', reason: 'Insufficient cpu', nodes: 7 }],
    refused: [1, 2, 3, 4, 5, 6, 7].map((i) => refused(`node-${i}`)),
    scored: [],
  },
};

test('a pod that waits: the message, counts, a few nodes of a kind, what it waits for', () => {
  expect(whyText(pending, false)).toBe(`pod default/web fits no node and waits for something that helps
  scheduler   default-scheduler
  tried       2 times in 30 s
  waits until a pod goes (NodeResourcesFit)

As things are now:
  0/7 nodes are available: 7 Insufficient cpu.

  NODES  PLUGIN            REASON
  7      NodeResourcesFit  Insufficient cpu

  NODE    PREEMPTION HELPS  WHY NOT
  node-1  yes               NodeResourcesFit: Insufficient cpu
  node-2  yes               NodeResourcesFit: Insufficient cpu
  node-3  yes               NodeResourcesFit: Insufficient cpu
  node-4  yes               NodeResourcesFit: Insufficient cpu
  node-5  yes               NodeResourcesFit: Insufficient cpu
  and 2 more alike; --all lists them
`);
  expect(whyText(pending, true)).toContain('node-7');
});

test('a bound pod: how it was decided, and the scores', () => {
  const decision = { nodeName: 'a', time: '2026-01-01T00:00:00Z', evaluated: 3, feasible: 2, attempts: 1 };
  const scored = [
    { node: 'a', total: 12, scores: { TaintToleration: 10, ImageLocality: 2 } },
    { node: 'b', total: 10, scores: { TaintToleration: 10 } },
  ];
  const { attempts: _, waitingSeconds: __, ...rest } = pending;
  const bound: PodExplanation = {
    ...rest,
    state: 'bound',
    nodeName: 'a',
    wokenBy: [],
    decision,
    trial: { nodes: 2, message: '', reasons: [], refused: [], scored },
  };
  expect(whyText(bound, false)).toBe(`pod default/web is bound, node a
  scheduler   default-scheduler
  decided     2026-01-01T00:00:00Z for a: 2 of 3 nodes looked at were fit, tried once

If it were decided now:
  2 of 2 nodes fit

  NODE  SCORE  TaintToleration  ImageLocality
  a     12     10               2
  b     10     10               0
`);
});
