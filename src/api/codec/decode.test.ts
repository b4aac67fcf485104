import { describe, expect, test } from 'vitest';
import type { V1ConfigMap } from '../generated/types.gen.ts';
import { StatusError } from '../meta/status.ts';
import { schemaOf } from '../schema/mod.ts';
import { type DecodeOptions, decodeJson } from './decode.ts';

const pod = schemaOf('V1Pod');
const deployment = schemaOf('V1Deployment');
const strict = { fieldValidation: 'Strict' } as const;

const decode = (body: string, typeName = 'V1Pod', options: DecodeOptions = strict): unknown =>
  decodeJson(body, schemaOf(typeName), options).object;

function refusal(run: () => unknown): { code: number; reason: string; message: string } {
  try {
    run();
  } catch (error) {
    if (error instanceof StatusError) return { code: error.code, reason: error.reason, message: error.message };
    throw error;
  }
  throw new Error('nothing was refused');
}

const badRequest = (message: string) => ({ code: 400, reason: 'BadRequest', message });

describe('wrong types', () => {
  const refused = (kind: string, what: string) => badRequest(`${kind} in version "v1" cannot be handled as a ${kind}: ${what}`);

  test.each([
    ['{"spec":{"replicas":"3"}}', 'json: cannot unmarshal string into Go struct field DeploymentSpec.spec.replicas of type int32'],
    ['{"spec":{"replicas":2.0}}', 'json: cannot unmarshal number 2.0 into Go struct field DeploymentSpec.spec.replicas of type int32'],
    ['{"spec":{"replicas":1e3}}', 'json: cannot unmarshal number 1e3 into Go struct field DeploymentSpec.spec.replicas of type int32'],
    [
      '{"spec":{"replicas":2147483648}}',
      'json: cannot unmarshal number 2147483648 into Go struct field DeploymentSpec.spec.replicas of type int32',
    ],
    ['{"spec":{"replicas":true}}', 'json: cannot unmarshal bool into Go struct field DeploymentSpec.spec.replicas of type int32'],
    ['{"spec":{"paused":"yes"}}', 'json: cannot unmarshal string into Go struct field DeploymentSpec.spec.paused of type bool'],
    ['{"spec":{"paused":1}}', 'json: cannot unmarshal number into Go struct field DeploymentSpec.spec.paused of type bool'],
    ['{"spec":[]}', 'json: cannot unmarshal array into Go struct field Deployment.spec of type v1.DeploymentSpec'],
    [
      '{"spec":{"template":{"spec":{"containers":{}}}}}',
      'json: cannot unmarshal object into Go struct field PodSpec.spec.template.spec.containers of type []v1.Container',
    ],
    [
      '{"spec":{"template":{"spec":{"containers":[{"name":5}]}}}}',
      'json: cannot unmarshal number into Go struct field Container.spec.template.spec.containers.name of type string',
    ],
    [
      '{"spec":{"template":{"spec":{"containers":["x"]}}}}',
      'json: cannot unmarshal string into Go struct field PodSpec.spec.template.spec.containers of type v1.Container',
    ],
    [
      '{"spec":{"template":{"spec":{"restartPolicy":5}}}}',
      'json: cannot unmarshal number into Go struct field PodSpec.spec.template.spec.restartPolicy of type v1.RestartPolicy',
    ],
    ['{"metadata":{"labels":{"a":5}}}', 'json: cannot unmarshal number into Go struct field ObjectMeta.metadata.labels of type string'],
    [
      '{"metadata":{"labels":"a"}}',
      'json: cannot unmarshal string into Go struct field ObjectMeta.metadata.labels of type map[string]string',
    ],
    [
      '{"metadata":{"generation":9223372036854775808}}',
      'json: cannot unmarshal number 9223372036854775808 into Go struct field ObjectMeta.metadata.generation of type int64',
    ],
    ['{"metadata":{"creationTimestamp":"abc"}}', 'parsing time "abc" as "2006-01-02T15:04:05Z07:00": cannot parse "abc" as "2006"'],
    ['{"metadata":{"creationTimestamp":"2026-13-01T00:00:00Z"}}', 'parsing time "2026-13-01T00:00:00Z": month out of range'],
    ['{"metadata":{"creationTimestamp":"2026-02-30T00:00:00Z"}}', 'parsing time "2026-02-30T00:00:00Z": day out of range'],
    [
      '{"metadata":{"creationTimestamp":7}}',
      'json: cannot unmarshal number into Go struct field ObjectMeta.metadata.creationTimestamp of type string',
    ],
    [
      '{"spec":{"template":{"spec":{"containers":[{"resources":{"limits":{"cpu":"lots"}}}]}}}}',
      "quantities must match the regular expression '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'",
    ],
    [
      '{"spec":{"strategy":{"rollingUpdate":{"maxSurge":true}}}}',
      'json: cannot unmarshal bool into Go struct field RollingUpdateDeployment.spec.strategy.rollingUpdate.maxSurge of type int32',
    ],
  ])('%s', (body, message) => {
    expect(refusal(() => decode(body, 'V1Deployment'))).toEqual(refused('Deployment', message));
    // Wrong types are refused whatever is done about unknown fields.
    expect(refusal(() => decode(body, 'V1Deployment', { fieldValidation: 'Ignore' }))).toEqual(refused('Deployment', message));
  });

  test.each([
    ['V1Secret', '{"data":{"a":"!!!"}}', 'illegal base64 data at input byte 0'],
    ['V1Secret', '{"data":{"a":"YWJjZ"}}', 'illegal base64 data at input byte 5'],
    [
      'V1Lease',
      '{"spec":{"renewTime":"2026-11-20T08:00:00Z"}}',
      'parsing time "2026-11-20T08:00:00Z" as "2006-01-02T15:04:05.000000Z07:00": cannot parse "Z" as ".000000"',
    ],
    [
      'V1Service',
      '{"spec":{"ports":[{"targetPort":1.5}]}}',
      'json: cannot unmarshal number 1.5 into Go struct field ServicePort.spec.ports.targetPort of type int32',
    ],
  ])('%s %s', (typeName, body, message) => {
    expect(refusal(() => decode(body, typeName)).message).toContain(`cannot be handled as a ${schemaOf(typeName).goName}: ${message}`);
  });
});

