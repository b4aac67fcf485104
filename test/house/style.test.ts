// The house's style: what no file may do, each ban with its replacement, and the sizes that keep files readable.
import ts from 'typescript';
import { describe, expect, test } from 'vitest';
import { isTest, lineOf, readSources, type Source, walk } from './sources.ts';

const sources = readSources('src').filter((source) => !isTest(source));
/** Where the machine itself may be touched. */
const isPort = (source: Source) => source.path.startsWith('src/base/ports/') || source.path.startsWith('src/cmd/');

const bannedCalls: Record<string, string> = {
  'Date.now': 'clock.nowMs()',
  'performance.now': 'clock.monotonicMs()',
  'process.hrtime': 'clock.monotonicMs()',
  setTimeout: 'clock.after() or sleep(clock, ...)',
  setInterval: 'a loop over sleep(clock, ...)',
  setImmediate: 'clock.yield()',
  'Math.random': 'a Random parameter',
  'crypto.randomUUID': 'random.uuid()',
  randomUUID: 'random.uuid()',
  randomBytes: 'random.bytes()',
  'AbortSignal.timeout': 'withDeadline(clock, ...)',
  'AbortSignal.any': 'childController()',
  fetch: 'the HTTP client port',
  structuredClone: 'draftOf(), or structural sharing',
};
const bannedImports: Record<string, string> = {
  'node:fs': 'the file system port',
  'node:fs/promises': 'the file system port',
  'node:net': 'the TCP port',
  'node:tls': 'the HTTP ports',
  'node:http': 'the HTTP ports',
  'node:https': 'the HTTP ports',
  'node:http2': 'the HTTP ports',
  'node:dgram': 'a port',
  'node:child_process': 'the process port',
  'node:timers': 'the clock',
  'node:timers/promises': 'the clock',
  'node:os': 'facts given as a parameter',
  'node:worker_threads': 'a port',
};
const bannedNames: Record<string, string> = {
  WeakRef: 'explicit lifetimes: nothing may depend on garbage collection',
  FinalizationRegistry: 'explicit lifetimes: nothing may depend on garbage collection',
};

function findBanned(source: Source): string[] {
  const found: string[] = [];
  const report = (node: ts.Node, what: string, instead: string) =>
    found.push(`${source.path}:${lineOf(source, node)} ${what}: use ${instead}`);
  walk(source.tree, (node) => {
    if (ts.isCallExpression(node)) {
      const callee = node.expression.getText(source.tree);
      const instead = bannedCalls[callee];
      if (instead) report(node, `calls ${callee}`, instead);
      if (/\.localeCompare$/.test(callee))
        report(node, 'calls localeCompare', 'a comparison of code units, which depends on no locale data');
    }
    if (ts.isNewExpression(node)) {
      const name = node.expression.getText(source.tree);
      if (name === 'Date' && (node.arguments?.length ?? 0) === 0) report(node, 'reads the time by new Date()', 'clock.nowMs()');
      const instead = bannedNames[name];
      if (instead) report(node, `makes a ${name}`, instead);
    }
    if (ts.isPropertyAccessExpression(node) && node.getText(source.tree) === 'process.env') report(node, 'reads process.env', 'an option');
  });
  for (const { specifier, line } of source.imports) {
    const instead = bannedImports[specifier];
    if (instead) found.push(`${source.path}:${line} imports ${specifier}: use ${instead}`);
  }
  return found;
}

test('only ports and the command touch the machine', () => {
  expect(sources.filter((source) => !isPort(source)).flatMap(findBanned)).toEqual([]);
});

test('the bans find what they are for', () => {
  const tree = ts.createSourceFile(
    'src/x/y.ts',
    'const a = Date.now(); const b = new Date(); "a".localeCompare("b"); process.env;',
    ts.ScriptTarget.ES2022,
    true,
  );
  const bad: Source = { path: 'src/x/y.ts', text: '', tree, imports: [{ specifier: 'node:fs', line: 1 }] };
  expect(findBanned(bad)).toHaveLength(5);
});

/** Files and functions that are longer than the rule, with what they measured when they were let through. They may only shrink. */
const longFiles: Record<string, number> = {};
const longFunctions: Record<string, number> = {};
const fileLinesMax = 500;
const functionLinesMax = 70;

describe('sizes', () => {
  test(`no file is longer than ${fileLinesMax} lines`, () => {
    const long = sources
      .map((source) => ({ path: source.path, lines: source.text.split('\n').length }))
      .filter(({ path, lines }) => lines > (longFiles[path] ?? fileLinesMax));
    expect(long).toEqual([]);
  });

  test(`no function is longer than ${functionLinesMax} lines`, () => {
    const long: string[] = [];
    for (const source of sources) {
      walk(source.tree, (node) => {
        if (!ts.isFunctionLike(node) || !('body' in node) || !node.body) return;
        const lines = source.tree.getLineAndCharacterOfPosition(node.getEnd()).line - lineOf(source, node) + 2;
        const name = `${source.path}:${node.name?.getText(source.tree) ?? lineOf(source, node)}`;
        if (lines > (longFunctions[name] ?? functionLinesMax)) long.push(`${name} has ${lines} lines`);
      });
    }
    expect(long).toEqual([]);
  });
});

test('every file begins with a comment that says its purpose', () => {
  expect(sources.filter((source) => !source.text.startsWith('//') && !source.text.startsWith('#!')).map((source) => source.path)).toEqual(
    [],
  );
});

test('names are kebab-case, and nothing is called utils', () => {
  const wrong = sources
    .map((source) => source.path)
    .filter((path) => !/^[a-z0-9/.-]+$/.test(path) || /\/(utils?|helpers?|misc|common)\.ts$/.test(path));
  expect(wrong).toEqual([]);
});

test('there are no default exports, enums, or classes that inherit from anything but Error', () => {
  const wrong: string[] = [];
  for (const source of sources) {
    walk(source.tree, (node) => {
      if (ts.isExportAssignment(node)) wrong.push(`${source.path}:${lineOf(source, node)} has a default export`);
      if (ts.isEnumDeclaration(node)) wrong.push(`${source.path}:${lineOf(source, node)} has an enum`);
      const parent = ts.isClassLike(node)
        ? node.heritageClauses?.find((clause) => clause.token === ts.SyntaxKind.ExtendsKeyword)
        : undefined;
      const name = parent?.types[0]?.expression.getText(source.tree);
      if (name && !/Error$/.test(name)) wrong.push(`${source.path}:${lineOf(source, node)} inherits from ${name}`);
    });
  }
  expect(wrong).toEqual([]);
});
