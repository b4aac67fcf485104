// Certificate requests: which are approved without asking anybody, what each signer of the cluster signs, how long for, and when
// a request is old. Pure. Source: https://kubernetes.io/docs/reference/access-authn-authz/certificate-signing-requests/
import {
  formatTime,
  timeMs,
  type V1CertificateSigningRequest,
  type V1CertificateSigningRequestCondition,
  type V1NodeAddress,
} from '../../api/mod.ts';
import type { RequestedNames, Validity } from './ports.ts';

export const signers = {
  client: 'kubernetes.io/kube-apiserver-client',
  kubeletClient: 'kubernetes.io/kube-apiserver-client-kubelet',
  kubeletServing: 'kubernetes.io/kubelet-serving',
  legacyUnknown: 'kubernetes.io/legacy-unknown',
} as const;

const hourMs = 60 * 60 * 1000;
const lifetimeMaxMs = 365 * 24 * hourMs;
const lifetimeMinMs = 10 * 60 * 1000;
/** Clocks of those who check it may be behind. Less than the shortest life. */
const backdateMs = 5 * 60 * 1000;
/** A life this short or shorter is not counted from the backdated beginning. */
const shortLifeMs = 8 * hourMs;
const approvedKeptMs = hourMs;
const deniedKeptMs = hourMs;
const pendingKeptMs = 24 * hourMs;

const has = ({ status }: V1CertificateSigningRequest, type: string): boolean =>
  status?.conditions?.some((condition) => condition.type === type) === true;

export const isDecided = (request: V1CertificateSigningRequest): boolean => has(request, 'Approved') || has(request, 'Denied');

/** Approved, and neither signed nor given up. */
export const awaitsSigning = (request: V1CertificateSigningRequest): boolean =>
  has(request, 'Approved') && !has(request, 'Denied') && !has(request, 'Failed') && !request.status?.certificate;

/** A condition that holds from now on. */
export const condition = (type: string, reason: string, message: string, nowMs: number): V1CertificateSigningRequestCondition => ({
  type,
  status: 'True',
  reason,
  message,
  lastUpdateTime: formatTime(nowMs),
});

const nodePrefix = 'system:node:';
const nodeGroup = 'system:nodes';

/** What is the same for kubelets' requests of both sorts. */
function kubeletProblem(names: RequestedNames, usages: readonly string[], wanted: readonly string[]): string | undefined {
  if (names.emailAddresses.length > 0) return 'Email subjectAltNames are not allowed';
  if (names.uris.length > 0) return 'URI subjectAltNames are not allowed';
  if (!names.commonName.startsWith(nodePrefix)) return 'subject common name does not begin with system:node: ';
  const isWanted = usages.every((usage) => wanted.includes(usage)) && wanted.every((usage) => mayLack(usage) || usages.includes(usage));
  return isWanted ? undefined : `usages did not match [${wanted.join(' ')}]`;
}

/** Keys other than RSA encipher no keys. */
const mayLack = (usage: string): boolean => usage === 'key encipherment';

const isOfNodes = ({ organizations }: RequestedNames): boolean => organizations.length === 1 && organizations[0] === nodeGroup;

function kubeletClientProblem(names: RequestedNames, usages: readonly string[]): string | undefined {
  if (!isOfNodes(names)) return 'subject organization is not system:nodes';
  if (names.dnsNames.length > 0) return 'DNS subjectAltNames are not allowed';
  if (names.ipAddresses.length > 0) return 'IP subjectAltNames are not allowed';
  return kubeletProblem(names, usages, ['client auth', 'digital signature', 'key encipherment']);
}

function kubeletServingProblem(names: RequestedNames, usages: readonly string[]): string | undefined {
  if (!isOfNodes(names)) return 'subject organization is not system:nodes';
  if (names.dnsNames.length === 0 && names.ipAddresses.length === 0) return 'DNS or IP subjectAltName is required';
  return kubeletProblem(names, usages, ['digital signature', 'key encipherment', 'server auth']);
}

function clientProblem(_names: RequestedNames, usages: readonly string[]): string | undefined {
  const other = usages.find((usage) => !['digital signature', 'key encipherment', 'client auth'].includes(usage));
  if (other !== undefined) return `invalid usage for client certificate: ${other}`;
  return usages.includes('client auth') ? undefined : 'missing required usage for client certificate: client auth';
}

