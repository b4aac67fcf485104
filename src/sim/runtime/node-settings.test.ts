// What a node's configuration changes, on a simulated node: soft thresholds, conditions that stay, shutdown by priority, back-off.
import { afterEach, expect, test, vi } from 'vitest';
import type { V1Node } from '../../api/mod.ts';
import { defaultSettings, type EvictionPorts, noLocalUse } from '../../kubelet/mod.ts';
import { createTestNode, isReady, type TestNode, testPod } from './node.fake.ts';

let node: TestNode | undefined;
afterEach(async () => {
  await node?.stop();
  node = undefined;
});
const begin = (options: Parameters<typeof createTestNode>[0]): TestNode => {
  node = createTestNode(options);
  return node;
};
const usage = { atMs: 0, cpuNanos: 0, memoryBytes: 0, workingSetBytes: 0, rssBytes: 0, nanoCores: undefined };
const pidPressure = ({ api }: TestNode) => {
  const nodes = api.informers.of<V1Node>({ group: '', version: 'v1', kind: 'Node', resource: 'nodes', namespaced: false });
  return nodes.get('n1')?.status?.conditions?.find((one) => one.type === 'PIDPressure');
};

test('few processes left: the node says so, and when it has lasted the pod with the most of them goes, within its grace', async () => {
  let available = 500;
  const evictionPorts: EvictionPorts = {
    signals: async () => ({ 'pid.available': { available, capacity: 1000 } }),
    localUse: async () => noLocalUse,
    stats: async () => ({ nodeName: 'n1', bootedAtMs: 0, memoryTotalBytes: 1, usage, pods: [] }),
    processes: async ({ pod }) => (pod.metadata?.name === 'many' ? 80 : 2),
  };
  const thresholds = [{ signal: 'pid.available', value: '10%', graceMs: 60_000, reclaim: '50' }] as const;
  const eviction = { thresholds, checkMs: 10_000, transitionMs: 30_000, maxPodGraceSeconds: 12 };
  const made = begin({ kubelet: { evictionPorts, settings: { ...defaultSettings, eviction } } });
  const { api, until, clock } = made;
  // Deaf to SIGTERM: it ends when its grace does.
  api.put('pods', testPod('many', {}, { 'sim.minke.dev/stop-ms': '600000' }));
  api.put('pods', testPod('few'));
  await until('ready', () => isReady(api.pod('many')) && isReady(api.pod('few')));
  available = 90;
  await until('told', () => pidPressure(made)?.reason === 'KubeletHasInsufficientPID', 30_000);
  const toldMs = clock.monotonicMs();
  expect(isReady(api.pod('many'))).toBe(true);
  await until('evicted', () => api.events.some(({ reason }) => reason === 'Evicted'), 120_000);
  expect(clock.monotonicMs() - toldMs).toBeGreaterThan(40_000);
  // Not enough: the threshold and the minimum to reclaim are 150.
  available = 120;
  const goingMs = clock.monotonicMs();
  await until('gone', () => node?.phase('many') === 'Failed');
  expect(Math.round((clock.monotonicMs() - goingMs) / 1000)).toBe(12);
  expect(api.pod('many')?.status?.message).toBe('The node was low on resource: pids. Threshold quantity: 100, available: 90. ');
  available = 200;
  await until('over', () => pidPressure(made)?.reason === 'KubeletHasSufficientPID', 120_000);
  expect(isReady(api.pod('few'))).toBe(true);
});

test('before the machine goes, pods end by their priorities', async () => {
  const machine = new AbortController();
  const done = vi.fn();
  const shutdown = [
    { priority: 0, graceMs: 5000 },
    { priority: 100, graceMs: 5000 },
    { priority: 1000, graceMs: 5000 },
  ];
  const settings = { ...defaultSettings, shutdown };
  const { api, until } = begin({ kubelet: { settings, shutdown: { signal: machine.signal, done } } });
  const priorities = { below: -5, low: 50, middle: 100, high: 5000 };
  for (const [name, priority] of Object.entries(priorities)) api.put('pods', testPod(name, { priority }));
  await until('ready', () => Object.keys(priorities).every((name) => isReady(api.pod(name))));
  machine.abort();
  await until('done', () => done.mock.calls.length > 0);
  const ended = api.events.filter(({ reason }) => reason === 'Terminated').map(({ object }) => object);
  expect(ended.slice(0, 2).sort()).toEqual(['below', 'low']);
  expect(ended.slice(2)).toEqual(['middle', 'high']);
});

test('a crash back-off goes no further than the node lets it', async () => {
  const { api, until } = begin({ kubelet: { settings: { ...defaultSettings, restartDelayMaxMs: 2000 } } });
  api.put('pods', testPod('bad', {}, { 'sim.minke.dev/run-ms': '100', 'sim.minke.dev/exit-code': '3' }));
  const waiting = () => api.pod('bad')?.status?.containerStatuses?.[0]?.state?.waiting;
  await until('crash loop', () => waiting()?.reason === 'CrashLoopBackOff');
  expect(waiting()?.message).toMatch(/^back-off 2s restarting/);
  await until('restarts', () => (api.pod('bad')?.status?.containerStatuses?.[0]?.restartCount ?? 0) >= 5, 20_000);
});
