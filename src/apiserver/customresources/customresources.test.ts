// Custom resources through the API server's core: served at once, validated, defaulted, pruned, converted, deleted with their definition.
import { afterEach, describe, expect, test } from 'vitest';
import { customresourcedefinitions, type GroupVersionResource, type KindDefinition, namespaces } from '../../api/mod.ts';
import { turn } from '../../base/ports/clock.ts';
import { frameText, type Loose, startTestCore, type TestCore, testKinds } from '../testing/fixture.ts';

const definitions = customresourcedefinitions as unknown as KindDefinition;

const spec = { type: 'object', properties: { size: { type: 'integer', minimum: 1, default: 3 }, color: { type: 'string' } } };
const schemaOf = (properties: object = { spec }) => ({ openAPIV3Schema: { type: 'object', properties } });
const versionOf = (name: string, more: object = {}) => ({ name, served: true, storage: true, schema: schemaOf(), ...more });

function definitionOf(
  plural: string,
  { versions = [versionOf('v1')], ...more }: { versions?: object[]; [key: string]: unknown } = {},
): Loose {
  const kind = plural.charAt(0).toUpperCase() + plural.slice(1, -1);
  return {
    apiVersion: 'apiextensions.k8s.io/v1',
    kind: 'CustomResourceDefinition',
    metadata: { name: `${plural}.example.com` },
    spec: { group: 'example.com', scope: 'Namespaced', names: { plural, kind, singular: kind.toLowerCase() }, versions, ...more },
  };
}

const widget = (name: string, body: object = {}, version = 'v1'): Loose => ({
  apiVersion: `example.com/${version}`,
  kind: 'Widget',
  metadata: { name, namespace: 'default' },
  ...body,
});

let api: TestCore;
afterEach(() => api.stop());

const start = async () => {
  api = await startTestCore({ kinds: [...testKinds, definitions] });
  return api;
};

/** Waits until what the server does beside the requests has been done. */
async function until<T>(look: () => T | undefined | false): Promise<T> {
  for (let i = 0; i < 2000; i++) {
    const found = look();
    if (found) return found;
    await turn();
    if (i % 20 === 19) await api.clock.advance(50);
  }
  throw new Error('it never came');
}

const gvr = (resource: string, version = 'v1'): GroupVersionResource => ({ group: 'example.com', version, resource });
const kindOf = (resource = 'widgets', version = 'v1') => until(() => api.core.find(gvr(resource, version)));
const conditionsOf = (definition: Loose): Record<string, string> =>
  Object.fromEntries(
    (definition.status?.conditions ?? []).map((one: { type: string; status: string; reason: string }) => [
      one.type,
      `${one.status} ${one.reason}`,
    ]),
  );

async function define(definition: Loose): Promise<Loose> {
  const made = await api.create(definitions, definition);
  const read = () => api.call({ verb: 'get', kind: definitions, name: made.metadata?.name });
  await until(
    () =>
      api.core.registry.find(definitions)?.get(undefined, made.metadata?.name ?? '')?.object.metadata?.resourceVersion !==
      made.metadata?.resourceVersion,
  );
  return read();
}

const change = async (name: string, patch: object): Promise<Loose> =>
  api.call({ verb: 'patch', kind: definitions, name, patchType: 'application/merge-patch+json', body: { as: 'object', object: patch } });

const bytes = (object: object) => ({ as: 'bytes', bytes: Buffer.from(JSON.stringify(object)), mediaType: 'application/json' }) as const;

