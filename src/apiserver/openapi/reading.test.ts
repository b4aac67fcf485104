// The OpenAPI documents as the generator of a client reads them: references, path parameters, operations, bodies.
import { beforeAll, describe, expect, test } from 'vitest';
import { apiVersionOf, servedKinds } from '../../api/mod.ts';
import { apiOpenApi } from './openapi.ts';

// biome-ignore lint/suspicious/noExplicitAny: documents, looked into by path.
type Loose = any;
interface Operation {
  readonly path: string;
  readonly method: string;
  readonly parameters: readonly { readonly name: string; readonly in: string }[];
  readonly of: Loose;
}

const methods = ['get', 'put', 'post', 'delete', 'options', 'head', 'patch'];
const operationsOf = (document: Loose): Operation[] =>
  Object.entries<Loose>(document.paths ?? {}).flatMap(([path, item]) =>
    methods
      .filter((method) => item[method] !== undefined)
      .map((method) => ({ path, method, of: item[method], parameters: [...(item.parameters ?? []), ...(item[method].parameters ?? [])] })),
  );

/** Every reference of a document, wherever it stands. */
function refsOf(node: Loose, into: Set<string> = new Set()): Set<string> {
  if (typeof node !== 'object' || node === null) return into;
  if (typeof node.$ref === 'string') into.add(node.$ref);
  for (const value of Object.values(node)) refsOf(value, into);
  return into;
}

const at = (document: Loose, ref: string): Loose =>
  ref
    .slice(2)
    .split('/')
    .reduce((node, key) => node?.[key], document);

const documents = new Map<string, Loose>();
beforeAll(async () => {
  const source = apiOpenApi(servedKinds, { yield: async () => {} });
  const read = (bytes: Uint8Array): Loose => JSON.parse(Buffer.from(bytes).toString());
  documents.set('v2', read(await source.v2()));
  for (const path of await source.v3Paths()) documents.set(path, read(await source.v3(path)));
});

const all = () => [...documents].flatMap(([name, document]) => operationsOf(document).map((operation) => ({ name, ...operation })));
const v3 = () => all().filter(({ name }) => name !== 'v2');

describe('a generator of clients', () => {
  test('finds what every reference means', () => {
    for (const [name, document] of documents) {
      const refs = [...refsOf(document)];
      expect({ name, lost: refs.filter((ref) => at(document, ref) === undefined) }).toEqual({ name, lost: [] });
    }
  });

  test('finds each parameter once, and those of the path in the path', () => {
    const wrong = all().filter(({ path, parameters }) => {
      const names = parameters.map((one) => `${one.in} ${one.name}`);
      const inPath = parameters.filter((one) => one.in === 'path').map(({ name }) => name);
      const wanted = [...path.matchAll(/\{([^}]+)\}/g)].map(([, name]) => name);
      return new Set(names).size !== names.length || inPath.sort().join() !== wanted.sort().join();
    });
    expect(wrong.map(({ name, path, method }) => [name, method, path])).toEqual([]);
  });

  test('gives each operation a name of its own, the same in both dialects, and an answer', () => {
    const named = (operations: readonly Operation[]) => operations.map(({ of }) => of.operationId as string).sort();
    const inV3 = named(v3());
    expect(new Set(inV3).size).toBe(inV3.length);
    expect(named(all().filter(({ name }) => name === 'v2'))).toEqual(inV3);
    for (const { of } of all()) expect(Object.keys(of.responses).length).toBeGreaterThan(0);
  });

  test('finds an operation for every verb of every kind, with the kind', () => {
    const actions: Readonly<Record<string, string>> = {
      create: 'post',
      update: 'put',
      patch: 'patch',
      get: 'get',
      delete: 'delete',
      list: 'list',
    };
    const found = new Set(
      v3().map(({ of }) => {
        const { group, version, kind } = of['x-kubernetes-group-version-kind'] ?? {};
        return `${of['x-kubernetes-action']} ${group === '' ? '' : `${group}/`}${version} ${kind}`;
      }),
    );
    for (const kind of servedKinds) {
      for (const verb of kind.verbs ?? Object.keys(actions)) {
        const action = actions[verb];
        if (action !== undefined) expect(found).toContain(`${action} ${apiVersionOf(kind)} ${kind.kind}`);
      }
    }
  });

  test('finds a body where one is sent', () => {
    const connects = (path: string) => /\/(proxy|exec|attach|portforward)(\/\{path\})?$/.test(path);
    const without = v3().filter(({ path, method, of }) => ['post', 'put', 'patch'].includes(method) && !of.requestBody && !connects(path));
    expect(without.map(({ path, method }) => [method, path])).toEqual([]);
  });
});
