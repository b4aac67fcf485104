// The addresses by which pods know this machine and what it serves. Pure.
import { addressAt, parseRange } from '../../api/mod.ts';
import { type Family, familyOf, splitRanges } from '../../network/mod.ts';
import { type ClusterIdentity, MachineError } from './data-dir.ts';

/** The last label of every name in the cluster. */
export const clusterDomain = 'cluster.local';
/** The cluster DNS has the tenth address of the service range, as everywhere. */
const dnsOffset = 10;

/** What pods and services know this machine by, in one family. */
export interface FamilyAddresses {
  readonly family: Family;
  /** This node's pods'. */
  readonly podCidr: string;
  readonly serviceCidr: string;
  /** This machine's own address on its pods' bridge. The API server is reached there by pods, though it listens on loopback only. */
  readonly gateway: string;
  /** Of the `kubernetes` Service. */
  readonly kubernetes: string;
  /** Of the `kube-dns` Service. */
  readonly dns: string;
}

/** In the cluster's main family; `all` has the other one, too, where there is one. */
export interface ClusterAddresses extends FamilyAddresses {
  /** The main one first. */
  readonly all: readonly FamilyAddresses[];
}

export function clusterAddresses({ podCidr, serviceCidr }: Pick<ClusterIdentity, 'podCidr' | 'serviceCidr'>): ClusterAddresses {
  const services = splitRanges(serviceCidr);
  const all = splitRanges(podCidr).map((pods): FamilyAddresses => {
    const family = familyOf(pods);
    const own = services.find((range) => familyOf(range) === family) ?? '';
    const [podRange, serviceRange] = [parseRange(pods), parseRange(own)];
    if (!podRange || !serviceRange) throw unlike(podCidr, serviceCidr);
    return {
      family,
      podCidr: pods,
      serviceCidr: own,
      gateway: addressAt(podRange, 1),
      kubernetes: addressAt(serviceRange, 1),
      dns: addressAt(serviceRange, dnsOffset),
    };
  });
  const [main] = all;
  if (!main) throw unlike(podCidr, serviceCidr);
  return { ...main, all };
}

const unlike = (pods: string, services: string): MachineError =>
  new MachineError(`The ranges of pods (${pods}) and services (${services}) must be of the same families of addresses.`);

/** Those of the cluster's main family first, else in their order. */
export const mainFirst = (main: Family, addresses: readonly string[]): readonly string[] => [
  ...addresses.filter((address) => familyOf(address) === main),
  ...addresses.filter((address) => familyOf(address) !== main),
];
