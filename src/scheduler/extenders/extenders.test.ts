// What extenders are told, and what becomes of their answers. No socket: what they answer is made up here.
import { describe, expect, test } from 'vitest';
import type { V1Node, V1Pod } from '../../api/mod.ts';
import { silentLogger } from '../../base/mod.ts';
import type { ExtenderConfiguration } from '../config/extenders.ts';
import { readSchedulerConfiguration } from '../registry.ts';
import { makeNode, makePod } from '../testing.fake.ts';
import { Extenders } from './extenders.ts';

const nodes: readonly V1Node[] = ['a', 'b', 'c'].map((name) => makeNode(name));
const pod: V1Pod = makePod('p');
const { signal } = new AbortController();
const configured = (...extenders: object[]): readonly ExtenderConfiguration[] =>
  readSchedulerConfiguration({
    apiVersion: 'kubescheduler.config.k8s.io/v1',
    kind: 'KubeSchedulerConfiguration',
    extenders: extenders.map((one) => ({ urlPrefix: 'http://x/', ...one })),
  }).extenders;

/** Answers by verb; notes what was asked. */
function setUp(extenders: readonly object[], answers: Readonly<Record<string, unknown>>) {
  const asked: { url: string; body: Record<string, unknown> }[] = [];
  const of = new Extenders({
    configurations: configured(...extenders),
    log: silentLogger,
    post: async ({ urlPrefix }, verb, body) => {
      asked.push({ url: `${urlPrefix}/${verb}`, body: body as Record<string, unknown> });
      const answer = answers[verb];
      if (answer instanceof Error) throw answer;
      return answer;
    },
  });
  return { of, asked };
}
const namesOf = (list: readonly V1Node[]) => list.map((node) => node.metadata?.name);

describe('filter', () => {
  test('whole nodes are sent, or names where the extender knows the nodes', async () => {
    const whole = setUp([{ filterVerb: 'f' }], { f: { Nodes: { items: nodes.slice(1) } } });
    expect(namesOf((await whole.of.filter(pod, nodes, signal)).left)).toEqual(['b', 'c']);
    expect(whole.asked).toEqual([{ url: 'http://x/f', body: { Pod: pod, Nodes: { metadata: {}, items: nodes }, NodeNames: null } }]);
    const names = setUp([{ filterVerb: 'f', nodeCacheCapable: true }], { f: { nodenames: ['b'] } });
    expect(namesOf((await names.of.filter(pod, nodes, signal)).left)).toEqual(['b']);
    expect(names.asked[0]?.body).toEqual({ Pod: pod, Nodes: null, NodeNames: ['a', 'b', 'c'] });
  });

  test('each is asked about what those before it left; reasons are kept, and what cannot be resolved takes precedence', async () => {
    const first = { NodeNames: ['b', 'c'], FailedNodes: { a: 'no licence' } };
    const second = { NodeNames: ['c'], FailedNodes: { b: 'soft' }, FailedAndUnresolvableNodes: { b: 'never here' } };
    const { of, asked } = setUp(
      [
        { filterVerb: 'f', nodeCacheCapable: true },
        { filterVerb: 'g', nodeCacheCapable: true },
      ],
      { f: first, g: second },
    );
    const { left, refused } = await of.filter(pod, nodes, signal);
    expect(namesOf(left)).toEqual(['c']);
    expect(asked[1]?.body.NodeNames).toEqual(['b', 'c']);
    expect(Object.fromEntries(refused)).toEqual({
      a: { is: 'unschedulable', reasons: ['no licence'], plugin: 'extender' },
      b: { is: 'unresolvable', reasons: ['never here'], plugin: 'extender' },
    });
  });

  test.each([
    ['an error in the answer', { Error: 'out of order' }, 'out of order'],
    ['a failed call', new Error('connection refused'), 'connection refused'],
    ['a node that was not sent', { NodeNames: ['z'] }, 'claims a filtered node "z" which is not found in the input node list'],
  ])('%s fails the pod, but for an extender that may be ignored', async (_what, answer, text) => {
    const shape = { filterVerb: 'f', nodeCacheCapable: true };
    await expect(setUp([shape], { f: answer }).of.filter(pod, nodes, signal)).rejects.toThrow(text);
    const { left } = await setUp([{ ...shape, ignorable: true }], { f: answer }).of.filter(pod, nodes, signal);
    expect(left).toEqual(nodes);
  });

  test('pods that ask for nothing of what it looks after are none of its business', async () => {
    const { of, asked } = setUp([{ filterVerb: 'f', managedResources: [{ name: 'example.com/fpga' }] }], { f: { NodeNames: [] } });
    expect(of.decideOn(pod)).toBe(false);
    expect((await of.filter(pod, nodes, signal)).left).toEqual(nodes);
    const resources = { limits: { 'example.com/fpga': '1' } };
    expect(of.decideOn(makePod('q', { containers: [{ name: 'c', image: 'i', resources }] }))).toBe(true);
    expect(asked).toEqual([]);
  });
});

