import { describe, expect, test } from 'vitest';
import { parseYamlDocuments } from '../../codec/yaml.ts';
import type { V1ManagedFieldsEntry } from '../../generated/types.gen.ts';
import { deepFreeze, type KubeObject } from '../../meta/object.ts';
import { schemaOf } from '../../schema/load.ts';
import { type ApplyOutcome, applyPatch } from './apply.ts';
import { applyConflictError } from './conflict-error.ts';
import { updateManagedFields } from './managed-fields.ts';

type Json = Record<string, unknown>;
const t1 = '2026-11-20T08:00:00Z';
const t2 = '2026-11-20T09:00:00Z';

interface Type {
  readonly schema: string;
  readonly apiVersion: string;
}
const deployments: Type = { schema: 'V1Deployment', apiVersion: 'apps/v1' };
const configMaps: Type = { schema: 'V1ConfigMap', apiVersion: 'v1' };
const pods: Type = { schema: 'V1Pod', apiVersion: 'v1' };

/** One object, and those who write it in turn. */
class Written {
  readonly type: Type;
  object: KubeObject | undefined;
  constructor(type: Type) {
    this.type = type;
  }

  try(manager: string, applied: string | Json, { force = false, nowTime = t1 } = {}): ApplyOutcome {
    const { schema, apiVersion } = this.type;
    const value = typeof applied === 'string' ? (parseYamlDocuments(applied)[0] as Json) : applied;
    return applyPatch({ live: this.object, applied: value, manager, force, apiVersion, nowTime, schema: schemaOf(schema) });
  }

  apply(manager: string, applied: string | Json, options: { force?: boolean; nowTime?: string } = {}): this {
    const outcome = this.try(manager, applied, options);
    if (outcome.at === 'conflict') throw applyConflictError(outcome.conflicts);
    this.object = deepFreeze(outcome.object as KubeObject);
    return this;
  }

  update(manager: string, change: (object: Json) => Json, nowTime = t1): this {
    const { schema, apiVersion } = this.type;
    const next = change((this.object ?? {}) as Json) as KubeObject;
    const managedFields = updateManagedFields(next, this.object, { manager, apiVersion, nowTime, schema: schemaOf(schema) });
    const { managedFields: _, ...metadata } = next.metadata ?? {};
    this.object = deepFreeze({ ...next, metadata: { ...metadata, ...(managedFields ? { managedFields } : {}) } });
    return this;
  }

  get entries(): readonly V1ManagedFieldsEntry[] {
    return this.object?.metadata?.managedFields ?? [];
  }

  fieldsOf(manager: string, operation = 'Apply'): unknown {
    return this.entries.find((entry) => entry.manager === manager && entry.operation === operation)?.fieldsV1;
  }

  /** The object without its entries. */
  get plain(): Json {
    const { managedFields: _, ...metadata } = this.object?.metadata ?? {};
    return { ...(this.object as Json), metadata };
  }
}

// The examples of the documentation.
const configMap = `
apiVersion: v1
kind: ConfigMap
metadata: { name: test-cm, namespace: default, labels: { test-label: test } }
data: { key: some value }
`;

const nginx = `
apiVersion: apps/v1
kind: Deployment
metadata: { name: nginx, labels: { app: nginx } }
spec:
  replicas: 3
  selector: { matchLabels: { app: nginx } }
  template:
    metadata: { labels: { app: nginx } }
    spec: { containers: [{ name: nginx, image: "nginx:1.14.2" }] }
`;

