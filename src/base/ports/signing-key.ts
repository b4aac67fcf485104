// Keys that sign short texts (JSON Web Signatures): made, read from PEM, and used synchronously.
// Source: RFC 7515, RFC 7517, RFC 7518
import { createHash, createPrivateKey, createPublicKey, generateKeyPairSync, type KeyObject, sign, verify } from 'node:crypto';

export type SigningAlgorithm = 'ES256' | 'RS256';

export interface SigningKey {
  readonly algorithm: SigningAlgorithm;
  /** The hash of the public key, in base64url: tells keys apart. */
  readonly keyId: string;
  /** The public half as a JSON Web Key. */
  readonly jwk: Readonly<Record<string, string>>;
  sign(data: Uint8Array): Uint8Array;
  verify(data: Uint8Array, signature: Uint8Array): boolean;
}

/** A new P-256 key, as PKCS #8 PEM. */
export function generateSigningKeyPem(): string {
  const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  return privateKey.export({ type: 'pkcs8', format: 'pem' }).toString();
}

/** Throws when the PEM holds neither a P-256 nor an RSA private key. */
export function openSigningKey(pem: string): SigningKey {
  const privateKey = createPrivateKey(pem);
  const publicKey = createPublicKey(privateKey);
  const algorithm = algorithmOf(privateKey);
  const keyId = createHash('sha256')
    .update(publicKey.export({ type: 'spki', format: 'der' }))
    .digest('base64url');
  const public_ = publicKey.export({ format: 'jwk' }) as Readonly<Record<string, string>>;
  const encoding = 'ieee-p1363' as const;
  return {
    algorithm,
    keyId,
    jwk: { use: 'sig', kid: keyId, alg: algorithm, ...public_ },
    sign: (data) => sign('sha256', data, { key: privateKey, dsaEncoding: encoding }),
    verify: (data, signature) => verify('sha256', data, { key: publicKey, dsaEncoding: encoding }, signature),
  };
}

function algorithmOf(key: KeyObject): SigningAlgorithm {
  const { asymmetricKeyType: type, asymmetricKeyDetails: details } = key;
  if (type === 'rsa') return 'RS256';
  if (type === 'ec' && details?.namedCurve === 'prime256v1') return 'ES256';
  throw new Error(`Cannot sign with this key: wanted a P-256 or an RSA key, got ${details?.namedCurve ?? type ?? 'another'}`);
}
