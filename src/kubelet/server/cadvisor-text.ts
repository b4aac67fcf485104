// GET /metrics/cadvisor: everything that is known of each pod and container, under the names that dashboards know from cAdvisor.
// Source: https://github.com/google/cadvisor/blob/master/docs/storage/prometheus.md
import type { ContainerStatus } from '../cri/runtime.ts';
import type { GroupDetails } from '../node/cgroup-details.ts';
import type { InterfaceUsage } from '../node/machine-usage.ts';
import type { NodeStats, UsageAt } from '../node/stats.ts';
import type { UsageSource } from '../node/usage-source.ts';
import type { PodView } from '../pod/worker.ts';
import { type Labels, metricLines, type Row, seconds } from './metric-lines.ts';

/** One control group: a container's, a pod's, or the machine's. */
interface Group {
  readonly labels: Labels;
  readonly usage: UsageAt;
  readonly details: GroupDetails | undefined;
  readonly startedAtMs: number;
}

/** The interfaces of a pod, or of the machine. */
interface Link {
  readonly labels: Labels;
  readonly atMs: number;
  readonly interfaces: readonly InterfaceUsage[];
}

export interface CadvisorFigures {
  readonly stats: NodeStats;
  readonly views: readonly PodView[];
  readonly source: UsageSource;
}

/** Reads what the stats lack, then makes the text. */
export async function cadvisorMetrics({ stats, views, source }: CadvisorFigures): Promise<string> {
  const byUid = new Map(views.map((view) => [view.pod.metadata?.uid ?? '', view]));
  const machine = { container: '', id: '/', image: '', name: '', namespace: '', pod: '' };
  const groups: Group[] = [{ labels: machine, usage: stats.usage, details: undefined, startedAtMs: stats.bootedAtMs }];
  const links: Link[] = [{ labels: linkLabels(machine), atMs: stats.usage.atMs, interfaces: stats.interfaces ?? [] }];
  for (const pod of stats.pods) {
    const view = byUid.get(pod.uid);
    if (!view) continue;
    const { namespace, name, startedAtMs } = pod;
    const labels = { container: '', id: source.pathOf(view), image: '', name: '', namespace, pod: name };
    const sandbox = { ...labels, name: view.observed.sandbox?.id ?? '' };
    if (pod.usage) groups.push({ labels, usage: pod.usage, details: await source.details(view), startedAtMs });
    if (pod.interfaces && pod.usage) links.push({ labels: linkLabels(sandbox), atMs: pod.usage.atMs, interfaces: pod.interfaces });
    for (const one of pod.containers) {
      const run = view.observed.containers.find(({ id }) => id === one.id);
      if (!run) continue;
      const own = { container: one.name, id: source.pathOf(view, run), image: imageOf(run), name: run.id, namespace, pod: name };
      groups.push({ labels: own, usage: one.usage, details: await source.details(view, run), startedAtMs: one.startedAtMs });
    }
  }
  return [...groupLines(groups), ...linkLines(links), ...machineLines(stats)].join('');
}

const imageOf = (run: ContainerStatus): string => run.image || run.imageRef;
const linkLabels = ({ id = '', image = '', name = '', namespace = '', pod = '' }: Labels): Labels => ({ id, image, name, namespace, pod });

type Value = (group: Group) => number | undefined;

interface GroupMetric {
  readonly name: string;
  readonly type: 'counter' | 'gauge';
  readonly help: string;
  readonly value: Value;
  readonly more?: Labels;
}

const counted =
  (value: (details: GroupDetails) => number | undefined): Value =>
  ({ details }) =>
    details && value(details);
/** Without a limit there are no periods. */
const ifQuota = (value: (details: GroupDetails) => number): Value =>
  counted((details) => (details.cpuQuotaUs === undefined ? undefined : value(details)));

const counter = (name: string, help: string, value: Value, more?: Labels): GroupMetric => ({
  ...{ name: `container_${name}`, type: 'counter', help, value },
  ...(more ? { more } : {}),
});
const gauge = (name: string, help: string, value: Value): GroupMetric => ({ name: `container_${name}`, type: 'gauge', help, value });

