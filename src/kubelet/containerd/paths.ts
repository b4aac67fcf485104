// Where a cluster's containerd keeps its things. Pure.
import { join } from 'node:path';

/** Sockets must fit in 108 bytes and state must not outlive a boot: they are under /run, not in the data directory. */
export const runRootDefault = '/run/minke';

export interface RuntimePaths {
  /** Images and snapshots: outlive a boot. */
  readonly root: string;
  /** Everything that ends with the boot: sockets, task state, network namespaces, leases of pod addresses. */
  readonly run: string;
  readonly state: string;
  readonly socket: string;
  readonly runcRoot: string;
  readonly config: string;
  readonly log: string;
  /** Who runs: {@link ProcessRecord} as JSON. */
  readonly record: string;
  readonly registries: string;
  readonly cniConf: string;
  /** Addresses given to pods. */
  readonly cniLeases: string;
}

export interface PathsOptions {
  /** Short and unique on the machine: `3fa9c1`. */
  readonly clusterId: string;
  readonly dataDir: string;
  readonly runRoot?: string;
}

export function runtimePaths({ clusterId, dataDir, runRoot = runRootDefault }: PathsOptions): RuntimePaths {
  const home = join(dataDir, 'containerd');
  const run = join(runRoot, clusterId);
  return {
    root: join(home, 'root'),
    run,
    state: join(run, 'state'),
    socket: join(run, 'containerd.sock'),
    runcRoot: join(run, 'runc'),
    config: join(home, 'config.toml'),
    log: join(home, 'containerd.log'),
    record: join(run, 'containerd.json'),
    registries: join(home, 'registries'),
    cniConf: join(home, 'cni'),
    cniLeases: join(run, 'cni'),
  };
}

/** What a cluster's cgroups hang below, as the runtime wants it: `/minke-3fa9c1`. */
export function cgroupRootOf(clusterId: string): string {
  return `/minke-${clusterId}`;
}

/** The parent of all pods' cgroups. */
export function podsCgroupOf(clusterId: string): string {
  return `${cgroupRootOf(clusterId)}/kubepods`;
}