describe('a definition', () => {
  test('is accepted and established at once, and then served', async () => {
    await start();
    const made = await define(definitionOf('widgets', { names: { plural: 'widgets', kind: 'Widget', shortNames: ['wd'] } }));
    expect(conditionsOf(made)).toEqual({ NamesAccepted: 'True NoConflicts', Established: 'True InitialNamesAccepted' });
    expect(made.status?.acceptedNames).toMatchObject({
      plural: 'widgets',
      singular: 'widget',
      kind: 'Widget',
      listKind: 'WidgetList',
      shortNames: ['wd'],
    });
    expect(made.status?.storedVersions).toEqual(['v1']);
    const kind = await kindOf();
    expect(api.core.kinds).toContain(kind);
    const stored = await api.create(kind, widget('a', { spec: {} }));
    expect(stored).toMatchObject({ kind: 'Widget', apiVersion: 'example.com/v1', spec: { size: 3 }, metadata: { generation: 1 } });
  });

  test('whose names are taken waits until they are free', async () => {
    await start();
    await define(definitionOf('widgets'));
    const second = await define(definitionOf('gadgets', { names: { plural: 'gadgets', kind: 'Widget', singular: 'widget' } }));
    expect(conditionsOf(second)).toEqual({ NamesAccepted: 'False ListKindConflict', Established: 'False NotAccepted' });
    expect(api.core.find(gvr('gadgets'))).toBeUndefined();
    await api.call({ verb: 'delete', kind: definitions, name: 'widgets.example.com' });
    await until(() => api.core.find(gvr('gadgets')));
  });

  test('takes its objects along when it is deleted, and can come again', async () => {
    await start();
    await define(definitionOf('widgets'));
    const kind = await kindOf();
    await api.create(kind, widget('a'));
    const watch = await api.run({ verb: 'watch', kind, namespace: 'default' });
    await api.call({ verb: 'delete', kind: definitions, name: 'widgets.example.com' });
    await until(() => !api.core.find(gvr('widgets')));
    const seen: string[] = [];
    if (watch.as === 'watch') for await (const batch of watch.frames) seen.push(...batch.map(frameText));
    expect(seen).toEqual(['ADDED default/a', 'DELETED default/a']);
    await define(definitionOf('widgets'));
    const list = await api.run({ verb: 'list', kind: await kindOf() });
    expect(list.as === 'list' && list.entries).toEqual([]);
  });

  test('stays until the finalizers of its objects are gone', async () => {
    await start();
    await define(definitionOf('widgets'));
    const kind = await kindOf();
    await api.create(kind, { ...widget('a'), metadata: { name: 'a', namespace: 'default', finalizers: ['example.com/hold'] } });
    await api.call({ verb: 'delete', kind: definitions, name: 'widgets.example.com' });
    const held = await until(() => {
      const entry = api.core.registry.find(definitions)?.get(undefined, 'widgets.example.com')?.object as Loose | undefined;
      return entry && conditionsOf(entry).Terminating === 'True InstanceDeletionInProgress' && entry;
    });
    expect(held.metadata?.finalizers).toEqual(['customresourcecleanup.apiextensions.k8s.io']);
    await api.call({
      verb: 'patch',
      kind,
      namespace: 'default',
      name: 'a',
      patchType: 'application/merge-patch+json',
      body: { as: 'object', object: { metadata: { finalizers: null } } },
    });
    await until(() => !api.core.registry.find(definitions)?.get(undefined, 'widgets.example.com'));
  });

  test('that changes takes effect for the next request, and ends the watches', async () => {
    await start();
    await define(definitionOf('widgets'));
    const kind = await kindOf();
    const watch = await api.run({ verb: 'watch', kind, namespace: 'default' });
    await api.create(kind, widget('a', { spec: { size: 1, color: 'red' } }));
    const versions = [
      versionOf('v1', {
        schema: schemaOf({
          spec: { type: 'object', properties: { size: { type: 'integer' }, shape: { type: 'string', default: 'round' } } },
        }),
      }),
    ];
    await change('widgets.example.com', { spec: { versions } });
    const again = api.core.find(gvr('widgets'));
    expect(again).not.toBe(kind);
    const read = await api.call({ verb: 'get', kind: again as KindDefinition, namespace: 'default', name: 'a' });
    expect(read.spec).toEqual({ size: 1, shape: 'round' });
    const seen: string[] = [];
    if (watch.as === 'watch') for await (const batch of watch.frames) seen.push(...batch.map(frameText));
    expect(seen).toEqual(['ADDED default/a']);
  });

  test('whose labels change leaves what is made of the kinds as it is', async () => {
    await start();
    await define(definitionOf('widgets'));
    await kindOf();
    const { kinds } = api.core;
    await change('widgets.example.com', { metadata: { labels: { a: 'b' } } });
    expect(api.core.kinds).toBe(kinds);
    await change('widgets.example.com', { spec: { names: { shortNames: ['w'] } } });
    await until(() => api.core.kinds !== kinds);
  });

  test('serves its objects after a restart', async () => {
    await start();
    await define(definitionOf('widgets'));
    await api.create(await kindOf(), widget('a', { spec: { size: 2 } }));
    const { store } = api;
    const second = await startTestCore({ kinds: [...testKinds, definitions], store });
    const kind = second.core.find(gvr('widgets'));
    const read = await second.call({ verb: 'get', kind: kind as KindDefinition, namespace: 'default', name: 'a' });
    expect(read.spec).toEqual({ size: 2 });
    await second.stop();
  });
});

