// The addresses by which pods know this machine and what it serves. Pure.
import { addressAt, parseRange } from '../../network/mod.ts';
import { type ClusterIdentity, MachineError } from './data-dir.ts';

/** The last label of every name in the cluster. */
export const clusterDomain = 'cluster.local';
/** The cluster DNS has the tenth address of the service range, as everywhere. */
const dnsOffset = 10;

/** What pods and services know this machine by. */
export interface ClusterAddresses {
  /** This machine's own address on its pods' bridge. The API server is reached there by pods, though it listens on loopback only. */
  readonly gateway: string;
  /** Of the `kubernetes` Service. */
  readonly kubernetes: string;
  /** Of the `kube-dns` Service. */
  readonly dns: string;
}

export function clusterAddresses({ podCidr, serviceCidr }: Pick<ClusterIdentity, 'podCidr' | 'serviceCidr'>): ClusterAddresses {
  const [pods, services] = [parseRange(podCidr), parseRange(serviceCidr)];
  if (!pods || !services) throw new MachineError(`The ranges of pods (${podCidr}) and services (${serviceCidr}) must be IPv4.`);
  return { gateway: addressAt(pods, 1), kubernetes: addressAt(services, 1), dns: addressAt(services, dnsOffset) };
}
