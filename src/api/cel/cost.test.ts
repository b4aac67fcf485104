// The figures are those of upstream's own estimates and evaluations, where it publishes them.
import { expect, test } from 'vitest';
import { authorizerType, authorizerValue, CelCostError, type CelSchema, celTypeOfSchema, compileCel, perCallCostLimit } from './mod.ts';

function estimate(rule: string, schema: CelSchema): number {
  const self = celTypeOfSchema(schema);
  if (self === undefined) throw new Error('the schema has no type');
  return compileCel(rule, { variables: { self } }).estimateCost().max;
}

const itemOf = (type: string): CelSchema =>
  type === 'int-or-string'
    ? { 'x-kubernetes-int-or-string': true }
    : ['duration', 'date', 'date-time'].includes(type)
      ? { type: 'string', format: type }
      : { type };
const withMax = (key: 'maxItems' | 'maxProperties' | 'maxLength', max: number | undefined) => (max === undefined ? {} : { [key]: max });
const array =
  (item: CelSchema) =>
  (max?: number): CelSchema => ({ type: 'array', items: item, ...withMax('maxItems', max) });
const map =
  (value: CelSchema) =>
  (max?: number): CelSchema => ({ type: 'object', additionalProperties: value, ...withMax('maxProperties', max) });
const text =
  (more: CelSchema = {}) =>
  (max?: number): CelSchema => ({ type: 'string', ...more, ...withMax('maxLength', max) });
const object: CelSchema = {
  type: 'object',
  required: ['required'],
  properties: { required: { type: 'string' }, optional: { type: 'string' } },
};
const nestedText = (max?: number): CelSchema => map({ type: 'string', ...withMax('maxLength', max) })(max);
const nestedAll = (max?: number): CelSchema => array(map({ ...object, ...withMax('maxProperties', max) })(max))(max);
const over = 10_000_000;

test.each<[string, (max?: number) => CelSchema, number, number, number]>([
  ['self.all(x, true)', array(itemOf('number')), 4718591, 10, 32],
  ['self.all(x, true)', array(itemOf('string')), 3145727, 20, 62],
  ['self.all(x, true)', array(itemOf('boolean')), 1887437, 5, 17],
  ['self.all(x, true)', array({ type: 'array', items: { type: 'number' } }), 3145727, 100, 302],
  ['self.all(x, true)', map(itemOf('number')), 1348169, 10, 32],
  ['self.all(x, true)', map(itemOf('string')), 1179647, 3, 11],
  ['self.all(x, true)', map(itemOf('boolean')), 943718, 100, 302],
  [`self.contains('test')`, text(), 314574, 10, 5],
  [`self.startsWith('test')`, text(), 2, 15, 2],
  [`self.endsWith('test')`, text(), 2, 30, 2],
  [`size(self + "hello") > size("hello")`, text(), 314578, 4, 7],
  ['self[1] == 0.0', array(itemOf('number')), 2, 5000, 2],
  ['self[1] == self[1]', array(itemOf('string')), 314577, 8, 314577],
  ['self.all(x, self.all(y, true))', array(itemOf('number')), over, 10, 352],
  ['self.all(x, self.all(y, self.all(z, true)))', array(itemOf('number')), over, 10, 3552],
  ['self.matches("x")', text(), 314574, 50, 22],
  ['"".matches("(((((((((())))))))))[0-9]")', text(), 7, 10, 7],
  ['self.matches("")', text(), 1, 100, 1],
  ['self.all(x, x.contains(self[x]))', nestedText, 2752507, 10, 72],
  ['self[3] == 0.0', array(itemOf('number')), 2, 0, 2],
  ['self["x"] == 0.0', map(itemOf('number')), 2, 0, 2],
  ['self == "x"', text(), 2, 0, 1],
  ['self == b"x"', text({ format: 'byte' }), 2, 0, 1],
  ['self.all(x, x == 0.0)', array(itemOf('number')), 6291454, 3 * 1024 * 2048, 25165826],
  ['self.all(x, x["y"].required == "z")', nestedAll, 7340027, 10, 72],
  ['self.all(x, true)', array(itemOf('int-or-string')), 4718591, 10, 32],
  ['self[0] == 5', array(itemOf('int-or-string')), 3, 10, 3],
  ['self[0] == false', array(itemOf('boolean')), 2, 25, 2],
  ['self[0] == null', array(object), 2, 422, 2],
  ['self[0][0] == -1.0', array({ type: 'array', items: { type: 'number' } }), 3, 51, 3],
  ['self.all(x, x.y == 25.2)', array(map(itemOf('number'))()), 6291452, 12, 74],
  ['self[0].x > 2.0', array(map(itemOf('number'))()), 4, 3000, 4],
  ['self.all(x, true)', array(itemOf('duration')), 2359295, 5, 17],
  ['self[0].getHours() == 2', array(itemOf('duration')), 4, 525, 4],
  ['self.all(x, true)', array(itemOf('date')), 725936, 15, 47],
  ['self[2].getDayOfMonth() == 13', array(itemOf('date')), 4, 42, 4],
  ['self.all(x, true)', array(itemOf('date-time')), 428963, 25, 77],
  ['self[2].getMinutes() == 45', array(itemOf('date-time')), 4, 99, 4],
])('%s is estimated at the schema', (rule, schema, unbounded, max, bounded) => {
  if (unbounded === over) expect(estimate(rule, schema())).toBeGreaterThan(over);
  else expect(estimate(rule, schema())).toBe(unbounded);
  expect(estimate(rule, schema(max))).toBe(bounded);
});

