// Certificates: who may approve and sign for a signer, and what nobody gets a certificate for.
// Source: https://kubernetes.io/docs/reference/access-authn-authz/certificate-signing-requests/#authorization
import { forbidden, type KubeObject, sameMeaning, type V1CertificateSigningRequest } from '../../api/mod.ts';
import type { Authorizer } from '../authz/authorizer.ts';
import type { AdmissionAttributes, AdmissionPlugin } from './chain.ts';

const group = 'certificates.k8s.io';
const clientSigner = 'kubernetes.io/kube-apiserver-client';

const isRequest = ({ kind, operation }: AdmissionAttributes, wanted: 'CREATE' | 'UPDATE'): boolean =>
  operation === wanted && kind.group === group && kind.resource === 'certificatesigningrequests';

const signerOf = (object: KubeObject | undefined): string => (object as V1CertificateSigningRequest | undefined)?.spec?.signerName ?? '';

const refuse = ({ kind, name }: AdmissionAttributes, why: string) => forbidden({ group: kind.group, resource: kind.resource, name }, why);

/** Allowed for the signer by name, or for all of its domain: `example.com/*`. */
async function maySign(authorizer: Authorizer, { user }: AdmissionAttributes, verb: string, signer: string): Promise<boolean> {
  const domain = signer.includes('/') ? `${signer.slice(0, signer.indexOf('/'))}/*` : undefined;
  for (const name of [signer, ...(domain === undefined ? [] : [domain])]) {
    const attributes = {
      as: 'resource',
      user,
      verb,
      group,
      version: '*',
      resource: 'signers',
      subresource: '',
      namespace: '',
      name,
    } as const;
    if ((await authorizer.decide(attributes)).decision === 'allow') return true;
  }
  return false;
}

export const certificateApproval = (authorizer: Authorizer): AdmissionPlugin => ({
  name: 'CertificateApproval',
  validate: async (attributes) => {
    if (attributes.subresource !== 'approval' || !isRequest(attributes, 'UPDATE')) return;
    const signer = signerOf(attributes.old);
    if (await maySign(authorizer, attributes, 'approve', signer)) return;
    throw refuse(attributes, `user not permitted to approve requests with signerName "${signer}"`);
  },
});

export const certificateSigning = (authorizer: Authorizer): AdmissionPlugin => ({
  name: 'CertificateSigning',
  validate: async (attributes, object) => {
    if (attributes.subresource !== 'status' || !isRequest(attributes, 'UPDATE')) return;
    const [next, old] = [object as V1CertificateSigningRequest, attributes.old as V1CertificateSigningRequest];
    const failed = (of: V1CertificateSigningRequest) => (of.status?.conditions ?? []).filter(({ type }) => type === 'Failed');
    if (next.status?.certificate === old.status?.certificate && sameMeaning(failed(next), failed(old))) return;
    const signer = signerOf(old);
    if (await maySign(authorizer, attributes, 'sign', signer)) return;
    throw refuse(attributes, `user not permitted to sign requests with signerName "${signer}"`);
  },
});

/** Nobody becomes a superuser by a certificate that a signer of the cluster gives. */
export const certificateSubjectRestriction: AdmissionPlugin = {
  name: 'CertificateSubjectRestriction',
  validate: async (attributes, object) => {
    if (attributes.subresource !== undefined || !isRequest(attributes, 'CREATE') || signerOf(object) !== clientSigner) return;
    const { organizationsOfRequest } = await import('../../base/ports/certificates.ts');
    const pem = Buffer.from((object as V1CertificateSigningRequest).spec.request, 'base64').toString('utf8');
    if (!organizationsOfRequest(pem).includes('system:masters')) return;
    throw refuse(attributes, `use of ${clientSigner} signer with system:masters group is not allowed`);
  },
};
