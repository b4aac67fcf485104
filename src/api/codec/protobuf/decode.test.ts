import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { StatusError } from '../../meta/status.ts';
import { decodeAnyProtobuf } from './mod.ts';

/** A small writer: messages as lists of fields. */
type Part = Buffer;
const varint = (value: number | bigint): Buffer => {
  const bytes: number[] = [];
  let left = BigInt.asUintN(64, BigInt(value));
  do {
    bytes.push(Number(left & 0x7fn) | (left > 0x7fn ? 0x80 : 0));
    left >>= 7n;
  } while (left > 0n);
  return Buffer.from(bytes);
};
const int = (number: number, value: number | bigint): Part => Buffer.concat([varint(number << 3), varint(value)]);
const chunk = (number: number, bytes: Buffer): Part => Buffer.concat([varint((number << 3) | 2), varint(bytes.length), bytes]);
const text = (number: number, value: string): Part => chunk(number, Buffer.from(value));
const message = (number: number, ...parts: Part[]): Part => chunk(number, Buffer.concat(parts));
const entry = (number: number, key: string, value: string): Part => message(number, text(1, key), text(2, value));

const body = (apiVersion: string, kind: string, ...parts: Part[]): Buffer =>
  Buffer.concat([Buffer.from('k8s\0'), message(1, text(1, apiVersion), text(2, kind)), message(2, ...parts), text(3, ''), text(4, '')]);
const decoded = (bytes: Buffer): unknown => decodeAnyProtobuf(bytes);

