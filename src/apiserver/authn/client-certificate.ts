// Client certificates signed by the cluster's CA: the common name is the user, the organizations are the groups.
// Source: https://kubernetes.io/docs/reference/access-authn-authz/authentication/#x509-client-certificates
import type { UserInfo } from '../../client/mod.ts';
import type { PeerCertificate } from '../http/exchange.ts';

/** Undefined when the certificate proves nothing: signed by another, expired since the handshake, or without a name. */
export function authenticateCertificate(certificate: PeerCertificate, nowMs: number): UserInfo | undefined {
  if (!certificate.verified || certificate.commonName === '' || nowMs > certificate.notAfterMs) return undefined;
  return {
    name: certificate.commonName,
    groups: certificate.organizations,
    extra: { 'authentication.kubernetes.io/credential-id': [`X509SHA256=${certificate.fingerprint.replaceAll(':', '').toLowerCase()}`] },
  };
}
