// What the schema of certificates.k8s.io lacks: definition names, list and merge semantics, quantities, Go's names of types.
import type { PackageSemantics } from './package-semantics.ts';

export const certificates: readonly PackageSemantics[] = [
  {
    definitions: 'io.k8s.api.certificates.v1',
    group: 'certificates.k8s.io',
    version: 'v1',
    fields: {
      V1CertificateSigningRequestSpec: { groups: 'atomic', usages: 'atomic go=[]v1.KeyUsage' },
      V1CertificateSigningRequestStatus: { conditions: 'map:type' },
    },
    types: `
      V1CertificateSigningRequest V1CertificateSigningRequestCondition V1CertificateSigningRequestList
      V1CertificateSigningRequestSpec V1CertificateSigningRequestStatus
    `,
  },
];
