import { describe, expect, test } from 'vitest';
import { type LeafSpec, leafSpecs, renewalReason } from './certificates.ts';

const day = 24 * 60 * 60 * 1000;
const specs = leafSpecs({ nodeName: 'n1', addresses: ['192.0.2.7', '192.0.2.7'], serviceAddress: '10.96.0.1' });
const apiserver = specs.find((spec) => spec.name === 'apiserver') as LeafSpec;
const names =
  'DNS:localhost, DNS:kubernetes, DNS:kubernetes.default, DNS:kubernetes.default.svc, DNS:kubernetes.default.svc.cluster.local, DNS:n1, IP Address:127.0.0.1, IP Address:0:0:0:0:0:0:0:1, IP Address:192.0.2.7, IP Address:10.96.0.1';

test('an address that is named twice is signed once', () => {
  expect(apiserver.ipAddresses).toEqual(['127.0.0.1', '::1', '192.0.2.7', '10.96.0.1']);
});

describe('renewalReason()', () => {
  test.each([
    { what: 'none stands', standing: undefined, nowMs: 0, want: 'missing' },
    { what: 'a fresh one', standing: { notBeforeMs: 0, notAfterMs: 300 * day, subjectAltName: names }, nowMs: 1, want: undefined },
    {
      what: 'just before two thirds',
      standing: { notBeforeMs: 0, notAfterMs: 300 * day, subjectAltName: names },
      nowMs: 200 * day - 1,
      want: undefined,
    },
    {
      what: 'two thirds of its life over',
      standing: { notBeforeMs: 0, notAfterMs: 300 * day, subjectAltName: names },
      nowMs: 200 * day,
      want: 'age',
    },
    {
      what: 'an address is new',
      standing: { notBeforeMs: 0, notAfterMs: 300 * day, subjectAltName: names.replace('192.0.2.7', '192.0.2.8') },
      nowMs: 1,
      want: 'names',
    },
  ])('$what: $want', ({ standing, nowMs, want }) => {
    expect(renewalReason(apiserver, standing, nowMs)).toBe(want);
  });
});
