// Reads X.509 certificates with what node has: cheap, unlike making them (`certificates.ts`).
import { X509Certificate } from 'node:crypto';

export interface Validity {
  readonly notBeforeMs: number;
  readonly notAfterMs: number;
}

/** When a certificate is valid, and its subject alternative names as node prints them: `DNS:localhost, IP Address:127.0.0.1`. */
export function readCertificate(certificatePem: string): Validity & { readonly subjectAltName: string } {
  const certificate = new X509Certificate(certificatePem);
  return {
    notBeforeMs: Date.parse(certificate.validFrom),
    notAfterMs: Date.parse(certificate.validTo),
    subjectAltName: certificate.subjectAltName ?? '',
  };
}

/** Tells whether certificates (DER) are signed by the authority of that PEM. */
export function createIssuerCheck(authorityPem: string): (certificate: Uint8Array) => boolean {
  const authority = new X509Certificate(authorityPem);
  return (certificate) => {
    const read = new X509Certificate(certificate);
    return read.checkIssued(authority) && read.verify(authority.publicKey);
  };
}
