// Signs certificate requests with the cluster's CA. The key is read for each signature: it stays in no memory.
import { readCertificate } from '../../base/ports/certificate-reader.ts';
import type { CertificateSigner } from '../../controllers/mod.ts';
import { type Pki, type PkiOptions, readAuthority } from './pki.ts';

export const createClusterSigner = (options: PkiOptions, pki: Pki): CertificateSigner => ({
  authorityEndMs: readCertificate(pki.authorityPem).notAfterMs,
  async sign(signing) {
    const { signCertificateRequest } = await import('../../base/ports/request-signing.ts');
    return signCertificateRequest(await readAuthority(options), signing);
  },
});
