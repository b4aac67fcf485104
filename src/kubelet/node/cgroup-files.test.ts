import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { systemFiles } from '../../base/ports/fs.ts';
import { podGroupLimits } from '../container/resources.ts';
import type { CgroupLayout } from '../containerd/cgroups.ts';
import { aContainer, aPod } from '../pod/plan.fake.ts';
import { readDetails } from './cgroup-details.ts';
import { cpuWeight, readUsage, writeLimits } from './cgroup-files.ts';

let root: string;
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'minke-groups-'));
});
afterEach(() => rmSync(root, { recursive: true, force: true }));

const v1 = (): CgroupLayout => ({
  version: 'v1',
  hierarchies: ['cpu', 'cpuacct', 'memory', 'pids'].map((name) => ({ path: join(root, name), controllers: [name] })),
});
const v2 = (): CgroupLayout => ({ version: 'v2', hierarchies: [{ path: root, controllers: [] }] });
/** Files as the kernel makes them: they are there before anybody writes. */
function group(path: string, files: Readonly<Record<string, string>>): void {
  mkdirSync(join(root, path), { recursive: true });
  for (const [name, text] of Object.entries(files)) writeFileSync(join(root, path, name), text);
}
const text = (path: string) => readFileSync(join(root, path), 'utf8');

describe('limits', () => {
  const limits = { cpuShares: 512, cpuQuotaUs: 50_000, cpuPeriodUs: 100_000, memoryBytes: 1024 ** 2, processes: 30 };

  test('go to the hierarchies of v1', async () => {
    group('cpu/k/pod1', { 'cpu.shares': '', 'cpu.cfs_period_us': '', 'cpu.cfs_quota_us': '' });
    group('memory/k/pod1', { 'memory.limit_in_bytes': '' });
    group('pids/k/pod1', { 'pids.max': '' });
    expect(await writeLimits(systemFiles, v1(), { path: '/k/pod1', limits })).toEqual([]);
    expect(text('pids/k/pod1/pids.max')).toBe('30');
    expect([text('cpu/k/pod1/cpu.shares'), text('cpu/k/pod1/cpu.cfs_quota_us')]).toEqual(['512', '50000']);
    expect(text('memory/k/pod1/memory.limit_in_bytes')).toBe('1048576');
  });

  test('go to the one tree of v2, whose groups hand their controllers on', async () => {
    group('', { 'cgroup.subtree_control': '' });
    group('k', { 'cgroup.subtree_control': '' });
    group('k/pod1', { 'cpu.weight': '', 'cpu.max': '', 'memory.max': '', 'pids.max': '' });
    expect(await writeLimits(systemFiles, v2(), { path: '/k/pod1', limits })).toEqual([]);
    expect([text('k/pod1/cpu.weight'), text('k/pod1/cpu.max'), text('k/pod1/memory.max')]).toEqual(['20', '50000 100000', '1048576']);
    expect(text('k/pod1/pids.max')).toBe('30');
    expect(text('k/cgroup.subtree_control')).toContain('+memory');
  });

  test('that the kernel refuses are told, and the others are set', async () => {
    group('cpu/k/pod1', { 'cpu.shares': '' });
    group('memory/k/pod1', { 'memory.limit_in_bytes': '' });
    expect(await writeLimits(systemFiles, v1(), { path: '/k/pod1', limits })).toHaveLength(3);
    expect(text('memory/k/pod1/memory.limit_in_bytes')).toBe('1048576');
  });

  test.each([
    [2, 1],
    [1024, 39],
    [262_144, 10_000],
  ])('%i shares weigh %i', (shares, weight) => expect(cpuWeight(shares)).toBe(weight));

  test("of a pod are the sum of its containers', or its own", () => {
    const node = { cpuQuota: { enforced: true, periodUs: 100_000 }, podPidsLimit: 9 };
    const half = { requests: { cpu: '250m' }, limits: { cpu: '500m', memory: '1Mi' } };
    const both = aPod({ containers: [aContainer('a', { resources: half }), aContainer('b', { resources: half })] });
    expect(podGroupLimits(both, node)).toEqual({
      cpuShares: 512,
      cpuQuotaUs: 100_000,
      cpuPeriodUs: 100_000,
      memoryBytes: 2 * 1024 ** 2,
      processes: 9,
    });
    expect(podGroupLimits(aPod(), { ...node, podPidsLimit: undefined })).toMatchObject({
      cpuShares: 2,
      cpuQuotaUs: undefined,
      memoryBytes: undefined,
      processes: undefined,
    });
    const whole = aPod({ resources: { limits: { memory: '5Mi' }, requests: { cpu: '1' } } });
    expect(podGroupLimits(whole, node)).toMatchObject({ cpuShares: 1024, cpuQuotaUs: undefined, memoryBytes: 5 * 1024 ** 2 });
  });
});