describe('unknown and duplicate fields', () => {
  const cases: readonly [body: string, errors: readonly string[]][] = [
    ['{"spec":{"foo":1}}', ['unknown field "spec.foo"']],
    ['{"Spec":{}}', ['unknown field "Spec"']],
    ['{"spec":{"template":{"spec":{"containers":[{"name":"a"},{"nam":"b"}]}}}}', ['unknown field "spec.template.spec.containers[1].nam"']],
    ['{"metadata":{"labels":{"a":"1","a":"2"}}}', ['duplicate field "metadata.labels.a"']],
    ['{"metadata" : {"name" : "a", "name" : "b"}}', ['duplicate field "metadata.name"']],
    [
      '{"spec":{"foo":1,"replicas":1,"replicas":2},"bar":[{"x":1,"x":2}]}',
      ['unknown field "spec.foo"', 'duplicate field "spec.replicas"', 'unknown field "bar"'],
    ],
    ['{"spec":{"replicas":1,"replicas":2,"foo":{"a":{"b":1}}}}', ['duplicate field "spec.replicas"', 'unknown field "spec.foo"']],
    ['{"__proto__":{"a":1},"metadata":{"__proto__":{"x":1}}}', ['unknown field "__proto__"', 'unknown field "metadata.__proto__"']],
    ['{"metadata":{"annotations":{"note":"{\\"a\\":1,\\"a\\":2}"}}}', []],
    ['{"metadata":{"name":"x"},"spec":{"selector":{"matchLabels":{"a":"b"}}}}', []],
  ];

  test.each(cases)('%s', (body, errors) => {
    expect(decodeJson(body, deployment, { fieldValidation: 'Warn' }).warnings).toEqual(errors);
    expect(decodeJson(body, deployment).warnings).toEqual(errors);
    expect(decodeJson(body, deployment, { fieldValidation: 'Ignore' }).warnings).toEqual([]);
    if (errors.length > 0) {
      expect(refusal(() => decode(body, 'V1Deployment'))).toEqual(
        badRequest(`Deployment in version "v1" cannot be handled as a Deployment: strict decoding error: ${errors.join(', ')}`),
      );
    } else expect(decode(body, 'V1Deployment')).toMatchObject({ kind: 'Deployment' });
  });

  test('are dropped, and the last of two keys counts', () => {
    const { object } = decodeJson('{"x":1,"spec":{"foo":1,"replicas":1,"replicas":2}}', deployment, { fieldValidation: 'Warn' });
    expect(object).toEqual({ kind: 'Deployment', apiVersion: 'apps/v1', spec: { replicas: 2 } });
  });

  test('no more than a hundred are reported', () => {
    const body = JSON.stringify(Object.fromEntries(Array.from({ length: 300 }, (_, i) => [`x${i}`, i])));
    expect(decodeJson(body, pod, { fieldValidation: 'Warn' }).warnings).toHaveLength(100);
  });
});

