// Bodies that a schema almost describes: what a careless or hostile client might send, made from a seed.
import type { FieldSchema, ObjectSchema, ValueSchema } from '../../api/mod.ts';
import { SeededRandom } from '../../base/mod.ts';

/** Decisions for one request, all from one seed. */
export interface Dice {
  /** True once in `of` throws. */
  once(of: number): boolean;
  /** From 0 to `below` - 1. */
  upTo(below: number): number;
  pick<T>(from: readonly T[]): T;
  /** One value in so many is of another type than its schema wants. */
  readonly wildness: number;
}

export function diceOf(seed: number): Dice {
  const random = new SeededRandom(seed);
  const upTo = (below: number) => random.below(below);
  const pick = <T>(from: readonly T[]): T => from[upTo(from.length)] as T;
  return { once: (of) => upTo(of) === 0, upTo, pick, wildness: pick([10_000, 400, 100, 40]) };
}

/** Keys that JavaScript objects have without being given them. */
export const inheritedKeys = [
  '__proto__',
  'constructor',
  'prototype',
  'toString',
  'hasOwnProperty',
  'valueOf',
  '__defineGetter__',
] as const;

const texts: readonly string[] = [
  ...[
    'a',
    'b',
    'web',
    'default',
    'kube-system',
    'a.b',
    'example.com/key',
    'a/b/c',
    '',
    ' ',
    '.',
    '..',
    '../..',
    '/',
    '*',
    '-',
    '0',
    '1',
    '80',
  ],
  ...['-1', '1e400', '0x10', '100m', '1Gi', '10%', '1000%', '-5%', 'NaN', 'TCP', 'UDP', 'Always', 'Never', 'IPv4', 'IPv6', 'In', 'Exists'],
  ...[
    '10.0.0.1',
    '10.96.0.1',
    '10.0.0.0/8',
    '::1',
    'fd00::/64',
    '999.1.1.1',
    '1.2.3.4/99',
    'None',
    'ClusterIP',
    'NodePort',
    'ExternalName',
  ],
  ...[
    '2024-01-01T00:00:00Z',
    '2024-01-01T00:00:00.000000Z',
    '0000-00-00',
    '* * * * *',
    '@every 1h',
    'TZ=UTC * * * * *',
    'UTC',
    'a=b',
    'a in (b',
  ],
  ...[
    'spec.nodeName',
    'metadata.name',
    '$(A)',
    '$(',
    'resource("x")',
    'self.x > 1',
    '{',
    '[]',
    'null',
    'YQ==',
    'not base64!',
    'https://a.b/c',
  ],
  ...[
    ...inheritedKeys,
    '\u0000',
    '\ud800',
    '\u202e',
    'é'.repeat(40),
    'x'.repeat(64),
    'x'.repeat(300),
    'A_B',
    'kubernetes.io/os',
    'v1',
    'Pod',
  ],
];
const numbers: readonly number[] = [0, 1, -1, 2, 80, 65536, 30000, 2 ** 31, -(2 ** 31) - 1, 2 ** 53, 1e300, 1.5, 511, 100];
const strangers: readonly unknown[] = [
  null,
  null,
  [],
  {},
  [null],
  [[]],
  '',
  0,
  true,
  'x',
  { a: null },
  [{}],
  JSON.parse('{"__proto__":{"polluted":1}}'),
];

/** A value that fits its schema, but for one place in some dozens. */
export function nearlyValue(schema: ValueSchema, dice: Dice, depth = 0): unknown {
  if (dice.once(dice.wildness)) return structuredClone(dice.pick(strangers));
  switch (schema.kind) {
    case 'object':
      return schema.object ? nearlyObject(schema.object, dice, depth + 1) : {};
    case 'array':
      return Array.from({ length: depth > 8 ? 0 : dice.pick([0, 1, 1, 1, 2, 3]) }, () => element(schema, dice, depth + 1));
    case 'map':
      return Object.fromEntries(Array.from({ length: dice.upTo(3) }, () => [dice.pick(texts), element(schema, dice, depth + 1)]));
    case 'integer':
    case 'number':
      return dice.pick(numbers);
    case 'boolean':
      return dice.once(2);
    case 'int-or-string':
    case 'quantity':
      return dice.once(2) ? dice.pick(numbers) : dice.pick(texts);
    case 'time':
      return dice.pick(['2024-01-01T00:00:00Z', '2024-13-01T00:00:00Z', null]);
    case 'micro-time':
      return dice.pick(['2024-01-01T00:00:00.000000Z', '2024-01-01T00:00:00Z', null]);
    case 'bytes':
      return dice.pick(['', 'YQ==', '////', '!']);
    case 'any':
      return structuredClone(dice.pick(strangers));
    case 'string':
      return dice.pick(texts);
  }
}