const problems: Readonly<Record<string, (names: RequestedNames, usages: readonly string[]) => string | undefined>> = {
  [signers.client]: clientProblem,
  [signers.kubeletClient]: kubeletClientProblem,
  [signers.kubeletServing]: kubeletServingProblem,
  [signers.legacyUnknown]: () => undefined,
};

/** Whether one of the cluster's own signers is asked. */
export const isOwnSigner = (signerName: string): boolean => Object.hasOwn(problems, signerName);

/** Why the signer does not sign this; undefined when it does. */
export const signerProblem = (signerName: string, names: RequestedNames, usages: readonly string[]): string | undefined =>
  problems[signerName]?.(names, usages);

export interface AutoApproval {
  /** The asker must be allowed to create `certificatesigningrequests/<subresource>`. */
  readonly subresource: 'selfnodeclient' | 'nodeclient';
  readonly message: string;
}

/** The rights by which a request is approved at once, the first that the asker has. Empty: somebody must look at it. */
export function autoApprovals({ spec }: V1CertificateSigningRequest, names: RequestedNames): readonly AutoApproval[] {
  const usages = spec.usages ?? [];
  if (spec.signerName !== signers.kubeletClient || kubeletClientProblem(names, usages) !== undefined) return [];
  const self: AutoApproval = {
    subresource: 'selfnodeclient',
    message: 'Auto approving self kubelet client certificate after SubjectAccessReview.',
  };
  const any: AutoApproval = { subresource: 'nodeclient', message: 'Auto approving kubelet client certificate after SubjectAccessReview.' };
  return spec.username === names.commonName ? [self, any] : [any];
}

/**
 * Whether a node asks for a serving certificate under its own name and addresses, as its Node object has them. Others could else
 * pass for another machine.
 */
export function isOwnServing({ spec }: V1CertificateSigningRequest, names: RequestedNames, addresses: readonly V1NodeAddress[]): boolean {
  if (spec.signerName !== signers.kubeletServing || kubeletServingProblem(names, spec.usages ?? []) !== undefined) return false;
  if (spec.username !== names.commonName || !spec.groups?.includes(nodeGroup)) return false;
  const own = (isIp: boolean) => new Set(addresses.filter(({ type }) => type.endsWith('IP') === isIp).map(({ address }) => address));
  const [ips, hosts] = [own(true), own(false)];
  return names.ipAddresses.every((ip) => ips.has(ip)) && names.dnsNames.every((host) => hosts.has(host));
}

/** The node that a kubelet's user name stands for. */
export const nodeOfUser = (username: string | undefined): string | undefined =>
  username?.startsWith(nodePrefix) ? username.slice(nodePrefix.length) : undefined;

/** As long as is asked for, within the signer's bounds; not beyond the authority's own end. */
export function validityOf(expirationSeconds: number | undefined, nowMs: number, authorityEndMs: number): Validity {
  const asked = expirationSeconds === undefined ? lifetimeMaxMs : expirationSeconds * 1000;
  const lifetimeMs = Math.min(Math.max(asked, lifetimeMinMs), lifetimeMaxMs);
  const notBeforeMs = nowMs - backdateMs;
  const endMs = (lifetimeMs < shortLifeMs ? nowMs : notBeforeMs) + lifetimeMs;
  return { notBeforeMs, notAfterMs: Math.min(endMs, authorityEndMs) };
}

/** In how many milliseconds a request is old and goes. `certificateEndMs`: of the certificate in it, where that can be read. */
export function expiresInMs(request: V1CertificateSigningRequest, certificateEndMs: number | undefined, nowMs: number): number {
  const conditions = request.status?.conditions ?? [];
  const ends = conditions.flatMap(({ type, lastUpdateTime }) => {
    const keptMs = type === 'Approved' ? approvedKeptMs : type === 'Denied' || type === 'Failed' ? deniedKeptMs : undefined;
    return keptMs === undefined ? [] : [timeMs(lastUpdateTime, nowMs) + keptMs];
  });
  if (conditions.length === 0) ends.push(timeMs(request.metadata?.creationTimestamp, nowMs) + pendingKeptMs);
  if (request.status?.certificate && certificateEndMs !== undefined) ends.push(certificateEndMs);
  // Conditions of others alone keep a request as if nobody had decided.
  if (ends.length === 0) ends.push(timeMs(request.metadata?.creationTimestamp, nowMs) + pendingKeptMs);
  return Math.max(0, Math.min(...ends) - nowMs);
}
