// The built-in kinds against what a v1.36 API server serves and stores (testdata/).
import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { addNotReadyTaint } from './core/node.ts';
import { addDefaultTolerations, setPriority } from './core/pod-admission.ts';
import type { KindDefinition } from './kind.ts';
import { builtinKinds } from './kinds.ts';
import { apiVersionOf, type Draft, deepFreeze, draftOf, type KubeObject } from './meta/object.ts';
import { validateObjectMeta } from './meta/validate-metadata.ts';

interface Served {
  readonly groupVersion: string;
  readonly resource: string;
  readonly singular: string;
  readonly kind: string;
  readonly namespaced: boolean;
  readonly verbs: readonly string[];
  readonly shortNames: readonly string[];
  readonly categories: readonly string[];
  readonly subresources: readonly string[];
  readonly tableColumns: readonly (readonly [string, string, string, number])[];
}
interface Stored {
  readonly group: string;
  readonly resource: string;
  readonly sent: KubeObject;
  readonly stored: KubeObject;
}

const read = (name: string) => JSON.parse(readFileSync(new URL(`testdata/${name}.json`, import.meta.url), 'utf8'));
const served: readonly Served[] = read('resources');
const stored: readonly Stored[] = read('defaulting');

function definitionOf(group: string, resource: string): KindDefinition {
  const found = builtinKinds.find((kind) => kind.group === group && kind.resource === resource);
  if (found === undefined) throw new Error(`no definition of ${resource} in "${group}"`);
  return found;
}

describe('as served', () => {
  test.each(served.map((each) => [`${each.groupVersion} ${each.resource}`, each] as const))('%s', (_, want) => {
    const kind = builtinKinds.find((each) => apiVersionOf(each) === want.groupVersion && each.resource === want.resource);
    expect(kind).toMatchObject({ kind: want.kind, singular: want.singular, namespaced: want.namespaced });
    expect([...(kind?.shortNames ?? [])]).toEqual(want.shortNames);
    expect([...(kind?.categories ?? [])]).toEqual(want.categories);
    const verbs = kind?.verbs ?? ['create', 'delete', 'deletecollection', 'get', 'list', 'patch', 'update', 'watch'];
    expect([...verbs].sort()).toEqual([...want.verbs].sort());
    expect(kind?.columns.map(({ name, type, format = '', priority = 0 }) => [name, type, format, priority])).toEqual(want.tableColumns);
    for (const name of ['status', 'scale'] as const) expect(kind?.[name] !== undefined, name).toBe(want.subresources.includes(name));
    for (const name of Object.keys(kind?.subresources ?? {})) expect(want.subresources).toContain(name);
  });
});

/** What the server adds after the kind's own rules: allocation of addresses and ports. */
const allocated = new Set(['clusterIP', 'clusterIPs', 'ipFamilies', 'ipFamilyPolicy', 'nodePort']);
const withoutAllocated = (value: unknown): unknown =>
  JSON.parse(JSON.stringify(value, (key, item) => (allocated.has(key) && item !== 'None' ? undefined : item)));

/** A create as the server does it, as far as the kind has a say. */
function create(kind: KindDefinition, sent: KubeObject, namespace: string | undefined): KubeObject {
  const draft = draftOf(sent);
  draft.kind = kind.kind;
  draft.apiVersion = apiVersionOf(kind);
  draft.metadata = { ...draft.metadata, ...(namespace === undefined ? {} : { namespace }) };
  kind.setDefaults?.(draft);
  if (kind.kind === 'Pod') {
    addDefaultTolerations(draft);
    setPriority(draft);
  }
  if (kind.kind === 'Node') addNotReadyTaint(draft);
  kind.prepareCreate?.(draft, { nowMs: 0, nowTime: '1970-01-01T00:00:00Z' });
  if (kind.hasGeneration) draft.metadata.generation = 1;
  return deepFreeze(draft as KubeObject);
}

describe('as stored', () => {
  test.each(stored.map((each, i) => [`${each.resource} ${each.sent.metadata?.name ?? i}`, each] as const))('%s', (_, example) => {
    const kind = definitionOf(example.group, example.resource);
    const object = create(kind, example.sent, example.stored.metadata?.namespace);
    expect(withoutAllocated(object)).toEqual(withoutAllocated(example.stored));
    expect(validateObjectMeta(object.metadata, kind)).toEqual([]);
    expect(kind.validateCreate?.(object) ?? []).toEqual([]);
  });

  test.each(stored.map((each, i) => [`${each.resource} ${each.sent.metadata?.name ?? i}`, each] as const))(
    'defaults of a stored %s change nothing, and it may replace itself',
    (_, example) => {
      const kind = definitionOf(example.group, example.resource);
      const draft = draftOf(example.stored);
      kind.setDefaults?.(draft);
      const old = deepFreeze(example.stored);
      // A patch shares what it leaves alone with the standing object: nothing of that may be written to.
      expect(() => kind.setDefaults?.(old as Draft<KubeObject>)).not.toThrow();
      kind.update?.prepare?.(draft, old, { nowMs: 0, nowTime: '' });
      expect(JSON.parse(JSON.stringify(draft))).toEqual(example.stored);
      expect(kind.update?.validate?.(draft as KubeObject, old) ?? []).toEqual([]);
      expect(kind.columns.every((column) => ['string', 'number', 'boolean'].includes(typeof column.cell(old, 0)))).toBe(true);
    },
  );
});

test('every built-in kind has its own path', () => {
  const paths = builtinKinds.map((kind) => `${apiVersionOf(kind)}/${kind.resource}`);
  expect(new Set(paths).size).toBe(paths.length);
});
