// Reads certificate requests (PKCS #10) and signs them with an authority. Loaded lazily, as `certificates.ts` is, over which it lies.
import * as x509 from '@peculiar/x509';
import type { Validity } from './certificate-reader.ts';
import { type CertifiedKey, importSigningKey, newSerialNumber } from './certificates.ts';

/** What a request asks to be named. */
export interface RequestedNames {
  readonly commonName: string;
  readonly organizations: readonly string[];
  readonly dnsNames: readonly string[];
  readonly ipAddresses: readonly string[];
  readonly emailAddresses: readonly string[];
  readonly uris: readonly string[];
}

const alternativeNames = (request: x509.Pkcs10CertificateRequest): x509.JsonGeneralNames =>
  request.extensions.flatMap((extension) =>
    extension instanceof x509.SubjectAlternativeNameExtension ? extension.names.items.map(({ type, value }) => ({ type, value })) : [],
  );

/** Throws when the text (PEM) is no request. */
export function readCertificateRequest(requestPem: string): RequestedNames {
  const request = new x509.Pkcs10CertificateRequest(requestPem);
  const names = alternativeNames(request);
  const of = (wanted: x509.GeneralNameType): readonly string[] => names.filter(({ type }) => type === wanted).map(({ value }) => value);
  return {
    // As Go has it: the last of several.
    commonName: request.subjectName.getField('CN').at(-1) ?? '',
    organizations: request.subjectName.getField('O'),
    dnsNames: of('dns'),
    ipAddresses: of('ip'),
    emailAddresses: of('email'),
    uris: of('url'),
  };
}

/** The bits of the key usage extension, by name: RFC 5280, section 4.2.1.3. */
const keyUsages: Readonly<Record<string, x509.KeyUsageFlags>> = {
  signing: x509.KeyUsageFlags.digitalSignature,
  'digital signature': x509.KeyUsageFlags.digitalSignature,
  'content commitment': x509.KeyUsageFlags.nonRepudiation,
  'key encipherment': x509.KeyUsageFlags.keyEncipherment,
  'key agreement': x509.KeyUsageFlags.keyAgreement,
  'data encipherment': x509.KeyUsageFlags.dataEncipherment,
  'cert sign': x509.KeyUsageFlags.keyCertSign,
  'crl sign': x509.KeyUsageFlags.cRLSign,
  'encipher only': x509.KeyUsageFlags.encipherOnly,
  'decipher only': x509.KeyUsageFlags.decipherOnly,
};

/** Object identifiers of extended usages, by name: RFC 5280, section 4.2.1.12, and Microsoft's and Netscape's own. */
const extendedUsages: Readonly<Record<string, string>> = {
  any: '2.5.29.37.0',
  'server auth': '1.3.6.1.5.5.7.3.1',
  'client auth': '1.3.6.1.5.5.7.3.2',
  'code signing': '1.3.6.1.5.5.7.3.3',
  'email protection': '1.3.6.1.5.5.7.3.4',
  's/mime': '1.3.6.1.5.5.7.3.4',
  'ipsec end system': '1.3.6.1.5.5.7.3.5',
  'ipsec tunnel': '1.3.6.1.5.5.7.3.6',
  'ipsec user': '1.3.6.1.5.5.7.3.7',
  timestamping: '1.3.6.1.5.5.7.3.8',
  'ocsp signing': '1.3.6.1.5.5.7.3.9',
  'microsoft sgc': '1.3.6.1.4.1.311.10.3.3',
  'netscape sgc': '2.16.840.1.113730.4.1',
};

export interface Signing extends Validity {
  readonly requestPem: string;
  /** Names of {@link keyUsages} and {@link extendedUsages}. */
  readonly usages: readonly string[];
}

/** The certificate, as PEM, with the names that the request asks for and no other extension of it. Never one of an authority. */
export async function signCertificateRequest(authority: CertifiedKey, signing: Signing): Promise<string> {
  const { requestPem, usages, notBeforeMs, notAfterMs } = signing;
  const request = new x509.Pkcs10CertificateRequest(requestPem);
  const issuer = new x509.X509Certificate(authority.certificatePem);
  const names = alternativeNames(request).filter(({ type }) => ['dns', 'ip', 'email', 'url'].includes(type));
  const bits = usages.reduce((sum, usage) => sum | (keyUsages[usage] ?? 0), 0);
  const extended = [...new Set(usages.flatMap((usage) => extendedUsages[usage] ?? []))];
  const certificate = await x509.X509CertificateGenerator.create({
    serialNumber: newSerialNumber(),
    subject: request.subjectName,
    issuer: issuer.subjectName,
    notBefore: new Date(notBeforeMs),
    notAfter: new Date(notAfterMs),
    signingAlgorithm: { name: 'ECDSA', hash: 'SHA-256' },
    publicKey: request.publicKey,
    signingKey: await importSigningKey(authority.keyPem),
    extensions: [
      new x509.BasicConstraintsExtension(false, undefined, true),
      ...(bits === 0 ? [] : [new x509.KeyUsagesExtension(bits, true)]),
      ...(extended.length === 0 ? [] : [new x509.ExtendedKeyUsageExtension(extended)]),
      await x509.AuthorityKeyIdentifierExtension.create(issuer),
      ...(names.length === 0 ? [] : [new x509.SubjectAlternativeNameExtension(names)]),
    ],
  });
  return `${certificate.toString('pem')}\n`;
}
