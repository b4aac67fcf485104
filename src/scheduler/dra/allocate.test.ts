import { describe, expect, test } from 'vitest';
import type { ResourceV1ResourceClaim, V1Device, V1DeviceClass, V1DeviceRequest, V1ResourceSlice } from '../../api/mod.ts';
import { makeNode } from '../testing.fake.ts';
import { allocate } from './allocate.ts';
import { createDeviceSelects } from './device-selectors.ts';
import { devicesOf } from './devices.ts';
import { nothingTaken, takenBy } from './holdings.ts';

const driver = 'gpu.example.com';
const selects = createDeviceSelects();
const node = makeNode('n1', { labels: { zone: 'a' } });
const gpu = (name: string, numa: number, memory = '40Gi', more: Partial<V1Device> = {}): V1Device => ({
  name,
  attributes: { model: { string: 'A100' }, [`${driver}/numa`]: { int: numa }, driverVersion: { version: '1.3.0' } },
  capacity: { memory: { value: memory } },
  ...more,
});
const slice = (name: string, devices: readonly V1Device[], more: object = { nodeName: 'n1' }): V1ResourceSlice => ({
  metadata: { name },
  spec: { driver, pool: { name: 'pool', generation: 1, resourceSliceCount: 1 }, devices, ...more },
});
const cel = (expression: string) => ({ cel: { expression } });
const gpuClass: V1DeviceClass = { metadata: { name: 'gpu' }, spec: { selectors: [cel(`device.driver == "${driver}"`)] } };
const claim = (requests: readonly V1DeviceRequest[], more: object = {}): ResourceV1ResourceClaim => ({
  spec: { devices: { requests, ...more } },
});
const exactly = (name: string, more: object = {}): V1DeviceRequest => ({ name, exactly: { deviceClassName: 'gpu', count: 1, ...more } });
const four = [slice('s', [gpu('g0', 0), gpu('g1', 1), gpu('g2', 0, '80Gi'), gpu('g3', 1, '80Gi')])];

function devicesFor(
  claims: readonly ResourceV1ResourceClaim[],
  of: { slices?: readonly V1ResourceSlice[]; taken?: readonly string[] } = {},
) {
  const available = devicesOf(of.slices ?? four, node);
  const taken = takenBy((of.taken ?? []).map((device) => ({ request: 'x', driver, pool: 'pool', device })));
  const classOf = (name: string) => (name === 'gpu' ? gpuClass : undefined);
  return allocate({ claims, available, taken, classOf, selects })?.map((one) =>
    (one.devices?.results ?? []).map(({ request, device }) => `${request}=${device}`),
  );
}