const element = (schema: ValueSchema, dice: Dice, depth: number): unknown =>
  schema.element ? nearlyValue(schema.element, dice, depth) : null;

function nearlyObject(schema: ObjectSchema, dice: Dice, depth: number): Record<string, unknown> {
  const made: Record<string, unknown> = {};
  const wanted = (field: FieldSchema) => (field.required ? !dice.once(60) : depth < 9 && dice.once(depth < 3 ? 2 : depth + 1));
  for (const field of schema.fields.values()) if (wanted(field)) made[field.name] = nearlyValue(field, dice, depth);
  if (dice.once(dice.wildness)) Object.defineProperty(made, dice.pick(texts), { value: dice.pick(strangers), enumerable: true });
  return made;
}

/** Changes the object in one place, somewhere below it, to what {@link nearlyValue} gives there. */
export function spoil(object: Record<string, unknown>, schema: ObjectSchema, dice: Dice): void {
  const present = [...schema.fields.values()].filter((field) => field.name in object);
  const field = dice.pick(present.length > 0 && !dice.once(3) ? present : [...schema.fields.values()]);
  if (!field) return;
  const inside = dice.once(4) ? undefined : placeBelow(object[field.name], field, dice);
  if (inside) spoil(inside.object, inside.schema, dice);
  else if (dice.once(4)) delete object[field.name];
  else object[field.name] = nearlyValue(field, dice, dice.pick([2, 5]));
}

function placeBelow(below: unknown, field: FieldSchema, dice: Dice): { object: Record<string, unknown>; schema: ObjectSchema } | undefined {
  if (isRecord(below) && field.object) return { object: below, schema: field.object };
  if (!Array.isArray(below) || below.length === 0 || !field.element?.object) return undefined;
  const item: unknown = dice.pick(below);
  if (dice.once(6)) below.push(structuredClone(item));
  return isRecord(item) ? { object: item, schema: field.element.object } : undefined;
}

const isRecord = (value: unknown): value is Record<string, unknown> => typeof value === 'object' && value !== null && !Array.isArray(value);

const nested = (levels: number, open: string, close: string): string => open.repeat(levels) + close.repeat(levels);

