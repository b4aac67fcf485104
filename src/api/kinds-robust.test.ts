// Whatever part of an object is missing or empty, the rules of its kind answer and never throw: required fields are theirs to miss.
import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import type { KindDefinition, WriteContext } from './kind.ts';
import { builtinKinds, servedKinds } from './kinds.ts';
import { apiVersionOf, deepFreeze, draftOf, type KubeObject } from './meta/object.ts';
import type { Loose } from './testing/validation.ts';

interface Example {
  readonly group?: string;
  readonly groupVersion?: string;
  readonly resource: string;
  readonly stored: KubeObject;
}

const read = (name: string): readonly Example[] => JSON.parse(readFileSync(new URL(`testdata/${name}.json`, import.meta.url), 'utf8'));
const examples = [...read('defaulting'), ...read('other-defaulting')];
const context: WriteContext = { nowMs: 0, nowTime: '1970-01-01T00:00:00Z' };

const kindOf = ({ group, groupVersion, resource }: Example): KindDefinition | undefined =>
  servedKinds.find(
    (kind) => kind.resource === resource && (groupVersion === undefined ? kind.group === group : apiVersionOf(kind) === groupVersion),
  );

/** Every way to the parts of a value: `['spec', 'ports', 0]`. */
function pathsOf(value: Loose, at: readonly (string | number)[] = []): (string | number)[][] {
  if (typeof value !== 'object' || value === null) return [];
  const keys = Array.isArray(value) ? [...value.keys()] : Object.keys(value);
  return keys.flatMap((key) => [[...at, key], ...pathsOf(value[key], [...at, key])]);
}

function changed(object: KubeObject, path: readonly (string | number)[], how: 'missing' | 'empty'): Loose {
  const draft = draftOf(object) as Loose;
  const parent = path.slice(0, -1).reduce((part: Loose, key) => part[key], draft);
  const key = path[path.length - 1] ?? '';
  const value = parent[key];
  if (how === 'missing') {
    if (Array.isArray(parent)) parent.splice(Number(key), 1);
    else delete parent[key];
  } else
    parent[key] = Array.isArray(value)
      ? []
      : typeof value === 'object' && value !== null
        ? {}
        : typeof value === 'string'
          ? ''
          : typeof value === 'number'
            ? -1
            : value;
  return draft;
}

function judge(kind: KindDefinition, draft: Loose, old: KubeObject): void {
  const { storage } = kind;
  kind.setDefaults?.(draft);
  const stored: KindDefinition = storage?.kind ?? kind;
  const object = storage === undefined ? draft : storage.toStorage(draft);
  if (storage !== undefined) stored.setDefaults?.(object);
  const created = draftOf(object) as Loose;
  stored.prepareCreate?.(created, context);
  const errors = stored.validateCreate?.(deepFreeze(created)) ?? [];
  storage?.validateCreate?.(created);
  if (storage !== undefined) storage.fromStorage(created);
  for (const rules of [stored.update, stored.status, ...Object.values(stored.subresources ?? {})]) {
    const next = draftOf(object) as Loose;
    rules?.prepare?.(next, old, context);
    rules?.validate?.(deepFreeze(next), old);
  }
  // What is refused is never shown.
  if (errors.length === 0) for (const column of stored.columns) column.cell(created, 0);
  for (const field of Object.values(stored.selectableFields ?? {})) field(created);
  stored.warnings?.(created, undefined);
  if (stored.scale) stored.scale.read(created);
}

describe('with a part missing or empty', () => {
  test.each(examples.map((each, i) => [`${each.resource} ${i}`, each] as const))('%s', (_, example) => {
    const kind = kindOf(example);
    if (kind === undefined) throw new Error(`no definition of ${example.resource}`);
    const old = deepFreeze(kind.storage === undefined ? example.stored : kind.storage.toStorage(draftOf(example.stored)));
    const paths = pathsOf(example.stored);
    expect(paths.length).toBeGreaterThan(3);
    for (const path of paths) {
      for (const how of ['missing', 'empty'] as const) {
        const what = `${how}: ${path.join('.')}`;
        expect(() => judge(kind, changed(example.stored, path, how), old), what).not.toThrow();
      }
    }
  });
});

test('every stored kind has a name rule, columns and a schema', () => {
  for (const kind of builtinKinds) {
    expect(kind.columns.length, kind.kind).toBeGreaterThan(1);
    expect(kind.schema).not.toBe('');
  }
});

describe('hostile sizes are judged in time proportional to them', () => {
  const many = 200_000;
  const hostile: readonly (readonly [resource: string, object: Loose])[] = [
    ['certificatesigningrequests', { spec: { request: Buffer.from(`-----BEGIN A-----\n${' '.repeat(1e6)}`).toString('base64') } }],
    ['certificatesigningrequests', { spec: { usages: Array.from({ length: many }, (_, i) => `${i}`) } }],
    ['cronjobs', { spec: { schedule: `@every ${'1'.repeat(1e6)}` } }],
    [
      'prioritylevelconfigurations',
      { spec: { type: 'Limited', limited: { limitResponse: { type: 'Queue', queuing: { queues: 1e7, handSize: 1e7 } } } } },
    ],
    [
      'storageclasses',
      { allowedTopologies: [{ matchLabelExpressions: [{ key: 'k', values: Array.from({ length: many }, (_, i) => `${i}`) }] }] },
    ],
    ['resourcequotas', { spec: { scopes: Array.from({ length: many }, () => 'x') } }],
  ];
  test.each(hostile)('%s', (resource, object) => {
    const kind = builtinKinds.find((each) => each.resource === resource);
    kind?.setDefaults?.(object);
    expect(kind?.validateCreate?.(object).length).toBeGreaterThan(0);
  });
});
