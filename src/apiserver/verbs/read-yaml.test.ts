// Large and odd bodies in YAML: JSON is read as JSON, and nothing is quadratic.
import { afterEach, beforeEach, expect, test } from 'vitest';
import { builtinKinds } from '../../api/mod.ts';
import { startTestCore, type TestCore } from '../testing/fixture.ts';

let t: TestCore;
beforeEach(async () => {
  t = await startTestCore({ kinds: builtinKinds });
});
afterEach(() => t.stop());
const kindOf = (resource: string) => {
  const kind = builtinKinds.find((each) => each.resource === resource);
  if (!kind) throw new Error(`no kind ${resource}`);
  return kind;
};
const yaml = (text: string) => ({ as: 'bytes', bytes: Buffer.from(text), mediaType: 'application/yaml' }) as const;
const create = (text: string) => t.call({ verb: 'create', kind: kindOf('configmaps'), body: yaml(text) });

test('JSON sent as YAML is JSON; what only looks like it is YAML', async () => {
  expect((await create(' \n{"metadata":{"name":"a"},"data":{"k":"v"}}')).data).toEqual({ k: 'v' });
  expect((await create('{metadata: {name: b}, data: {k: "v"}}')).data).toEqual({ k: 'v' });
  // The limit is YAML's.
  const room = ' '.repeat(1_100_000);
  expect((await create(`{"metadata":{"name":"c"},"data":{"k":"v"}${room}}`)).data).toEqual({ k: 'v' });
  const refused = await t.fail({ verb: 'create', kind: kindOf('configmaps'), body: yaml(`metadata: {name: d}\n#${room}`) });
  expect(refused).toMatchObject({ code: 413, reason: 'RequestEntityTooLarge' });
});

test('twenty thousand keys are compared by their names', async () => {
  const keys = Array.from({ length: 20_000 }, (_, i) => `  k${i}: "1"`).join('\n');
  expect(Object.keys((await create(`metadata:\n  name: many\ndata:\n${keys}`)).data)).toHaveLength(20_000);
});

test('a million containers are refused before they are judged', async () => {
  const bytes = Buffer.from(`{"metadata":{"name":"a"},"spec":{"containers":[${'{},'.repeat(900_000)}{}]}}`);
  const error = await t.fail({ verb: 'create', kind: kindOf('pods'), body: { as: 'bytes', bytes, mediaType: 'application/json' } });
  expect([error.code, error.message]).toEqual([413, 'Request entity too large: the body has 900004 objects, the limit is 100000']);
});

test.each([
  ['YAML', 'apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: twice\ndata:\n  k: a\n  k: b', 7],
  ['JSON', '{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"twice"},\n"data":{"k":"a","k":"b"}}', 2],
])('a key that an applied manifest has twice: %s', async (_, text, line) => {
  const body = { ...yaml(text), mediaType: 'application/apply-patch+yaml' };
  const apply = (fieldValidation?: string) => ({
    ...({ verb: 'patch', kind: kindOf('configmaps'), name: 'twice', patchType: 'application/apply-patch+yaml', body } as const),
    query: { fieldManager: ['m'], ...(fieldValidation ? { fieldValidation: [fieldValidation] } : {}) },
  });
  const said = `error converting YAML to JSON: yaml: unmarshal errors:\n  line ${line}: key "k" already set in map`;
  expect(await t.fail(apply('Strict'))).toMatchObject({ code: 400, message: `error strict decoding YAML: ${said}` });
  expect(t.warnings).toEqual([]);
  expect((await t.call(apply())).data).toEqual({ k: 'b' });
  expect((await t.call(apply('Ignore'))).data).toEqual({ k: 'b' });
  expect(t.warnings).toEqual([said]);
});