describe('use', () => {
  test('is read from v1', async () => {
    group('cpuacct/g', { 'cpuacct.usage': '123456789\n' });
    group('memory/g', {
      'memory.usage_in_bytes': '1000\n',
      'memory.stat': 'rss 1\ntotal_rss 400\ntotal_inactive_file 300\ntotal_pgfault 9\n',
    });
    expect(await readUsage(systemFiles, v1(), '/g')).toMatchObject({
      memory: { pageFaults: 9, cacheBytes: 0 },
      cpuNanos: 123_456_789,
      memoryBytes: 1000,
      workingSetBytes: 700,
      rssBytes: 400,
    });
  });

  test('is read from v2', async () => {
    group('g', {
      'cpu.stat': 'usage_usec 5\nuser_usec 3\n',
      'memory.current': '1000\n',
      'memory.stat': 'anon 400\ninactive_file 1300\nfile 1400\n',
    });
    const wanted = { cpuNanos: 5000, memoryBytes: 1000, workingSetBytes: 0, rssBytes: 400, memory: { cacheBytes: 1400 } };
    expect(await readUsage(systemFiles, v2(), '/g')).toMatchObject(wanted);
  });

  test('everything else is read from v1', async () => {
    group('cpuacct/g', { 'cpuacct.stat': 'user 5\nsystem 3\n' });
    group('cpu/g', {
      'cpu.stat': 'nr_periods 9\nnr_throttled 2\nthrottled_time 77\n',
      'cpu.cfs_quota_us': '50000\n',
      'cpu.shares': '512\n',
    });
    group('memory/g', { 'memory.limit_in_bytes': '9223372036854771712\n', 'memory.failcnt': '4\n' });
    expect(await readDetails(systemFiles, v1(), '/g')).toMatchObject({
      ...{ cpuUserNanos: 50_000_000, cpuSystemNanos: 30_000_000, periods: 9, throttledPeriods: 2, throttledNanos: 77 },
      ...{ cpuQuotaUs: 50_000, cpuPeriodUs: 100_000, cpuShares: 512, memoryFailures: 4, memoryLimitBytes: undefined, processes: 0 },
    });
  });

  test('everything else is read from v2', async () => {
    const stat = 'usage_usec 5\nuser_usec 3\nsystem_usec 2\nnr_periods 9\nnr_throttled 2\nthrottled_usec 7\n';
    group('g', { 'cpu.stat': stat, 'cpu.max': 'max 100000\n', 'cpu.weight': '39\n', 'memory.max': '1000\n', 'pids.current': '6\n' });
    expect(await readDetails(systemFiles, v2(), '/g')).toMatchObject({
      ...{ cpuUserNanos: 3000, cpuSystemNanos: 2000, periods: 9, throttledPeriods: 2, throttledNanos: 7000 },
      ...{ cpuQuotaUs: undefined, cpuPeriodUs: 100_000, cpuShares: 998, memoryLimitBytes: 1000, processes: 6 },
    });
  });

  test('of a group that is not there is unknown', async () => {
    expect(await readUsage(systemFiles, v1(), '/none')).toBeUndefined();
  });
});