describe('allocate()', () => {
  test.each([
    ['one device', [claim([exactly('a')])], {}, [['a=g0']]],
    ['one that is not taken', [claim([exactly('a')])], { taken: ['g0', 'g1'] }, [['a=g2']]],
    ['several', [claim([exactly('a', { count: 3 })])], {}, [['a=g0', 'a=g1', 'a=g2']]],
    ['more than there are', [claim([exactly('a', { count: 5 })])], {}, undefined],
    [
      'two claims share nothing',
      [claim([exactly('a', { count: 2 })]), claim([exactly('b', { count: 2 })])],
      {},
      [
        ['a=g0', 'a=g1'],
        ['b=g2', 'b=g3'],
      ],
    ],
    [
      'by capacity',
      [claim([exactly('a', { selectors: [cel(`device.capacity["${driver}"].memory.compareTo(quantity("80Gi")) >= 0`)] })])],
      {},
      [['a=g2']],
    ],
    [
      'by version',
      [claim([exactly('a', { selectors: [cel(`device.attributes["${driver}"].driverVersion.isLessThan(semver("1.0.0"))`)] })])],
      {},
      undefined,
    ],
    [
      'a domain that no device knows',
      [claim([exactly('a', { selectors: [cel('has(device.attributes["other.com"].x)')] })])],
      {},
      undefined,
    ],
    ['all of them', [claim([exactly('a', { allocationMode: 'All', count: undefined })])], {}, [['a=g0', 'a=g1', 'a=g2', 'a=g3']]],
    ['all, and one is taken', [claim([exactly('a', { allocationMode: 'All' })])], { taken: ['g3'] }, undefined],
    [
      'as an administrator, whoever has it',
      [claim([exactly('a', { adminAccess: true, allocationMode: 'All' })])],
      { taken: ['g0'] },
      [['a=g0', 'a=g1', 'a=g2', 'a=g3']],
    ],
    [
      'goes back: both on one NUMA node, and the small one is taken',
      [claim([exactly('a'), exactly('b')], { constraints: [{ matchAttribute: `${driver}/numa` }] })],
      { taken: ['g0'] },
      [['a=g1', 'b=g3']],
    ],
    [
      'on different NUMA nodes',
      [claim([exactly('a', { count: 2 })], { constraints: [{ distinctAttribute: `${driver}/numa` }] })],
      {},
      [['a=g0', 'a=g1']],
    ],
    [
      'three on different ones',
      [claim([exactly('a', { count: 3 })], { constraints: [{ distinctAttribute: `${driver}/numa` }] })],
      {},
      undefined,
    ],
    [
      'the first alternative that is to be had',
      [
        claim([
          {
            name: 'a',
            firstAvailable: [
              { name: 'many', deviceClassName: 'gpu', count: 9 },
              { name: 'two', deviceClassName: 'gpu', count: 2 },
            ],
          },
        ]),
      ],
      {},
      [['a/two=g0', 'a/two=g1']],
    ],
  ])('%s', (_what, claims, of, want) => {
    expect(devicesFor(claims as ResourceV1ResourceClaim[], of)).toEqual(want);
  });

  test('a taint keeps away whoever does not tolerate it', () => {
    const slices = [slice('s', [gpu('g0', 0, '40Gi', { taints: [{ key: 'broken', effect: 'NoSchedule' }] })])];
    expect(devicesFor([claim([exactly('a')])], { slices })).toBeUndefined();
    const tolerations = [{ key: 'broken', operator: 'Exists' }];
    expect(devicesFor([claim([exactly('a', { tolerations })])], { slices })).toEqual([['a=g0']]);
  });

  test('the result names the node where the devices are, and carries configuration of class and claim', () => {
    const opaque = { driver, parameters: { mode: 'x' } };
    const configured = { ...gpuClass, spec: { ...gpuClass.spec, config: [{ opaque }] } };
    const mine = claim([exactly('a')], { config: [{ opaque }] });
    const [result] =
      allocate({ claims: [mine], available: devicesOf(four, node), taken: nothingTaken, classOf: () => configured, selects }) ?? [];
    expect(result).toEqual({
      devices: {
        results: [{ request: 'a', driver, pool: 'pool', device: 'g0' }],
        config: [
          { opaque, source: 'FromClass', requests: ['a'] },
          { opaque, source: 'FromClaim' },
        ],
      },
      nodeSelector: { nodeSelectorTerms: [{ matchFields: [{ key: 'metadata.name', operator: 'In', values: ['n1'] }] }] },
    });
  });
});

describe('devices that share counters', () => {
  const part = (name: string, memory: string): V1Device => ({
    name,
    consumesCounters: [{ counterSet: 'gpu', counters: { memory: { value: memory } } }],
  });
  const pool = { name: 'pool', generation: 1, resourceSliceCount: 2 };
  const slices = [
    slice('s', [part('whole', '8Gi'), part('half-0', '4Gi'), part('half-1', '4Gi')], { nodeName: 'n1', pool }),
    slice('t', [], { nodeName: 'n1', pool, sharedCounters: [{ name: 'gpu', counters: { memory: { value: '8Gi' } } }] }),
  ];
  test.each([
    ['the whole leaves nothing', ['whole'], undefined],
    ['a half leaves a half', ['half-0'], [['a=half-1']]],
    ['two halves leave nothing', ['half-0', 'half-1'], undefined],
    ['nothing taken: the first that fits', [], [['a=whole']]],
  ])('%s', (_what, taken, want) => {
    expect(devicesFor([claim([exactly('a')])], { slices, taken })).toEqual(want);
  });

  test('the search goes back from the whole to the halves', () => {
    expect(devicesFor([claim([exactly('a'), exactly('b')])], { slices })).toEqual([['a=half-0', 'b=half-1']]);
  });
});