const authorizer = authorizerValue({ check: () => ({ allowed: true, reason: '' }) });
const check = `authorizer.group('apps').resource('deployments').subresource('status').namespace('test').name('backend')`;
const tens = `['aa', 'bb', 'cc', 'd', 'e', 'f', 'g', 'h', 'i', 'j']`;

test.each<[string, number, number, number]>([
  ['[1, 2, 3, 4, 5].sum()', 15, 15, 15],
  ['[uint(1), uint(2), uint(3), uint(4), uint(5)].max()', 20, 20, 20],
  [`[duration('1s'), duration('2s'), duration('3s'), duration('4s'), duration('5s')].isSorted()`, 20, 20, 20],
  ['[1, 2, 3, 4, 5].indexOf(3)', 15, 15, 15],
  [`'01234567890123456789012345678901234567890123456789'.indexOf('123')`, 5, 5, 5],
  [`url('https:://kubernetes.io/').getScheme()`, 4, 4, 4],
  [`ip('192.168.0.1')`, 2, 2, 2],
  [`ip('2001:db8:3333:4444:5555:6666:7777:8888').family()`, 5, 5, 5],
  [`ip('192.168.0.1') == ip('192.168.0.1')`, 5, 5, 5],
  [`ip.isCanonical('2001:db8:3333:4444:5555:6666:7777:8888')`, 8, 8, 8],
  [`cidr('192.168.0.0/16').containsCIDR(cidr('192.0.0.0/30'))`, 7, 11, 7],
  [`cidr('192.168.0.0/16').containsCIDR('192.0.0.0/30')`, 7, 11, 7],
  [`cidr('192.168.0.0/16').containsIP(ip('192.0.0.1'))`, 4, 7, 4],
  [`cidr('192.168.0.0/16').containsIP('192.169.0.1')`, 5, 8, 5],
  [`'ABCDEFGHIJ abcdefghij'.lowerAscii() == 'abcdefghij ABCDEFGHIJ'.lowerAscii()`, 7, 9, 9],
  [`strings.quote('ABCDEFGHIJ abcdefghij')`, 3, 3, 3],
  [`strings.quote('ABCDEFGHIJ abcdefghij') == strings.quote('ABCDEFGHIJ abcdefghij')`, 7, 11, 9],
  [`'abc 123 def 123'.replace('', 'x')`, 3, 3, 3],
  [`'abc 123 def 123'.split(' ', 1)`, 3, 3, 3],
  [`'abc 123 def 123'.substring(5, 8)`, 2, 2, 2],
  [`'abc 123 def 123'.findAll('123')`, 2, 2, 2],
  [`authorizer.path('/healthz')`, 2, 2, 2],
  [check, 6, 6, 6],
  [`${check}.check('create').allowed()`, 350007, 350007, 350007],
  [`quantity("12Mi")`, 1, 1, 1],
  [`quantity("50M").isLessThan(quantity("50Mi"))`, 3, 3, 3],
  [`quantity("200M").compareTo(quantity("0.2G")) > 0`, 4, 4, 4],
  [`quantity("200M") == quantity("0.2G")`, 3, 3, 3],
  ['sets.contains([1, 2, 3, 4], [2, 3])', 29, 29, 29],
  ['sets.equivalent([1], [1, 1])', 25, 25, 25],
  ['!sets.intersects([1], [2])', 23, 23, 23],
  ['[1, 2, 3].all(n, n > 0)', 20, 26, 26],
  ['[1, 2, 3].map(n, n)', 60, 60, 60],
])('%s costs what it is estimated at', (source, min, max, actual) => {
  const program = compileCel(source, { variables: { authorizer: authorizerType } });
  expect({ ...program.estimateCost() }).toEqual({ min, max });
  const budget = { remaining: perCallCostLimit };
  program.evaluate({ authorizer }, budget);
  expect(perCallCostLimit - budget.remaining).toBe(actual);
});

test('what a join costs lies within its estimate', () => {
  const budget = { remaining: 1000 };
  compileCel(`${tens}.join(' ')`, { variables: {} }).evaluate({}, budget);
  expect(1000 - budget.remaining).toBe(15);
});

test('one call cannot cost more than any may, and a budget ends', () => {
  const program = compileCel('[1, 2, 3, 4, 5, 6, 7, 8, 9, 10].map(a, [1, 2, 3].map(b, a * b)).size() == 10', { variables: {} });
  const caught = (remaining: number): unknown => {
    const budget = { remaining };
    try {
      program.evaluate({}, budget);
      return budget.remaining;
    } catch (error) {
      return error;
    }
  };
  expect(caught(1_000_000)).toBeLessThan(1_000_000);
  expect(caught(100)).toMatchObject({ limit: 'budget', message: 'operation cancelled: actual cost limit exceeded' });
  const ten = '[1, 2, 3, 4, 5, 6, 7, 8, 9, 10]';
  const deep = compileCel(`${ten}.all(a, ${ten}.all(b, ${ten}.all(c, ${ten}.all(d, ${ten}.all(e, a + b + c + d + e > 0)))))`, {
    variables: {},
  });
  const budget = { remaining: 10_000_000 };
  expect(() => deep.evaluate({}, budget)).toThrow(CelCostError);
  expect(budget.remaining).toBeLessThanOrEqual(10_000_000 - perCallCostLimit);
});
