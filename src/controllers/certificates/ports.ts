// What the certificate controllers need from outside: the names that a request asks for, and whoever holds the authority's key.
import { certificatesigningrequests as requestType, type V1CertificateSigningRequest } from '../../api/mod.ts';
import type { Validity } from '../../base/ports/certificate-reader.ts';
import type { RequestedNames, Signing } from '../../base/ports/request-signing.ts';

export type { RequestedNames, Validity };
export { requestType };

export interface CertificateSigner {
  /** When the authority's own certificate ends. */
  readonly authorityEndMs: number;
  /** The certificate, as PEM. */
  sign(signing: Signing): Promise<string>;
}

export const pemOf = ({ spec }: V1CertificateSigningRequest): string => Buffer.from(spec.request, 'base64').toString('latin1');

/** Reading X.509 costs a start nothing: the library is loaded when the first request is there. */
export async function namesIn(request: V1CertificateSigningRequest): Promise<RequestedNames> {
  const { readCertificateRequest } = await import('../../base/ports/request-signing.ts');
  return readCertificateRequest(pemOf(request));
}
