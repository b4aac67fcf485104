// What the machine as a whole uses, from /proc. Pure but for the reading.
// Source: proc(5)
import { join } from 'node:path';
import type { FileSystem, FileSystemSpace } from '../../base/ports/fs.ts';
import type { GroupUsage } from './cgroup-files.ts';

/** What went over one network interface since it was made. */
export interface InterfaceUsage {
  readonly name: string;
  readonly rxBytes: number;
  readonly rxPackets: number;
  readonly rxErrors: number;
  readonly rxDropped: number;
  readonly txBytes: number;
  readonly txPackets: number;
  readonly txErrors: number;
  readonly txDropped: number;
}

export interface MachineUsage extends GroupUsage {
  readonly memoryTotalBytes: number;
  readonly bootedAtMs: number;
  /** Those of pods are not among them. */
  readonly interfaces?: readonly InterfaceUsage[];
  readonly processes?: { readonly count: number; readonly max: number };
  /** Of the file system that holds the pods. */
  readonly disk?: FileSystemSpace;
}

const nanosPerTick = 10_000_000;

/** From /proc/stat and /proc/meminfo. */
export function machineUsage(stat: string, meminfo: string): GroupUsage & { readonly memoryTotalBytes: number } {
  const ticks = /^cpu +(.*)$/m.exec(stat)?.[1]?.split(' ').map(Number) ?? [];
  // user, nice, system, (idle, iowait,) irq, softirq, steal
  const busy = [0, 1, 2, 5, 6, 7].reduce((sum, i) => sum + (ticks[i] ?? 0), 0);
  const bytes = (key: string) => Number(new RegExp(`^${key}: +(\\d+) kB$`, 'm').exec(meminfo)?.[1] ?? 0) * 1024;
  const memoryTotalBytes = bytes('MemTotal');
  return {
    cpuNanos: busy * nanosPerTick,
    memoryBytes: memoryTotalBytes - bytes('MemFree'),
    workingSetBytes: memoryTotalBytes - bytes('MemAvailable'),
    rssBytes: bytes('AnonPages'),
    memoryTotalBytes,
  };
}

const bootedAtMs = (stat: string): number => Number(/^btime (\d+)$/m.exec(stat)?.[1] ?? 0) * 1000;

/** Every interface of a /proc/<pid>/net/dev but the loopback. */
export function interfacesOf(netDev: string): readonly InterfaceUsage[] {
  return netDev.split('\n').flatMap((line) => {
    const match = /^ *([^:\s]+):(.*)$/.exec(line);
    const name = match?.[1];
    if (name === undefined || name === 'lo') return [];
    const [rxBytes = 0, rxPackets = 0, rxErrors = 0, rxDropped = 0, , , , , txBytes = 0, txPackets = 0, txErrors = 0, txDropped = 0] = (
      match?.[2] ?? ''
    )
      .trim()
      .split(/ +/)
      .map(Number);
    return [{ name, rxBytes, rxPackets, rxErrors, rxDropped, txBytes, txPackets, txErrors, txDropped }];
  });
}

/** The machine's ends of its pods' links, and their bridges: what they carry is counted where the pods are. */
const isPodLink = (name: string): boolean => /^(veth|mk[0-9a-f]{6})/.test(name);

/** `directory`: on the file system that is told of. */
export async function readMachineUsage(fs: Pick<FileSystem, 'readText' | 'space'>, directory?: string): Promise<MachineUsage> {
  const [stat = '', memory = '', netDev = '', load = '', pidMax = ''] = await Promise.all(
    ['stat', 'meminfo', 'net/dev', 'loadavg', 'sys/kernel/pid_max'].map((file) => fs.readText(join('/proc', file))),
  );
  const disk = directory === undefined ? undefined : await fs.space?.(directory).catch(() => undefined);
  // `0.20 0.18 0.12 1/80 11206`: the second number of the fourth field counts processes and threads.
  const count = Number(/\d+\/(\d+)/.exec(load)?.[1] ?? 0);
  return {
    ...machineUsage(stat, memory),
    bootedAtMs: bootedAtMs(stat),
    interfaces: interfacesOf(netDev).filter(({ name }) => !isPodLink(name)),
    processes: { count, max: Number(pidMax) },
    ...(disk ? { disk } : {}),
  };
}
