// Makes certificate requests (PKCS #10), each with a key of its own. Loaded lazily, as `certificates.ts` is, over which it lies.
import { webcrypto } from 'node:crypto';
import * as x509 from '@peculiar/x509';
import { algorithm, exportKey } from './certificates.ts';

export interface WantedNames {
  readonly commonName: string;
  readonly organizations: readonly string[];
  readonly dnsNames: readonly string[];
  readonly ipAddresses: readonly string[];
}

export interface RequestWithKey {
  readonly requestPem: string;
  /** Stays with whoever asks. */
  readonly keyPem: string;
}

export async function makeCertificateRequest(names: WantedNames): Promise<RequestWithKey> {
  const keys = await webcrypto.subtle.generateKey(algorithm, true, ['sign', 'verify']);
  const alternative: x509.JsonGeneralNames = [
    ...names.dnsNames.map((value) => ({ type: 'dns' as const, value })),
    ...names.ipAddresses.map((value) => ({ type: 'ip' as const, value })),
  ];
  const request = await x509.Pkcs10CertificateRequestGenerator.create({
    name: [{ O: [...names.organizations] }, { CN: [names.commonName] }],
    keys,
    signingAlgorithm: algorithm,
    extensions: alternative.length > 0 ? [new x509.SubjectAlternativeNameExtension(alternative)] : [],
  });
  return { requestPem: `${request.toString('pem')}\n`, keyPem: `${await exportKey(keys.privateKey)}\n` };
}
