// The cluster's certificates: one authority made at first start, certificates that it signs, and their renewal in time.
// Pure planning here; files and keys in `pki.ts`.

const dayMs = 24 * 60 * 60 * 1000;
/** As long as the data dir can be expected to live: the admin's credentials are to stay valid that long. */
export const authorityLifetimeMs = 100 * 365 * dayMs;
/** Certificates of components are short-lived, because they renew themselves. */
export const leafLifetimeMs = 365 * dayMs;
/** Clocks of clients may be behind. */
export const backdateMs = 60 * 60 * 1000;
/** The share of its lifetime after which a certificate is renewed. */
const renewAfterShare = 2 / 3;

export type LeafName = 'apiserver' | 'apiserver-kubelet-client' | 'kubelet' | 'admin' | 'front-proxy-client';
/** The front proxy's signs nothing else: whoever has a certificate of it may say who a request is of. */
export type AuthorityName = 'ca' | 'front-proxy-ca';

export interface LeafSpec {
  readonly name: LeafName;
  /** Default: `ca`. */
  readonly authority?: AuthorityName;
  readonly commonName: string;
  readonly organizations: readonly string[];
  readonly dnsNames: readonly string[];
  readonly ipAddresses: readonly string[];
  readonly usages: readonly ('server' | 'client')[];
  readonly lifetimeMs: number;
}

export interface ClusterNames {
  readonly nodeName: string;
  /** The machine's own addresses, which clients may use. */
  readonly addresses: readonly string[];
  /** The first address of the service range: the `kubernetes` service. */
  readonly serviceAddress: string;
}

/** Every certificate that the authorities sign. */
export function leafSpecs(names: ClusterNames): readonly LeafSpec[] {
  const { nodeName, addresses, serviceAddress } = names;
  const own = ['127.0.0.1', '::1', ...addresses];
  return [
    {
      name: 'apiserver',
      commonName: 'kube-apiserver',
      organizations: [],
      dnsNames: [
        'localhost',
        'kubernetes',
        'kubernetes.default',
        'kubernetes.default.svc',
        'kubernetes.default.svc.cluster.local',
        nodeName,
      ],
      ipAddresses: unique([...own, serviceAddress]),
      usages: ['server'],
      lifetimeMs: leafLifetimeMs,
    },
    {
      name: 'apiserver-kubelet-client',
      commonName: 'kube-apiserver-kubelet-client',
      organizations: ['system:masters'],
      dnsNames: [],
      ipAddresses: [],
      usages: ['client'],
      lifetimeMs: leafLifetimeMs,
    },
    {
      name: 'kubelet',
      commonName: `system:node:${nodeName}`,
      organizations: ['system:nodes'],
      dnsNames: ['localhost', nodeName],
      ipAddresses: unique(own),
      usages: ['server', 'client'],
      lifetimeMs: leafLifetimeMs,
    },
    {
      name: 'admin',
      commonName: 'kubernetes-admin',
      organizations: ['system:masters'],
      dnsNames: [],
      ipAddresses: [],
      usages: ['client'],
      lifetimeMs: authorityLifetimeMs,
    },
    {
      name: 'front-proxy-client',
      authority: 'front-proxy-ca',
      commonName: 'front-proxy-client',
      organizations: [],
      dnsNames: [],
      ipAddresses: [],
      usages: ['client'],
      lifetimeMs: leafLifetimeMs,
    },
  ];
}

/** What is known of a certificate that stands on disk. */
export interface Standing {
  readonly notBeforeMs: number;
  readonly notAfterMs: number;
  /** As node prints it: `DNS:localhost, IP Address:127.0.0.1`. */
  readonly subjectAltName: string;
}

/** Why a certificate must be made anew, or undefined when it may stay. */
export function renewalReason(
  spec: Pick<LeafSpec, 'dnsNames' | 'ipAddresses'>,
  standing: Standing | undefined,
  nowMs: number,
): 'missing' | 'names' | 'age' | undefined {
  if (!standing) return 'missing';
  const listed = new Set(standing.subjectAltName.split(', '));
  const names = [
    ...spec.dnsNames.map((name) => `DNS:${name}`),
    ...spec.ipAddresses.map((address) => `IP Address:${printedAddress(address)}`),
  ];
  if (!names.every((name) => listed.has(name))) return 'names';
  const ageAtRenewalMs = (standing.notAfterMs - standing.notBeforeMs) * renewAfterShare;
  return nowMs >= standing.notBeforeMs + ageAtRenewalMs ? 'age' : undefined;
}

/** IPv6 addresses are printed in full, in capitals: `::1` as `0:0:0:0:0:0:0:1`. */
function printedAddress(address: string): string {
  if (!address.includes(':')) return address;
  const [head = '', tail = ''] = address.split('::');
  const left = head === '' ? [] : head.split(':');
  const right = tail === '' ? [] : tail.split(':');
  const missing = address.includes('::') ? 8 - left.length - right.length : 0;
  return [...left, ...Array.from({ length: missing }, () => '0'), ...right]
    .map((part) => Number.parseInt(part, 16).toString(16).toUpperCase())
    .join(':');
}

const unique = (values: readonly string[]): readonly string[] => [...new Set(values)];
