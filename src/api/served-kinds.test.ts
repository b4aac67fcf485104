// The kinds beyond the first ones against what a v1.36 API server serves and stores (testdata/other-*.json).
import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { addStorageProtection, claimProtection, volumeProtection } from './core/storage-protection.ts';
import type { KindDefinition, WriteContext } from './kind.ts';
import { builtinKinds, convertedKinds, servedKinds, virtualKinds } from './kinds.ts';
import { apiVersionOf, type Draft, deepFreeze, draftOf, type KubeObject } from './meta/object.ts';
import { validateObjectMeta } from './meta/validate-metadata.ts';
import { hasSchema } from './schema/mod.ts';

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
  readonly groupVersion: string;
  readonly resource: string;
  readonly sent: KubeObject;
  readonly stored: KubeObject;
}

const read = (name: string) => JSON.parse(readFileSync(new URL(`testdata/${name}.json`, import.meta.url), 'utf8'));
const served: readonly Served[] = read('other-resources');
const stored: readonly Stored[] = read('other-defaulting');

function definitionOf(groupVersion: string, resource: string): KindDefinition {
  const found = servedKinds.find((kind) => apiVersionOf(kind) === groupVersion && kind.resource === resource);
  if (found === undefined) throw new Error(`no definition of ${resource} in ${groupVersion}`);
  return found;
}

describe('as served', () => {
  test.each(served.map((each) => [`${each.groupVersion} ${each.resource}`, each] as const))('%s', (_, want) => {
    const kind = definitionOf(want.groupVersion, want.resource);
    expect(kind).toMatchObject({ kind: want.kind, singular: want.singular, namespaced: want.namespaced });
    expect(hasSchema(kind.schema)).toBe(true);
    expect([...(kind.shortNames ?? [])]).toEqual(want.shortNames);
    expect([...(kind.categories ?? [])]).toEqual(want.categories);
    const verbs = kind.verbs ?? ['create', 'delete', 'deletecollection', 'get', 'list', 'patch', 'update', 'watch'];
    expect([...verbs].sort()).toEqual([...want.verbs].sort());
    expect(kind.columns.map(({ name, type, format = '', priority = 0 }) => [name, type, format, priority])).toEqual(want.tableColumns);
    const own = [...(['status', 'scale'] as const).filter((name) => kind[name] !== undefined), ...Object.keys(kind.subresources ?? {})];
    expect(own.sort()).toEqual(want.subresources);
  });

  test('each kind is stored, another view of a stored kind, or virtual', () => {
    expect(builtinKinds.length + convertedKinds.length + virtualKinds.length).toBe(servedKinds.length);
    for (const kind of convertedKinds) expect(builtinKinds).toContain(kind.storage?.kind);
    const paths = servedKinds.map((kind) => `${apiVersionOf(kind)}/${kind.resource}`);
    expect(new Set(paths).size).toBe(paths.length);
    const storePaths = builtinKinds.map((kind) => `${kind.group}/${kind.resource}`);
    expect(new Set(storePaths).size).toBe(storePaths.length);
  });
});

test('groups and versions come in the order of discovery, the preferred version first', () => {
  expect([...new Set(servedKinds.map(({ group }) => group))]).toEqual([
    '',
    'apiregistration.k8s.io',
    'apps',
    'events.k8s.io',
    'authentication.k8s.io',
    'authorization.k8s.io',
    'autoscaling',
    'batch',
    'certificates.k8s.io',
    'networking.k8s.io',
    'policy',
    'rbac.authorization.k8s.io',
    'storage.k8s.io',
    'admissionregistration.k8s.io',
    'apiextensions.k8s.io',
    'scheduling.k8s.io',
    'coordination.k8s.io',
    'node.k8s.io',
    'discovery.k8s.io',
    'resource.k8s.io',
    'flowcontrol.apiserver.k8s.io',
  ]);
  expect(servedKinds.filter(({ group }) => group === 'autoscaling').map(({ version }) => version)).toEqual(['v2', 'v1']);
});

const context: WriteContext = { nowMs: 0, nowTime: '2026-11-20T08:36:42Z', user: { name: 'jane', groups: ['system:authenticated'] } };