describe('the documentation’s examples', () => {
  test('a first apply owns what it names', () => {
    const { entries } = new Written(configMaps).apply('kubectl', configMap);
    expect(entries).toEqual([
      {
        manager: 'kubectl',
        operation: 'Apply',
        apiVersion: 'v1',
        time: t1,
        fieldsType: 'FieldsV1',
        fieldsV1: { 'f:metadata': { 'f:labels': { 'f:test-label': {} } }, 'f:data': { 'f:key': {} } },
      },
    ]);
    expect(JSON.stringify(entries[0]?.fieldsV1)).toBe('{"f:data":{"f:key":{}},"f:metadata":{"f:labels":{"f:test-label":{}}}}');
  });

  test('an update takes the changed value over, and the next apply conflicts with it', () => {
    const object = new Written(configMaps)
      .apply('kubectl', configMap)
      .update('kubectl-edit', (old) => ({ ...old, data: { key: 'new value' } }), t2);
    expect(object.fieldsOf('kubectl-edit', 'Update')).toEqual({ 'f:data': { 'f:key': {} } });
    expect(object.fieldsOf('kubectl')).toEqual({ 'f:metadata': { 'f:labels': { 'f:test-label': {} } } });
    expect(() => object.apply('kubectl', configMap)).toThrow(
      'Apply failed with 1 conflict: conflict with "kubectl-edit" using v1: .data.key',
    );
    object.apply('kubectl', configMap, { force: true });
    expect(object.plain).toMatchObject({ data: { key: 'some value' } });
    expect(object.entries.map((entry) => entry.manager)).toEqual(['kubectl']);
  });

  test('replicas are handed over to the autoscaler', () => {
    const object = new Written(deployments)
      .apply('kubectl', nginx)
      .update('autoscaler', (old) => ({ ...old, spec: { ...(old.spec as Json), replicas: 5 } }), t2);
    object.apply('kubectl', nginx.replace('  replicas: 3\n', ''));
    expect(object.plain).toMatchObject({ spec: { replicas: 5 } });
    expect(object.fieldsOf('kubectl')).toMatchObject({ 'f:spec': { 'f:selector': {} } });
    expect(JSON.stringify(object.fieldsOf('kubectl'))).not.toContain('replicas');
  });

  test('a shared owner may let go without the field going', () => {
    const object = new Written(deployments).apply('a', nginx).apply('b', nginx);
    object.apply('a', nginx.replace('  replicas: 3\n', ''));
    expect(object.plain).toMatchObject({ spec: { replicas: 3 } });
    object.apply('b', nginx.replace('  replicas: 3\n', ''));
    expect((object.plain.spec as Json).replicas).toBeUndefined();
  });
});

describe('conflicts', () => {
  test('name every field of every owner', () => {
    const object = new Written(deployments).apply('a', nginx).apply('b', nginx);
    const theirs = nginx.replace('1.14.2', '1.15').replace('replicas: 3', 'replicas: 4');
    const outcome = object.try('c', theirs);
    expect(outcome.at).toBe('conflict');
    const error = outcome.at === 'conflict' ? applyConflictError(outcome.conflicts) : undefined;
    expect(error?.status).toEqual({
      kind: 'Status',
      apiVersion: 'v1',
      metadata: {},
      status: 'Failure',
      reason: 'Conflict',
      code: 409,
      message: [
        'Apply failed with 4 conflicts: conflicts with "a":',
        '- .spec.replicas',
        '- .spec.template.spec.containers[name="nginx"].image',
        'conflicts with "b":',
        '- .spec.replicas',
        '- .spec.template.spec.containers[name="nginx"].image',
      ].join('\n'),
      details: {
        causes: ['a', 'b'].flatMap((manager) =>
          ['.spec.replicas', '.spec.template.spec.containers[name="nginx"].image'].map((field) => ({
            reason: 'FieldManagerConflict',
            message: `conflict with "${manager}"`,
            field,
          })),
        ),
      },
    });
  });

  test('force takes all of it, and nothing else', () => {
    const object = new Written(deployments).apply('a', nginx);
    object.apply('b', nginx.replace('replicas: 3', 'replicas: 4'), { force: true });
    expect(JSON.stringify(object.fieldsOf('a'))).not.toContain('replicas');
    expect(JSON.stringify(object.fieldsOf('a'))).toContain('f:image');
    expect(() => object.apply('a', nginx)).toThrow('Apply failed with 1 conflict: conflict with "b": .spec.replicas');
  });

  test('the same value is no conflict: both own it', () => {
    const object = new Written(configMaps).apply('a', configMap).apply('b', configMap);
    expect(object.fieldsOf('a')).toEqual(object.fieldsOf('b'));
  });

  test('an applier conflicts with its own updates', () => {
    const object = new Written(configMaps).update('x', () => ({ metadata: { name: 'test-cm' }, data: { key: 'other' } }));
    expect(() => object.apply('x', configMap)).toThrow('conflict with "x" using v1: .data.key');
  });

  test('objects without owners belong to before-first-apply', () => {
    const object = new Written(configMaps);
    object.object = deepFreeze({
      apiVersion: 'v1',
      kind: 'ConfigMap',
      metadata: { name: 'test-cm' },
      data: { key: 'x', old: 'y' },
    } as KubeObject);
    expect(() => object.apply('a', configMap)).toThrow('conflict with "before-first-apply" using v1: .data.key');
    object.apply('a', configMap, { force: true, nowTime: t2 });
    expect(object.fieldsOf('before-first-apply', 'Update')).toEqual({ 'f:data': { '.': {}, 'f:old': {} } });
  });
});

