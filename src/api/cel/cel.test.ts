import { describe, expect, test } from 'vitest';
import { type CelEnvironment, celToJson, compileCel, dynType, intType, listOf, mapOf, perCallCostLimit, stringType } from './mod.ts';

const env: CelEnvironment = {
  variables: { x: dynType, i: intType, s: stringType, names: listOf(stringType), labels: mapOf(stringType, stringType) },
};
const bindings = { x: { a: 1, b: [1, 'two', 2.5], n: null }, i: 7, s: 'abc', names: ['a', 'b'], labels: { app: 'web', 'a/b': 'c' } };

/** The value, or the message of the error. */
function run(source: string): unknown {
  try {
    return celToJson(compileCel(source, env).evaluate(bindings, { remaining: perCallCostLimit }));
  } catch (error) {
    return `${(error as Error).name}: ${(error as Error).message}`;
  }
}

const evaluationError = (message: string) => `CelEvaluationError: ${message}`;

/** Each of these is true. */
const truths: Record<string, readonly string[]> = {
  literals: [
    '0x1F == 31',
    '-0x10 == -16',
    'dyn(1u) == 1',
    '1e3 == 1000.0',
    '.5 == 0.5',
    `"\\u00e9" == 'é'`,
    `'\\x41\\101' == "AA"`,
    `r'\\n' == '\\\\n'`,
    `'''a'b''' == "a'b"`,
    `b'\\xff' != b'\\u00ff'`,
    `b'é' == b'\\303\\251'`,
    `"""a
b""" == "a\\nb"`,
    'true // comment',
    '-9223372036854775808 < 0',
    '[1, 2,] == [1, 2]',
    `{'a': 1,} == {'a': 1}`,
  ],
  arithmetic: [
    '7 / 2 == 3',
    '-7 / 2 == -3',
    '-7 % 3 == -1',
    '2 + 3 * 4 == 14',
    '(2 + 3) * 4 == 20',
    '-(-3) == 3',
    '--3 == 3',
    '!!true',
    '7.0 / 2.0 == 3.5',
    '1.0 / 0.0 > 1e300',
    '3u - 1u == 2u',
    `'a' + 'b' == 'ab'`,
    `b'a' + b'b' == b'ab'`,
    '[1] + [2] == [1, 2]',
    `duration('1m') + duration('1s') == duration('61s')`,
    `timestamp('2020-01-01T00:00:00Z') + duration('24h') == timestamp('2020-01-02T00:00:00Z')`,
    `timestamp('2020-01-02T00:00:00Z') - timestamp('2020-01-01T00:00:00Z') == duration('24h')`,
  ],
  comparison: [
    'dyn(1) == 1.0',
    'dyn(1u) == 1',
    '1 < 1.5',
    '2u > 1',
    '1.5 >= 1u',
    'dyn(1) != "1"',
    'dyn(9007199254740993) != 9007199254740992.0',
    `'a' < 'b' && 'B' < 'a' && 'a' < 'aa'`,
    `'\\uffff' < '\\U0001F600'`,
    `b'a' < b'b'`,
    'false < true',
    `duration('1s') < duration('1m')`,
    'double("NaN") != double("NaN")',
    '!(double("NaN") < 1.0)',
    '[1, [2]] == [1.0, [2u]]'
      .replace('[1.0, [2u]]', 'dyn([1.0, dyn([2u])])')
      .replace('[1, [2]]', 'dyn([1, dyn([2])])')
      .replace('dyn([1,', 'dyn([dyn(1),')
      .replace('dyn([1.0,', 'dyn([dyn(1.0),'),
    `{'a': 1} == {'a': 1} && {'a': 1} != {'b': 1}`,
    'null == null && dyn(null) != 0',
    '1 in [1, 2] && !(3 in [1, 2])',
    `'a' in {'a': 1} && !('b' in {'a': 1})`,
    `dyn(1.0) in {1: 'x'}`,
    'type(1) == int && type(1u) == uint && type("") == string && type([]) == list && type({}) == map && type(null) == null_type',
    `type(duration('1s')) == google.protobuf.Duration && type(type(1)) == type`,
  ],
  'logic absorbs errors': [
    '1 / 0 > 0 || true',
    'true || 1 / 0 > 0',
    '!(1 / 0 > 0 && false)',
    '!(false && 1 / 0 > 0)',
    'true ? true : 1 / 0 > 0',
    '[1, 0].exists(n, 1 / n == 1)',
    '![0, 1].all(n, 1 / n == 2)',
  ],
  macros: [
    '[1, 2, 3].all(n, n > 0) && [].all(n, n > 0)',
    '[1, 2, 3].exists(n, n == 2) && ![].exists(n, true)',
    '[1, 2, 3].exists_one(n, n == 2) && ![1, 1].existsOne(n, n == 1)',
    '[1, 2, 3].map(n, n * 2) == [2, 4, 6]',
    '[1, 2, 3].map(n, n > 1, n * 2) == [4, 6]',
    '[1, 2, 3].filter(n, n > 1) == [2, 3]',
    `{'a': 1, 'b': 2}.filter(k, k == 'a') == ['a']`,
    `{'a': 1}.all(k, k == 'a')`,
    '[[1, 2], [3]].map(l, l.map(n, n + 1)) == [[2, 3], [4]]',
    '[1, 2].map(n, [n, n].filter(m, m > 1)) == [[], [2, 2]]',
    '[1, 2, 3].all(i, v, i + 1 == v)',
    `{'a': 'b'}.exists(k, v, k != v)`,
    '[1, 1, 2].existsOne(i, v, i == 2 && v == 2) && [5].exists_one(i, v, v == 5)',
    '[1, 2, 3].transformList(i, v, i * v) == [0, 2, 6]',
    '[1, 2, 3].transformList(i, v, i % 2 == 0, i * v) == [0, 6]',
    `{'a': 1, 'b': 2}.transformMap(k, v, v + 1) == {'a': 2, 'b': 3}`,
    `{'a': 1, 'b': 2}.transformMap(k, v, k == 'a', v + 1) == {'a': 2}`,
    `{'a': 'x'}.transformMapEntry(k, v, {v: k}) == {'x': 'a'}`,
    '[7].transformMapEntry(i, v, i == 0, {v: i}) == {7: 0}',
    'cel.bind(n, 3, n * n) == 9',
    'cel.bind(n, 1 / 0, true)',
    'cel.bind(a, [1], cel.bind(b, a + a, b.size())) == 2',
  ],
  'has and selection': [
    'has(x.a) && !has(x.missing) && has(x.n)',
    'x.a == 1 && x["a"] == 1 && x.b[1] == "two" && x.b[2] == 2.5',
    `has(labels.app) && labels['a/b'] == 'c' && !has(labels.other)`,
    `{'a': {'b': 1}}.a.b == 1`,
    'x.b[dyn(1.0)] == "two"',
  ],
  optionals: [
    'optional.of(1).hasValue() && optional.of(1).value() == 1',
    '!optional.none().hasValue() && optional.none().orValue(3) == 3',
    'optional.of(1).orValue(1 / 0) == 1',
    'optional.none().or(optional.of(2)).value() == 2',
    `!optional.ofNonZeroValue('').hasValue() && optional.ofNonZeroValue('a').hasValue()`,
    'x.?a.hasValue() && !x.?z.hasValue() && !x.?z.y.w.hasValue()',
    'x.?z.orValue(5) == 5',
    `labels[?'app'].orValue('') == 'web' && labels[?'no'].orValue('d') == 'd'`,
    'names[?5].orValue("none") == "none" && names[?0].value() == "a"',
    'x.?b[0].orValue(0) == 1',
    'optional.of(2).optMap(v, v * 2).value() == 4 && !optional.none().optMap(v, v).hasValue()',
    'optional.of(2).optFlatMap(v, optional.of(v + 1)) == optional.of(3)',
    '[?optional.of(1), ?optional.none(), 2] == [1, 2]',
    `{?'a': optional.of(1), ?'b': optional.none()} == {'a': 1}`,
    'optional.none() == optional.none() && optional.of(1) != optional.none()',
    'has(x.?a.b) == false || true',
  ],
  conversions: [
    `int('42') == 42 && int(3.9) == 3 && int(-3.9) == -3 && int(5u) == 5`,
    `uint(5) == 5u && uint('7') == 7u`,
    `double('1.5') == 1.5 && double(2) == 2.0`,
    `string(1) == '1' && string(1u) == '1' && string(true) == 'true' && string(b'abc') == 'abc'`,
    `string(1.5) == '1.5' && string(1e100) == '1e+100' && string(1.0) == '1' && string(1000000.0) == '1e+06' && string(123456.5) == '123456.5' && string(0.0001) == '0.0001' && string(1e-7) == '1e-07'`,
    `string(duration('90m')) == '5400s' && string(duration('1.5s')) == '1.5s' && string(duration('-1ms')) == '-0.001s'`,
    `string(timestamp('2020-01-01T00:00:00.5Z')) == '2020-01-01T00:00:00.5Z'`,
    `bool('true') && !bool('F') && bytes('é') == b'\\303\\251'`,
    `int(timestamp('1970-01-01T00:00:10Z')) == 10 && timestamp(10) == timestamp('1970-01-01T00:00:10Z')`,
    `size('é😀') == 2 && 'abc'.size() == 3 && size(b'é') == 2 && size([1]) == 1 && size({'a': 1}) == 1`,
    'dyn(1) + 1 == 2',
  ],
  times: [
    `duration('1h30m15s').getHours() == 1 && duration('1h30m').getMinutes() == 90 && duration('1m1s').getSeconds() == 61 && duration('1.25s').getMilliseconds() == 250`,
    `timestamp('2024-02-29T23:59:59.123Z').getFullYear() == 2024`,
    `timestamp('2024-02-29T23:59:59Z').getMonth() == 1 && timestamp('2024-02-29T23:59:59Z').getDate() == 29 && timestamp('2024-02-29T23:59:59Z').getDayOfMonth() == 28`,
    `timestamp('2024-02-29T23:59:59Z').getDayOfWeek() == 4 && timestamp('2024-03-01T00:00:00Z').getDayOfYear() == 60`,
    `timestamp('2024-02-29T23:30:00Z').getHours('+02:00') == 1 && timestamp('2024-02-29T23:30:00Z').getHours('-02:30') == 21`,
    `timestamp('2024-07-01T12:00:00Z').getHours('Europe/Berlin') == 14 && timestamp('2024-01-01T12:00:00Z').getHours('America/New_York') == 7`,
    `timestamp('0001-01-01T00:00:00Z') < timestamp('9999-12-31T23:59:59.999999999Z')`,
    `timestamp('2020-01-01T00:00:00+01:00') == timestamp('2019-12-31T23:00:00Z')`,
  ],
  strings: [
    `'abc'.contains('b') && 'abc'.startsWith('ab') && 'abc'.endsWith('bc')`,
    `'a😀b'.charAt(1) == '😀' && 'abc'.charAt(3) == ''`,
    `'a😀bab'.indexOf('b') == 2 && 'abab'.indexOf('b', 2) == 3 && 'abc'.indexOf('') == 0 && 'abc'.indexOf('x') == -1`,
    `'abab'.lastIndexOf('b') == 3 && 'abab'.lastIndexOf('b', 2) == 1 && 'abc'.lastIndexOf('') == 3`,
    `'AbÉ'.lowerAscii() == 'abÉ' && 'abé'.upperAscii() == 'ABé'`,
    `'a.b.c'.replace('.', '-') == 'a-b-c' && 'a.b.c'.replace('.', '-', 1) == 'a-b.c' && 'ab'.replace('', '_') == '_a_b_'`,
    `'a,b,c'.split(',') == ['a', 'b', 'c'] && 'a,b,c'.split(',', 2) == ['a', 'b,c'] && 'abc'.split('') == ['a', 'b', 'c'] && 'a'.split(',', 0) == []`,
    `'a😀bc'.substring(2) == 'bc' && 'abcd'.substring(1, 3) == 'bc' && 'abc'.substring(3) == ''`,
    `'  \\t a\\u00a0'.trim() == 'a' && '\\u200ba'.trim() == '\\u200ba'`,
    `['a', 'b'].join() == 'ab' && ['a', 'b'].join('-') == 'a-b' && [].join('-') == ''`,
    `strings.quote('a"\\n') == '"a\\\\"\\\\n"'`,
    `'%s is %d, %.2f, %x, %X, %b, %o, %e, 100%%'.format(['a', 5, 1.005, 255, 'az', 5, 8, 12345.678]) == 'a is 5, 1.00, ff, 617A, 101, 10, 1.234568e+04, 100%'`,
    `'%s %s'.format([[1, 'a'], {'k': true}]) == '[1, "a"] {"k":true}'`,
    `'%s'.format([duration('1m')]) == '60s' && '%s'.format([null]) == 'null'`,
  ],
  lists: [
    '[1, 2, 2].isSorted() && ![2, 1].isSorted() && [].isSorted()'.replace('[].isSorted()', '[1].filter(n, false).isSorted()'),
    `['a', 'b'].isSorted() && [duration('1s'), duration('1m')].isSorted()`,
    '[1, 2, 3].sum() == 6 && [1.5, 2.5].sum() == 4.0 && [1u].sum() == 1u && [1].filter(n, false).sum() == 0',
    `[duration('1s'), duration('2s')].sum() == duration('3s')`,
    '[3, 1, 2].min() == 1 && [3, 1, 2].max() == 3 && ["b", "a"].min() == "a"',
    '[1, 2, 2].indexOf(2) == 1 && [1, 2, 2].lastIndexOf(2) == 2 && [1].indexOf(5) == -1',
  ],
  sets: [
    'sets.contains([1, 2], [2]) && !sets.contains([1], [2]) && sets.contains([], [])',
    'sets.equivalent([1, 2], [2, 1, 1]) && !sets.equivalent([1], [1, 2])',
    'sets.intersects([1, 2], [2, 3]) && !sets.intersects([1], [])',
  ],
  regex: [
    `'abc 123'.matches('[0-9]+') && !'abc'.matches('^[0-9]+$') && 'abc'.matches('^a')`,
    `'abc 123 def 456'.find('[0-9]+') == '123' && 'abc'.find('[0-9]') == ''`,
    `'123 abc 456'.findAll('[0-9]+') == ['123', '456'] && '123 abc 456'.findAll('[0-9]+', 1) == ['123'] && 'a'.findAll('b') == []`,
    `'é'.matches('^\\\\pL$')`,
  ],
  urls: [
    `url('https://user@example.com:8080/a%20b/c?x=1&x=2&y=z%26').getHost() == 'example.com:8080'`,
    `url('https://example.com:80/').getHostname() == 'example.com' && url('https://example.com:80/').getPort() == '80' && url('https://[::1]:80/').getHostname() == '::1'`,
    `url('https://e.com/a b').getEscapedPath() == '/a%20b' && url('/path').getScheme() == '' && url('https://e.com').getEscapedPath() == ''`,
    `url('https://e.com/?x=1&x=2&y=z%26').getQuery() == {'x': ['1', '2'], 'y': ['z&']}`,
    `isURL('https://a.b') && isURL('/a') && !isURL('a b') && !isURL('../a') && !isURL('')`,
  ],
  addresses: [
    `ip('127.0.0.1').family() == 4 && ip('::1').family() == 6 && ip('::1').isLoopback() && ip('127.9.9.9').isLoopback()`,
    `isIP('1.2.3.4') && !isIP('1.2.3') && !isIP('01.2.3.4') && !isIP('::ffff:1.2.3.4') && !isIP('fe80::1%eth0')`,
    `ip('0.0.0.0').isUnspecified() && ip('169.254.1.1').isLinkLocalUnicast() && ip('224.0.0.1').isLinkLocalMulticast() && ip('10.0.0.1').isGlobalUnicast() && !ip('255.255.255.255').isGlobalUnicast()`,
    `ip.isCanonical('2001:db8::abcd') && !ip.isCanonical('2001:DB8::ABCD') && ip('2001:DB8::0:ABCD') == ip('2001:db8::abcd')`,
    `string(ip('2001:db8:0:0:1:0:0:0')) == '2001:db8:0:0:1::'`,
    `cidr('192.168.0.0/24').containsIP('192.168.0.77') && !cidr('192.168.0.0/24').containsIP(ip('192.168.1.1'))`,
    `cidr('192.168.0.0/16').containsCIDR('192.168.10.0/24') && !cidr('192.168.0.0/24').containsCIDR(cidr('192.168.0.0/16')) && cidr('10.0.0.0/8').containsCIDR('10.0.0.0/8')`,
    `cidr('192.168.1.5/24').ip() == ip('192.168.1.5') && cidr('192.168.1.5/24').masked() == cidr('192.168.1.0/24') && cidr('::1/128').prefixLength() == 128`,
    `isCIDR('10.0.0.0/8') && !isCIDR('10.0.0.0/33') && !isCIDR('10.0.0.0') && string(cidr('10.0.0.0/8')) == '10.0.0.0/8' && type(ip('::1')) == net.IP`,
  ],
  quantities: [
    `quantity('200M') == quantity('0.2G') && quantity('50M').isLessThan(quantity('50Mi')) && quantity('1Ki').isGreaterThan(quantity('1k'))`,
    `isQuantity('1.3Gi') && !isQuantity('1,3G') && !isQuantity('200K') && !isQuantity('Mi')`,
    `quantity('50k').add(quantity('20k')) == quantity('70k') && quantity('50k').sub(20000) == quantity('30k') && quantity('50k').add(20).asInteger() == 50020`,
    `quantity('-1').sign() == -1 && quantity('0').sign() == 0 && quantity('1').compareTo(quantity('2')) == -1`,
    `quantity('50k').isInteger() && !quantity('0.5').isInteger() && quantity('0.5').asApproximateFloat() == 0.5`.replace(
      "quantity('-1').sign()",
      "sign(quantity('-1'))",
    ),
  ],
  semvers: [
    `semver('1.2.3').major() == 1 && semver('1.2.3').minor() == 2 && semver('1.2.3').patch() == 3`,
    `semver('1.0.0-alpha').isLessThan(semver('1.0.0-alpha.1')) && semver('1.0.0-rc.1').isLessThan(semver('1.0.0')) && semver('1.0.0-2').isLessThan(semver('1.0.0-10')) && semver('2.0.0').isGreaterThan(semver('1.9.9'))`,
    `isSemver('1.0.0') && !isSemver('v1.0') && isSemver('v1.0', true) && !isSemver('01.0.0') && semver('01.01.01', true) == semver('1.1.1') && semver('1.0.0+a').compareTo(semver('1.0.0+b')) == 0`,
  ],
  formats: [
    `!format.dns1123Label().validate('my-label').hasValue() && format.dns1123Label().validate('My_label').hasValue()`,
    `format.named('uuid').hasValue() && !format.named('nope').hasValue() && format.named('date').value().validate('2021-13-01').value() == ['invalid date']`,
    `!format.dns1123LabelPrefix().validate('my-prefix-').hasValue() && !format.qualifiedName().validate('a.io/b').hasValue() && !format.datetime().validate('2021-01-01T00:00:00Z').hasValue()`,
    `format.byte().validate('a').value() == ['invalid base64'] && !format.uri().validate('http://e.com').hasValue() && !format.labelValue().validate('').hasValue()`,
  ],
  'json patch': [`jsonpatch.escapeKey('k8s.io/my~label') == 'k8s.io~1my~0label'`],
};