/** A create as the server does it, as far as the kind has a say. Gives back the stored form. */
function create(kind: KindDefinition, sent: KubeObject, given: KubeObject['metadata']): { kind: KindDefinition; object: KubeObject } {
  let draft = draftOf(sent);
  draft.kind = kind.kind;
  draft.apiVersion = apiVersionOf(kind);
  const { namespace, uid } = given ?? {};
  draft.metadata = { ...draft.metadata, ...(namespace === undefined ? {} : { namespace }), ...(uid === undefined ? {} : { uid }) };
  kind.setDefaults?.(draft);
  let stored = kind;
  if (kind.storage !== undefined) {
    draft = kind.storage.toStorage(draft) as Draft<KubeObject>;
    stored = kind.storage.kind;
    stored.setDefaults?.(draft);
  }
  if (kind.kind === 'PersistentVolumeClaim') addStorageProtection(draft, claimProtection);
  if (kind.kind === 'PersistentVolume') addStorageProtection(draft, volumeProtection);
  if (stored.hasGeneration) draft.metadata = { ...draft.metadata, generation: 1 };
  stored.prepareCreate?.(draft, context);
  return { kind: stored, object: deepFreeze(draft as KubeObject) };
}

const plain = (value: unknown): unknown => JSON.parse(JSON.stringify(value));
const examples = stored.map((each, i) => [`${each.resource} ${each.sent.metadata?.name ?? i}`, each] as const);
/** The uid that the server drew for a job stands in its labels. */
const uidOf = ({ stored: object }: Stored): string => object.metadata?.labels?.['controller-uid'] ?? 'a uid';

describe('as stored', () => {
  test.each(examples)('%s', (_, example) => {
    const served = definitionOf(example.groupVersion, example.resource);
    const uid = uidOf(example);
    const { kind, object } = create(served, example.sent, { ...example.stored.metadata, uid });
    const shown = served.storage === undefined ? object : served.storage.fromStorage(object);
    expect(plain(shown)).toEqual({ ...example.stored, metadata: { ...example.stored.metadata, uid } });
    expect(validateObjectMeta(object.metadata, kind)).toEqual([]);
    expect(kind.validateCreate?.(object) ?? []).toEqual([]);
  });

  test.each(examples)('defaults of a stored %s change nothing, and it may replace itself', (_, example) => {
    const served = definitionOf(example.groupVersion, example.resource);
    const { kind, object: old } = create(served, example.sent, { ...example.stored.metadata, uid: uidOf(example) });
    const draft = draftOf(old);
    kind.setDefaults?.(draft);
    kind.update?.prepare?.(draft, old, context);
    expect(plain(draft)).toEqual(plain(old));
    expect(kind.update?.validate?.(draft as KubeObject, old) ?? []).toEqual([]);
    kind.status?.prepare?.(draft, old, context);
    expect(kind.status?.validate?.(draft as KubeObject, old) ?? []).toEqual([]);
    expect(kind.columns.every((column) => ['string', 'number', 'boolean'].includes(typeof column.cell(old, 0)))).toBe(true);
    for (const read of Object.values(kind.selectableFields ?? {})) expect(typeof read(old)).toBe('string');
  });
});

/** Whatever a client sends, the rules of a kind answer with errors and never throw: the decoder lets any combination of absent fields pass. */
test.each(servedKinds.map((kind) => [`${apiVersionOf(kind)} ${kind.resource}`, kind] as const))('an empty %s is judged', (_, kind) => {
  for (const body of [{}, { spec: {} }, { metadata: {}, spec: {}, status: {} }]) {
    const { kind: stored, object } = create(kind, body, { namespace: 'default', uid: 'a uid' });
    const errors = stored.validateCreate?.(object) ?? [];
    for (const { field, message } of errors) expect(`${field}: ${message}`).not.toMatch(/undefined/);
    stored.update?.validate?.(object, object);
    stored.status?.validate?.(object, object);
    for (const rules of Object.values(stored.subresources ?? {})) rules.validate?.(object, object);
    const cells = stored.columns.map((column) => typeof column.cell(object, 0));
    if (errors.length === 0) expect(cells.every((type) => ['string', 'number', 'boolean'].includes(type))).toBe(true);
    for (const value of Object.values(stored.selectableFields ?? {})) expect(typeof value(object)).toBe('string');
    stored.scale?.read(object);
    stored.warnings?.(object, undefined);
  }
});