/** Bodies that no schema describes. Each is made when it is wanted: some are large. */
export const hostileBodies: readonly (() => Uint8Array)[] = [
  () => Buffer.from(''),
  () => Buffer.from('{'),
  () => Buffer.from('null'),
  () => Buffer.from('[]'),
  () => Buffer.from('"text"'),
  () => Buffer.from('{"metadata":null}'),
  () => Buffer.from('{"metadata":{"name":null,"labels":null,"annotations":{"a":null},"ownerReferences":[null],"finalizers":[null]}}'),
  () => Buffer.from('{"metadata":{"name":"x","managedFields":[null,{},{"manager":"a","operation":"Apply","fieldsV1":{"f:":{}}}]}}'),
  () => Buffer.from(nested(20_000, '[', ']')),
  () => Buffer.from(nested(20_000, '{"a":', '}').replace('}', '1}')),
  () => Buffer.from(`{"metadata":{"name":"x","labels":${nested(12_000, '{"a":', '}').replace('}', '1}')}}`),
  () => Buffer.from(`{"metadata":{"annotations":{"${'k'.repeat(300_000)}":"v"}}}`),
  () => Buffer.from(`{"${'k'.repeat(1_000_000)}":1}`),
  () =>
    Buffer.from(
      '{"__proto__":{"polluted":1},"constructor":{"prototype":{"polluted":1}},"metadata":{"name":"x","__proto__":{"polluted":1}}}',
    ),
  () => Buffer.from('{"metadata":{"name":"x","labels":{"__proto__":"a","constructor":"b","toString":"c"}},"data":{"__proto__":"a"}}'),
  () => Buffer.from('{"metadata":{"name":"x"},"metadata":{"name":"y"},"data":{"a":"1","a":"2"}}'),
  () => Buffer.from([0x7b, 0x22, 0xff, 0xfe, 0x22, 0x3a, 0x22, 0xc3, 0x28, 0x22, 0x7d]),
  () => Buffer.from([0xef, 0xbb, 0xbf, 0x7b, 0x7d]),
  () => Buffer.from('{"metadata":{"name":"\\ud800\\u0000"}}'),
  () => Buffer.from('{"metadata":{"name":"x","generation":1e400,"deletionGracePeriodSeconds":99999999999999999999999}}'),
  () => Buffer.from('a: &a [*a, *a]\n'),
  () =>
    Buffer.from(
      ['a: &a ["x","x","x"]', ...'bcdefghij'.split('').map((c, i) => `${c}: &${c} [${Array(9).fill(`*${'abcdefghi'[i]}`)}]`)].join('\n'),
    ),
  () => Buffer.from('--- !!js/function x\n...\n---\nb: !!binary "\\xff"\n'),
  () => Buffer.from('? [complex, {key: 1}]\n: value\n<<: {a: 1}\n'),
  () => Buffer.from(`k8s\0${'\xff'.repeat(200)}`, 'latin1'),
  () => Buffer.from('k8s\0\x0a\x05\x0a\x01v\x12\x00\x12\x7f', 'latin1'),
  () => Buffer.from('k8s\0', 'latin1'),
  () =>
    Buffer.from(
      [{ op: 'add' }, null, 1, { op: 'x', path: '/' }]
        .map((operation) => JSON.stringify(operation))
        .join(',')
        .replace(/^(.*)$/, '[$1]'),
    ),
  () =>
    Buffer.from('[{"op":"add","path":"/__proto__/polluted","value":1},{"op":"add","path":"/constructor/prototype/polluted","value":1}]'),
  () => Buffer.from('[{"op":"copy","from":"","path":"/metadata/annotations"},{"op":"move","from":"/metadata","path":"/metadata/a/b"}]'),
  () => Buffer.from('[{"op":"replace","path":"","value":null}]'),
  () => Buffer.from('[{"op":"remove","path":"/metadata"},{"op":"remove","path":"/kind"}]'),
  () => Buffer.from('[{"op":"add","path":"/metadata/labels","value":[1]},{"op":"test","path":"/~2/~","value":1}]'),
  () => Buffer.from(`[${Array(10_001).fill('{"op":"test","path":"/kind","value":"x"}')}]`),
  () => Buffer.from(`[${Array(60).fill('{"op":"copy","from":"","path":"/metadata/annotations"}')}]`),
  () => Buffer.from('{"$patch":"replace"}'),
  () => Buffer.from('{"$patch":7,"metadata":{"$patch":"delete","$retainKeys":["x"],"labels":{"$patch":"nope"}}}'),
  () => Buffer.from('{"spec":{"$patch":"delete","containers":[{"$patch":"replace"},null,{"name":null},{"$patch":"delete"}]}}'),
  () => Buffer.from('{"metadata":{"$setElementOrder/finalizers":7,"finalizers":{"a":1},"$deleteFromPrimitiveList/finalizers":[1,null]}}'),
  () => Buffer.from('{"spec":{"$setElementOrder/containers":[{"name":"a"},{}],"containers":[{"name":"b"}]},"$retainKeys":"x"}'),
  () =>
    Buffer.from(
      '{"kind":"DeleteOptions","apiVersion":"v1","gracePeriodSeconds":-5,"preconditions":{"uid":7},"propagationPolicy":"Never","dryRun":7}',
    ),
  () => Buffer.from('{"propagationPolicy":7,"orphanDependents":true,"gracePeriodSeconds":"x","preconditions":[]}'),
];