describe.each(Object.entries(truths))('%s', (_, sources) => {
  test.each(sources)('%s', (source) => {
    expect(run(source)).toBe(true);
  });
});

test.each([
  ['9223372036854775807 + 1', 'integer overflow'],
  ['-9223372036854775808 - 1', 'integer overflow'],
  ['9223372036854775807 * 2', 'integer overflow'],
  ['-(-9223372036854775808)', 'integer overflow'],
  ['-9223372036854775808 / -1', 'integer overflow'],
  ['0u - 1u', 'unsigned integer overflow'],
  ['1 / 0', 'division by zero'],
  ['1 % 0', 'modulus by zero'],
  ['1u / 0u', 'division by zero'],
  ['int(1e19)', 'integer overflow'],
  ['uint(-1)', 'unsigned integer overflow'],
  [`int('a')`, 'strconv.ParseInt: parsing "a": invalid syntax'],
  [`timestamp('9999-12-31T23:59:59Z') + duration('1s')`, 'timestamp overflow'],
  [`{'a': 1}.b`, 'no such key: b'],
  ['x.missing', 'no such key: missing'],
  ['x.a.b', 'no such overload'],
  ['[1][1]', 'index out of bounds: 1'],
  ['[1][-1]', 'index out of bounds: -1'],
  ['dyn(1) + "a"', 'no such overload'],
  ['!dyn(1)', 'no such overload'],
  ['dyn(1) && true', 'no such overload'],
  ['dyn(1) ? 1 : 2', 'no such overload'],
  ['dyn(1).all(n, true)', "got 'int', expected iterable type"],
  ['[1].filter(n, false).min()', 'min called on empty list'],
  ['optional.none().value()', 'optional.none() dereference'],
  [`{'a': 1, 'a': 2}`, 'insert failed: key a already exists'],
  ['[1, 1].transformMapEntry(i, v, {v: i})', 'insert failed: key 1 already exists'],
  [`'abc'.substring(4)`, 'index out of range: 4'],
  [`'abc'.substring(2, 1)`, 'invalid substring range. start: 2, end: 1'],
  [`'abc'.charAt(-1)`, 'index out of range: -1'],
  [`'%d'.format(['a'])`, 'error during formatting: decimal clause can only be used on integers, was given string'],
  [`'%d'.format([])`, 'index 0 out of range'],
  [`quantity('a')`, "quantities must match the regular expression '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'"],
  [`quantity('0.5').asInteger()`, 'cannot convert value to integer'],
  [`ip('1.2.3')`, 'IP Address "1.2.3" parse error during conversion from string: ParseAddr("1.2.3"): unable to parse IP'],
  [`url('a')`, 'URL parse error during conversion from string: parse "a": invalid URI for request'],
  [`semver('1.0')`, 'No Major.Minor.Patch elements found'],
  [`'a'.matches(s + '(')`, 'error parsing regexp: missing closing ): `abc(`'],
  [`timestamp('2020-01-01T00:00:00Z').getHours('Nowhere/At_All')`, 'unknown time zone Nowhere/At_All'],
])('%s fails: %s', (source, message) => {
  expect(run(source)).toBe(evaluationError(message));
});

