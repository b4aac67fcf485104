// The node's use of cpu and memory as clients of the kubelet read it: the stats summary (JSON) and the resource metrics (text). Pure.
// Source: https://kubernetes.io/docs/reference/instrumentation/node-metrics/ and the resource metrics endpoint
import { formatTime } from '../../api/mod.ts';
import type { NodeStats, UsageAt } from '../node/stats.ts';

const cpuOf = (usage: UsageAt) => ({
  time: formatTime(usage.atMs),
  ...(usage.nanoCores === undefined ? {} : { usageNanoCores: usage.nanoCores }),
  usageCoreNanoSeconds: usage.cpuNanos,
});

const memoryOf = (usage: UsageAt) => ({
  time: formatTime(usage.atMs),
  usageBytes: usage.memoryBytes,
  workingSetBytes: usage.workingSetBytes,
  rssBytes: usage.rssBytes,
});

export function statsSummary(stats: NodeStats): unknown {
  const { nodeName, bootedAtMs, memoryTotalBytes, usage, pods } = stats;
  return {
    node: {
      nodeName,
      startTime: formatTime(bootedAtMs),
      cpu: cpuOf(usage),
      memory: { ...memoryOf(usage), availableBytes: memoryTotalBytes - usage.workingSetBytes },
    },
    pods: pods.map((pod) => ({
      podRef: { name: pod.name, namespace: pod.namespace, uid: pod.uid },
      startTime: formatTime(pod.startedAtMs),
      containers: pod.containers.map((one) => ({
        name: one.name,
        startTime: formatTime(one.startedAtMs),
        cpu: cpuOf(one.usage),
        memory: memoryOf(one.usage),
      })),
      ...(pod.usage ? { cpu: cpuOf(pod.usage), memory: memoryOf(pod.usage) } : {}),
    })),
  };
}

type Labels = Readonly<Record<string, string>>;
type Row = readonly [labels: Labels, value: number, atMs?: number];

const escaped = (text: string): string => text.replaceAll('\\', '\\\\').replaceAll('"', '\\"').replaceAll('\n', '\\n');

function metric(name: string, type: 'counter' | 'gauge', of: { readonly help: string; readonly rows: readonly Row[] }): string {
  const lines = of.rows.map(([labels, value, atMs]) => {
    const text = Object.entries(labels).map(([key, one]) => `${key}="${escaped(one)}"`);
    return `${name}${text.length > 0 ? `{${text.join(',')}}` : ''} ${value}${atMs === undefined ? '' : ` ${atMs}`}\n`;
  });
  return `# HELP ${name} [STABLE] ${of.help}\n# TYPE ${name} ${type}\n${lines.join('')}`;
}

const seconds = (nanos: number): number => nanos / 1e9;

/** GET /metrics/resource: what `kubectl top` and the autoscaler live on. */
export function resourceMetrics({ usage, pods }: NodeStats): string {
  const containers = pods.flatMap((pod) =>
    pod.containers.map((one) => ({ ...one, labels: { container: one.name, namespace: pod.namespace, pod: pod.name } })),
  );
  const whole = pods.flatMap((pod) => (pod.usage ? [{ usage: pod.usage, labels: { namespace: pod.namespace, pod: pod.name } }] : []));
  const cpu = (one: { labels: Labels; usage: UsageAt }): Row => [one.labels, seconds(one.usage.cpuNanos), one.usage.atMs];
  const memory = (one: { labels: Labels; usage: UsageAt }): Row => [one.labels, one.usage.workingSetBytes, one.usage.atMs];
  const cpuHelp = (what: string) => `Cumulative cpu time consumed by the ${what} in core-seconds`;
  const memoryHelp = (what: string) => `Current working set of the ${what} in bytes`;
  const node = { labels: {}, usage };
  return [
    metric('container_cpu_usage_seconds_total', 'counter', { help: cpuHelp('container'), rows: containers.map(cpu) }),
    metric('container_memory_working_set_bytes', 'gauge', { help: memoryHelp('container'), rows: containers.map(memory) }),
    metric('container_start_time_seconds', 'gauge', {
      help: 'Start time of the container since unix epoch in seconds',
      rows: containers.map((one): Row => [one.labels, one.startedAtMs / 1000]),
    }),
    metric('node_cpu_usage_seconds_total', 'counter', { help: cpuHelp('node'), rows: [cpu(node)] }),
    metric('node_memory_working_set_bytes', 'gauge', { help: memoryHelp('node'), rows: [memory(node)] }),
    metric('pod_cpu_usage_seconds_total', 'counter', { help: cpuHelp('pod'), rows: whole.map(cpu) }),
    metric('pod_memory_working_set_bytes', 'gauge', { help: memoryHelp('pod'), rows: whole.map(memory) }),
    metric('resource_scrape_error', 'gauge', {
      help: '1 if there was an error while getting container metrics, 0 otherwise',
      rows: [[{}, 0]],
    }),
  ].join('');
}
