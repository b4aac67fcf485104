// The token by which a machine joins: a bootstrap token, and the pin of the CA by which the joining machine knows the server.
// One string: `abcdef.0123456789abcdef::sha256:<hex>`. The pin is of the CA's public key, as kubeadm has it
// (`--discovery-token-ca-cert-hash`): https://kubernetes.io/docs/reference/setup-tools/kubeadm/kubeadm-join/
import { createHash, timingSafeEqual, X509Certificate } from 'node:crypto';

export interface JoinToken {
  /** Public: names the Secret `bootstrap-token-<id>` and the user `system:bootstrap:<id>`. Six of [a-z0-9]. */
  readonly id: string;
  /** Sixteen of [a-z0-9]. */
  readonly secret: string;
  /** SHA-256 of the CA's SubjectPublicKeyInfo, in hexadecimal. */
  readonly caHash: string;
}

const form = /^([a-z0-9]{6})\.([a-z0-9]{16})::sha256:([0-9a-fA-F]{64})$/;

/** Undefined when the text is no join token. */
export function parseJoinToken(text: string): JoinToken | undefined {
  const [, id, secret, caHash] = form.exec(text.trim()) ?? [];
  return id === undefined || secret === undefined || caHash === undefined ? undefined : { id, secret, caHash: caHash.toLowerCase() };
}

export const formatJoinToken = ({ id, secret, caHash }: JoinToken): string => `${id}.${secret}::sha256:${caHash}`;

/** What the API server is sent: `Authorization: Bearer abcdef.0123456789abcdef`. */
export const bearerOf = ({ id, secret }: Pick<JoinToken, 'id' | 'secret'>): string => `${id}.${secret}`;

/** SHA-256 of a certificate's SubjectPublicKeyInfo, in hexadecimal. Takes PEM, the first certificate of it, or DER. */
export function publicKeyHash(certificate: string | Uint8Array): string {
  const key = new X509Certificate(certificate).publicKey.export({ type: 'spki', format: 'der' });
  return createHash('sha256').update(key).digest('hex');
}

/** Whether a CA that a server shows (PEM or DER) is the one that the token pins. */
export const isPinned = ({ caHash }: Pick<JoinToken, 'caHash'>, certificate: string | Uint8Array): boolean =>
  timingSafeEqual(Buffer.from(publicKeyHash(certificate), 'hex'), Buffer.from(caHash, 'hex'));
