// What is approved by itself, what each signer signs, for how long, and when requests go.
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { formatTime, type V1CertificateSigningRequest } from '../../api/mod.ts';
import { autoApprovals, expiresInMs, isOwnServing, isOwnSigner, nodeOfUser, signerProblem, signers, validityOf } from './plan.ts';
import type { RequestedNames } from './ports.ts';

const none: RequestedNames = { commonName: '', organizations: [], dnsNames: [], ipAddresses: [], emailAddresses: [], uris: [] };
const kubelet: RequestedNames = { ...none, commonName: 'system:node:n1', organizations: ['system:nodes'] };
const serving = { ...kubelet, dnsNames: ['n1'] };
const clientUsages = ['client auth', 'digital signature', 'key encipherment'];
const servingUsages = ['server auth', 'digital signature'];

describe('signerProblem()', () => {
  const { client, kubeletClient, kubeletServing, legacyUnknown } = signers;
  test.each<[string, string, RequestedNames, readonly string[], string | undefined]>([
    ['a client', client, { ...none, commonName: 'jane' }, ['client auth'], undefined],
    ['a client that serves', client, none, ['client auth', 'server auth'], 'invalid usage for client certificate: server auth'],
    ['a client that is none', client, none, ['digital signature'], 'missing required usage for client certificate: client auth'],
    ['a kubelet', kubeletClient, kubelet, clientUsages, undefined],
    ['a kubelet with a key that enciphers none', kubeletClient, kubelet, ['digital signature', 'client auth'], undefined],
    ['nobody of the nodes', kubeletClient, { ...kubelet, organizations: ['a'] }, clientUsages, 'subject organization is not system:nodes'],
    [
      'a node and more',
      kubeletClient,
      { ...kubelet, organizations: ['system:nodes', 'system:masters'] },
      clientUsages,
      'subject organization is not system:nodes',
    ],
    ['a name', kubeletClient, serving, clientUsages, 'DNS subjectAltNames are not allowed'],
    ['an address', kubeletClient, { ...kubelet, ipAddresses: ['10.0.0.1'] }, clientUsages, 'IP subjectAltNames are not allowed'],
    ['mail', kubeletClient, { ...kubelet, emailAddresses: ['a@b'] }, clientUsages, 'Email subjectAltNames are not allowed'],
    ['a URI', kubeletServing, { ...serving, uris: ['a:b'] }, servingUsages, 'URI subjectAltNames are not allowed'],
    [
      'another name',
      kubeletClient,
      { ...kubelet, commonName: 'jane' },
      clientUsages,
      'subject common name does not begin with system:node: ',
    ],
    ['usages of a server', kubeletClient, kubelet, servingUsages, 'usages did not match [client auth digital signature key encipherment]'],
    ['a kubelet that serves', kubeletServing, serving, servingUsages, undefined],
    ['one that serves nowhere', kubeletServing, kubelet, servingUsages, 'DNS or IP subjectAltName is required'],
    [
      'one that serves as a client',
      kubeletServing,
      serving,
      clientUsages,
      'usages did not match [digital signature key encipherment server auth]',
    ],
    ['anything', legacyUnknown, none, ['any'], undefined],
  ])('%s', (_what, signer, names, usages, want) => {
    expect(signerProblem(signer, names, usages)).toBe(want);
  });

  test('others sign for themselves', () => {
    expect(Object.values(signers).every(isOwnSigner)).toBe(true);
    expect(['example.com/x', 'constructor', ''].some(isOwnSigner)).toBe(false);
  });
});

const request = (more: Partial<V1CertificateSigningRequest>): V1CertificateSigningRequest => ({
  metadata: { name: 'r', creationTimestamp: formatTime(0) },
  spec: { request: '', signerName: signers.kubeletClient, usages: clientUsages },
  ...more,
});

