// Certificate requests through the whole: joining kubelets get theirs unasked, others when somebody approves, and old ones go.
import 'reflect-metadata';
import { X509Certificate } from 'node:crypto';
import * as x509 from '@peculiar/x509';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { certificatesigningrequests, clusterrolebindings, type V1CertificateSigningRequest } from '../../src/api/mod.ts';
import { SeededRandom, silentLogger } from '../../src/base/mod.ts';
import { type CertifiedKey, createAuthority } from '../../src/base/ports/certificates.ts';
import { systemClock } from '../../src/base/ports/clock.ts';
import { signCertificateRequest } from '../../src/base/ports/request-signing.ts';
import { adminUser, type ControlPlane, startControlPlane } from '../../src/cluster/control-plane.ts';
import { openMemoryStore } from '../../src/store/mod.ts';

let stop: () => Promise<void>;
let controlPlane: ControlPlane;
let authority: CertifiedKey;

beforeEach(async () => {
  const stopping = new AbortController();
  const nowMs = systemClock.nowMs();
  authority = await createAuthority({ commonName: 'ca', notBeforeMs: nowMs, notAfterMs: nowMs + 1e12 });
  const store = openMemoryStore({ clock: systemClock });
  controlPlane = await startControlPlane({
    store,
    clock: systemClock,
    random: new SeededRandom(1),
    log: silentLogger,
    serviceCidr: '10.96.0.0/16',
    signer: { authorityEndMs: nowMs + 1e12, sign: (signing) => signCertificateRequest(authority, signing) },
    signal: stopping.signal,
  });
  stop = async () => {
    stopping.abort();
    await controlPlane.stopped;
    await store.close();
  };
});
afterEach(() => stop());

const ecdsa = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' };
async function requestFor(name: string, dnsNames: readonly string[] = []): Promise<string> {
  const keys = await crypto.subtle.generateKey(ecdsa, true, ['sign', 'verify']);
  const made = await x509.Pkcs10CertificateRequestGenerator.create({
    name,
    keys,
    signingAlgorithm: ecdsa,
    extensions: dnsNames.length === 0 ? [] : [new x509.SubjectAlternativeNameExtension(dnsNames.map((value) => ({ type: 'dns', value })))],
  });
  return Buffer.from(made.toString('pem')).toString('base64');
}

const clientUsages = ['client auth', 'digital signature'];
const body = (name: string, request: string, signer: string, usages = clientUsages): V1CertificateSigningRequest => ({
  metadata: { name },
  spec: { request, signerName: `kubernetes.io/${signer}`, usages },
});

/** As soon as `wanted` holds of the request's status. */
async function settled(name: string, wanted: (status: NonNullable<V1CertificateSigningRequest['status']>) => boolean) {
  const informer = controlPlane.informers.of(certificatesigningrequests);
  return new Promise<NonNullable<V1CertificateSigningRequest['status']>>((resolve) => {
    const off = informer.onChange(({ next }) => {
      if (next?.metadata.name !== name || !next.status || !wanted(next.status)) return;
      queueMicrotask(() => off());
      resolve(next.status);
    });
  });
}
const issued = (name: string) => settled(name, (status) => status.certificate !== undefined);
const read = (certificate: string | undefined) => new X509Certificate(Buffer.from(certificate ?? '', 'base64'));
const admin = () => controlPlane.clientFor(adminUser);

async function approve(name: string): Promise<void> {
  const request = await admin().get(certificatesigningrequests, { name });
  const conditions = [{ type: 'Approved', status: 'True', reason: 'KubectlApprove', message: 'm' }];
  await admin().update(certificatesigningrequests, { ...request, status: { conditions } }, { subresource: 'approval' });
}

test('a machine that joins gets a certificate for its kubelet once it may have one', async () => {
  await admin().create(clusterrolebindings, {
    metadata: { name: 'joiners' },
    roleRef: {
      apiGroup: 'rbac.authorization.k8s.io',
      kind: 'ClusterRole',
      name: 'system:certificates.k8s.io:certificatesigningrequests:nodeclient',
    },
    subjects: [{ apiGroup: 'rbac.authorization.k8s.io', kind: 'Group', name: 'system:bootstrappers' }],
  });
  await admin().create(clusterrolebindings, {
    metadata: { name: 'askers' },
    roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name: 'system:node-bootstrapper' },
    subjects: [{ apiGroup: 'rbac.authorization.k8s.io', kind: 'Group', name: 'system:bootstrappers' }],
  });
  const joiner = controlPlane.clientFor({ name: 'system:bootstrap:abcdef', groups: ['system:bootstrappers', 'system:authenticated'] });
  const request = await requestFor('O=system:nodes, CN=system:node:n2');
  const done = issued('join');
  await joiner.create(certificatesigningrequests, body('join', request, 'kube-apiserver-client-kubelet'));
  const { certificate, conditions } = await done;
  expect(conditions).toMatchObject([
    { type: 'Approved', reason: 'AutoApproved', message: 'Auto approving kubelet client certificate after SubjectAccessReview.' },
  ]);
  const made = read(certificate);
  expect(made.subject).toBe('O=system:nodes\nCN=system:node:n2');
  expect(made.ca).toBe(false);
  expect(made.keyUsage).toEqual(['1.3.6.1.5.5.7.3.2']);
  expect(made.verify(new X509Certificate(authority.certificatePem).publicKey)).toBe(true);
});

test('others wait for somebody who approves; then they get what their signer signs', async () => {
  await admin().create(certificatesigningrequests, body('jane', await requestFor('CN=jane'), 'kube-apiserver-client'));
  const serving = await requestFor('O=system:nodes, CN=system:node:n1', ['n1', 'n1.example.com']);
  await admin().create(certificatesigningrequests, body('serve', serving, 'kubelet-serving', ['server auth', 'digital signature']));
  await admin().create(certificatesigningrequests, body('wrong', serving, 'kube-apiserver-client-kubelet'));
  expect((await admin().get(certificatesigningrequests, { name: 'jane' })).status).toEqual({});
  const outcomes = [issued('jane'), issued('serve'), settled('wrong', ({ conditions }) => conditions?.length === 2)];
  for (const name of ['jane', 'serve', 'wrong']) await approve(name);
  const [jane, serve, wrong] = await Promise.all(outcomes);
  expect(read(jane?.certificate).subject).toBe('CN=jane');
  expect(read(serve?.certificate).subjectAltName).toBe('DNS:n1, DNS:n1.example.com');
  expect(wrong?.conditions?.[1]).toMatchObject({
    type: 'Failed',
    reason: 'SignerValidationFailure',
    message: 'DNS subjectAltNames are not allowed',
  });
});
