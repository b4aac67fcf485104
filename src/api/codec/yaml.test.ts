import { describe, expect, test } from 'vitest';
import { StatusError } from '../meta/status.ts';
import { schemaOf } from '../schema/mod.ts';
import { decodeJson } from './decode.ts';
import { decodeYaml, parseYamlDocuments, toYaml, YamlError, yamlDocuments } from './yaml.ts';

describe('scalars as Go reads them', () => {
  test.each([
    ['a: yes', { a: true }],
    ['a: off', { a: false }],
    ['y: 1', { true: 1 }],
    ['a: 0644', { a: 420 }],
    ['a: 0o644', { a: 420 }],
    ['a: 0b11', { a: 3 }],
    ['a: 0x1F', { a: 31 }],
    ['a: -12', { a: -12 }],
    ['a: 12:30:45', { a: '12:30:45' }],
    ['a: 22:22', { a: '22:22' }],
    ['a: 2026-11-20', { a: '2026-11-20' }],
    ['a: 2026-11-20T08:00:00Z', { a: '2026-11-20T08:00:00Z' }],
    ['a: 9007199254740993', { a: 9007199254740993n }],
    ['a: 1.5', { a: 1.5 }],
    ['a: 1e3', { a: 1000 }],
    ['a: "0644"', { a: '0644' }],
    ['a: ~', { a: null }],
    ['a: &x {b: 1}\nc: *x', { a: { b: 1 }, c: { b: 1 } }],
    ['a: &x {b: 1}\nc:\n  <<: *x\n  d: 2', { a: { b: 1 }, c: { b: 1, d: 2 } }],
    ['a: |\n  x\n  y\n', { a: 'x\ny\n' }],
  ])('%j', (text, want) => {
    expect(parseYamlDocuments(text)).toEqual([want]);
  });

  test('empty documents are skipped', () => {
    expect(parseYamlDocuments('---\n---\na: 1\n---\n# nothing\n---\nb: 2\n')).toEqual([{ a: 1 }, { b: 2 }]);
    expect(parseYamlDocuments('')).toEqual([]);
  });

  test('JSON is YAML', () => {
    expect(parseYamlDocuments('{"a":{"b":[1,"2"]}}')).toEqual([{ a: { b: [1, '2'] } }]);
  });

  test('a shared node becomes two', () => {
    const [tree] = parseYamlDocuments('a: &x {b: 1}\nc: *x') as [{ a: object; c: object }];
    expect(tree.a).not.toBe(tree.c);
  });

  test.each([['a: .inf'], ['a: [1'], ['a: b: c'], ['a:\n\t- x']])('%j is refused', (text) => {
    expect(() => parseYamlDocuments(text)).toThrow(YamlError);
  });

  const levels = (of: (depth: number) => string) => [of(200), of(300), of(100_000)] as const;
  test.each([
    ['flow sequences', levels((n) => '['.repeat(n) + ']'.repeat(n))],
    ['flow maps', levels((n) => `${'{a: '.repeat(n)}1${'}'.repeat(n)}`)],
    ['compact sequences', levels((n) => `${'- '.repeat(n)}x`)],
    ['sequences that do not end', levels((n) => '['.repeat(n))],
    ['keys in keys', levels((n) => `${'{'.repeat(n)}a${'}: 1'.repeat(n)}`)],
    ['indented maps', levels((n) => Array.from({ length: Math.min(n, 2_000) }, (_, i) => `${' '.repeat(i)}a:`).join('\n'))],
  ])('%s within each other are refused before the stack ends', (_what, [shallow, deep, abyss]) => {
    expect(() => parseYamlDocuments(deep)).toThrow('exceeded max depth');
    expect(() => parseYamlDocuments(abyss)).toThrow('exceeded max depth');
    let told = '';
    try {
      parseYamlDocuments(shallow);
    } catch (error) {
      told = String(error);
    }
    expect(told).not.toContain('depth');
  });

  test('a long text is read in steps, so that others may run between', () => {
    const text = Array.from({ length: 20_000 }, (_, i) => `k${i}: 1`).join('\n');
    expect([...yamlDocuments(text)].length).toBeGreaterThan(20);
  });

  test('a bomb of aliases is refused', () => {
    const levels = Array.from({ length: 12 }, (_, i) => `a${i + 1}: &a${i + 1} [${Array(10).fill(`*a${i}`).join(',')}]`);
    expect(() => parseYamlDocuments(['a0: &a0 x', ...levels].join('\n'))).toThrow('excessive aliasing');
  });
});

describe('decodeYaml', () => {
  const manifest = `
apiVersion: apps/v1
kind: Deployment
metadata:
  name: web
  labels: {app: web}
spec:
  replicas: 3
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec:
      containers:
      - name: web
        image: nginx:1.25
        resources: {limits: {cpu: 0.5, memory: 64Mi}}
        ports: [{containerPort: 80}]
`;

  test('gives what decodeJson gives', () => {
    const schema = schemaOf('V1Deployment');
    const json = JSON.stringify(parseYamlDocuments(manifest)[0]);
    const decoded = decodeYaml(manifest, schema, { fieldValidation: 'Strict' });
    expect(decoded).toEqual(decodeJson(json, schema, { fieldValidation: 'Strict' }));
    expect(decoded.object).toMatchObject({ spec: { template: { spec: { containers: [{ resources: { limits: { cpu: '500m' } } }] } } } });
  });

  const message = (text: string): string => {
    try {
      decodeYaml(text, schemaOf('V1ConfigMap'), { fieldValidation: 'Strict' });
    } catch (error) {
      if (error instanceof StatusError) return `${error.code} ${error.message}`;
      throw error;
    }
    return 'decoded';
  };

  test.each([
    [
      'data:\n  a: 5\n',
      '400 ConfigMap in version "v1" cannot be handled as a ConfigMap: json: cannot unmarshal number into Go struct field ConfigMap.data of type string',
    ],
    [
      'data:\n  a: x\n  a: z\nfoo: 1\n',
      '400 ConfigMap in version "v1" cannot be handled as a ConfigMap: strict decoding error: yaml: unmarshal errors:\n  line 3: key "a" already set in map, unknown field "foo"',
    ],
    ['- a\n', expect.stringContaining('json: cannot unmarshal array into Go value of type struct')],
    ['a: [1', expect.stringContaining('400 the object provided is unrecognized (must be of type ConfigMap): yaml: line 1: ')],
    ['', 'decoded'],
  ])('%j', (text, want) => {
    expect(message(text)).toEqual(want);
  });
});

test('toYaml quotes what would read otherwise, and reads back', () => {
  const value = { a: 'yes', b: '0644', c: '1e3', d: '12:30', e: ['x', { f: 1 }], g: '', h: 'multi\nline\n', i: 'null', j: '2026-11-20' };
  expect(parseYamlDocuments(toYaml(value))).toEqual([value]);
  expect(toYaml({ a: [{ b: 1 }] })).toBe('a:\n- b: 1\n');
});
