import { describe, expect, test } from 'vitest';
import type { V1Pod } from '../generated/types.gen.ts';
import type { KindDefinition } from '../kind.ts';
import type { KubeObject } from '../meta/object.ts';
import { type TableInclude, tableOf } from './table.ts';

const nowMs = Date.UTC(2026, 10, 20, 8, 0, 0);

const pods: KindDefinition<V1Pod> = {
  group: '',
  version: 'v1',
  kind: 'Pod',
  resource: 'pods',
  singular: 'pod',
  namespaced: true,
  schema: 'V1Pod',
  hasGeneration: true,
  columns: [
    { name: 'Name', type: 'string', format: 'name', description: 'The name.', cell: (pod) => pod.metadata?.name ?? '' },
    { name: 'Restarts', type: 'integer', cell: (pod) => pod.status?.containerStatuses?.[0]?.restartCount ?? 0 },
    { name: 'Age', type: 'date', cell: (pod) => pod.metadata?.creationTimestamp ?? null },
    { name: 'Node', type: 'string', priority: 1, cell: (pod) => pod.spec?.nodeName ?? '<none>' },
  ],
};
const kind = pods as KindDefinition;
const pod = (creationTimestamp?: string): KubeObject => ({ kind: 'Pod', apiVersion: 'v1', metadata: { name: 'a', creationTimestamp } });
const table = (object: KubeObject, includeObject: TableInclude = 'None', of = kind) => tableOf(of, [object], { nowMs, includeObject });

describe('tables', () => {
  test('list the columns', () => {
    expect(table(pod()).columnDefinitions).toEqual([
      { name: 'Name', type: 'string', format: 'name', description: 'The name.', priority: 0 },
      { name: 'Restarts', type: 'integer', format: '', description: '', priority: 0 },
      { name: 'Age', type: 'string', format: '', description: '', priority: 0 },
      { name: 'Node', type: 'string', format: '', description: '', priority: 1 },
    ]);
  });

  test.each([
    ['2026-11-20T07:59:55Z', '5s'],
    ['2026-11-20T07:57:30Z', '2m30s'],
    ['2026-11-20T04:40:00Z', '3h20m'],
    ['2026-11-15T05:00:00Z', '5d3h'],
    ['2024-10-21T08:00:00Z', '2y30d'],
    [undefined, '<unknown>'],
    ['yesterday', '<invalid>'],
  ])('an object of %s is %s old', (creationTimestamp, age) => {
    expect(table(pod(creationTimestamp)).rows[0]?.cells).toEqual(['a', 0, age, '<none>']);
  });

  test('rows carry what is asked for', () => {
    const object = pod('2026-11-20T07:59:55Z');
    expect(table(object, 'None').rows[0]?.object).toBeNull();
    expect(table(object, 'Object').rows[0]?.object).toBe(object);
    expect(table(object, 'Metadata').rows[0]?.object).toEqual({
      kind: 'PartialObjectMetadata',
      apiVersion: 'meta.k8s.io/v1',
      metadata: object.metadata,
    });
  });

  test('custom resources keep the type date, and leave absent dates empty', () => {
    const custom = { ...kind, schema: 'Custom' };
    expect(table(pod(), 'None', custom).columnDefinitions[2]?.type).toBe('date');
    expect(table(pod(), 'None', custom).rows[0]?.cells[2]).toBeNull();
  });
});