describe('what is no object', () => {
  const unrecognized = (what: string, body: string) =>
    badRequest(`the object provided is unrecognized (must be of type Pod): couldn't get version/kind; json parse error: ${what} (${body})`);

  test.each([
    ['', 'unexpected end of JSON input', '<empty>'],
    ['{"kind":"Pod"', 'unexpected end of JSON input', '{"kind":"Pod"'],
    ['{"metadata":{"name":"web","labels":{"app":"we', 'unexpected end of JSON input', '{"metadata":{"name":"web","lab ...'],
    ['{kind:1}', "invalid character 'k' looking for beginning of object key string", '{kind:1}'],
    ['{"a":1,}', "invalid character '}' looking for beginning of object key string", '{"a":1,}'],
    ['{"a" 1}', "invalid character '1' after object key", '{"a" 1}'],
    ['{"a":1 "b":2}', `invalid character '"' after object key:value pair`, '{"a":1 "b":2}'],
    ['{"a":[1 2]}', "invalid character '2' after array element", '{"a":[1 2]}'],
    ['{"a":tru}', "invalid character '}' in literal true (expecting 'e')", '{"a":tru}'],
    ['{"a":"\\x"}', "invalid character 'x' in string escape code", '{"a":"\\x"}'],
    ['{"a":"\n"}', "invalid character '\\n' in string literal", '{"a":"\n"}'],
    ['{"a":01}', "invalid character '1' after object key:value pair", '{"a":01}'],
    ['{"a":1.}', "invalid character '}' after decimal point in numeric literal", '{"a":1.}'],
    ['{} x', "invalid character 'x' after top-level value", '{} x'],
    ['kind: Pod', "invalid character 'k' looking for beginning of value", '6b696e643a20506f64'],
    ['{"kind":5.5}', 'json: cannot unmarshal number into Go struct field .kind of type string', '{"kind":5.5}'],
    ['{"kind":5}', 'json: cannot unmarshal number into Go struct field .kind of type string', '{"kind":5}'],
    [
      '[1]',
      'json: cannot unmarshal array into Go value of type struct { APIVersion string "json:\\"apiVersion,omitempty\\""; Kind string "json:\\"kind,omitempty\\"" }',
      '5b315d',
    ],
  ])('%j', (body, what, summary) => {
    expect(refusal(() => decode(body))).toEqual(unrecognized(what, summary));
  });

  test('nesting is bounded', () => {
    const deep = `{"a":${'['.repeat(5000)}${']'.repeat(5000)}}`;
    expect(refusal(() => decode(deep)).message).toContain('json parse error: exceeded max depth');
  });
});

describe('another kind', () => {
  test.each([
    [
      '{"kind":"Service","apiVersion":"v1"}',
      'Service in version "v1" cannot be handled as a Pod: converting (v1.Service) to (core.Pod): unknown conversion',
    ],
    [
      '{"kind":"Foo","apiVersion":"v1"}',
      'Foo in version "v1" cannot be handled as a Pod: no kind "Foo" is registered for version "v1" in scheme "pkg/api/legacyscheme/scheme.go:30"',
    ],
    [
      '{"kind":"Pod","apiVersion":"apps/v1"}',
      'Pod in version "v1" cannot be handled as a Pod: no kind "Pod" is registered for version "apps/v1" in scheme "pkg/api/legacyscheme/scheme.go:30"',
    ],
  ])('%s', (body, message) => {
    expect(refusal(() => decode(body))).toEqual(badRequest(message));
  });

  test('another version of the same kind', () => {
    const body = '{"kind":"HorizontalPodAutoscaler","apiVersion":"autoscaling/v1"}';
    expect(refusal(() => decode(body, 'V2HorizontalPodAutoscaler')).message).toBe(
      'the API version in the data (autoscaling/v1) does not match the expected API version (autoscaling/v2)',
    );
  });

  test('kind and apiVersion may be left out', () => {
    expect(Object.keys(decode('{"metadata":{"name":"a"}}') as object)).toEqual(['kind', 'apiVersion', 'metadata']);
  });
});