describe('an object', () => {
  test('is judged by its schema', async () => {
    await start();
    await define(definitionOf('widgets'));
    const error = await api.fail({
      verb: 'create',
      kind: await kindOf(),
      namespace: 'default',
      body: bytes(widget('a', { spec: { size: 0, color: 7 } })),
    });
    expect(error.code).toBe(422);
    expect(error.status.details?.causes).toEqual([
      {
        reason: 'FieldValueInvalid',
        field: 'spec.size',
        message: 'Invalid value: 0: spec.size in body should be greater than or equal to 1',
      },
      {
        reason: 'FieldValueTypeInvalid',
        field: 'spec.color',
        message: 'Invalid value: "integer": spec.color in body must be of type string: "integer"',
      },
    ]);
  });

  test('loses what its schema does not know, with a warning or a refusal', async () => {
    await start();
    await define(definitionOf('widgets'));
    const kind = await kindOf();
    const body = bytes(widget('a', { spec: { size: 1, wheels: 4 } }));
    const made = await api.call({ verb: 'create', kind, namespace: 'default', body });
    expect(made.spec).toEqual({ size: 1 });
    expect(api.warnings).toEqual(['unknown field "spec.wheels"']);
    const error = await api.fail({ verb: 'create', kind, namespace: 'default', body, query: { fieldValidation: 'Strict' } });
    expect(error.message).toBe('Widget in version "v1" cannot be handled as a Widget: strict decoding error: unknown field "spec.wheels"');
  });

  test('must say its kind', async () => {
    await start();
    await define(definitionOf('widgets'));
    const { kind: _, ...rest } = widget('a');
    const error = await api.fail({ verb: 'create', kind: await kindOf(), namespace: 'default', body: bytes(rest) });
    expect(error.code).toBe(400);
    expect(error.message).toContain("Object 'Kind' is missing in");
  });

  test('keeps its status apart where that is a subresource', async () => {
    await start();
    const schema = schemaOf({ spec, status: { type: 'object', properties: { ready: { type: 'boolean' } } } });
    await define(definitionOf('widgets', { versions: [versionOf('v1', { schema, subresources: { status: {} } })] }));
    const kind = await kindOf();
    const made = await api.create(kind, widget('a', { spec: { size: 1 }, status: { ready: true } }));
    expect(made.status).toBeUndefined();
    const told = await api.call({
      verb: 'update',
      kind,
      namespace: 'default',
      name: 'a',
      subresource: 'status',
      body: { as: 'object', object: { ...made, spec: { size: 9 }, status: { ready: true } } },
    });
    expect(told).toMatchObject({ spec: { size: 1 }, status: { ready: true }, metadata: { generation: 1 } });
    const next = await api.call({
      verb: 'update',
      kind,
      namespace: 'default',
      name: 'a',
      body: { as: 'object', object: { ...told, spec: { size: 2 }, status: {} } },
    });
    expect(next).toMatchObject({ spec: { size: 2 }, status: { ready: true }, metadata: { generation: 2 } });
  });

  test('is scaled where its definition says', async () => {
    await start();
    const replicas = { type: 'object', properties: { count: { type: 'integer' } } };
    const scale = { specReplicasPath: '.spec.count', statusReplicasPath: '.status.count' };
    await define(
      definitionOf('widgets', {
        versions: [versionOf('v1', { schema: schemaOf({ spec: replicas, status: replicas }), subresources: { status: {}, scale } })],
      }),
    );
    const kind = await kindOf();
    await api.create(kind, widget('a', { spec: { count: 1 } }));
    const object = { spec: { replicas: 5 } };
    await api.call({
      verb: 'patch',
      kind,
      namespace: 'default',
      name: 'a',
      subresource: 'scale',
      patchType: 'application/merge-patch+json',
      body: { as: 'object', object },
    });
    const read = await api.call({ verb: 'get', kind, namespace: 'default', name: 'a' });
    expect(read.spec).toEqual({ count: 5 });
    const shown = await api.call({ verb: 'get', kind, namespace: 'default', name: 'a', subresource: 'scale' });
    expect(shown).toMatchObject({ kind: 'Scale', spec: { replicas: 5 }, status: { replicas: 0 } });
  });

  test('is selected by the fields of its definition', async () => {
    await start();
    await define(definitionOf('widgets', { versions: [versionOf('v1', { selectableFields: [{ jsonPath: '.spec.color' }] })] }));
    const kind = await kindOf();
    await api.create(kind, widget('a', { spec: { color: 'red' } }));
    await api.create(kind, widget('b', { spec: { color: 'blue' } }));
    const found = await api.run({ verb: 'list', kind, query: { fieldSelector: 'spec.color=blue' } });
    expect(found.as === 'list' && found.entries.map((entry) => entry.object.metadata?.name)).toEqual(['b']);
  });

  test('is applied with owners of its fields, and refuses strategic merge', async () => {
    await start();
    await define(definitionOf('widgets'));
    const kind = await kindOf();
    const apply = (manager: string, body: object) =>
      ({
        verb: 'patch',
        kind,
        namespace: 'default',
        name: 'a',
        patchType: 'application/apply-patch+yaml',
        query: { fieldManager: manager },
        body: { as: 'object', object: widget('a', { spec: body }) },
      }) as const;
    const made = await api.call(apply('one', { color: 'red' }));
    expect(made.metadata?.managedFields?.[0]).toMatchObject({
      manager: 'one',
      operation: 'Apply',
      fieldsV1: { 'f:spec': { 'f:color': {} } },
    });
    const error = await api.fail(apply('two', { color: 'blue' }));
    expect(error.code).toBe(409);
    const refused = await api.fail({
      verb: 'patch',
      kind,
      namespace: 'default',
      name: 'a',
      patchType: 'application/strategic-merge-patch+json',
      body: { as: 'object', object: {} },
    });
    expect(refused.code).toBe(415);
  });

  test('is shown in every version that is served', async () => {
    await start();
    const versions = [versionOf('v1', { storage: false }), versionOf('v2')];
    await define(definitionOf('widgets', { versions }));
    const v1 = await kindOf('widgets', 'v1');
    const v2 = await kindOf('widgets', 'v2');
    const made = await api.create(v1, widget('a', { spec: { size: 4 } }));
    expect(made.apiVersion).toBe('example.com/v1');
    expect(await api.call({ verb: 'get', kind: v2, namespace: 'default', name: 'a' })).toMatchObject({
      apiVersion: 'example.com/v2',
      spec: { size: 4 },
    });
    await change('widgets.example.com', { spec: { versions: [versionOf('v1'), versionOf('v2', { storage: false, served: false })] } });
    expect(api.core.find(gvr('widgets', 'v2'))).toBeUndefined();
    const after = await api.call({ verb: 'get', kind: api.core.find(gvr('widgets')) as KindDefinition, namespace: 'default', name: 'a' });
    expect(after.apiVersion).toBe('example.com/v1');
    const definition = await api.call({ verb: 'get', kind: definitions, name: 'widgets.example.com' });
    expect(definition.status?.storedVersions).toEqual(['v2', 'v1']);
  });
});

test('a definition in a cluster-wide scope has no namespaces', async () => {
  await start();
  await define(definitionOf('widgets', { scope: 'Cluster' }));
  const kind = await kindOf();
  expect(kind.namespaced).toBe(false);
  await api.call({ verb: 'create', kind, body: { as: 'object', object: { ...widget('a'), metadata: { name: 'a' } } } });
  const list = await api.run({ verb: 'list', kind });
  expect(list.as === 'list' && list.entries.length).toBe(1);
  expect(api.core.find(namespaces)).toBeDefined();
});