describe('what is not named any more', () => {
  const pod = (containers: string) => `{ apiVersion: v1, kind: Pod, metadata: { name: p }, spec: { containers: ${containers} } }`;

  test('items of lists go, and those of others stay', () => {
    const object = new Written(pods)
      .apply('a', pod('[{ name: a, image: a }, { name: b, image: b }]'))
      .apply('b', pod('[{ name: c, image: c }]'));
    object.apply('a', pod('[{ name: b, image: b }]'));
    expect(object.plain).toMatchObject({
      spec: {
        containers: [
          { name: 'b', image: 'b' },
          { name: 'c', image: 'c' },
        ],
      },
    });
    expect((object.plain.spec as { containers: unknown[] }).containers).toHaveLength(2);
  });

  test('an item that others own fields of loses only ours', () => {
    const object = new Written(pods).apply('a', pod('[{ name: a, image: a, tty: true }]')).apply('b', pod('[{ name: a, stdin: true }]'));
    object.apply('a', '{ apiVersion: v1, kind: Pod, metadata: { name: p } }');
    expect(object.plain.spec).toEqual({ containers: [{ name: 'a', stdin: true }] });
  });

  test('a struct goes with its last owner, defaults and all', () => {
    const strategy = '\n  strategy: { rollingUpdate: { maxSurge: 1 } }\n';
    const object = new Written(deployments).apply('a', nginx.trimEnd() + strategy);
    object.object = deepFreeze({
      ...object.object,
      spec: { ...(object.plain.spec as Json), strategy: { type: 'RollingUpdate', rollingUpdate: { maxSurge: 1, maxUnavailable: '25%' } } },
    } as KubeObject);
    object.apply('a', nginx);
    expect((object.plain.spec as Json).strategy).toBeUndefined();
    expect(object.plain.metadata).toMatchObject({ name: 'nginx', labels: { app: 'nginx' } });
  });

  test('what is left empty stays when it is named', () => {
    const pod = (volume: string) => `{ apiVersion: v1, kind: Pod, metadata: { name: p }, spec: { volumes: [{ name: v, ${volume} }] } }`;
    const object = new Written(pods).apply('a', pod('emptyDir: { medium: Memory }'));
    object.apply('a', pod('emptyDir: {}'));
    expect(object.plain.spec).toEqual({ volumes: [{ name: 'v', emptyDir: {} }] });
    expect(object.fieldsOf('a')).toEqual({
      'f:spec': { 'f:volumes': { 'k:{"name":"v"}': { '.': {}, 'f:emptyDir': {}, 'f:name': {} } } },
    });
  });

  test('the last label of ours goes, and with it the map; metadata stays', () => {
    const object = new Written(configMaps).apply('a', configMap);
    object.object = deepFreeze({ ...object.object, metadata: { ...object.object?.metadata, uid: 'u' } });
    object.apply('a', '{ apiVersion: v1, kind: ConfigMap, metadata: { name: test-cm, namespace: default } }');
    expect(object.plain).toEqual({ apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'test-cm', namespace: 'default', uid: 'u' } });
    expect(object.entries).toEqual([]);
  });

  test('members of sets go, those of others stay', () => {
    const named = (finalizers: string) => `{ apiVersion: v1, kind: ConfigMap, metadata: { name: c, finalizers: ${finalizers} } }`;
    const object = new Written(configMaps).apply('a', named('[x/a, x/b]')).apply('b', named('[x/b, x/c]'));
    object.apply('a', named('[x/a]'));
    expect((object.plain.metadata as Json).finalizers).toEqual(['x/a', 'x/b', 'x/c']);
    object.apply('b', named('[]'));
    expect((object.plain.metadata as Json).finalizers).toEqual(['x/a']);
  });
});