test('a node may have its own, whoever joins may have any; nobody else has one unasked', () => {
  const asked = (username: string, changes = {}) =>
    autoApprovals(request({ spec: { ...request({}).spec, username, ...changes } }), kubelet).map(({ subresource }) => subresource);
  expect(asked('system:node:n1')).toEqual(['selfnodeclient', 'nodeclient']);
  expect(asked('system:bootstrap:abcdef')).toEqual(['nodeclient']);
  expect(asked('system:node:n1', { signerName: signers.client })).toEqual([]);
  expect(asked('system:node:n1', { usages: servingUsages })).toEqual([]);
});

test('a certificate lives ten minutes to a year, and not longer than its authority', () => {
  const minute = 60_000;
  const hour = 60 * minute;
  expect(validityOf(undefined, 0, 1e15)).toEqual({ notBeforeMs: -5 * minute, notAfterMs: 365 * 24 * hour - 5 * minute });
  expect(validityOf(3600, 0, 1e15)).toEqual({ notBeforeMs: -5 * minute, notAfterMs: hour });
  expect(validityOf(1, 0, 1e15).notAfterMs).toBe(10 * minute);
  fc.assert(
    fc.property(fc.option(fc.nat(), { nil: undefined }), fc.nat(), fc.nat(), (seconds, nowMs, leftMs) => {
      const { notBeforeMs, notAfterMs } = validityOf(seconds, nowMs, nowMs + leftMs);
      expect(notBeforeMs).toBeLessThan(notAfterMs);
      expect(notAfterMs).toBeLessThanOrEqual(Math.min(nowMs + leftMs, nowMs + 365 * 24 * hour));
    }),
  );
});

describe('isOwnServing()', () => {
  const addresses = [
    { type: 'InternalIP', address: '192.0.2.1' },
    { type: 'Hostname', address: 'n1' },
  ];
  const names = { ...serving, ipAddresses: ['192.0.2.1'] };
  const asked = {
    signerName: signers.kubeletServing as string,
    usages: servingUsages,
    username: 'system:node:n1',
    groups: ['system:nodes', 'system:authenticated'],
    request: '',
  };
  test.each<[string, boolean, Partial<typeof asked>, RequestedNames]>([
    ['its own name and address', true, {}, names],
    ['its name alone', true, {}, serving],
    ['another machine’s address', false, {}, { ...names, ipAddresses: ['192.0.2.1', '192.0.2.2'] }],
    ['another machine’s name', false, {}, { ...names, dnsNames: ['n1', 'n2'] }],
    ['an address as a name', false, {}, { ...names, dnsNames: ['192.0.2.1'] }],
    ['another node’s certificate', false, { username: 'system:node:n2' }, names],
    ['being no node', false, { groups: ['system:authenticated'] }, names],
    ['a client’s certificate', false, { signerName: signers.kubeletClient }, names],
    ['being a client with it', false, { usages: ['client auth', 'digital signature'] }, names],
  ])('%s: %s', (_what, want, spec, of) => {
    expect(isOwnServing({ spec: { ...asked, ...spec } }, of, addresses)).toBe(want);
  });
  test('the node of a user', () => {
    expect([nodeOfUser('system:node:n1'), nodeOfUser('jane'), nodeOfUser(undefined)]).toEqual(['n1', undefined, undefined]);
  });
});

describe('expiresInMs()', () => {
  const hour = 3_600_000;
  const decided = (type: string, more = {}) =>
    request({ status: { conditions: [{ type, status: 'True', lastUpdateTime: formatTime(hour) }], ...more } });
  test.each<[string, V1CertificateSigningRequest, number | undefined, number]>([
    ['nobody has decided', request({}), undefined, 24 * hour],
    ['approved', decided('Approved'), undefined, 2 * hour],
    ['denied', decided('Denied'), undefined, 2 * hour],
    ['failed', decided('Failed'), undefined, 2 * hour],
    ['issued', decided('Approved', { certificate: 'x' }), 9 * hour, 2 * hour],
    ['issued for less', decided('Approved', { certificate: 'x' }), 1.5 * hour, 1.5 * hour],
    ["somebody's condition", decided('Example'), undefined, 24 * hour],
  ])('%s', (_what, of, endMs, want) => {
    expect(expiresInMs(of, endMs, 0)).toBe(want);
    expect(expiresInMs(of, endMs, 48 * hour)).toBe(0);
  });
});
