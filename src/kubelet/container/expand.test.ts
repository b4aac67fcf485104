import { expect, test } from 'vitest';
import { expand } from './expand.ts';

const known = (name: string) => ({ A: '1', B: '$(A)', EMPTY: '' })[name];

test.each([
  ['plain', 'plain'],
  ['$(A)', '1'],
  ['x$(A)y$(A)', 'x1y1'],
  ['$$(A)', '$(A)'],
  ['$$$(A)', '$1'],
  ['$(MISSING)', '$(MISSING)'],
  ['$(B)', '$(A)'],
  ['[$(EMPTY)]', '[]'],
  ['$(A', '$(A'],
  ['cost $5', 'cost $5'],
  ['$', '$'],
  ['', ''],
])('%j becomes %j', (text, expected) => {
  expect(expand(text, known)).toBe(expected);
});
