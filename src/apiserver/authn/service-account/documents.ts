// How others check service account tokens: the OpenID provider's document and its public keys.
// Source: https://kubernetes.io/docs/tasks/configure-pod-container/configure-service-account/#service-account-issuer-discovery
import { bytesResponse, type EdgeResponse } from '../../http/exchange.ts';
import type { TokenKey } from './jwt.ts';

export const configurationPath = '/.well-known/openid-configuration';
export const keysPath = '/openid/v1/jwks';

export interface IssuerDocumentsOptions {
  readonly issuer: string;
  readonly keys: readonly TokenKey[];
}

/** Gives the answer for the two paths, and undefined for others. */
export function createIssuerDocuments({ issuer, keys }: IssuerDocumentsOptions): (path: string) => EdgeResponse | undefined {
  const configuration = Buffer.from(
    JSON.stringify({
      issuer,
      // Who has found this document at the issuer finds the keys there: the address that this server listens at may be loopback.
      jwks_uri: `${issuer}${keysPath}`,
      response_types_supported: ['id_token'],
      subject_types_supported: ['public'],
      id_token_signing_alg_values_supported: [...new Set(keys.map((key) => key.algorithm))],
    }),
  );
  const keySet = Buffer.from(JSON.stringify({ keys: keys.map((key) => key.jwk) }));
  return (path) => {
    if (path === configurationPath) return cached('application/json', configuration);
    if (path === keysPath) return cached('application/jwk-set+json', keySet);
    return undefined;
  };
}

function cached(contentType: string, bytes: Uint8Array): EdgeResponse {
  const response = bytesResponse(200, contentType, bytes);
  return { ...response, headers: { ...response.headers, 'cache-control': 'public, max-age=3600' } };
}
