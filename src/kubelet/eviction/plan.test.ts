import { describe, expect, test } from 'vitest';
import type { V1Container } from '../../api/mod.ts';
import type { Image } from '../cri/runtime.ts';
import { aContainer, aPod } from '../pod/plan.fake.ts';
import { imagesToRemove } from './image-garbage.ts';
import { chooseVictim, overLocalLimit, type PodUse } from './plan.ts';
import type { Crossed } from './thresholds.ts';

const mi = 1024 ** 2;

const use = (name: string, memory: number, of: { request?: string; priority?: number; disk?: number; inodes?: number } = {}): PodUse => {
  const resources = of.request ? { requests: { memory: of.request } } : {};
  return {
    pod: aPod(
      { containers: [aContainer('app', { resources })], ...(of.priority === undefined ? {} : { priority: of.priority }) },
      { metadata: { name } },
    ),
    memoryBytes: memory * mi,
    diskBytes: (of.disk ?? 0) * mi,
    inodes: of.inodes ?? 0,
    processes: 0,
    containers: new Map([['app', { memoryBytes: memory * mi, diskBytes: (of.disk ?? 0) * mi }]]),
  };
};
const low = (resource: 'memory' | 'ephemeral-storage' | 'inodes') =>
  ({ signal: 'memory.available', pressure: 'MemoryPressure', resource, threshold: 100 * mi, available: 50 * mi, hard: true }) as const;

describe('who goes', () => {
  test.each([
    ['who uses more than it asked for', [use('big', 500, { request: '600Mi' }), use('greedy', 20, { request: '10Mi' })], 'greedy'],
    ['among those, the less important', [use('high', 500, { priority: 10 }), use('low', 20, { priority: 1 })], 'low'],
    ['then who is furthest over', [use('some', 50), use('most', 90, { request: '10Mi' }), use('little', 10)], 'most'],
    ['never a critical one', [use('critical', 900, { priority: 2_000_001_000 }), use('small', 1)], 'small'],
  ])('%s', (_name, uses, expected) => expect(chooseVictim(low('memory'), uses)?.pod.metadata?.name).toBe(expected));

  test('nobody, when all are critical', () => {
    expect(chooseVictim(low('memory'), [use('a', 1, { priority: 2_000_000_000 })])).toBeUndefined();
  });

  test('by the disk, when the disk is full', () => {
    expect(chooseVictim(low('ephemeral-storage'), [use('a', 900, { disk: 1 }), use('b', 1, { disk: 2 })])?.pod.metadata?.name).toBe('b');
    const many = [use('a', 900, { disk: 9, inodes: 5 }), use('b', 1, { inodes: 50 })];
    expect(chooseVictim(low('inodes'), many)?.pod.metadata?.name).toBe('b');
  });

  test("in upstream's words", () => {
    expect(chooseVictim(low('memory'), [use('a', 20, { request: '10Mi' })])?.message).toBe(
      'The node was low on resource: memory. Threshold quantity: 100Mi, available: 50Mi. ' +
        'Container app was using 20Mi, request is 10Mi, has larger consumption of memory. ',
    );
    expect(chooseVictim(low('ephemeral-storage'), [use('a', 20)])?.message).toBe(
      'The node was low on resource: ephemeral-storage. Threshold quantity: 100Mi, available: 50Mi. ',
    );
    expect(chooseVictim(low('ephemeral-storage'), [use('a', 20, { disk: 3 })])?.message).toContain(
      'Container app was using 3Mi, request is 0, has larger consumption of ephemeral-storage. ',
    );
  });
});

test('processes and inodes are counted, not measured', () => {
  const crossed: Crossed = { ...low('memory'), resource: 'pids', threshold: 1000, available: 900 };
  expect(chooseVictim(crossed, [use('a', 1)])?.message).toBe(
    'The node was low on resource: pids. Threshold quantity: 1k, available: 900. ',
  );
});

describe('local storage limits', () => {
  const limited = (name: string, limit: string): V1Container => aContainer(name, { resources: { limits: { 'ephemeral-storage': limit } } });
  const volumes = [
    { name: 'cache', emptyDir: { sizeLimit: '1Mi' } },
    { name: 'ram', emptyDir: { medium: 'Memory' } },
  ];
  test.each([
    ['within', aPod({ volumes }), { cache: mi, ram: 90 * mi }, {}, undefined],
    ['an emptyDir over its limit', aPod({ volumes }), { cache: mi + 1 }, {}, 'Usage of EmptyDir volume "cache" exceeds the limit "1Mi". '],
    [
      'a container over its limit',
      aPod({ containers: [limited('app', '1Mi'), limited('b', '9Mi')] }),
      {},
      { app: 2 * mi },
      'Container app exceeded its local ephemeral storage limit "1Mi". ',
    ],
    [
      'a pod over the sum',
      aPod({ containers: [limited('app', '1Mi'), limited('b', '1Mi')], volumes: [{ name: 'v', emptyDir: {} }] }),
      { v: 2 * mi },
      { b: 1 },
      'Pod ephemeral local storage usage exceeds the total limit of containers 2Mi. ',
    ],
    [
      'a pod by what the container without a limit has written',
      aPod({ containers: [limited('app', '1Mi'), aContainer('b')] }),
      {},
      {},
      'Pod ephemeral local storage usage exceeds the total limit of containers 1Mi. ',
      { b: 2 * mi },
    ],
    [
      'a container by its writable layer and its logs together',
      aPod({ containers: [limited('app', '1Mi'), limited('b', '9Mi')] }),
      {},
      { app: mi / 2 },
      'Container app exceeded its local ephemeral storage limit "1Mi". ',
      { app: mi / 2 + 1 },
    ],
  ])('%s', (_name, pod, ofVolumes, ofLogs, expected, ofLayers: object = {}) => {
    const of = (amounts: object) => new Map(Object.entries(amounts));
    const use = { volumes: of(ofVolumes), logs: of(ofLogs), layers: of(ofLayers), inodes: 0 };
    expect(overLocalLimit(pod, use)).toBe(expected);
  });
});

test('images go by how long they were not used; not used ones, not those of this machine', () => {
  const image = (id: string, more: Partial<Image> = {}): Image => ({
    id,
    repoTags: [`r/${id}:1`],
    repoDigests: [`r/${id}@sha256:1`],
    sizeBytes: 10,
    ...more,
  });
  const images = [
    image('used'),
    image('old'),
    image('older'),
    image('new'),
    image('built', { repoDigests: [] }),
    image('local', { repoTags: ['minke.local/tools:latest'] }),
  ];
  const seen = new Map(images.map(({ id }) => [id, { firstMs: id === 'new' ? 990 : 0, usedMs: id === 'old' ? 500 : 100 }]));
  const of = (bytesToFree: number, maxAgeMs = 0) =>
    imagesToRemove({ images, used: new Set(['used']), seen, bytesToFree, minAgeMs: 100, maxAgeMs, nowMs: 1000 }).map(({ id }) => id);
  expect(of(5)).toEqual(['older']);
  expect(of(15)).toEqual(['older', 'old']);
  expect(of(1000)).toEqual(['older', 'old']);
  expect(of(0)).toEqual([]);
  expect(of(0, 700)).toEqual(['older']);
});
