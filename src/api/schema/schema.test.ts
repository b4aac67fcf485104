import { existsSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';
import { hasSchema, schemaOf, schemaTypeNames, typeOfDefinition } from './mod.ts';
import { parseMarks, semantics } from './semantics.ts';

const field = (type: string, name: string) => {
  const found = schemaOf(type).fields.get(name);
  if (!found) throw new Error(`no field ${type}.${name}`);
  return found;
};

describe('schemaOf', () => {
  test.each([
    [
      'V1PodSpec',
      'containers',
      {
        kind: 'array',
        required: true,
        listType: 'map',
        listMapKeys: ['name'],
        patchStrategy: ['merge'],
        patchMergeKey: 'name',
        goType: '[]v1.Container',
      },
    ],
    ['V1PodSpec', 'volumes', { listType: 'map', patchStrategy: ['merge', 'retainKeys'], patchMergeKey: 'name' }],
    ['V1PodSpec', 'tolerations', { kind: 'array', listType: 'atomic', listMapKeys: [], patchStrategy: [] }],
    ['V1PodSpec', 'nodeSelector', { kind: 'map', mapType: 'atomic', goType: 'map[string]string' }],
    ['V1PodSpec', 'overhead', { kind: 'map', goType: 'v1.ResourceList' }],
    ['V1PodSpec', 'restartPolicy', { kind: 'string', required: false, goType: 'v1.RestartPolicy' }],
    ['V1ServiceSpec', 'ports', { listMapKeys: ['port', 'protocol'], patchMergeKey: 'port' }],
    ['V1ServicePort', 'protocol', { default: 'TCP' }],
    ['V1ServicePort', 'targetPort', { kind: 'int-or-string' }],
    ['V1ObjectMeta', 'finalizers', { kind: 'array', listType: 'set', patchStrategy: ['merge'], patchMergeKey: undefined }],
    ['V1ObjectMeta', 'generation', { kind: 'integer', format: 'int64', goType: 'int64' }],
    ['V1ObjectMeta', 'creationTimestamp', { kind: 'time' }],
    ['V1LeaseSpec', 'renewTime', { kind: 'micro-time' }],
    ['V1DeploymentSpec', 'replicas', { kind: 'integer', format: 'int32', goType: 'int32' }],
    ['V1DeploymentSpec', 'selector', { kind: 'object', mapType: 'atomic', required: true }],
    ['V1DeploymentSpec', 'strategy', { patchStrategy: ['retainKeys'] }],
    ['V1PersistentVolumeSpec', 'claimRef', { kind: 'object', mapType: 'granular' }],
    ['V1Secret', 'data', { kind: 'map' }],
    ['V1ManagedFieldsEntry', 'fieldsV1', { kind: 'any' }],
  ] as const)('%s.%s', (type, name, want) => {
    expect(field(type, name)).toMatchObject(want);
  });

  test('elements carry the kind of what a list or map holds', () => {
    expect(field('V1Secret', 'data').element?.kind).toBe('bytes');
    expect(field('V1PodSpec', 'overhead').element?.kind).toBe('quantity');
    expect(field('V1Capabilities', 'add').element?.goType).toBe('v1.Capability');
    expect(field('V1PodSpec', 'containers').element?.object).toBe(schemaOf('V1Container'));
  });

  test('recursive types resolve', () => {
    expect(field('V1JSONSchemaProps', 'properties').element?.object).toBe(schemaOf('V1JSONSchemaProps'));
  });

  test('an unknown type is a bug', () => {
    expect(() => schemaOf('V1Nope')).toThrow('no API type "V1Nope"');
    expect(hasSchema('V1Nope')).toBe(false);
  });
});

describe('names', () => {
  test.each([
    ['V1Pod', 'io.k8s.api.core.v1.Pod', { group: '', version: 'v1', kind: 'Pod' }],
    ['CoreV1Event', 'io.k8s.api.core.v1.Event', { group: '', version: 'v1', kind: 'Event' }],
    ['EventsV1Event', 'io.k8s.api.events.v1.Event', { group: 'events.k8s.io', version: 'v1', kind: 'Event' }],
    ['V1ObjectMeta', 'io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta', undefined],
    ['V1Status', 'io.k8s.apimachinery.pkg.apis.meta.v1.Status', { group: '', version: 'v1', kind: 'Status' }],
    [
      'V2HorizontalPodAutoscaler',
      'io.k8s.api.autoscaling.v2.HorizontalPodAutoscaler',
      { group: 'autoscaling', version: 'v2', kind: 'HorizontalPodAutoscaler' },
    ],
    [
      'V1APIService',
      'io.k8s.kube-aggregator.pkg.apis.apiregistration.v1.APIService',
      { group: 'apiregistration.k8s.io', version: 'v1', kind: 'APIService' },
    ],
    ['VersionInfo', 'io.k8s.apimachinery.pkg.version.Info', undefined],
  ])('%s is %s', (typeName, definition, groupVersionKind) => {
    expect(schemaOf(typeName)).toMatchObject({ definition, groupVersionKind });
    expect(typeOfDefinition(definition)).toBe(typeName);
  });

  test('every type is in exactly one table, and every mark names a field and reads well', () => {
    expect([...semantics().keys()].sort()).toEqual([...schemaTypeNames()].sort());
    for (const [typeName, of] of semantics()) {
      for (const [name, marks] of Object.entries(of.fields)) {
        expect(schemaOf(typeName).fields.has(name), `${typeName}.${name}`).toBe(true);
        expect(Object.keys(parseMarks(marks)).length).toBeGreaterThan(0);
      }
    }
  });

  test('an unreadable mark is refused', () => {
    expect(() => parseMarks('atomc')).toThrow('Cannot read field mark "atomc"');
  });
});

// Measured facts of a reference server, where they are at hand.
const facts = fileURLToPath(new URL('../../../../shared/facts/field-semantics.json', import.meta.url));

interface Fact {
  readonly gvk?: readonly (readonly [string, string, string])[];
  readonly required?: readonly string[];
  readonly 'x-kubernetes-map-type'?: string;
  readonly fields?: Readonly<Record<string, Readonly<Record<string, string | readonly string[]>>>>;
}

describe.runIf(existsSync(facts))('the reference document', () => {
  const types = existsSync(facts) ? (JSON.parse(readFileSync(facts, 'utf8')) as { types: Record<string, Fact> }).types : {};

  test('agrees on every type that it names', () => {
    let compared = 0;
    for (const [name, fact] of Object.entries(types)) {
      const typeName = typeOfDefinition(`io.k8s.${name}`);
      if (typeName === undefined) {
        expect(name).toMatch(/\.v\d+(alpha|beta)\d+\.|apimachinery/);
        continue;
      }
      const schema = schemaOf(typeName);
      expect([...schema.required].sort(), `${typeName} required`).toEqual([...(fact.required ?? [])].sort());
      expect(schema.mapType, `${typeName} map type`).toBe(fact['x-kubernetes-map-type']);
      const gvk = schema.groupVersionKind;
      if (fact.gvk?.length === 1) expect([[gvk?.group, gvk?.version, gvk?.kind]], typeName).toEqual(fact.gvk);
      for (const [fieldName, of] of schema.fields) {
        const want = fact.fields?.[fieldName] ?? {};
        const where = `${typeName}.${fieldName}`;
        expect(of.listType, where).toBe(want['list-type']);
        expect(of.listMapKeys, where).toEqual(want['list-map-keys'] ?? []);
        expect(of.patchStrategy.join(','), where).toBe(want['patch-strategy'] ?? '');
        expect(of.patchMergeKey, where).toBe(want['patch-merge-key']);
        if (want['map-type'] !== undefined) expect(of.mapType, where).toBe(want['map-type']);
        compared++;
      }
    }
    expect(compared).toBeGreaterThan(2000);
  });
});
