// This process in figures: memory, processor time, open files and the engine's heap, under the names that Prometheus' clients share.
import { readdirSync, readFileSync } from 'node:fs';
import type { Metrics } from '../metrics.ts';

/** Registers them; each is read when somebody asks. */
export function collectProcess(metrics: Metrics, startedMs: number): void {
  const single = (name: string, type: 'counter' | 'gauge', help: string, read: () => number) =>
    metrics.collect({ name, help, type, read: () => [{ value: read() }] });
  single('process_cpu_seconds_total', 'counter', 'Total user and system CPU time spent in seconds.', () => {
    const { user, system } = process.cpuUsage();
    return (user + system) / 1e6;
  });
  single('process_resident_memory_bytes', 'gauge', 'Resident memory size in bytes.', () => process.memoryUsage.rss());
  single('process_virtual_memory_bytes', 'gauge', 'Virtual memory size in bytes.', () => statusField('VmSize') * 1024);
  single('process_start_time_seconds', 'gauge', 'Start time of the process since unix epoch in seconds.', () => startedMs / 1000);
  single('process_open_fds', 'gauge', 'Number of open file descriptors.', openFiles);
  single('nodejs_heap_size_used_bytes', 'gauge', 'Process heap size used from Node.js in bytes.', () => process.memoryUsage().heapUsed);
  single('nodejs_heap_size_total_bytes', 'gauge', 'Process heap size from Node.js in bytes.', () => process.memoryUsage().heapTotal);
  single('nodejs_external_memory_bytes', 'gauge', 'Node.js external memory size in bytes.', () => process.memoryUsage().external);
  single(
    'nodejs_active_resources',
    'gauge',
    'Number of resources that keep the event loop alive.',
    () => process.getActiveResourcesInfo().length,
  );
  metrics.collect({
    name: 'nodejs_version_info',
    help: 'Node.js version info.',
    type: 'gauge',
    labels: ['version'],
    read: () => [{ values: [process.version], value: 1 }],
  });
}

/** `VmSize:  123 kB` of /proc/self/status; 0 where there is none. */
function statusField(name: string): number {
  try {
    const match = new RegExp(`^${name}:\\s+(\\d+) kB$`, 'm').exec(readFileSync('/proc/self/status', 'utf8'));
    return Number(match?.[1] ?? 0);
  } catch {
    return 0; // Not every machine has /proc.
  }
}

function openFiles(): number {
  try {
    return readdirSync('/proc/self/fd').length;
  } catch {
    return 0;
  }
}