describe('decodeAnyProtobuf()', () => {
  test('names, maps, lists, nested messages; empty strings and zero times are not set', () => {
    const metadata = message(
      1,
      text(1, 'web'),
      text(2, ''),
      text(3, 'dev'),
      int(7, 0),
      message(8),
      entry(11, 'app', 'web'),
      entry(11, '__proto__', ''),
    );
    const container = message(2, text(1, 'app'), text(2, 'nginx'), text(3, 'sh'), text(3, ''), message(8), int(16, 0), int(18, 1));
    expect(decoded(body('v1', 'Pod', metadata, message(2, container, text(3, ''), int(4, 0)), message(3)))).toEqual({
      kind: 'Pod',
      apiVersion: 'v1',
      metadata: { name: 'web', namespace: 'dev', labels: JSON.parse('{"app":"web","__proto__":""}') as object },
      // A grace period of 0 is a wish; stdin: false is only what was not set.
      spec: {
        containers: [{ name: 'app', image: 'nginx', command: ['sh', ''], resources: {}, tty: true }],
        terminationGracePeriodSeconds: 0,
      },
      status: {},
    });
  });

  test('what is inlined in JSON', () => {
    const volume = message(1, text(1, 'data'), message(2, message(19, message(1, text(1, 'config')), int(4, 0))));
    const probe = message(10, message(1, message(2, text(1, '/'), message(2, int(1, 0), int(2, 80), text(3, '')))), int(2, 5));
    const fromSecret = message(7, text(1, 'KEY'), message(3, message(4, message(1, text(1, 'secret')), text(2, 'key'))));
    const pod = body('v1', 'Pod', message(2, volume, message(2, text(1, 'a'), probe, fromSecret)));
    expect(decoded(pod)).toMatchObject({
      spec: {
        volumes: [{ name: 'data', configMap: { name: 'config', optional: false } }],
        containers: [
          {
            name: 'a',
            livenessProbe: { httpGet: { path: '/', port: 80 }, initialDelaySeconds: 5 },
            env: [{ name: 'KEY', valueFrom: { secretKeyRef: { name: 'secret', key: 'key' } } }],
          },
        ],
      },
    });
  });

  test('other packages, quantities, percentages, bytes, times, reviews', () => {
    const deployment = body(
      'apps/v1',
      'Deployment',
      message(1, message(9, int(1, 1767225600))),
      message(
        2,
        int(1, 0),
        message(
          4,
          text(1, 'RollingUpdate'),
          message(2, message(1, int(1, 1), int(2, 0), text(3, '25%')), message(2, int(1, 0), int(2, 0))),
        ),
      ),
    );
    expect(decoded(deployment)).toEqual({
      kind: 'Deployment',
      apiVersion: 'apps/v1',
      metadata: { deletionTimestamp: '2026-01-01T00:00:00Z' },
      spec: { replicas: 0, strategy: { type: 'RollingUpdate', rollingUpdate: { maxUnavailable: '25%', maxSurge: 0 } } },
    });
    expect(decoded(body('v1', 'Secret', entry(2, 'k', 'value')))).toMatchObject({ data: { k: Buffer.from('value').toString('base64') } });
    const requests = message(2, text(1, 'cpu'), message(2, text(1, '100m')));
    expect(decoded(body('v1', 'Pod', message(2, message(2, message(8, requests)))))).toMatchObject({
      spec: { containers: [{ resources: { requests: { cpu: '100m' } } }] },
    });
    expect(decoded(body('coordination.k8s.io/v1', 'Lease', message(2, message(3, int(1, 1767225600), int(2, 5_000_000)))))).toMatchObject({
      spec: { acquireTime: '2026-01-01T00:00:00.005000Z' },
    });
    expect(
      decoded(body('authorization.k8s.io/v1', 'SelfSubjectAccessReview', message(2, message(1, text(2, 'get'), text(5, 'pods'))))),
    ).toMatchObject({
      spec: { resourceAttributes: { verb: 'get', resource: 'pods' } },
    });
  });

  test('options come under the version of their resource', () => {
    expect(decoded(body('apps/v1', 'DeleteOptions', int(1, 0), text(4, 'Foreground')))).toEqual({
      kind: 'DeleteOptions',
      apiVersion: 'apps/v1',
      gracePeriodSeconds: 0,
      propagationPolicy: 'Foreground',
    });
  });

  test('negative and large integers; unknown fields are passed over', () => {
    expect(decoded(body('scheduling.k8s.io/v1', 'PriorityClass', int(2, -5), text(99, 'new')))).toMatchObject({ value: -5 });
    expect(decoded(body('scheduling.k8s.io/v1', 'PriorityClass', int(2, 2_000_000_000)))).toMatchObject({ value: 2_000_000_000 });
  });

  const pod = 'Pod in version "v1" cannot be handled as a Pod:';
  test.each([
    ['no magic', Buffer.from('{"kind":"Pod"}'), 'provided data does not appear to be a protobuf message, expected prefix [107 56 115 0]'],
    ['no kind', Buffer.from('k8s\0'), 'Object \'Kind\' is missing in \'&runtime.TypeMeta{APIVersion:"", Kind:""}\''],
    [
      'an unknown kind',
      body('v1', 'Thing'),
      'Thing in version "v1" cannot be handled as a Thing: no kind "Thing" is registered for version "v1"',
    ],
    [
      'a broken message',
      Buffer.concat([Buffer.from('k8s\0'), message(1, text(1, 'v1'), text(2, 'Pod')), chunk(2, Buffer.from([0x0a, 0x7f]))]),
      `${pod} unexpected EOF`,
    ],
    [
      'a string where a number belongs',
      body('v1', 'Pod', message(2, text(4, 'x'))),
      `${pod} proto: wrong wireType = 2 for field TerminationGracePeriodSeconds`,
    ],
    ['an integer without an end', body('v1', 'Pod', Buffer.alloc(12, 0xff)), `${pod} proto: integer overflow`],
  ])('%s is a 400', (_name, bytes, wanted) => {
    expect(() => decodeAnyProtobuf(bytes)).toThrow(StatusError);
    expect(() => decodeAnyProtobuf(bytes)).toThrow(wanted);
  });

  test('a message that comes in pieces is put together; of a scalar the last counts, zeros too', () => {
    const first = message(1, text(1, 'a'), entry(11, 'x', '1'));
    const second = message(1, text(1, 'b'), text(3, 'dev'), entry(11, 'y', '2'));
    const third = message(1, text(3, ''));
    expect(decoded(body('v1', 'ConfigMap', first, second, third))).toEqual({
      kind: 'ConfigMap',
      apiVersion: 'v1',
      metadata: { name: 'b', labels: { x: '1', y: '2' } },
    });
  });

  test('numbers packed into one field', () => {
    const packed = chunk(3, Buffer.concat([varint(1), varint(300)]));
    const rule = message(1, message(2, text(2, 'In'), packed));
    expect(decoded(body('batch/v1', 'Job', message(2, message(11, rule))))).toMatchObject({
      spec: { podFailurePolicy: { rules: [{ onExitCodes: { operator: 'In', values: [1, 300] } }] } },
    });
  });

  test('integers beyond 2^53 are exact', () => {
    const deleteOptions = (value: bigint) => decoded(body('v1', 'DeleteOptions', int(1, value)));
    expect(deleteOptions(2n ** 53n + 1n)).toMatchObject({ gracePeriodSeconds: 2n ** 53n + 1n });
    expect(deleteOptions(-(2n ** 63n))).toMatchObject({ gracePeriodSeconds: -(2n ** 63n) });
    expect(deleteOptions(2n ** 53n - 1n)).toMatchObject({ gracePeriodSeconds: 2 ** 53 - 1 });
  });

  test('what is nested without end is refused, in messages and in JSON inside them', () => {
    let schema: Part = Buffer.alloc(0);
    for (let i = 0; i < 1000; i++) schema = message(28, schema);
    const version = message(7, message(4, message(1, schema)));
    expect(() => decoded(body('apiextensions.k8s.io/v1', 'CustomResourceDefinition', message(2, version)))).toThrow('exceeded max depth');
    const deep = chunk(1, Buffer.from('['.repeat(100_000)));
    expect(() => decoded(body('apps/v1', 'ControllerRevision', chunk(2, deep)))).toThrow(StatusError);
  });

  test.each([
    [
      'longer than the message around it',
      message(1, Buffer.concat([varint((1 << 3) | 2), varint(50), Buffer.from('short')]), text(2, 'x'.repeat(60))),
    ],
    ['longer than any body', Buffer.concat([varint((1 << 3) | 2), varint(2 ** 40)])],
    ['of negative length', Buffer.concat([varint((1 << 3) | 2), varint(-5)])],
    ['of an unknown wire type', varint((60 << 3) | 6)],
    ['with the number 0', Buffer.from([0x02, 0x00])],
    ['a time that no calendar has', message(1, message(8, int(1, 2n ** 60n)))],
    ['a quantity that is none', message(2, message(2, message(8, message(1, text(1, 'cpu'), message(2, text(1, 'many'))))))],
    ['JSON that is none', message(1, message(17, message(7, text(1, '{'))))],
  ])('a field %s is a 400', (_name, part) => {
    expect(() => decoded(body('v1', 'Pod', part))).toThrow(StatusError);
  });

  test('no bytes at all do worse than a 400', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 60 }), fc.constantFrom('Pod', 'Service', 'Secret'), (bytes, kind) => {
        try {
          decodeAnyProtobuf(body('v1', kind, Buffer.from(bytes)));
        } catch (error) {
          expect(error).toBeInstanceOf(StatusError);
        }
      }),
      { numRuns: 500, seed: 11 },
    );
  });
});