test.each([
  ['y', "ERROR: <input>:1:1: undeclared reference to 'y' (in container '')\n | y\n | ^"],
  ['1 +\n  y', "ERROR: <input>:2:3: undeclared reference to 'y' (in container '')\n |   y\n | ..^"],
  [`1 + 'a'`, "ERROR: <input>:1:3: found no matching overload for '_+_' applied to '(int, string)'\n | 1 + 'a'\n | ..^"],
  [`'😀' + y`, "ERROR: <input>:1:7: undeclared reference to 'y' (in container '')\n | '😀' + y\n | ......^"],
  ['s.foo()', "ERROR: <input>:1:6: undeclared reference to 'foo' (in container '')\n | s.foo()\n | .....^"],
  ['i.size()', "ERROR: <input>:1:7: found no matching overload for 'size' applied to 'int.()'\n | i.size()\n | ......^"],
  ['i.foo', "ERROR: <input>:1:2: type 'int' does not support field selection\n | i.foo\n | .^"],
  [
    'i.all(n, true)',
    "ERROR: <input>:1:1: expression of type 'int' cannot be range of a comprehension (must be list, map, or dynamic)\n | i.all(n, true)\n | ^",
  ],
  [`[1, 'a']`, "ERROR: <input>:1:5: expected type 'int' but found 'string'\n | [1, 'a']\n | ....^"],
  ['[1].all(n.m, true)', 'ERROR: <input>:1:10: argument must be a simple name\n | [1].all(n.m, true)\n | .........^'],
  ['has(x)', 'ERROR: <input>:1:5: invalid argument to has() macro\n | has(x)\n | ....^'],
  [`duration('x')`, "ERROR: <input>:1:10: invalid duration argument\n | duration('x')\n | .........^"],
  [`s.matches('(')`, "ERROR: <input>:1:11: invalid matches argument\n | s.matches('(')\n | ..........^"],
  ['package', 'ERROR: <input>:1:1: reserved identifier: package\n | package\n | ^'],
  [
    '1 + ',
    "ERROR: <input>:1:5: Syntax error: mismatched input '<EOF>' expecting {'[', '{', '(', '.', '-', '!', 'true', 'false', 'null', NUM_FLOAT, NUM_INT, NUM_UINT, STRING, BYTES, IDENTIFIER}\n | 1 + \n | ....^",
  ],
  ['1 2', "ERROR: <input>:1:3: Syntax error: mismatched input '2' expecting <EOF>\n | 1 2\n | ..^"],
  ['#', "ERROR: <input>:1:1: Syntax error: token recognition error at: '#'\n | #\n | ^"],
])('%s does not compile', (source, message) => {
  expect(run(source)).toBe(`CelCompileError: ${message}`);
});

test('all that is wrong is said at once', () => {
  expect(run('a + b')).toBe(
    "CelCompileError: ERROR: <input>:1:1: undeclared reference to 'a' (in container '')\n | a + b\n | ^\n" +
      "ERROR: <input>:1:5: undeclared reference to 'b' (in container '')\n | a + b\n | ....^",
  );
});
