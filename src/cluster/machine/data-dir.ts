// The data dir: what names a cluster on a machine. Says in one sentence when a directory cannot be used, and why.
import { createHash } from 'node:crypto';
import { join } from 'node:path';
import type { Clock } from '../../base/mod.ts';
import { FileError, type FileSystem } from '../../base/ports/fs.ts';
import type { PodNetworkMode } from '../../network/mod.ts';

/** The layout's version. A newer Minke converts older ones; an older one refuses newer ones. */
const formatVersion = 1;
const markerName = 'minke.json';

/** The state of the machine or of a directory does not allow what was asked; the message is one sentence with the remedy. */
export class MachineError extends Error {
  override readonly name = 'MachineError';
}

/** What a cluster keeps for life. */
export interface ClusterIdentity {
  readonly format: number;
  /** Six hexadecimal digits, part of the names of everything that the cluster adds to the machine. */
  readonly id: string;
  readonly createdAt: string;
  readonly nodeName: string;
  readonly port: number;
  /** The address that the API server listens on. */
  readonly bindAddress: string;
  /** This and the next: one range, or one of each family with a comma between, the main one first. */
  readonly serviceCidr: string;
  /** Of the pods of every node. */
  readonly clusterCidr: string;
  /** Of this node's pods: a part of `clusterCidr`. */
  readonly podCidr: string;
  /** How nodes reach each other's pods. */
  readonly podNetwork: PodNetworkMode;
  /** On a machine that has joined another's cluster: the URL of its API server. */
  readonly server?: string | undefined;
}

/** Reached by this machine's own programs alone. */
export const loopback = '127.0.0.1';

/** Absolute paths below the data dir. The container runtime's own are `runtimePaths` of the kubelet. */
export interface ClusterPaths {
  readonly dataDir: string;
  readonly marker: string;
  readonly lock: string;
  readonly store: string;
  readonly log: string;
  readonly kubeconfig: string;
  readonly kubelet: string;
  readonly images: string;
}

export function clusterPaths(dataDir: string): ClusterPaths {
  return {
    dataDir,
    marker: join(dataDir, markerName),
    lock: join(dataDir, 'minke.pid'),
    store: join(dataDir, 'store'),
    log: join(dataDir, 'minke.log'),
    kubeconfig: join(dataDir, 'admin.kubeconfig'),
    kubelet: join(dataDir, 'kubelet'),
    images: join(dataDir, 'images'),
  };
}

/** The same directory always gives the same id, so that what a lost data dir left on the machine is found again. */
export const clusterIdOf = (dataDir: string): string => createHash('sha256').update(dataDir).digest('hex').slice(0, 6);

/** Reads the identity of the cluster that lives in the directory; undefined when there is none yet and one may be made. */
export async function readIdentity(fs: FileSystem, dataDir: string): Promise<ClusterIdentity | undefined> {
  const { marker } = clusterPaths(dataDir);
  const text = await fs.readText(marker);
  if (text === undefined) {
    const found = await fs.linkStat(dataDir);
    if (found && found.kind !== 'directory' && found.kind !== 'link') {
      throw new MachineError(`Cannot use ${dataDir} as the data dir: it is not a directory. Name another one with --data-dir.`);
    }
    const foreign = (await fs.list(dataDir)).find((entry) => !startedFiles.has(entry.name));
    if (foreign) {
      throw new MachineError(
        `Cannot use ${dataDir} as the data dir: it holds "${foreign.name}" but no ${markerName}, so it is not Minke's. Name an empty directory with --data-dir.`,
      );
    }
    return undefined;
  }
  return parseIdentity(text, marker);
}

/** What may stand in a data dir before its marker: a start that was interrupted. */
const startedFiles = new Set(['minke.pid', 'minke.log', 'lost+found', 'store', 'pki']);

function parseIdentity(text: string, marker: string): ClusterIdentity {
  let value: Partial<ClusterIdentity> | null;
  try {
    value = JSON.parse(text) as Partial<ClusterIdentity> | null;
  } catch (error) {
    throw new MachineError(
      `Cannot read ${marker}: it is damaged (not JSON). Restore it from a backup, or remove the data dir to begin anew.`,
      { cause: error },
    );
  }
  if (typeof value?.format === 'number' && value.format > formatVersion) {
    throw new MachineError(
      `Cannot use this data dir: ${marker} has format ${value.format}, and this Minke knows formats up to ${formatVersion}. Use a newer Minke.`,
    );
  }
  const { id, createdAt, nodeName, port, serviceCidr, podCidr, server } = value ?? {};
  if (value?.format === undefined || !id || !createdAt || !nodeName || !port || !serviceCidr || !podCidr) {
    throw new MachineError(
      `Cannot read ${marker}: it is damaged (a field is missing). Restore it from a backup, or remove the data dir to begin anew.`,
    );
  }
  // Data dirs from before there were several nodes name neither: the node has all of the pods' range.
  const { clusterCidr = podCidr, bindAddress = loopback, podNetwork = 'vxlan' } = value;
  const identity = { format: value.format, id, createdAt, nodeName, port, bindAddress, serviceCidr, clusterCidr, podCidr, podNetwork };
  return server === undefined ? identity : { ...identity, server };
}

/** Writes the identity durably, and makes the data dir when it is missing. */
export async function writeIdentity(
  fs: FileSystem,
  clock: Clock,
  dataDir: string,
  identity: Omit<ClusterIdentity, 'format' | 'id' | 'createdAt'> & { readonly createdAt?: string },
): Promise<ClusterIdentity> {
  const whole: ClusterIdentity = {
    format: formatVersion,
    id: clusterIdOf(dataDir),
    createdAt: identity.createdAt ?? new Date(clock.nowMs()).toISOString(),
    nodeName: identity.nodeName,
    port: identity.port,
    bindAddress: identity.bindAddress,
    serviceCidr: identity.serviceCidr,
    clusterCidr: identity.clusterCidr,
    podCidr: identity.podCidr,
    podNetwork: identity.podNetwork,
    ...(identity.server === undefined ? {} : { server: identity.server }),
  };
  await makeDataDir(fs, dataDir);
  await fs.write(clusterPaths(dataDir).marker, `${JSON.stringify(whole, undefined, 2)}\n`, { mode: 0o600, durable: true });
  return whole;
}

/** Makes the directory, mode 0700. Throws {@link MachineError} when the machine refuses. */
export async function makeDataDir(fs: FileSystem, dataDir: string): Promise<void> {
  try {
    await fs.mkdir(dataDir, { mode: 0o700 });
  } catch (error) {
    const why = error instanceof FileError ? error.message : String(error);
    throw new MachineError(`${why}. Name a directory that can be written with --data-dir.`, { cause: error });
  }
}
