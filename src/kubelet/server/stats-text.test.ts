import { expect, test } from 'vitest';
import { createStats, machineUsage, type NodeStats } from '../node/stats.ts';
import { aPod, aRun, aSandbox, seen } from '../pod/plan.fake.ts';
import { resourceMetrics, statsSummary } from './stats-text.ts';

const proc: Readonly<Record<string, string>> = {
  '/proc/stat': 'cpu  100 20 30 4000 50 6 7 8 0 0\ncpu0 1 2 3\nbtime 1700000000\n',
  '/proc/meminfo': 'MemTotal:       1000 kB\nMemFree:         200 kB\nMemAvailable:    600 kB\nAnonPages:       100 kB\n',
};

test('what the machine itself uses', () => {
  expect(machineUsage(proc['/proc/stat'] ?? '', proc['/proc/meminfo'] ?? '')).toEqual({
    cpuNanos: 171 * 10_000_000,
    memoryBytes: 800 * 1024,
    workingSetBytes: 400 * 1024,
    rssBytes: 100 * 1024,
    memoryTotalBytes: 1000 * 1024,
  });
});

async function look(): Promise<{ readonly first: NodeStats; readonly second: NodeStats }> {
  let nowMs = 1_700_000_100_000;
  let cpuNanos = 1_000_000_000;
  const view = { pod: aPod(), admitted: true, state: { at: 'syncing' }, observed: seen([aSandbox()], [aRun('app', 'running')]) } as const;
  const stats = createStats({
    nodeName: 'n1',
    cgroupRoot: '/k',
    cgroups: { usage: async () => ({ cpuNanos, memoryBytes: 300, workingSetBytes: 200, rssBytes: 100 }) },
    fs: { readText: async (path) => proc[path] },
    nowMs: () => nowMs,
    views: () => [view],
  });
  const first = await stats();
  nowMs += 2000;
  cpuNanos += 500_000_000;
  return { first, second: await stats() };
}

test('speeds are known at the second look', async () => {
  const { first, second } = await look();
  expect(first.pods[0]?.containers[0]?.usage.nanoCores).toBeUndefined();
  expect(second.pods[0]?.containers[0]?.usage.nanoCores).toBe(250_000_000);
});

test('the summary names nodes, pods and containers', async () => {
  const { second } = await look();
  expect(statsSummary(second)).toMatchObject({
    node: { nodeName: 'n1', startTime: '2023-11-14T22:13:20Z', memory: { workingSetBytes: 409_600, availableBytes: 614_400 } },
    pods: [
      {
        podRef: { name: 'web', namespace: 'ns', uid: 'u1' },
        containers: [
          { name: 'app', cpu: { usageNanoCores: 250_000_000, usageCoreNanoSeconds: 1_500_000_000 }, memory: { workingSetBytes: 200 } },
        ],
        memory: { usageBytes: 300 },
      },
    ],
  });
});

test('the metrics are lines of text', async () => {
  const text = resourceMetrics((await look()).second);
  expect(text).toContain(
    '# TYPE container_cpu_usage_seconds_total counter\ncontainer_cpu_usage_seconds_total{container="app",namespace="ns",pod="web"} 1.5 1700000102000\n',
  );
  expect(text).toContain('\nnode_memory_working_set_bytes 409600 1700000102000\n');
  expect(text).toContain('\npod_memory_working_set_bytes{namespace="ns",pod="web"} 200 1700000102000\n');
  expect(text).toContain('\ncontainer_start_time_seconds{container="app",namespace="ns",pod="web"} 1\n');
  expect(text.endsWith('resource_scrape_error 0\n')).toBe(true);
});