test('scores count ten times their weight and are added up; a failure gives none', async () => {
  const { of } = setUp(
    [
      { prioritizeVerb: 'p', weight: 2 },
      { prioritizeVerb: 'q', weight: 1 },
      { prioritizeVerb: 'broken', weight: 1 },
    ],
    {
      p: [{ Host: 'a', Score: 10 }],
      q: [
        { host: 'a', score: 1 },
        { host: 'b', score: 5 },
      ],
      broken: new Error('x'),
    },
  );
  expect(Object.fromEntries(await of.score(pod, nodes, signal))).toEqual({ a: 210, b: 50 });
});

test('binding: by the extender that binds, with the pod and the node', async () => {
  const { of, asked } = setUp([{ bindVerb: 'bind' }], { bind: {} });
  expect(await of.bind(pod, 'a', signal)).toBe(true);
  expect(asked[0]?.body).toEqual({ PodName: 'p', PodNamespace: 'default', PodUID: 'p', Node: 'a' });
  await expect(setUp([{ bindVerb: 'bind' }], { bind: { Error: 'no' } }).of.bind(pod, 'a', signal)).rejects.toThrow('no');
  expect(await setUp([{ bindVerb: 'bind', ignorable: true }], { bind: { Error: 'no' } }).of.bind(pod, 'a', signal)).toBe(false);
  expect(await setUp([{ filterVerb: 'f' }], {}).of.bind(pod, 'a', signal)).toBe(false);
});

describe('preempt', () => {
  const victim = makePod('v', { nodeName: 'a' });
  const candidates = ['a', 'b'].map((nodeName) => ({ nodeName, victims: [victim], violations: 1 }));
  const on = { podsOn: () => [victim], signal };

  test('the candidates that it leaves, with the victims that it names', async () => {
    const meta = { NodeNameToMetaVictims: { b: { Pods: [{ UID: 'v' }], NumPDBViolations: 0 } } };
    const { of, asked } = setUp([{ preemptVerb: 'p', nodeCacheCapable: true }], { p: meta });
    expect(await of.preempt(pod, candidates, on)).toEqual([{ nodeName: 'b', victims: [victim], violations: 0 }]);
    expect(asked[0]?.body.NodeNameToVictims).toBeNull();
    expect(asked[0]?.body.NodeNameToMetaVictims).toMatchObject({ a: { Pods: [{ UID: 'v' }], NumPDBViolations: 1 } });
  });

  test('a victim that is not there, or none at all, is an error', async () => {
    const wrong = { NodeNameToMetaVictims: { a: { Pods: [{ UID: 'other' }] } } };
    await expect(setUp([{ preemptVerb: 'p' }], { p: wrong }).of.preempt(pod, candidates, on)).rejects.toThrow('not found on that node');
    const none = { NodeNameToMetaVictims: { a: { Pods: [] } } };
    await expect(setUp([{ preemptVerb: 'p' }], { p: none }).of.preempt(pod, candidates, on)).rejects.toThrow(
      'expected at least one victim pod on node "a"',
    );
    expect(await setUp([{ preemptVerb: 'p', ignorable: true }], { p: none }).of.preempt(pod, candidates, on)).toEqual([]);
  });
});
