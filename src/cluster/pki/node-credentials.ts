// The credentials of a node on another machine: the CA, known by the token's pin, and certificates that the cluster signs on request.
// Source: https://kubernetes.io/docs/reference/access-authn-authz/kubelet-tls-bootstrapping/
import { certificatesigningrequests, type KubeObject, type V1CertificateSigningRequest } from '../../api/mod.ts';
import { type Clock, errorText, type Logger, sleep } from '../../base/mod.ts';
import { readCertificate } from '../../base/ports/certificate-reader.ts';
import type { CertifiedKey } from '../../base/ports/certificates.ts';
import { createHttpClient } from '../../base/ports/http-client.ts';
import type { Client } from '../../client/mod.ts';
import { renewalReason } from './certificates.ts';
import { isPinned, type JoinToken, publicKeyHash } from './join-token.ts';
import { authorityOf } from './kubeconfig.ts';
import { type PkiFiles, readPair, writePair } from './pki.ts';

const discoveryPath = '/api/v1/namespaces/kube-public/configmaps/cluster-info';
const answerMs = 10_000;
const answerBytesMax = 256 * 1024;
const approvalMs = 60_000;
const lookEveryMs = 250;
/** How often a node looks whether a certificate wants renewal. */
const renewalCheckMs = 60 * 60 * 1000;

/** Joining is not possible; the message is one sentence with the remedy. */
export class JoinError extends Error {
  override readonly name = 'JoinError';
}

/** The CA of the server, as PEM. Nothing secret is sent to a server whose CA is not the pinned one. Throws {@link JoinError}. */
export async function fetchAuthority(clock: Clock, server: string, token: JoinToken): Promise<string> {
  const http = createHttpClient({ clock, tls: { insecure: true } });
  try {
    const response = await http.request({ url: `${server}${discoveryPath}`, headTimeoutMs: answerMs }).catch((error: unknown) => {
      throw new JoinError(`Cannot reach the API server at ${server}: ${errorText(error)}. Name another address with --server.`, {
        cause: error,
      });
    });
    const text = Buffer.from(await response.readAll(answerBytesMax)).toString('utf8');
    const pem = response.status === 200 ? authorityIn(text) : undefined;
    if (pem === undefined) {
      throw new JoinError(
        `The server at ${server} does not say who it is (status ${response.status}): make a token with \`minke token create\` there.`,
      );
    }
    if (isPinned(token, pem)) return pem;
    throw new JoinError(
      `The server at ${server} is not the one of this token: its CA is sha256:${publicKeyHash(pem)}, and the token wants sha256:${token.caHash}. Nothing was sent to it. Check --server, or make a new token with \`minke token create\`.`,
    );
  } finally {
    http.close();
  }
}

function authorityIn(configMap: string): string | undefined {
  try {
    return authorityOf((JSON.parse(configMap) as { data?: { kubeconfig?: string } }).data?.kubeconfig ?? '');
  } catch {
    return undefined; // Some other server.
  }
}

export type NodeCertificate = 'kubelet-client' | 'kubelet';

const signers: Readonly<Record<NodeCertificate, { readonly signerName: string; readonly usage: string }>> = {
  'kubelet-client': { signerName: 'kubernetes.io/kube-apiserver-client-kubelet', usage: 'client auth' },
  kubelet: { signerName: 'kubernetes.io/kubelet-serving', usage: 'server auth' },
};

export interface NodeCredentialsOptions extends PkiFiles {
  readonly nodeName: string;
  /** In the certificate of the kubelet's port. */
  readonly addresses: readonly string[];
  readonly clock: Clock;
  readonly signal: AbortSignal;
}

const namesOf = (name: NodeCertificate, { nodeName, addresses }: NodeCredentialsOptions) =>
  name === 'kubelet' ? { dnsNames: [nodeName], ipAddresses: addresses } : { dnsNames: [], ipAddresses: [] };

/** What stands, with how it is: `age` and `names` want another, and do until then. */
export async function standingCertificate(
  options: NodeCredentialsOptions,
  name: NodeCertificate,
): Promise<{ readonly pair: CertifiedKey; readonly wants: 'nothing' | 'renewal' } | undefined> {
  const pair = await readPair(options, name);
  if (!pair) return undefined;
  const read = readCertificate(pair.certificatePem);
  const nowMs = options.clock.nowMs();
  if (nowMs >= read.notAfterMs) return undefined;
  return { pair, wants: renewalReason(namesOf(name, options), read, nowMs) === undefined ? 'nothing' : 'renewal' };
}

/** Asks the cluster for a certificate, waits for it, and keeps it. Throws {@link JoinError}. */
export async function requestCertificate(options: NodeCredentialsOptions, client: Client, name: NodeCertificate): Promise<CertifiedKey> {
  const { nodeName, clock, signal } = options;
  const { makeCertificateRequest } = await import('../../base/ports/request-making.ts');
  const subject = { commonName: `system:node:${nodeName}`, organizations: ['system:nodes'] };
  const { requestPem, keyPem } = await makeCertificateRequest({ ...subject, ...namesOf(name, options) });
  const { signerName, usage } = signers[name];
  const wanted: V1CertificateSigningRequest & KubeObject = {
    metadata: { generateName: 'csr-' },
    spec: { request: Buffer.from(requestPem).toString('base64'), signerName, usages: ['digital signature', usage] },
  };
  const made = await client.create(certificatesigningrequests, wanted, { signal });
  const key = { name: made.metadata.name };
  for (let waitedMs = 0; waitedMs < approvalMs; waitedMs += lookEveryMs) {
    const { status } = await client.get(certificatesigningrequests, key, { signal });
    const refused = status?.conditions?.find(({ type }) => type === 'Denied' || type === 'Failed');
    if (refused)
      throw new JoinError(`The cluster refused a certificate to ${nodeName} (${signerName}): ${refused.message ?? refused.reason ?? ''}`);
    if (status?.certificate) {
      const pair = { certificatePem: Buffer.from(status.certificate, 'base64').toString('latin1'), keyPem };
      await writePair(options, name, pair);
      return pair;
    }
    await sleep(clock, lookEveryMs, signal);
  }
  throw new JoinError(
    `The cluster did not sign a certificate for ${nodeName} within ${approvalMs / 1000} s: approve it with \`kubectl certificate approve ${key.name}\`, then try again.`,
  );
}

export interface KeepNodeCertificates extends NodeCredentialsOptions {
  readonly client: Client;
  readonly log: Logger;
  readonly onRenewed: (name: NodeCertificate, pair: CertifiedKey) => void;
}

/** Looks once an hour whether a certificate wants renewal. Ends when the signal fires. */
export async function keepNodeCertificates(options: KeepNodeCertificates): Promise<void> {
  const { client, clock, signal, log, onRenewed } = options;
  while (!signal.aborted) {
    for (const name of ['kubelet-client', 'kubelet'] as const) {
      try {
        const standing = await standingCertificate(options, name);
        if (standing?.wants === 'nothing') continue;
        onRenewed(name, await requestCertificate(options, client, name));
        log.info('Certificate renewed', { name });
      } catch (error) {
        if (!signal.aborted) log.error('A certificate could not be renewed; trying again in an hour', { name, error: errorText(error) });
      }
    }
    await sleep(clock, renewalCheckMs, signal).catch(() => {});
  }
}
