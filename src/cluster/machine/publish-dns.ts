// The `kube-dns` Service: the address that every pod's resolv.conf names, and where this machine's server is behind it.
import {
  endpointslices,
  StatusError,
  sameMeaning,
  serviceNameLabel,
  services,
  type V1EndpointSlice,
  type V1Service,
} from '../../api/mod.ts';
import type { Client } from '../../client/mod.ts';
import { familyOf } from '../../network/mod.ts';

const namespace = 'kube-system';
const name = 'kube-dns';
/** Of the Service, as caches have it. */
export const dnsServiceKey = `${namespace}/${name}`;
const managedBy = 'minke-cluster-dns';
const dnsPort = 53;

/** Where the server is in one family. */
export interface DnsPlace {
  /** Of the Service. */
  readonly clusterIp: string;
  readonly address: string;
  readonly port: number;
}

/** Creates what is missing, and corrects where the server is found. The cluster's main family comes first. */
export async function publishDns(client: Client, places: readonly DnsPlace[]): Promise<void> {
  try {
    await client.get(services, { namespace, name });
  } catch (error) {
    if (!isReason(error, 'NotFound')) throw error;
    await client.create(services, dnsService(places));
  }
  for (const slice of dnsSlices(places)) await publishSlice(client, slice);
}

async function publishSlice(client: Client, slice: V1EndpointSlice): Promise<void> {
  try {
    await client.create(endpointslices, slice);
  } catch (error) {
    if (!isReason(error, 'AlreadyExists')) throw error;
    const standing = await client.get(endpointslices, { namespace, name: slice.metadata?.name ?? name });
    const same = sameMeaning(standing.endpoints, slice.endpoints) && sameMeaning(standing.ports, slice.ports);
    if (!same) await client.update(endpointslices, { ...standing, endpoints: slice.endpoints, ports: slice.ports });
  }
}

const isReason = (error: unknown, reason: string): boolean => error instanceof StatusError && error.reason === reason;

const labels = { 'k8s-app': 'kube-dns', 'kubernetes.io/cluster-service': 'true', 'kubernetes.io/name': 'CoreDNS' };

const dnsService = (places: readonly DnsPlace[]): V1Service => ({
  apiVersion: 'v1',
  kind: 'Service',
  metadata: { name, namespace, labels },
  spec: {
    clusterIP: places[0]?.clusterIp ?? '',
    ...(places.length > 1 ? { clusterIPs: places.map(({ clusterIp }) => clusterIp), ipFamilyPolicy: 'PreferDualStack' } : {}),
    ports: [
      { name: 'dns', protocol: 'UDP', port: dnsPort },
      { name: 'dns-tcp', protocol: 'TCP', port: dnsPort },
    ],
  },
});

/** One of each family, the main one's named as the Service. */
export const dnsSlices = (places: readonly DnsPlace[]): readonly V1EndpointSlice[] =>
  places.map(({ address, port }, i) => {
    const family = familyOf(address).name;
    return {
      apiVersion: 'discovery.k8s.io/v1',
      kind: 'EndpointSlice',
      metadata: {
        name: i === 0 ? name : `${name}-${family.toLowerCase()}`,
        namespace,
        labels: { [serviceNameLabel]: name, 'endpointslice.kubernetes.io/managed-by': managedBy },
      },
      addressType: family,
      endpoints: [{ addresses: [address], conditions: { ready: true } }],
      ports: [
        { name: 'dns', protocol: 'UDP', port },
        { name: 'dns-tcp', protocol: 'TCP', port },
      ],
    };
  });