const groupMetrics: readonly GroupMetric[] = [
  counter('cpu_usage_seconds_total', 'Cumulative cpu time consumed in seconds.', (one) => seconds(one.usage.cpuNanos), { cpu: 'total' }),
  counter(
    'cpu_user_seconds_total',
    'Cumulative user cpu time consumed in seconds.',
    counted((of) => seconds(of.cpuUserNanos)),
  ),
  counter(
    'cpu_system_seconds_total',
    'Cumulative system cpu time consumed in seconds.',
    counted((of) => seconds(of.cpuSystemNanos)),
  ),
  counter(
    'cpu_cfs_periods_total',
    'Number of elapsed enforcement period intervals.',
    ifQuota((of) => of.periods),
  ),
  counter(
    'cpu_cfs_throttled_periods_total',
    'Number of throttled period intervals.',
    ifQuota((of) => of.throttledPeriods),
  ),
  counter(
    'cpu_cfs_throttled_seconds_total',
    'Total time duration the container has been throttled.',
    ifQuota((of) => seconds(of.throttledNanos)),
  ),
  gauge(
    'memory_usage_bytes',
    'Current memory usage in bytes, including all memory regardless of when it was accessed',
    (one) => one.usage.memoryBytes,
  ),
  gauge('memory_working_set_bytes', 'Current working set in bytes.', (one) => one.usage.workingSetBytes),
  gauge('memory_rss', 'Size of RSS in bytes.', (one) => one.usage.rssBytes),
  gauge('memory_cache', 'Number of bytes of page cache memory.', (one) => one.usage.memory?.cacheBytes),
  gauge('memory_swap', 'Container swap usage in bytes.', (one) => one.usage.memory?.swapBytes),
  gauge('memory_mapped_file', 'Size of memory mapped files in bytes.', (one) => one.usage.memory?.mappedBytes),
  gauge(
    'memory_max_usage_bytes',
    'Maximum memory usage recorded in bytes',
    counted((of) => of.memoryMaxSeenBytes),
  ),
  counter(
    'memory_failcnt',
    'Number of memory usage hits limits',
    counted((of) => of.memoryFailures),
  ),
  gauge(
    'processes',
    'Number of processes running inside the container.',
    counted((of) => of.processes),
  ),
  gauge(
    'spec_cpu_period',
    'CPU period of the container.',
    counted((of) => of.cpuPeriodUs),
  ),
  gauge(
    'spec_cpu_quota',
    'CPU quota of the container.',
    counted((of) => of.cpuQuotaUs),
  ),
  gauge(
    'spec_cpu_shares',
    'CPU share of the container.',
    counted((of) => of.cpuShares),
  ),
  gauge(
    'spec_memory_limit_bytes',
    'Memory limit for the container.',
    counted((of) => of.memoryLimitBytes ?? 0),
  ),
  gauge('start_time_seconds', 'Start time of the container since unix epoch in seconds.', (one) => one.startedAtMs / 1000),
  gauge('last_seen', 'Last time a container was seen by the exporter', (one) => Math.floor(one.usage.atMs / 1000)),
];

function* groupLines(groups: readonly Group[]): Generator<string> {
  const rows = (value: Value, more: Labels = {}): Row[] =>
    groups.flatMap((group): Row[] => {
      const known = value(group);
      return known === undefined ? [] : [[{ ...group.labels, ...more }, known, group.usage.atMs]];
    });
  for (const { name, type, help, value, more } of groupMetrics) yield metricLines({ name, type, help, rows: rows(value, more) });
  yield metricLines({
    name: 'container_memory_failures_total',
    type: 'counter',
    help: 'Cumulative count of memory allocation failures.',
    rows: [
      ...rows((one) => one.usage.memory?.pageFaults, { failure_type: 'pgfault', scope: 'hierarchy' }),
      ...rows((one) => one.usage.memory?.majorPageFaults, { failure_type: 'pgmajfault', scope: 'hierarchy' }),
    ],
  });
}

const directions = [
  ['receive', 'received', 'receiving', 'rx'],
  ['transmit', 'transmitted', 'transmitting', 'tx'],
] as const;

function* linkLines(links: readonly Link[]): Generator<string> {
  const rows = (value: (of: InterfaceUsage) => number): Row[] =>
    links.flatMap(({ labels, interfaces, atMs }) => interfaces.map((one): Row => [{ ...labels, interface: one.name }, value(one), atMs]));
  const line = (name: string, help: string, value: (of: InterfaceUsage) => number) =>
    metricLines({ name, type: 'counter', help, rows: rows(value) });
  for (const [verb, done, doing, side] of directions) {
    yield line(`container_network_${verb}_bytes_total`, `Cumulative count of bytes ${done}`, (one) => one[`${side}Bytes`]);
    yield line(`container_network_${verb}_packets_total`, `Cumulative count of packets ${done}`, (one) => one[`${side}Packets`]);
    yield line(
      `container_network_${verb}_errors_total`,
      `Cumulative count of errors encountered while ${doing}`,
      (one) => one[`${side}Errors`],
    );
    yield line(
      `container_network_${verb}_packets_dropped_total`,
      `Cumulative count of packets dropped while ${doing}`,
      (one) => one[`${side}Dropped`],
    );
  }
}

function* machineLines({ memoryTotalBytes, usage, disk }: NodeStats): Generator<string> {
  const one = (name: string, help: string, value: number) => metricLines({ name, type: 'gauge', help, rows: [[{}, value, usage.atMs]] });
  yield one('machine_memory_bytes', 'Amount of memory installed on the machine.', memoryTotalBytes);
  if (disk) yield one('machine_disk_bytes', 'Size of the file system that holds the pods.', disk.capacityBytes);
  yield metricLines({
    name: 'container_scrape_error',
    type: 'gauge',
    help: '1 if there was an error while getting container metrics, 0 otherwise',
    rows: [[{}, 0]],
  });
}
