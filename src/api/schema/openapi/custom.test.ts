// What is published of custom kinds: in Swagger 2.0 without what it has no word for, in OpenAPI 3.0 as users wrote it.
import { describe, expect, test } from 'vitest';
import { customKindsOf } from '../../apiextensions/custom-kind.ts';
import type { V1JSONSchemaProps } from '../../generated/types.gen.ts';
import type { KindDefinition } from '../../kind.ts';
import type { Json } from './definitions.ts';
import { openApiV2Text, openApiV3Paths, openApiV3Text } from './mod.ts';

const name = 'com.example.stable.v1.CronTab';

function kindsWith(schema: V1JSONSchemaProps): readonly KindDefinition[] {
  return customKindsOf({
    metadata: { name: 'crontabs.stable.example.com' },
    spec: {
      group: 'stable.example.com',
      scope: 'Namespaced',
      names: { plural: 'crontabs', kind: 'CronTab', listKind: 'CronTabList', singular: 'crontab' },
      versions: [{ name: 'v1', served: true, storage: true, schema: { openAPIV3Schema: schema }, subresources: { status: {} } }],
    },
  }).served;
}

// biome-ignore lint/suspicious/noExplicitAny: a document is looked into wherever the test likes.
const document = (pieces: Iterable<string>): any => JSON.parse([...pieces].join(''));
const v2 = (schema: V1JSONSchemaProps): Json => document(openApiV2Text(kindsWith(schema))).definitions[name];
const v3 = (schema: V1JSONSchemaProps): Json =>
  document(openApiV3Text('apis/stable.example.com/v1', kindsWith(schema))).components.schemas[name];

const spec: V1JSONSchemaProps = {
  type: 'object',
  properties: {
    port: { 'x-kubernetes-int-or-string': true, anyOf: [{ type: 'integer' }, { type: 'string' }] },
    maybe: { type: 'object', nullable: true, properties: { a: { type: 'string' } } },
    free: { type: 'object', 'x-kubernetes-preserve-unknown-fields': true, properties: { a: { type: 'string' } } },
    size: { type: 'integer', default: 3, description: 'How large.' },
  },
};

describe('a custom kind', () => {
  test('has a document of its group and version, with its operations', () => {
    const kinds = kindsWith({ type: 'object' });
    expect(openApiV3Paths(kinds)).toEqual(['apis/stable.example.com/v1']);
    const { paths } = document(openApiV3Text('apis/stable.example.com/v1', kinds));
    const path = '/apis/stable.example.com/v1/namespaces/{namespace}/crontabs/{name}';
    expect(Object.keys(paths)).toContain(`${path}/status`);
    expect(paths[path].patch.parameters.map((one: { name: string }) => one.name)).toContain('fieldValidation');
    expect(paths[path].get.responses[200].content['application/json'].schema).toEqual({ $ref: `#/components/schemas/${name}` });
    expect(paths[path].get['x-kubernetes-group-version-kind']).toEqual({ group: 'stable.example.com', kind: 'CronTab', version: 'v1' });
  });

  test('has kind, apiVersion and metadata, and the list of it', () => {
    const { components } = document(openApiV3Text('apis/stable.example.com/v1', kindsWith({ type: 'object', properties: { spec } })));
    expect(Object.keys(components.schemas[name].properties)).toEqual(['spec', 'apiVersion', 'kind', 'metadata']);
    expect(components.schemas[`${name}List`].properties.items.items).toEqual({ $ref: `#/components/schemas/${name}` });
    expect(components.schemas['io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta']).toBeDefined();
  });

  test('is as it was written in OpenAPI 3.0', () => {
    expect(v3({ type: 'object', properties: { spec } })).toMatchObject({ type: 'object', properties: { spec } });
  });

  test('loses in Swagger 2.0 what that cannot say', () => {
    const properties = v2({ type: 'object', properties: { spec } }).properties as Json;
    expect((properties.spec as Json).properties).toEqual({
      port: { 'x-kubernetes-int-or-string': true },
      maybe: {},
      free: { type: 'object', 'x-kubernetes-preserve-unknown-fields': true },
      size: { type: 'integer', description: 'How large.' },
    });
  });

  test('that may be anything names no field in Swagger 2.0', () => {
    const schema = { type: 'object', description: 'Anything.', 'x-kubernetes-preserve-unknown-fields': true };
    const { 'x-kubernetes-group-version-kind': _, ...said } = v2(schema);
    expect(said).toEqual({ type: 'object' });
    expect(Object.keys(v3(schema).properties as Json)).toEqual(['apiVersion', 'kind', 'metadata']);
  });
});