describe('devices that several may share', () => {
  const nic = (requestPolicy?: object): V1Device => ({
    name: 'nic',
    allowMultipleAllocations: true,
    capacity: { bandwidth: { value: '10G', ...(requestPolicy ? { requestPolicy } : {}) } },
  });
  const wish = (bandwidth: string | undefined, count = 1) =>
    claim([exactly('a', { count, ...(bandwidth === undefined ? {} : { capacity: { requests: { bandwidth } } }) })]);
  const consumed = (device: V1Device, of: { readonly wanted: string | undefined; readonly held?: string; readonly count?: number }) => {
    const held =
      of.held === undefined ? [] : [{ request: 'x', driver, pool: 'pool', device: 'nic', consumedCapacity: { bandwidth: of.held } }];
    const [result] =
      allocate({
        claims: [wish(of.wanted, of.count)],
        available: devicesOf([slice('s', [device])], node),
        taken: takenBy(held),
        classOf: () => gpuClass,
        selects,
      }) ?? [];
    return result?.devices?.results?.map((one) => one.consumedCapacity?.bandwidth);
  };
  const range = { default: '1G', validRange: { min: '1G', step: '2G', max: '9G' } };
  test.each([
    ['as much as is asked for', nic(), { wanted: '4G', held: '6G' }, ['4G']],
    ['not more than is left', nic(), { wanted: '5G', held: '6G' }, undefined],
    ['all of it when nothing is asked for', nic(), { wanted: undefined }, ['10G']],
    ['the default of the policy', nic(range), { wanted: undefined }, ['1G']],
    ['the least of the range', nic(range), { wanted: '500M' }, ['1G']],
    ['the next step of the range', nic(range), { wanted: '4G' }, ['5G']],
    ['beyond the range', nic(range), { wanted: '9500M' }, undefined],
    ['the next valid value', nic({ default: '2G', validValues: ['2G', '4G', '8G'] }), { wanted: '3G' }, ['4G']],
    ['one request, two shares', nic(), { wanted: '5G', count: 2 }, ['5G', '5G']],
    ['one request, three shares are too many', nic(), { wanted: '4G', count: 3 }, undefined],
  ])('%s', (_what, device, of, want) => {
    expect(consumed(device, of)).toEqual(want);
  });

  test('a capacity that the device does not have, or not so much of, rules it out, also where nobody shares', () => {
    const asks = (requests: object) => devicesFor([claim([exactly('a', { capacity: { requests } })])]);
    expect(asks({ memory: '80Gi' })).toEqual([['a=g2']]);
    expect(asks({ memory: '81Gi' })).toBeUndefined();
    expect(asks({ speed: '1' })).toBeUndefined();
  });
});

test('devices that are ready come before those that are to be made ready; the result says what is waited for, and binds to the node', () => {
  const fabric: Partial<V1Device> = { bindingConditions: ['Attached'], bindingFailureConditions: ['Broken'], bindsToNode: true };
  const slices = [slice('s', [gpu('g0', 0, '1Gi', fabric), gpu('g1', 0)], { allNodes: true })];
  expect(devicesFor([claim([exactly('a')])], { slices })).toEqual([['a=g1']]);
  const request = { claims: [claim([exactly('a', { count: 2 })])], available: devicesOf(slices, node), classOf: () => gpuClass, selects };
  const [result] = allocate({ ...request, taken: nothingTaken }) ?? [];
  expect(result?.devices?.results?.[1]).toMatchObject({
    device: 'g0',
    bindingConditions: ['Attached'],
    bindingFailureConditions: ['Broken'],
  });
  expect(result?.nodeSelector?.nodeSelectorTerms).toEqual([{ matchFields: [{ key: 'metadata.name', operator: 'In', values: ['n1'] }] }]);
});

describe('devicesOf()', () => {
  const namesOf = (slices: readonly V1ResourceSlice[]) => devicesOf(slices, node).devices.map((one) => one.device.name);
  const zone = (value: string) => ({ nodeSelectorTerms: [{ matchExpressions: [{ key: 'zone', operator: 'In', values: [value] }] }] });
  test.each([
    ['of another node', [slice('s', [gpu('g', 0)], { nodeName: 'n2' })], []],
    ['of all nodes', [slice('s', [gpu('g', 0)], { allNodes: true })], ['g']],
    [
      'by labels',
      [slice('s', [gpu('g', 0)], { nodeSelector: zone('a') }), slice('t', [gpu('h', 0)], { nodeSelector: zone('b'), driver: 'x.com' })],
      ['g'],
    ],
    [
      'each for itself',
      [slice('s', [gpu('g', 0, '1', { nodeName: 'n1' }), gpu('h', 0, '1', { nodeName: 'n2' })], { perDeviceNodeSelection: true })],
      ['g'],
    ],
    [
      'of the latest generation',
      [
        slice('s', [gpu('old', 0)]),
        slice('t', [gpu('new', 0)], { nodeName: 'n1', pool: { name: 'pool', generation: 2, resourceSliceCount: 1 } }),
      ],
      ['new'],
    ],
  ])('%s', (_what, slices, want) => {
    expect(namesOf(slices)).toEqual(want);
  });

  test('a pool that is not complete is told as such', () => {
    const pool = { name: 'pool', generation: 1, resourceSliceCount: 2 };
    expect(devicesOf([slice('s', [gpu('g', 0)], { nodeName: 'n1', pool })], node).incomplete).toBe(true);
  });
});
