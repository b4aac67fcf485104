import { existsSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';
import type { KindDefinition } from '../../kind.ts';
import { definitionsOf, type Json } from './definitions.ts';
import { openApiV2Protobuf, openApiV2Text, openApiV3Paths, openApiV3Text } from './mod.ts';

const openApiV2 = (of: readonly KindDefinition[]): Json => JSON.parse([...openApiV2Text(of)].join(''));
const openApiV3 = (path: string, of: readonly KindDefinition[]): Json => JSON.parse([...openApiV3Text(path, of)].join(''));

const kind = (of: Partial<KindDefinition> & Pick<KindDefinition, 'group' | 'kind' | 'resource' | 'schema'>): KindDefinition => ({
  version: 'v1',
  namespaced: true,
  singular: of.kind.toLowerCase(),
  hasGeneration: true,
  columns: [],
  ...of,
});
const kinds: readonly KindDefinition[] = [
  kind({ group: '', kind: 'Pod', resource: 'pods', schema: 'V1Pod', status: {}, subresources: { resize: {} }, deleteReturnsObject: true }),
  kind({
    group: '',
    kind: 'Namespace',
    resource: 'namespaces',
    schema: 'V1Namespace',
    namespaced: false,
    verbs: ['create', 'delete', 'get', 'list', 'patch', 'update', 'watch'],
  }),
  kind({
    group: 'apps',
    kind: 'Deployment',
    resource: 'deployments',
    schema: 'V1Deployment',
    status: {},
    scale: { read: () => ({ specReplicas: 0, statusReplicas: 0, selector: '' }), write: () => undefined },
  }),
];

/** Follows keys, and fails where there is none. */
function at(from: unknown, ...keys: readonly (string | number)[]): unknown {
  let now = from;
  for (const key of keys) {
    if (typeof now !== 'object' || now === null || !(key in now)) throw new Error(`no "${key}" in ${JSON.stringify(now)?.slice(0, 200)}`);
    now = (now as Json)[key];
  }
  return now;
}

function* refsIn(value: unknown): Generator<string> {
  if (typeof value !== 'object' || value === null) return;
  for (const [key, member] of Object.entries(value)) {
    if (key === '$ref' && typeof member === 'string') yield member;
    else yield* refsIn(member);
  }
}

const deployment = 'io.k8s.api.apps.v1.Deployment';
const podSpec = 'io.k8s.api.core.v1.PodSpec';

describe('v2', () => {
  const document = openApiV2(kinds);

  test('types carry group, version and kind, required fields and merge semantics', () => {
    expect(at(document, 'definitions', deployment, 'x-kubernetes-group-version-kind')).toEqual([
      { group: 'apps', kind: 'Deployment', version: 'v1' },
    ]);
    expect(at(document, 'definitions', podSpec, 'required')).toEqual(['containers']);
    expect(at(document, 'definitions', podSpec, 'properties', 'containers')).toMatchObject({
      type: 'array',
      items: { $ref: '#/definitions/io.k8s.api.core.v1.Container' },
      'x-kubernetes-list-type': 'map',
      'x-kubernetes-list-map-keys': ['name'],
      'x-kubernetes-patch-merge-key': 'name',
      'x-kubernetes-patch-strategy': 'merge',
    });
    expect(at(document, 'definitions', podSpec, 'properties', 'nodeSelector')).toMatchObject({
      type: 'object',
      additionalProperties: { type: 'string' },
      'x-kubernetes-map-type': 'atomic',
    });
    expect(at(document, 'definitions', 'io.k8s.apimachinery.pkg.apis.meta.v1.LabelSelector', 'x-kubernetes-map-type')).toBe('atomic');
  });

  test('no reference leads nowhere', () => {
    const definitions = at(document, 'definitions') as Json;
    const missing = [...refsIn(document)].filter((ref) => !(ref.slice('#/definitions/'.length) in definitions));
    expect(missing).toEqual([]);
  });

  test('operations are found by group, version and kind, and say what they take', () => {
    const patch = at(document, 'paths', '/apis/apps/v1/namespaces/{namespace}/deployments/{name}', 'patch') as Json;
    expect(patch).toMatchObject({
      operationId: 'patchAppsV1NamespacedDeployment',
      'x-kubernetes-action': 'patch',
      'x-kubernetes-group-version-kind': { group: 'apps', kind: 'Deployment', version: 'v1' },
    });
    const names = (patch.parameters as { name: string }[]).map((parameter) => parameter.name);
    expect(names).toEqual(['body', 'dryRun', 'fieldManager', 'fieldValidation', 'force']);
  });

  test('paths follow scope, verbs and subresources', () => {
    const paths = at(document, 'paths') as Json;
    const known = Object.keys(paths).filter((path) => !path.includes('/watch/') && !path.includes('/proxy'));
    expect(known.sort()).toEqual([
      '/api/v1/',
      '/api/v1/namespaces',
      '/api/v1/namespaces/{namespace}/pods',
      '/api/v1/namespaces/{namespace}/pods/{name}',
      ...['attach', 'binding', 'eviction', 'exec', 'log', 'portforward', 'resize', 'status'].map(
        (name) => `/api/v1/namespaces/{namespace}/pods/{name}/${name}`,
      ),
      '/api/v1/namespaces/{name}',
      '/api/v1/namespaces/{name}/finalize',
      '/api/v1/pods',
      '/apis/apps/v1/',
      '/apis/apps/v1/deployments',
      '/apis/apps/v1/namespaces/{namespace}/deployments',
      '/apis/apps/v1/namespaces/{namespace}/deployments/{name}',
      '/apis/apps/v1/namespaces/{namespace}/deployments/{name}/scale',
      '/apis/apps/v1/namespaces/{namespace}/deployments/{name}/status',
    ]);
    expect(Object.keys(at(paths, '/api/v1/namespaces') as Json)).toEqual(['get', 'post', 'parameters']);
    expect(at(paths, '/apis/apps/v1/namespaces/{namespace}/deployments/{name}/scale', 'get', 'x-kubernetes-group-version-kind')).toEqual({
      group: 'autoscaling',
      kind: 'Scale',
      version: 'v1',
    });
    expect(at(paths, '/api/v1/namespaces/{namespace}/pods/{name}', 'delete', 'responses', '200', 'schema', '$ref')).toBe(
      '#/definitions/io.k8s.api.core.v1.Pod',
    );
  });

  test.each([
    ['/api/v1/', 'get', 'getCoreV1APIResources', undefined, undefined],
    ['/api/v1/namespaces/{namespace}/pods', 'delete', 'deleteCoreV1CollectionNamespacedPod', 'deletecollection', 'Pod'],
    ['/api/v1/pods', 'get', 'listCoreV1PodForAllNamespaces', 'list', 'Pod'],
    ['/api/v1/watch/pods', 'get', 'watchCoreV1PodListForAllNamespaces', 'watchlist', 'Pod'],
    ['/api/v1/watch/namespaces/{namespace}/pods', 'get', 'watchCoreV1NamespacedPodList', 'watchlist', 'Pod'],
    ['/api/v1/watch/namespaces/{namespace}/pods/{name}', 'get', 'watchCoreV1NamespacedPod', 'watch', 'Pod'],
    ['/api/v1/watch/namespaces/{name}', 'get', 'watchCoreV1Namespace', 'watch', 'Namespace'],
    ['/api/v1/namespaces/{namespace}/pods/{name}/log', 'get', 'readCoreV1NamespacedPodLog', 'get', 'Pod'],
    ['/api/v1/namespaces/{namespace}/pods/{name}/exec', 'post', 'connectCoreV1PostNamespacedPodExec', 'connect', 'PodExecOptions'],
    ['/api/v1/namespaces/{namespace}/pods/{name}/proxy', 'head', 'connectCoreV1HeadNamespacedPodProxy', 'connect', 'PodProxyOptions'],
    [
      '/api/v1/namespaces/{namespace}/pods/{name}/proxy/{path}',
      'get',
      'connectCoreV1GetNamespacedPodProxyWithPath',
      'connect',
      'PodProxyOptions',
    ],
    ['/api/v1/namespaces/{namespace}/pods/{name}/binding', 'post', 'createCoreV1NamespacedPodBinding', 'post', 'Binding'],
    ['/api/v1/namespaces/{namespace}/pods/{name}/eviction', 'post', 'createCoreV1NamespacedPodEviction', 'post', 'Eviction'],
    ['/api/v1/namespaces/{name}/finalize', 'put', 'replaceCoreV1NamespaceFinalize', 'put', 'Namespace'],
  ])('%s %s is %s', (path, method, id, action, of) => {
    const operation = at(document, 'paths', path, method) as Json;
    expect(operation).toMatchObject({ operationId: id, ...(action === undefined ? {} : { 'x-kubernetes-action': action }) });
    expect((operation['x-kubernetes-group-version-kind'] as { kind: string } | undefined)?.kind).toBe(of);
  });

  test('a group of several words has them all in its ids and tag', () => {
    const role = kind({
      group: 'rbac.authorization.k8s.io',
      kind: 'ClusterRole',
      resource: 'clusterroles',
      schema: 'V1ClusterRole',
      namespaced: false,
    });
    expect(at(openApiV2([role]), 'paths', '/apis/rbac.authorization.k8s.io/v1/clusterroles', 'get')).toMatchObject({
      operationId: 'listRbacAuthorizationV1ClusterRole',
      tags: ['rbacAuthorization_v1'],
    });
  });

  test('every operation id is used once', () => {
    const ids = JSON.stringify(document).match(/"operationId":"[^"]+"/g) ?? [];
    expect(ids.length).toBeGreaterThan(20);
    expect(new Set(ids).size).toBe(ids.length);
  });
});

describe('v3', () => {
  test('one document for each group version', () => {
    expect(openApiV3Paths(kinds)).toEqual(['api/v1', 'apis/apps/v1']);
  });

  test('a document holds its own kinds and all that they refer to', () => {
    const document = openApiV3('apis/apps/v1', kinds);
    const schemas = at(document, 'components', 'schemas') as Json;
    expect(schemas).toHaveProperty([deployment]);
    expect(schemas).toHaveProperty([podSpec]);
    expect(schemas).not.toHaveProperty(['io.k8s.api.core.v1.Pod']);
    expect([...refsIn(document)].filter((ref) => !(ref.slice('#/components/schemas/'.length) in schemas))).toEqual([]);
    expect(at(schemas, deployment, 'properties', 'spec', 'allOf')).toEqual([
      { $ref: '#/components/schemas/io.k8s.api.apps.v1.DeploymentSpec' },
    ]);
    expect(at(schemas, 'io.k8s.api.core.v1.ContainerPort', 'properties', 'protocol', 'default')).toBe('TCP');
    expect(
      at(document, 'paths', '/apis/apps/v1/namespaces/{namespace}/deployments', 'post', 'requestBody', 'content', '*/*', 'schema', '$ref'),
    ).toBe(`#/components/schemas/${deployment}`);
  });

  test('types and fields are described', () => {
    const schemas = at(openApiV3('api/v1', kinds), 'components', 'schemas');
    expect(at(schemas, podSpec, 'description')).toBe('PodSpec is a description of a pod.');
    expect(at(schemas, podSpec, 'properties', 'containers', 'description')).toContain('List of containers');
    expect(at(schemas, 'io.k8s.api.core.v1.Pod', 'properties', 'spec', 'description')).toBe('The desired state of the Pod.');
  });

  test('kinds without a built-in schema are left to others', () => {
    expect(openApiV3Paths([kind({ group: 'example.com', kind: 'Foo', resource: 'foos', schema: 'Foo' })])).toEqual([]);
  });
});

/** Reads a message's length-delimited fields: number -> bodies. */
function readMessage(bytes: Uint8Array): Map<number, Uint8Array[]> {
  const fields = new Map<number, Uint8Array[]>();
  let i = 0;
  const varint = (): number => {
    let value = 0;
    for (let shift = 0; ; shift += 7) {
      const byte = bytes[i++] ?? 0;
      value |= (byte & 0x7f) << shift;
      if (byte < 0x80) return value;
    }
  };
  while (i < bytes.length) {
    const tag = varint();
    if ((tag & 7) === 0) varint();
    else {
      const size = varint();
      fields.set(tag >> 3, [...(fields.get(tag >> 3) ?? []), bytes.subarray(i, i + size)]);
      i += size;
    }
  }
  return fields;
}

describe('v2 in protobuf', () => {
  const inner = (bytes: Uint8Array | undefined, number: number): Uint8Array[] => readMessage(bytes ?? new Uint8Array()).get(number) ?? [];
  const word = (bytes: Uint8Array | undefined): string => Buffer.from(bytes ?? []).toString('utf8');
  const document = Buffer.concat([...openApiV2Protobuf(kinds)]);

  test('holds the definitions with types, references and extensions', () => {
    const named = inner(inner(document, 9)[0], 1);
    const schema = named.map((entry) => [word(inner(entry, 1)[0]), inner(entry, 2)[0]] as const).find(([name]) => name === podSpec)?.[1];
    expect(word(inner(inner(schema, 22)[0], 1)[0])).toBe('object');
    expect(word(inner(schema, 19)[0])).toBe('containers');
    const containers = inner(inner(schema, 25)[0], 1).find((entry) => word(inner(entry, 1)[0]) === 'containers');
    const property = inner(containers, 2)[0];
    expect(word(inner(inner(inner(property, 23)[0], 1)[0], 1)[0])).toBe('#/definitions/io.k8s.api.core.v1.Container');
    const extensions = inner(property, 31).map((entry) => `${word(inner(entry, 1)[0])}=${word(inner(inner(entry, 2)[0], 2)[0])}`);
    expect(extensions).toContain('x-kubernetes-patch-merge-key="name"');
  });

  test('holds every field of every definition', () => {
    const described = inner(inner(document, 9)[0], 1).map((entry) => {
      const properties = inner(inner(inner(entry, 2)[0], 25)[0], 1);
      return [word(inner(entry, 1)[0]), properties.map((property) => word(inner(property, 1)[0]))];
    });
    const definitions = Object.entries(openApiV2(kinds).definitions as Record<string, { properties?: object }>);
    expect(described).toEqual(definitions.map(([name, definition]) => [name, Object.keys(definition.properties ?? {})]));
  });

  test('holds the paths', () => {
    const paths = inner(inner(document, 8)[0], 2).map((entry) => word(inner(entry, 1)[0]));
    expect(paths).toContain('/apis/apps/v1/namespaces/{namespace}/deployments/{name}');
    expect(paths).toEqual(Object.keys(openApiV2(kinds).paths as Json));
  });
});

const facts = fileURLToPath(new URL('../../../../../shared/facts/field-semantics.json', import.meta.url));
describe.runIf(existsSync(facts))('the reference document', () => {
  test('states the same extensions on every field', () => {
    const { types } = JSON.parse(readFileSync(facts, 'utf8')) as { types: Record<string, { fields?: Record<string, Json> }> };
    const definitions = definitionsOf(
      ['V1Pod', 'V1Deployment', 'V1Service', 'V1CustomResourceDefinition', 'V1Job', 'V1Node', 'ResourceV1ResourceClaim'],
      'v2',
    );
    let compared = 0;
    for (const [name, definition] of definitions) {
      for (const [field, property] of Object.entries((definition as { properties?: Record<string, Json> }).properties ?? {})) {
        const stated = Object.entries(property)
          .filter(([key]) => key.startsWith('x-kubernetes-'))
          .map(([key, value]) => [key.slice('x-kubernetes-'.length), value]);
        expect(Object.fromEntries(stated), `${name}.${field}`).toEqual(types[name.slice('io.k8s.'.length)]?.fields?.[field] ?? {});
        compared++;
      }
    }
    expect(compared).toBeGreaterThan(800);
  });
});