describe('what is kept, and how', () => {
  test.each([
    ['null fields go', 'V1Pod', '{"metadata":{"name":"a","creationTimestamp":null},"spec":null}', { metadata: { name: 'a' } }],
    ['null map values are empty', 'V1ConfigMap', '{"data":{"a":null,"b":"x"}}', { data: { a: '', b: 'x' } }],
    [
      'null items are zero values',
      'V1Pod',
      '{"spec":{"containers":[null,{"args":[null]}]}}',
      { spec: { containers: [{}, { args: [''] }] } },
    ],
    [
      'empty optional collections go',
      'V1Pod',
      '{"metadata":{"labels":{},"finalizers":[]},"spec":{"containers":[],"volumes":[]}}',
      { metadata: {}, spec: { containers: [] } },
    ],
    [
      'empty objects stay',
      'V1Pod',
      '{"spec":{"containers":[],"volumes":[{"emptyDir":{}}]}}',
      { spec: { containers: [], volumes: [{ emptyDir: {} }] } },
    ],
    [
      'big integers stay exact',
      'V1Pod',
      '{"spec":{"containers":[],"activeDeadlineSeconds":9007199254740993}}',
      { spec: { containers: [], activeDeadlineSeconds: 9007199254740993n } },
    ],
    [
      'times are in UTC',
      'V1Pod',
      '{"metadata":{"deletionTimestamp":"2026-11-20T10:00:00.5+02:00"}}',
      { metadata: { deletionTimestamp: '2026-11-20T08:00:00Z' } },
    ],
    [
      'micro times too',
      'V1Lease',
      '{"spec":{"renewTime":"2026-11-20T10:00:00.123456+02:00"}}',
      { spec: { renewTime: '2026-11-20T08:00:00.123456Z' } },
    ],
    [
      'quantities are canonical',
      'V1ResourceQuota',
      '{"spec":{"hard":{"a":1,"b":0.5,"c":"1024Mi","d":"1000m","e":"100m","f":null,"g":"1e3"}}}',
      { spec: { hard: { a: '1', b: '500m', c: '1Gi', d: '1', e: '100m', f: '0', g: '1e3' } } },
    ],
    [
      'int or string',
      'V1Service',
      '{"spec":{"ports":[{"port":1,"targetPort":"http"},{"port":2,"targetPort":8080}]}}',
      {
        spec: {
          ports: [
            { port: 1, targetPort: 'http' },
            { port: 2, targetPort: 8080 },
          ],
        },
      },
    ],
    [
      'any JSON',
      'V1ControllerRevision',
      '{"data":{"a":[1.5,null,{"b":1e2}],"n":12345678901234567890123,"m":9007199254740993},"revision":1}',
      { data: { a: [1.5, null, { b: 100 }], n: 1.2345678901234568e22, m: 9007199254740993n }, revision: 1 },
    ],
    ['invalid UTF-8 is replaced', 'V1ConfigMap', '{"data":{"a":"\ufffd"}}', { data: { a: '\ufffd' } }],
    ['null is an empty object', 'V1Pod', 'null', {}],
  ])('%s', (_name, typeName, body, want) => {
    const { kind: _kind, apiVersion: _apiVersion, ...rest } = decode(body, typeName) as Record<string, unknown>;
    expect(rest).toEqual(want);
  });

  test('invalid UTF-8 bytes', () => {
    const body = Buffer.concat([Buffer.from('{"data":{"a":"'), Buffer.from([0xff]), Buffer.from('"}}')]);
    expect(decodeJson(body, schemaOf('V1ConfigMap'), strict).object).toMatchObject({ data: { a: '\ufffd' } });
  });

  test('a key named __proto__ changes no prototype', () => {
    const { object } = decodeJson<V1ConfigMap>(
      '{"data":{"__proto__":"x","constructor":"y","z":1.0}}'.replace('1.0', '"1"'),
      schemaOf('V1ConfigMap'),
      strict,
    );
    expect(Object.getPrototypeOf(object.data)).toBe(Object.prototype);
    expect(Object.keys(object.data ?? {})).toEqual(['__proto__', 'constructor', 'z']);
    expect(({} as { x?: string }).x).toBeUndefined();
  });
});
