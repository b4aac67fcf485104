import { expect, test } from 'vitest';
import { machineUsage } from '../node/machine-usage.ts';
import { createStats, type NodeStats } from '../node/stats.ts';
import { createKernelUsage } from '../node/usage-source.ts';
import { aPod, aRun, aSandbox, seen } from '../pod/plan.fake.ts';
import { cadvisorMetrics } from './cadvisor-text.ts';
import { resourceMetrics, statsSummary } from './stats-text.ts';

const proc: Readonly<Record<string, string>> = {
  '/proc/stat': 'cpu  100 20 30 4000 50 6 7 8 0 0\ncpu0 1 2 3\nbtime 1700000000\n',
  '/proc/meminfo': 'MemTotal:       1000 kB\nMemFree:         200 kB\nMemAvailable:    600 kB\nAnonPages:       100 kB\n',
  '/proc/net/dev': 'Inter-|\n face |\n    lo: 5 5 0 0 0 0 0 0 5 5 0 0 0 0 0 0\n  eth0: 1 2 3 4 0 0 0 0 9 8 7 6 0 0 0 0\nmk1a2b3c: 1 1 1\n',
  '/proc/42/net/dev': '  eth0: 100 2 3 4 0 0 0 0 900 8 7 6 0 0 0 0\n',
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

const memory = { cacheBytes: 7, swapBytes: 8, mappedBytes: 9, pageFaults: 10, majorPageFaults: 11 };
const details = {
  cpuUserNanos: 3e9,
  cpuSystemNanos: 1e9,
  periods: 20,
  throttledPeriods: 5,
  throttledNanos: 2e9,
  cpuQuotaUs: 50_000,
  cpuPeriodUs: 100_000,
  cpuShares: 512,
  memoryMaxSeenBytes: 400,
  memoryFailures: 1,
  memoryLimitBytes: 1000,
  processes: 4,
};
const view = { pod: aPod(), admitted: true, state: { at: 'syncing' }, observed: seen([aSandbox()], [aRun('app', 'running')]) } as const;

/** A node whose groups use half a cpu: the clock goes on while somebody waits. */
function aNode() {
  let nowMs = 1_700_000_100_000;
  const pass = (ms: number) => {
    nowMs += ms;
  };
  const source = createKernelUsage({
    cgroupRoot: '/k',
    cgroups: {
      usage: async () => ({
        cpuNanos: (nowMs - 1_699_999_000_000) * 500_000,
        memoryBytes: 300,
        workingSetBytes: 200,
        rssBytes: 100,
        memory,
      }),
      details: async () => details,
      firstProcess: async (path) => (path === '/k/kubepods/besteffort/podu1/s0' ? 42 : undefined),
    },
    fs: { readText: async (path) => proc[path] },
    directory: '/pods',
  });
  let reads = 0;
  const stats = createStats({
    nodeName: 'n1',
    source: {
      ...source,
      machine(views) {
        reads++;
        return source.machine(views);
      },
    },
    nowMs: () => nowMs,
    wait: async (ms) => pass(ms),
    views: () => [view],
  });
  return { stats, source, reads: () => reads, pass };
}

async function look(): Promise<{ readonly first: NodeStats; readonly second: NodeStats }> {
  const node = aNode();
  const first = await node.stats();
  node.pass(2000);
  return { first, second: await node.stats() };
}

test('speeds are known at the second look', async () => {
  const { first, second } = await look();
  expect(first.pods[0]?.containers[0]?.usage.nanoCores).toBeUndefined();
  expect(second.pods[0]?.containers[0]?.usage.nanoCores).toBe(500_000_000);
});

test('who wants speeds waits for a second look, once', async () => {
  const { stats, reads } = aNode();
  expect((await stats({ speeds: true })).usage.nanoCores).toBe(0);
  expect(reads()).toBe(2);
  await stats({ speeds: true });
  expect(reads()).toBe(2);
});

test('looks at the same moment are one', async () => {
  const { stats, reads } = aNode();
  await Promise.all([stats(), stats(), stats()]);
  expect(reads()).toBe(1);
});

test('the summary names nodes, pods and containers', async () => {
  const { second } = await look();
  expect(statsSummary(second)).toMatchObject({
    node: { nodeName: 'n1', startTime: '2023-11-14T22:13:20Z', memory: { workingSetBytes: 409_600, availableBytes: 614_400 } },
    pods: [
      {
        podRef: { name: 'web', namespace: 'ns', uid: 'u1' },
        containers: [
          { name: 'app', cpu: { usageNanoCores: 500_000_000, usageCoreNanoSeconds: 551_000_000_000 }, memory: { workingSetBytes: 200 } },
        ],
        memory: { usageBytes: 300, pageFaults: 10, majorPageFaults: 11 },
      },
    ],
  });
});

test('the whole summary has network, disk and limits too', async () => {
  const { second } = await look();
  const disk = { capacityBytes: 1000, availableBytes: 400, inodes: 10, inodesFree: 4 };
  const use = { volumes: new Map([['cache', 30]]), logs: new Map([['app', 12]]), layers: new Map([['app', 7]]), inodes: 3 };
  const images = {
    space: { capacityBytes: 5000, availableBytes: 3000, inodes: 90, inodesFree: 80 },
    use: { mountpoint: '/images', usedBytes: 1500, inodesUsed: 8 },
  };
  const space = { pods: new Map([['u1', use]]), images };
  expect(statsSummary({ ...second, disk, processes: { count: 80, max: 4096 } }, space)).toMatchObject({
    node: {
      systemContainers: [{ name: 'pods', memory: { usageBytes: 300 } }],
      network: { name: 'eth0', rxBytes: 1, txBytes: 9, interfaces: [{ name: 'eth0' }] },
      fs: { capacityBytes: 1000, usedBytes: 600, inodesUsed: 6 },
      runtime: { imageFs: { capacityBytes: 5000, availableBytes: 3000, usedBytes: 1500, inodesUsed: 8 } },
      rlimit: { maxpid: 4096, curproc: 80 },
    },
    pods: [
      {
        network: { name: 'eth0', rxBytes: 100, txBytes: 900 },
        volume: [{ name: 'cache', usedBytes: 30, capacityBytes: 1000 }],
        'ephemeral-storage': { usedBytes: 49, inodesUsed: 3 },
        containers: [{ rootfs: { usedBytes: 7, capacityBytes: 5000 }, logs: { usedBytes: 12 }, swap: { swapUsageBytes: 8 } }],
      },
    ],
  });
  expect(JSON.stringify(statsSummary(second))).not.toMatch(/network|swap|rlimit/);
});

test("cAdvisor's metrics name container, pod, namespace and image", async () => {
  const { source } = aNode();
  const text = await cadvisorMetrics({ stats: (await look()).second, views: [view], source });
  const app = 'container="app",id="/k/kubepods/besteffort/podu1/app-0",image="img",name="app-0",namespace="ns",pod="web"';
  for (const line of [
    `container_cpu_usage_seconds_total{${app},cpu="total"} 551 1700000102000`,
    `container_cpu_cfs_throttled_periods_total{${app}} 5 1700000102000`,
    `container_memory_working_set_bytes{${app}} 200 1700000102000`,
    `container_memory_failures_total{${app},failure_type="pgmajfault",scope="hierarchy"} 11 1700000102000`,
    `container_spec_memory_limit_bytes{${app}} 1000 1700000102000`,
    'container_network_receive_bytes_total{id="/k/kubepods/besteffort/podu1",image="",name="s0",namespace="ns",pod="web",interface="eth0"} 100 1700000102000',
    'machine_memory_bytes 1024000 1700000102000',
  ]) {
    expect(text).toContain(`\n${line}\n`);
  }
});

test('the metrics are lines of text', async () => {
  const text = resourceMetrics((await look()).second);
  expect(text).toContain(
    '# TYPE container_cpu_usage_seconds_total counter\ncontainer_cpu_usage_seconds_total{container="app",namespace="ns",pod="web"} 551 1700000102000\n',
  );
  expect(text).toContain('\nnode_memory_working_set_bytes 409600 1700000102000\n');
  expect(text).toContain('\npod_memory_working_set_bytes{namespace="ns",pod="web"} 200 1700000102000\n');
  expect(text).toContain('\ncontainer_start_time_seconds{container="app",namespace="ns",pod="web"} 1\n');
  expect(text.endsWith('resource_scrape_error 0\n')).toBe(true);
});
