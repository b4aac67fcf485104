// Whatever the source is, it compiles or says why not; what runs ends with a value, an error or its budget, and soon.
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { CelCompileError, CelCostError, CelEvaluationError, compileCel, dynType, perCallCostLimit } from './mod.ts';

const env = { variables: { x: dynType, y: dynType } };
const bindings = { x: { a: [1, 2, { b: 'c' }], d: 'é😀' }, y: [3, null, 'text', 1.5, true] };

/** Compiles and evaluates; whether it came to a value. Anything but the module's own errors goes through. */
function survives(source: string): boolean {
  const budget = { remaining: perCallCostLimit };
  try {
    const program = compileCel(source, env);
    const { min, max } = program.estimateCost();
    expect(min).toBeLessThanOrEqual(max);
    program.evaluate(bindings, budget);
    const cost = perCallCostLimit - budget.remaining;
    // Upstream's estimate sees neither the fields of something dynamic nor what is inside the items of a list.
    const isSeen = !/\s*\.\s*\??(a|b|d|indexOf)\b/.test(source);
    if (isSeen && cost > max) throw new Error(`it cost ${cost}, and was estimated at ${max} at most`);
    return true;
  } catch (error) {
    if (error instanceof CelCompileError || error instanceof CelEvaluationError || error instanceof CelCostError) return false;
    throw new Error(`an unexpected error came of ${JSON.stringify(source)}`, { cause: error });
  }
}

const words =
  `x y true false null 1 -1 2u 1.5 'a' "é" b'x' [ ] ( ) { } . , : ? + - * / % ! == != < >= && || in has all exists map filter size
  optional.of int string dyn type matches find split join format replace [? .? .a .b [0] 'a(' r'\\d+' cel.bind transformMap duration timestamp
  quantity ip cidr url semver sets.contains 9223372036854775807 0x // \n \\ ' """ @result _`.split(/\s+/);

test('random words', () => {
  fc.assert(
    fc.property(fc.array(fc.constantFrom(...words), { maxLength: 20 }), (parts) => {
      survives(parts.join(' '));
    }),
    { numRuns: 2000 },
  );
});

test('random text', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary', maxLength: 60 }), (source) => {
      survives(source);
    }),
    { numRuns: 500 },
  );
});

const leaf = fc.constantFrom(
  'x',
  'y',
  'x.a',
  'x.d',
  'y[0]',
  '1',
  '0',
  '2u',
  '1.5',
  `'ab'`,
  `b'ab'`,
  'true',
  'null',
  '[]',
  '{}',
  `duration('1s')`,
  'n',
);
const { expr } = fc.letrec<{ expr: string }>((tie) => ({
  expr: fc.oneof(
    { depthSize: 'small', withCrossShrink: true },
    leaf,
    fc
      .tuple(fc.constantFrom('+', '-', '*', '/', '%', '==', '!=', '<', '>=', '&&', '||', 'in'), tie('expr'), tie('expr'))
      .map(([op, a, b]) => `(${a} ${op} ${b})`),
    fc
      .tuple(fc.constantFrom('all', 'exists', 'exists_one', 'map', 'filter'), tie('expr'), tie('expr'))
      .map(([m, a, b]) => `(${a}).${m}(n, ${b})`),
    fc
      .tuple(fc.constantFrom('size', 'string', 'int', 'dyn', 'type', 'bool', 'optional.of', 'quantity', 'bytes'), tie('expr'))
      .map(([f, a]) => `${f}(${a})`),
    fc
      .tuple(fc.constantFrom('matches', 'contains', 'split', 'indexOf', 'format', 'join', 'find', 'orValue'), tie('expr'), tie('expr'))
      .map(([m, a, b]) => `(${a}).${m}(${b})`),
    fc.tuple(tie('expr'), tie('expr'), tie('expr')).map(([a, b, c]) => `(${a} ? ${b} : ${c})`),
    fc.tuple(tie('expr'), tie('expr')).map(([a, b]) => `dyn([dyn(${a}), dyn(${b})])`),
    fc.tuple(tie('expr'), tie('expr')).map(([a, b]) => `{dyn(${a}): dyn(${b})}`),
    fc.tuple(tie('expr'), tie('expr')).map(([a, b]) => `cel.bind(n, ${a}, ${b})`),
    fc.tuple(tie('expr'), tie('expr')).map(([a, b]) => `dyn(${a})[?dyn(${b})]`),
  ),
}));

test('random trees', () => {
  let values = 0;
  fc.assert(
    fc.property(expr, (source) => {
      if (survives(source)) values++;
    }),
    { numRuns: 2000 },
  );
  expect(values).toBeGreaterThan(100);
});

/** A value that is added to itself again and again. */
const doubled = (start: string, times: number): string => {
  const binds = Array.from({ length: times }, (_, i) => `cel.bind(v${i + 1}, v${i} + v${i}, `).join('');
  return `cel.bind(v0, ${start}, ${binds}size(v${times})${')'.repeat(times + 1)}`;
};

test.each([
  ['parentheses', `${'('.repeat(5000)}1${')'.repeat(5000)}`],
  ['lists', `${'['.repeat(5000)}${']'.repeat(5000)}`],
  ['signs', `${'-'.repeat(50_001)}x`],
  ['a sum', Array(20_000).fill('1').join('+')],
  ['a chain of fields', `x${'.a'.repeat(20_000)}`],
  ['a chain of fields before a message', `x${'.a'.repeat(20_000)}{}`],
  ['a chain of conditions', `${'true ? 1 : '.repeat(5000)}1`],
  ['macros that repeat what they are given', `x${'.optMap(n, n)'.repeat(60)}`],
  ['joined lists', doubled('[1]', 40)],
  ['joined texts', doubled(`'ab'`, 60)],
  ['a long source', `'${'a'.repeat(200_000)}'`],
])('%s without end', (_, source) => {
  expect(survives(source)).toBe(false);
});

test('a long chain of && is not a deep one', () => {
  expect(survives(Array(5000).fill('true').join(' && '))).toBe(true);
});

test.each(['^(a+)+$', '(a|aa)+$', '(.*a){20}', '(a*)*b', '^(([a-z])+.)+[A-Z]([a-z])+$'])('%s takes linear time', (regex) => {
  const text = `${'a'.repeat(2000)}!`;
  const program = compileCel(`x.matches(r'${regex}') || y.find(r'${regex}') == 'b'`, env);
  expect(typeof program.evaluate({ x: text, y: text }, { remaining: perCallCostLimit })).toBe('boolean');
});

test('comparing deep values is charged by what is compared', () => {
  const deep = Array.from({ length: 2000 }, (_, i) => ({ a: i, b: [i, [i]] }));
  const program = compileCel('[1, 2, 3, 4, 5].all(n, {"k": x} == {"k": y})', env);
  const budget = { remaining: perCallCostLimit };
  expect(program.evaluate({ x: deep, y: deep.map((item) => ({ ...item })) }, budget)).toBe(true);
  expect(perCallCostLimit - budget.remaining).toBeGreaterThan(400);
});
