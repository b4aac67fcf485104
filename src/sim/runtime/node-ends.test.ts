// A node that ends pods of its own accord: for a critical one, and before the machine goes. And one law of starts under faults.
import { afterEach, expect, test, vi } from 'vitest';
import type { V1Node } from '../../api/mod.ts';
import { RuntimeError } from '../../kubelet/mod.ts';
import { container, createTestNode, isReady, type TestNode, testPod } from './node.fake.ts';

let node: TestNode | undefined;
afterEach(async () => {
  await node?.stop();
  node = undefined;
});
const begin = (options: Parameters<typeof createTestNode>[0] = {}): TestNode => {
  node = createTestNode(options);
  return node;
};
const asking = (cpu: string) => [{ ...container('app'), resources: { requests: { cpu } } }];
const critical = { priority: 2_000_001_000 };

test('a critical pod takes the room of the one that fits best', async () => {
  const { api, until } = begin();
  api.put('pods', testPod('large', { containers: asking('3') }));
  api.put('pods', testPod('small', { containers: asking('1') }));
  await until('ready', () => isReady(api.pod('large')) && isReady(api.pod('small')));
  api.put('pods', testPod('critical', { ...critical, containers: asking('500m') }));
  await until('preempted', () => node?.phase('small') === 'Failed' && isReady(api.pod('critical')));
  const message = 'Preempted in order to admit critical pod';
  expect(api.pod('small')?.status).toMatchObject({ reason: 'Preempting', message });
  expect(api.pod('small')?.status?.conditions).toContainEqual(
    expect.objectContaining({ type: 'DisruptionTarget', message: 'Pod was preempted by Kubelet to accommodate a critical pod.' }),
  );
  expect(api.events).toContainEqual({ object: 'small', type: 'Warning', reason: 'Preempting', message });
  expect(isReady(api.pod('large'))).toBe(true);
});

test('the critical pod starts only when those that made way have ended', async () => {
  const { api, until, runtime, clock } = begin();
  api.put('pods', testPod('victim', { containers: asking('3') }, { 'sim.minke.dev/stop-ms': '8000' }));
  await until('ready', () => isReady(api.pod('victim')));
  api.put('pods', testPod('critical', { ...critical, containers: asking('2') }));
  // Neither does anybody else get the room that is made meanwhile.
  await until('preempted', () => api.events.some(({ reason }) => reason === 'Preempting'));
  api.put('pods', testPod('late', { containers: asking('3') }));
  await until('ready', () => isReady(api.pod('critical')));
  const runs = [...runtime.containers.values()].map(({ sandboxId, ...run }) => ({
    ...{ pod: runtime.sandboxes.get(sandboxId)?.config.metadata.name, from: run.createdAtMs, to: run.finishedAtMs },
  }));
  const ended = runs.find(({ pod }) => pod === 'victim')?.to ?? Number.NaN;
  expect(runs.find(({ pod }) => pod === 'critical')?.from).toBeGreaterThanOrEqual(ended);
  expect(clock.nowMs() - ended).toBeLessThan(2_000);
  expect(api.pod('late')?.status).toMatchObject({ phase: 'Failed', reason: 'OutOfcpu' });
});

test('a critical pod that waits for room may be deleted, and the wait has an end', async () => {
  const { api, until } = begin();
  api.put('pods', testPod('victim', { containers: asking('3'), terminationGracePeriodSeconds: 20 }, { 'sim.minke.dev/stop-ms': '19000' }));
  await until('ready', () => isReady(api.pod('victim')));
  api.put('pods', testPod('critical', { ...critical, containers: asking('2') }));
  await until('preempted', () => api.events.some(({ reason }) => reason === 'Preempting'));
  expect(api.pod('critical')?.status?.startTime).toBeUndefined();
  api.deletePod('critical', 5);
  await until('gone', () => api.pod('critical') === undefined, 5_000);
});

