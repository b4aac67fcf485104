// Prototypes stay as they are, whatever a patch names: every kind of patch, with keys that JavaScript objects inherit.
import fc from 'fast-check';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type HostileServer, startHostileServer } from './testing/hostile-server.ts';
import { inheritedKeys } from './testing/hostile-values.ts';

let server: HostileServer;
const objects: readonly (readonly [string, string])[] = [
  ['/api/v1/namespaces/default/configmaps', '{"metadata":{"name":"x","labels":{"a":"b"}},"data":{"a":"b"}}'],
  [
    '/apis/apps/v1/namespaces/default/deployments',
    `{"metadata":{"name":"x"},"spec":{"selector":{"matchLabels":{"a":"b"}},"template":{"metadata":{"labels":{"a":"b"}},
      "spec":{"containers":[{"name":"c","image":"i","env":[{"name":"e","value":"v"}]}]}}}}`,
  ],
];
beforeAll(async () => {
  server = await startHostileServer();
  for (const [target, body] of objects) expect((await server.ask({ method: 'POST', target, body: Buffer.from(body) })).status).toBe(201);
});
afterAll(() => server.stop());

/** JSON as text: an object of JavaScript could not hold every key twice, nor `__proto__` safely. */
const keys = [
  ...inheritedKeys,
  'polluted',
  ...['metadata', 'labels', 'annotations', 'data', 'spec', 'template', 'containers', 'name', 'a', '$patch', '$setElementOrder/containers'],
];
const { value } = fc.letrec<{ value: string; object: string }>((tie) => ({
  object: fc
    .array(fc.tuple(fc.constantFrom(...keys), tie('value')), { maxLength: 4 })
    .map((pairs) => `{${pairs.map(([key, of]) => `${JSON.stringify(key)}:${of}`).join(',')}}`),
  value: fc.oneof(
    { maxDepth: 5 },
    fc.constantFrom('null', '1', '"yes"', '"x"', '"replace"', '"merge"', '["a"]'),
    tie('object'),
    fc.array(tie('object'), { maxLength: 2 }).map((items) => `[${items.join(',')}]`),
  ),
}));
const pointer = fc
  .array(fc.constantFrom(...keys, '0', '-'), { maxLength: 5 })
  .map((parts) => JSON.stringify(parts.map((part) => `/${part.replaceAll('/', '~1')}`).join('')));
const operation = fc
  .tuple(fc.constantFrom('add', 'replace', 'remove', 'copy', 'move', 'test'), pointer, pointer, value)
  .map(([op, path, from, of]) => `{"op":"${op}","path":${path},"from":${from},"value":${of}}`);
const patches: Readonly<Record<string, fc.Arbitrary<string>>> = {
  'application/json-patch+json': fc.array(operation, { minLength: 1, maxLength: 4 }).map((items) => `[${items.join(',')}]`),
  'application/merge-patch+json': value,
  'application/strategic-merge-patch+json': value,
  'application/apply-patch+yaml': value,
};

const prototypes = [Object.prototype, Array.prototype, Function.prototype, String.prototype, Map.prototype];
/** Every property of what others inherit from, with what it is. */
const inherited = () =>
  prototypes.map((of) => Reflect.ownKeys(of).map((key) => [String(key), Object.getOwnPropertyDescriptor(of, key)?.value]));

test.each(Object.entries(patches))('%s', async (type, patch) => {
  const before = inherited();
  const query = type === 'application/apply-patch+yaml' ? '?fieldManager=m&force=true' : '';
  await fc.assert(
    fc.asyncProperty(fc.constantFrom(...objects), patch, async ([collection], body) => {
      const target = `${collection}/x${query}`;
      const answer = await server.ask({ method: 'PATCH', target, headers: { 'content-type': type }, body: Buffer.from(body) });
      expect(answer.unexpected).toEqual([]);
      expect('polluted' in {}).toBe(false);
      expect(inherited()).toEqual(before);
    }),
    { numRuns: 400, seed: 7 },
  );
});
