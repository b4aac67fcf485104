// Secrets are compared in constant time: who measures how long a refusal takes learns nothing of the secret.
import ts from 'typescript';
import { expect, test } from 'vitest';
import { isTest, lineOf, readSources, type Source, walk } from './sources.ts';

/** Where somebody's word is compared with what is secret. */
const folders = ['src/apiserver/authn', 'src/cluster/pki', 'src/kubelet/server', 'src/store/encryption'];
const secretName = /(^|\.)(\w*(secret|password|digest|signature|hmac|mac))$|(^|\.)(\w*[a-z]Token|token)$/i;
const equalities = new Set([
  ts.SyntaxKind.EqualsEqualsEqualsToken,
  ts.SyntaxKind.ExclamationEqualsEqualsToken,
  ts.SyntaxKind.EqualsEqualsToken,
  ts.SyntaxKind.ExclamationEqualsToken,
]);

/** Comparisons with what stands in the text, such as `undefined` and `''`, tell nothing. */
const isConstant = (node: ts.Expression): boolean =>
  ts.isLiteralExpression(node) || node.kind === ts.SyntaxKind.NullKeyword || node.getText() === 'undefined';

function leaks(source: Source): string[] {
  const found: string[] = [];
  walk(source.tree, (node) => {
    if (!ts.isBinaryExpression(node) || !equalities.has(node.operatorToken.kind)) return;
    if (isConstant(node.left) || isConstant(node.right)) return;
    const named = [node.left, node.right].some((side) => secretName.test(side.getText(source.tree)));
    if (named) found.push(`${source.path}:${lineOf(source, node)} compares ${node.getText(source.tree)}: use timingSafeEqual over digests`);
  });
  return found;
}

const sourceOf = (text: string): Source => ({
  path: 'x.ts',
  imports: [],
  text,
  tree: ts.createSourceFile('x.ts', text, ts.ScriptTarget.Latest, true),
});

test('a comparison that leaks is found', () => {
  expect(leaks(sourceOf('if (known.secret === given) go();'))).toHaveLength(1);
  expect(leaks(sourceOf("if (secret === undefined || token === '' || kind === other) go();"))).toEqual([]);
});

test('no secret is compared by ===', () => {
  const sources = folders.flatMap(readSources).filter((source) => !isTest(source));
  expect(sources.length).toBeGreaterThan(20);
  expect(sources.flatMap(leaks)).toEqual([]);
});
