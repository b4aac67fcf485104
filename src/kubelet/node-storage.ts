// What a node keeps on its disk for its pods: volumes, hosts files, termination messages, log directories.
import { join } from 'node:path';
import type { Clock, Random } from '../base/mod.ts';
import type { FileSystem } from '../base/ports/fs.ts';
import type { Mounts } from '../base/ports/mounts.ts';
import type { Client } from '../client/mod.ts';
import { type DnsConfig, parseResolvConf } from './container/dns.ts';
import type { ImageViews } from './cri/image-views.ts';
import type { Csi } from './csi/csi.ts';
import { createPodCgroups, type PodCgroups } from './node/pod-cgroups.ts';
import { createKernelUsage, noUsage, type UsageSource } from './node/usage-source.ts';
import { createPodFiles, type PodFiles } from './pod/files.ts';
import { volumeReferencesOf } from './pod/references.ts';
import type { ReferenceCache } from './reference-cache.ts';
import { createVolumes, type Volumes } from './volumes/manager.ts';
import { createClaimSource } from './volumes/persistent-claim.ts';
import { createTokenSource } from './volumes/tokens.ts';

export interface NodeStorage {
  readonly files: PodFiles;
  volumes(references: ReferenceCache): Volumes;
  readonly cgroups: PodCgroups;
  /** What the machine and the pods below this cgroup use. */
  usage(cgroupRoot: string): UsageSource;
  /** The machine's own resolv.conf. */
  hostDns(): Promise<DnsConfig>;
  /** Volumes of storage drivers; absent on a node without them. */
  readonly csi?: Csi | undefined;
  /** Absent on a simulated node, which has none. */
  readonly disk?: NodeDisk;
}

export interface NodeDisk {
  readonly fs: FileSystem;
  readonly mounts: Mounts;
  /** `<dataDir>/pods` */
  readonly podsDirectory: string;
  /** Of static pods' manifests. */
  readonly manifests: string;
}

export interface DiskStorageOptions {
  readonly fs: FileSystem;
  readonly mounts: Mounts;
  readonly clock: Clock;
  readonly random: Random;
  /** For service account tokens, claims and volumes. */
  readonly client: Client;
  readonly dirs: {
    /** `<dataDir>/pods` */
    readonly pods: string;
    /** `<dataDir>/logs`, or `/var/log/pods` */
    readonly logs: string;
    /** Manifests of static pods. Default: `manifests` beside the kubelet's own directory. */
    readonly manifests?: string;
  };
  /** Volumes of storage drivers. Absent: a node without them. */
  readonly csi?: Csi | undefined;
  /** For volumes of type image. */
  readonly imageViews?: ImageViews | undefined;
  /** Default `/etc/resolv.conf`. */
  readonly resolvConf?: string;
}

/** A real machine's storage. */
export function createDiskStorage(options: DiskStorageOptions): NodeStorage {
  const { fs, mounts, clock, random, client, dirs, csi, imageViews, resolvConf = '/etc/resolv.conf' } = options;
  const tokens = createTokenSource({ client, clock });
  const claims = createClaimSource(client);
  const cgroups = createPodCgroups({ fs, mounts });
  const parts = { fs, mounts, clock, random, tokens, claims, imageViews, csi: csi?.volumes, directory: dirs.pods };
  return {
    files: createPodFiles({ fs, podsDirectory: dirs.pods, logsDirectory: dirs.logs }),
    volumes(references) {
      const volumes = createVolumes({ ...parts, references });
      return {
        ...volumes,
        async setUp(pod, facts, signal) {
          await references.load(volumeReferencesOf(pod), signal);
          return volumes.setUp(pod, facts, signal);
        },
      };
    },
    csi,
    cgroups,
    usage: (cgroupRoot) => createKernelUsage({ cgroupRoot, cgroups, fs, directory: dirs.pods }),
    disk: { fs, mounts, podsDirectory: dirs.pods, manifests: dirs.manifests ?? join(dirs.pods, '..', '..', 'manifests') },
    hostDns: async () => parseResolvConf((await fs.readText(resolvConf)) ?? ''),
  };
}

/** No disk at all: volumes are always there, and nothing is written. For simulated nodes. */
export function createNoStorage(usage: UsageSource = noUsage): NodeStorage {
  const files: PodFiles = {
    logDirectory: (id) => join('/simulated', `${id.namespace}_${id.name}_${id.uid}`),
    userRange: async () => ({ hostId: 65_536, length: 65_536 }),
    prepareSandbox: async () => {},
    prepareContainer: async () => [],
    terminationMessage: async () => '',
    removeRun: async () => {},
    remove: async () => {},
    list: async () => [],
  };
  const volumes: Volumes = {
    setUp: async () => ({}),
    tearDown: async () => {},
    mountImage: async () => {},
    mountsOf: async () => [],
    devicesOf: async () => [],
  };
  const cgroups: PodCgroups = {
    limit: async () => [],
    usage: async () => undefined,
    details: async () => undefined,
    firstProcess: async () => undefined,
    remove: async () => {},
    sweep: async () => {},
  };
  return { files, volumes: () => volumes, cgroups, usage: () => usage, hostDns: async () => ({ servers: [], searches: [], options: [] }) };
}
