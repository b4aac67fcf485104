// What this machine is: cores, memory, disk, kernel, names and addresses. Linux.
import { readFileSync, statfsSync } from 'node:fs';
import os from 'node:os';

export interface Machine {
  readonly hostname: string;
  readonly cpus: number;
  readonly memoryBytes: number;
  /** As node names it: `linux`. */
  readonly platform: string;
  /** As node names it: `x64`, `arm64`. */
  readonly architecture: string;
  readonly kernelVersion: string;
  /** Of Node.js: `v20.20.2`. */
  readonly runtimeVersion: string;
  /** `Debian GNU/Linux 12 (bookworm)` */
  readonly osImage: string;
  readonly machineId: string;
  readonly systemUuid: string;
  readonly bootId: string;
  /** The kernel enforces AppArmor profiles. */
  readonly appArmor: boolean;
}

const read = (path: string): string => {
  try {
    return readFileSync(path, 'utf8').trim();
  } catch {
    return ''; // Not every machine has every file, and some are for root alone.
  }
};

export function readMachine(): Machine {
  const release = read('/etc/os-release');
  return {
    hostname: os.hostname(),
    cpus: os.availableParallelism(),
    memoryBytes: os.totalmem(),
    platform: os.platform(),
    architecture: os.arch(),
    kernelVersion: os.release(),
    runtimeVersion: process.version,
    osImage: /^PRETTY_NAME="?([^"\n]*)"?$/m.exec(release)?.[1] ?? os.version(),
    machineId: read('/etc/machine-id') || read('/var/lib/dbus/machine-id'),
    systemUuid: read('/sys/class/dmi/id/product_uuid'),
    bootId: read('/proc/sys/kernel/random/boot_id'),
    appArmor: read('/sys/module/apparmor/parameters/enabled').startsWith('Y'),
  };
}

/** Bytes of the whole file system that holds `path`, which must exist. */
export function fileSystemBytes(path: string): number {
  const { bsize, blocks } = statfsSync(path);
  return bsize * blocks;
}

/**
 * The machine's addresses that others can use, those of the interface with the default route first. Interfaces whose
 * name `skip` accepts are left out. Empty on a machine without a network.
 */
export function machineAddresses(skip: (interfaceName: string) => boolean): readonly string[] {
  const routes = read('/proc/net/route').split('\n').slice(1);
  const main = routes.map((line) => line.split('\t')).find((fields) => fields[1] === '00000000')?.[0];
  const usable = Object.entries(os.networkInterfaces())
    .filter(([name]) => !skip(name))
    .sort(([a], [b]) => Number(b === main) - Number(a === main))
    .flatMap(([, addresses]) => addresses ?? [])
    .filter((address) => !address.internal && !address.address.startsWith('fe80:'));
  return [...usable.filter((address) => address.family === 'IPv4'), ...usable.filter((address) => address.family === 'IPv6')].map(
    ({ address }) => address,
  );
}