test('a victim that cannot be ended keeps its room from the critical pod for one and a half times its grace, and no longer', async () => {
  const { api, until, runtime, clock } = begin();
  api.put('pods', testPod('victim', { containers: asking('3'), terminationGracePeriodSeconds: 20 }));
  await until('ready', () => isReady(api.pod('victim')));
  vi.spyOn(runtime, 'stopContainer').mockRejectedValue(new RuntimeError('unknown', 'the task does not end'));
  api.put('pods', testPod('critical', { ...critical, containers: asking('2') }));
  await until('preempted', () => api.events.some(({ reason }) => reason === 'Preempting'));
  const sinceMs = clock.nowMs();
  await until('started', () => isReady(api.pod('critical')), 60_000);
  expect(clock.nowMs() - sinceMs).toBeGreaterThanOrEqual(29_000);
  expect(clock.nowMs() - sinceMs).toBeLessThan(33_000);
  expect([...runtime.containers.values()].filter(({ state }) => state === 'running')).toHaveLength(2);
});

test('a critical pod that no preemption helps is refused', async () => {
  const { api, until } = begin();
  api.put('pods', testPod('critical', { ...critical, containers: asking('9') }));
  await until('refused', () => node?.phase('critical') === 'Failed');
  expect(api.pod('critical')?.status?.reason).toBe('UnexpectedAdmissionError');
});

test('before the machine goes ordinary pods end, then critical ones; late ones are refused', async () => {
  const machine = new AbortController();
  const done = vi.fn();
  const shutdown = { signal: machine.signal, done };
  const { api, until } = begin({ kubelet: { shutdown } });
  api.put('pods', testPod('ordinary'));
  api.put('pods', testPod('critical', critical));
  await until('ready', () => isReady(api.pod('ordinary')) && isReady(api.pod('critical')));
  machine.abort();
  await until('ordinary ended', () => node?.phase('ordinary') === 'Failed');
  expect(node?.phase('critical')).toBe('Running');
  api.put('pods', testPod('late'));
  await until('done', () => done.mock.calls.length > 0);
  const message = 'Pod was terminated in response to imminent node shutdown.';
  for (const name of ['ordinary', 'critical']) expect(api.pod(name)?.status).toMatchObject({ reason: 'Terminated', message });
  expect(api.pod('late')?.status).toMatchObject({ phase: 'Failed', reason: 'NodeShutdown' });
  const nodes = api.informers.of<V1Node>({ group: '', version: 'v1', kind: 'Node', resource: 'nodes', namespaced: false });
  const ready = nodes.get('n1')?.status?.conditions?.find((one) => one.type === 'Ready');
  expect(ready).toMatchObject({ status: 'False', message: 'node is shutting down' });
});

/**
 * Calls fail, lose their answers, or take longer than their deadlines, as on a machine under heavy load; the kubelet is started
 * anew. An init container that has succeeded is run again only in another sandbox, which is how upstream has it too.
 */
const slowness = [3000, 130_000];
const cases = slowness.flatMap((slowMs) => [1, 2, 3, 4, 5, 6].map((seed) => ({ seed, slowMs })));
test.each(cases)('an init container succeeds once, whatever fails: seed $seed, slow calls of $slowMs ms', async ({ seed, slowMs }) => {
  const faults = { before: 60, after: 60, slow: 60, slowMs };
  const { api, until, runtime, stop, start, advance } = begin({ seed, faults });
  const spec = { initContainers: [container('one'), container('two')] };
  for (let i = 0; i < 4; i++) api.put('pods', testPod(`web${i}`, spec));
  await advance(700 + seed * 90);
  await stop();
  start();
  runtime.dropEvents();
  await until('ready', () => [0, 1, 2, 3].every((i) => isReady(api.pod(`web${i}`))), 3_600_000);
  const succeeded = new Map<string, number>();
  for (const one of runtime.containers.values()) {
    if (one.state !== 'exited' || one.exitCode !== 0) continue;
    const key = `${one.sandboxId}/${one.name}`;
    succeeded.set(key, (succeeded.get(key) ?? 0) + 1);
  }
  expect([...succeeded].filter(([, count]) => count > 1)).toEqual([]);
});