describe('merging', () => {
  test.each([
    ['[c, x, a]', ['b', 'c', 'x', 'a']],
    ['[x, a]', ['x', 'a', 'b', 'c']],
    ['[a, z]', ['a', 'b', 'c', 'z']],
    ['[c, b, a]', ['c', 'b', 'a']],
    ['[]', ['a', 'b', 'c']],
  ])('items in the order of %s among those of the server', (applied, expected) => {
    const object = new Written(configMaps).update('u', () => ({ metadata: { name: 'c', finalizers: ['a', 'b', 'c'] } }));
    object.apply('m', `{ apiVersion: v1, kind: ConfigMap, metadata: { name: c, finalizers: ${applied} } }`);
    expect((object.plain.metadata as Json).finalizers).toEqual(expected);
  });

  test('atomic parts are replaced as a whole', () => {
    const named = (spec: string) => `{ apiVersion: v1, kind: Pod, metadata: { name: p }, spec: ${spec} }`;
    const object = new Written(pods).apply('a', named('{ nodeSelector: { x: "1" }, tolerations: [{ key: a }] }'));
    object.apply('a', named('{ nodeSelector: { z: "2" }, tolerations: [{ key: b }] }'));
    expect(object.plain.spec).toEqual({ nodeSelector: { z: '2' }, tolerations: [{ key: 'b' }] });
    expect(object.fieldsOf('a')).toEqual({ 'f:spec': { 'f:nodeSelector': {}, 'f:tolerations': {} } });
  });

  test('an absent key of a list counts as its default', () => {
    const ports = (text: string) => `{ apiVersion: v1, kind: Service, metadata: { name: s }, spec: { ports: ${text} } }`;
    const object = new Written({ schema: 'V1Service', apiVersion: 'v1' }).apply('a', ports('[{ port: 80, protocol: TCP, name: web }]'));
    object.apply('a', ports('[{ port: 80, name: http }]'));
    // The same item; its protocol is not named any more, and is defaulted again.
    expect(object.plain.spec).toEqual({ ports: [{ port: 80, name: 'http' }] });
  });

  test('null in a map is owned', () => {
    const object = new Written(configMaps).apply('a', '{ apiVersion: v1, kind: ConfigMap, metadata: { name: c }, data: { a: null } }');
    expect(object.fieldsOf('a')).toEqual({ 'f:data': { 'f:a': {} } });
    expect(object.plain.data).toEqual({ a: null });
  });

  test('objects of no known schema: maps merge, lists are replaced', () => {
    const request = { manager: 'a', force: false, apiVersion: 'x.io/v1', nowTime: t1, schema: undefined };
    const live = deepFreeze({ metadata: { name: 'c' }, spec: { a: 1, list: [1, 2], in: { x: 1 } } } as KubeObject);
    const outcome = applyPatch({ ...request, live, applied: { metadata: { name: 'c' }, spec: { list: [3], in: { y: 2 } } }, force: true });
    expect(outcome).toMatchObject({ at: 'applied', object: { spec: { a: 1, list: [3], in: { x: 1, y: 2 } } } });
  });
});

describe('times', () => {
  test('one’s own unchanged manifest changes nothing at all', () => {
    const object = new Written(deployments).apply('a', nginx);
    const before = object.object;
    object.apply('a', nginx, { nowTime: t2 });
    expect(object.object).toEqual(before);
  });

  test('coming to own a field is a change', () => {
    const object = new Written(configMaps).apply('a', configMap).apply('b', configMap, { nowTime: t2 });
    expect(object.entries.map(({ manager, time }) => [manager, time])).toEqual([
      ['a', t1],
      ['b', t2],
    ]);
  });
});
