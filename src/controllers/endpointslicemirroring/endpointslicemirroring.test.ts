// Slices of the Endpoints that users keep.
import { describe, expect, test } from 'vitest';
import type { Persisted, V1EndpointSlice, V1Endpoints } from '../../api/mod.ts';
import { endpointSliceType, endpointsType, serviceType } from '../runtime/resource-types.ts';
import { createWorld } from '../runtime/world.fake.ts';
import { runEndpointSliceMirroringController } from './endpointslicemirroring.ts';
import { addressesPerSubsetMax, isMirrored, planMirror } from './plan.ts';

const key = { namespace: 'default', name: 'db' };
const endpoints = (subsets: V1Endpoints['subsets'], metadata: object = {}): Persisted<V1Endpoints> => ({
  metadata: { ...key, uid: 'e', resourceVersion: '1', creationTimestamp: '2026-01-01T00:00:00Z', ...metadata },
  subsets,
});
const port = { name: 'sql', port: 5432, protocol: 'TCP' };
const shape = (slices: readonly V1EndpointSlice[]) =>
  slices.map(({ addressType, ports, endpoints: all }) => [
    addressType,
    ports?.map((one) => one.port),
    all?.map(({ addresses, conditions }) => `${addresses[0]}:${conditions?.ready}`),
  ]);

describe('plan', () => {
  test('says all that the addresses say, and carries labels and annotations over', () => {
    const targetRef = { kind: 'Pod', namespace: 'default', name: 'p', uid: 'u' };
    const of = endpoints([{ addresses: [{ ip: '10.0.0.1', hostname: 'h', nodeName: 'n', targetRef }], ports: [{ port: 5432 }] }], {
      labels: { team: 'a', 'endpointslice.kubernetes.io/managed-by': 'me' },
      annotations: {
        note: 'x',
        'endpoints.kubernetes.io/last-change-trigger-time': 't',
        'kubectl.kubernetes.io/last-applied-configuration': '{}',
      },
    });
    expect(planMirror(of, []).create).toEqual([
      {
        apiVersion: 'discovery.k8s.io/v1',
        kind: 'EndpointSlice',
        metadata: {
          generateName: 'db-',
          namespace: 'default',
          labels: {
            team: 'a',
            'kubernetes.io/service-name': 'db',
            'endpointslice.kubernetes.io/managed-by': 'endpointslicemirroring-controller.k8s.io',
          },
          annotations: { note: 'x' },
          ownerReferences: [expect.objectContaining({ kind: 'Endpoints', name: 'db', uid: 'e', controller: true })],
        },
        addressType: 'IPv4',
        ports: [{ name: '', port: 5432, protocol: 'TCP' }],
        endpoints: [{ addresses: ['10.0.0.1'], conditions: { ready: true }, hostname: 'h', nodeName: 'n', targetRef }],
      },
    ]);
  });

  test.each<[string, V1Endpoints['subsets'], unknown]>([
    ['no subsets', [], []],
    [
      'ready and not ready',
      [{ addresses: [{ ip: '10.0.0.1' }], notReadyAddresses: [{ ip: '10.0.0.2' }], ports: [port] }],
      [['IPv4', [5432], ['10.0.0.1:true', '10.0.0.2:false']]],
    ],
    [
      'the same ports twice',
      [
        { addresses: [{ ip: '10.0.0.1' }], ports: [port] },
        { addresses: [{ ip: '10.0.0.2' }], ports: [port] },
      ],
      [['IPv4', [5432], ['10.0.0.1:true', '10.0.0.2:true']]],
    ],
    [
      'other ports, other slices',
      [
        { addresses: [{ ip: '10.0.0.1' }], ports: [port] },
        { addresses: [{ ip: '10.0.0.1' }], ports: [{ ...port, port: 1 }] },
      ],
      [
        ['IPv4', [5432], ['10.0.0.1:true']],
        ['IPv4', [1], ['10.0.0.1:true']],
      ],
    ],
    [
      'two families',
      [{ addresses: [{ ip: '10.0.0.1' }, { ip: 'fd00::1' }], ports: [port] }],
      [
        ['IPv4', [5432], ['10.0.0.1:true']],
        ['IPv6', [5432], ['fd00::1:true']],
      ],
    ],
    [
      'one address both ready and not',
      [{ addresses: [{ ip: '10.0.0.1' }], notReadyAddresses: [{ ip: '10.0.0.1' }], ports: [port] }],
      [['IPv4', [5432], ['10.0.0.1:true']]],
    ],
  ])('%s', (_, subsets, expected) => {
    expect(shape(planMirror(endpoints(subsets), []).create)).toEqual(expected);
  });

  test('a thousand addresses of a subset are mirrored, ready ones first', () => {
    const addresses = Array.from({ length: addressesPerSubsetMax - 1 }, (_, i) => ({ ip: `10.0.${i >> 8}.${i & 255}` }));
    const plan = planMirror(endpoints([{ addresses, notReadyAddresses: [{ ip: '10.9.0.1' }, { ip: '10.9.0.2' }], ports: [port] }]), []);
    expect([plan.create.length, plan.create[0]?.endpoints?.length, plan.skipped]).toEqual([1, addressesPerSubsetMax, 1]);
  });

  test.each<[string, boolean, object, object]>([
    ['a plain one', true, {}, {}],
    ['of pods', false, { selector: { app: 'db' } }, {}],
    ['that asks not to be', false, {}, { labels: { 'endpointslice.kubernetes.io/skip-mirror': 'true' } }],
    ['of a leader election', false, {}, { annotations: { 'control-plane.alpha.kubernetes.io/leader': '{}' } }],
  ])('is mirrored: %s', (_, expected, spec, metadata) => {
    expect(isMirrored({ spec }, endpoints([], metadata))).toBe(expected);
    expect(isMirrored(undefined, endpoints([], metadata))).toBe(false);
  });
});

test('creates, follows and deletes; a selector ends it; at rest nothing is written', async () => {
  const world = createWorld();
  const running = runEndpointSliceMirroringController(world.context);
  const settle = () => world.clock.settle();
  const found = async () => shape(await world.list(endpointSliceType));
  const of = (ip: string) => ({ metadata: key, subsets: [{ addresses: [{ ip }], ports: [port] }] });
  await world.client.create(endpointsType, of('10.0.0.1'));
  await settle();
  expect(await found()).toEqual([]);
  await world.client.create(serviceType, { metadata: key, spec: { ports: [{ port: 5432 }] } });
  await settle();
  expect(await found()).toEqual([['IPv4', [5432], ['10.0.0.1:true']]]);
  await world.client.patch(endpointsType, key, 'application/merge-patch+json', of('10.0.0.2'));
  await settle();
  expect(await found()).toEqual([['IPv4', [5432], ['10.0.0.2:true']]]);
  world.handler.requests.length = 0;
  await world.client.patch(serviceType, key, 'application/merge-patch+json', { metadata: { labels: { a: 'b' } } });
  await settle();
  expect(world.handler.requests).toHaveLength(1);
  await world.client.patch(serviceType, key, 'application/merge-patch+json', { spec: { selector: { app: 'db' } } });
  await settle();
  expect(await found()).toEqual([]);
  await world.client.patch(serviceType, key, 'application/merge-patch+json', { spec: { selector: null } });
  await settle();
  expect(await found()).toHaveLength(1);
  await world.client.delete(endpointsType, key);
  await settle();
  expect(await found()).toEqual([]);
  await world.stop(running);
});
