// Public keys as JSON Web Keys, and what they have signed. The algorithm is one that the key is fit for, never the token's word alone.
// Source: RFC 7517, RFC 7518
import { constants, createPublicKey, type JsonWebKey, type KeyObject, type VerifyKeyObjectInput, verify } from 'node:crypto';

/** Asymmetric signatures alone: a key that everybody has proves nothing by HMAC. */
export const signatureAlgorithms = ['RS256', 'RS384', 'RS512', 'ES256', 'ES384', 'ES512', 'PS256', 'PS384', 'PS512'] as const;
export type SignatureAlgorithm = (typeof signatureAlgorithms)[number];

export interface JwkVerifier {
  /** Empty where the key has none. */
  readonly keyId: string;
  verify(algorithm: SignatureAlgorithm, data: Uint8Array, signature: Uint8Array): boolean;
}

const curves: Readonly<Record<string, string>> = { ES256: 'prime256v1', ES384: 'secp384r1', ES512: 'secp521r1' };
const rsaBitsMin = 2048;

/** Undefined for what is no public key to check signatures with. */
export function openJwk(jwk: Readonly<Record<string, unknown>>): JwkVerifier | undefined {
  if (jwk.use !== undefined && jwk.use !== 'sig') return undefined;
  let key: KeyObject;
  try {
    key = createPublicKey({ key: jwk as JsonWebKey, format: 'jwk' });
  } catch {
    return undefined;
  }
  const bound = typeof jwk.alg === 'string' ? jwk.alg : undefined;
  return {
    keyId: typeof jwk.kid === 'string' ? jwk.kid : '',
    verify(algorithm, data, signature) {
      if ((bound !== undefined && bound !== algorithm) || !isFit(key, algorithm)) return false;
      return verify(`sha${algorithm.slice(2)}`, data, inputOf(key, algorithm), signature);
    },
  };
}

function isFit({ asymmetricKeyType: type, asymmetricKeyDetails: details }: KeyObject, algorithm: SignatureAlgorithm): boolean {
  if (algorithm.startsWith('ES')) return type === 'ec' && details?.namedCurve === curves[algorithm];
  return type === 'rsa' && (details?.modulusLength ?? 0) >= rsaBitsMin;
}

function inputOf(key: KeyObject, algorithm: SignatureAlgorithm): VerifyKeyObjectInput {
  if (algorithm.startsWith('ES')) return { key, dsaEncoding: 'ieee-p1363' };
  if (!algorithm.startsWith('PS')) return { key };
  return { key, padding: constants.RSA_PKCS1_PSS_PADDING, saltLength: constants.RSA_PSS_SALTLEN_DIGEST };
}
