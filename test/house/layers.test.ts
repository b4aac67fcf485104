// The house's layers: which folder may import which, one door a folder, no cycles. The table is DESIGN's and ARCHITECTURE.md's.
import { expect, test } from 'vitest';
import { isTest, readSources, resolveImport, type Source } from './sources.ts';

const below: Record<string, readonly string[]> = {
  base: [],
  api: ['base'],
  store: ['base'],
  client: ['base', 'api'],
  apiserver: ['base', 'api', 'store', 'client'],
  controllers: ['base', 'api', 'client'],
  scheduler: ['base', 'api', 'client'],
  kubelet: ['base', 'api', 'client'],
  network: ['base', 'api', 'client'],
  cli: ['base', 'api', 'client'],
  sim: ['base', 'api', 'client', 'kubelet'],
  cluster: ['base', 'api', 'store', 'client', 'apiserver', 'controllers', 'scheduler', 'kubelet', 'network', 'sim'],
  cmd: ['base', 'api', 'store', 'client', 'apiserver', 'controllers', 'scheduler', 'kubelet', 'network', 'cli', 'sim', 'cluster'],
};

/** Besides `mod.ts`: the ports by name, and the doors of parts that are loaded only when needed. */
const doors = [/^src\/base\/ports\/[a-z-]+\.ts$/, /\/mod\.ts$/];

const layerOf = (path: string): string => path.split('/')[1] ?? '';
const sources = readSources('src').filter((source) => !isTest(source));
const relativeImports = (source: Source) => source.imports.filter((found) => found.specifier.startsWith('.'));

test('the test sees the sources', () => {
  expect(sources.length).toBeGreaterThan(50);
  expect(sources.map((source) => source.path).filter((path) => !(layerOf(path) in below))).toEqual([]);
});

test('a folder imports only what lies below it', () => {
  const wrong = sources.flatMap((source) =>
    relativeImports(source)
      .map((found) => ({ ...found, to: resolveImport(source, found.specifier) }))
      .filter(
        ({ to }) => to.startsWith('src/') && layerOf(to) !== layerOf(source.path) && !below[layerOf(source.path)]?.includes(layerOf(to)),
      )
      .map(({ to, line }) => `${source.path}:${line} imports ${to}`),
  );
  expect(wrong).toEqual([]);
});

test('a folder is entered by its door', () => {
  const wrong = sources.flatMap((source) =>
    relativeImports(source)
      .map((found) => ({ ...found, to: resolveImport(source, found.specifier) }))
      .filter(({ to }) => layerOf(to) !== layerOf(source.path) && !doors.some((door) => door.test(to)))
      .map(({ to, line }) => `${source.path}:${line} imports ${to}: import the folder's mod.ts`),
  );
  expect(wrong).toEqual([]);
});

test('no file imports itself in a circle', () => {
  const graph = new Map(
    sources.map((source) => [source.path, relativeImports(source).map((found) => resolveImport(source, found.specifier))] as const),
  );
  const done = new Set<string>();
  const cycles: string[] = [];
  const visit = (path: string, trail: readonly string[]) => {
    const at = trail.indexOf(path);
    if (at >= 0) cycles.push([...trail.slice(at), path].join(' -> '));
    if (at >= 0 || done.has(path)) return;
    for (const next of graph.get(path) ?? []) visit(next, [...trail, path]);
    done.add(path);
  };
  for (const path of graph.keys()) visit(path, []);
  expect(cycles).toEqual([]);
});
