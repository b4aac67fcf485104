// `'%s is %d'.format([...])`. Source: the string extension of cel-go, https://pkg.go.dev/github.com/google/cel-go/ext#Strings
import { durationText, timestampText } from '../time.ts';
import {
  CelDuration,
  CelList,
  CelTimestamp,
  CelTypeValue,
  CelUint,
  type CelValue,
  Failure,
  isMap,
  type Result,
  typeNameOf,
} from '../values.ts';
import { doubleText } from './conversions.ts';

const precisionMax = 1000;
const textMax = 4 * 1024 * 1024;

/** What a value is inside a list or map: texts are quoted, times are calls. */
function nestedText(value: CelValue): string | Failure {
  if (typeof value === 'string') return JSON.stringify(value);
  if (value instanceof Uint8Array) return `b${JSON.stringify(Buffer.from(value).toString('utf8'))}`;
  if (value instanceof CelTimestamp) return `timestamp("${timestampText(value.nanos)}")`;
  if (value instanceof CelDuration) return `duration("${durationText(value.nanos)}")`;
  if (typeof value === 'number') return Number.isFinite(value) ? value.toFixed(6) : `"${nonFinite(value)}"`;
  return stringClause(value);
}

const nonFinite = (value: number): string => (Number.isNaN(value) ? 'NaN' : value > 0 ? 'Infinity' : '-Infinity');

function listText(list: CelList): string | Failure {
  const parts: string[] = [];
  for (let i = 0; i < list.size; i++) {
    const item = list.at(i);
    const text = item instanceof Failure ? item : nestedText(item);
    if (text instanceof Failure) return text;
    parts.push(text);
  }
  return `[${parts.join(', ')}]`;
}

function mapText(map: CelValue): string | Failure {
  if (!isMap(map)) return '';
  const parts: string[] = [];
  for (const key of map.keys()) {
    const item = map.get(key) ?? null;
    const text = item instanceof Failure ? item : nestedText(item);
    const keyText = nestedText(key);
    if (text instanceof Failure) return text;
    if (keyText instanceof Failure) return keyText;
    parts.push(`${keyText}:${text}`);
  }
  return `{${parts.sort().join(', ')}}`;
}

function stringClause(value: CelValue): string | Failure {
  if (typeof value === 'string') return value;
  if (value === null) return 'null';
  if (typeof value === 'number') return Number.isFinite(value) ? doubleText(value) : nonFinite(value);
  if (typeof value !== 'object') return String(value);
  if (value instanceof CelUint) return String(value.value);
  if (value instanceof Uint8Array) return Buffer.from(value).toString('utf8');
  if (value instanceof CelTimestamp) return timestampText(value.nanos);
  if (value instanceof CelDuration) return durationText(value.nanos);
  if (value instanceof CelTypeValue) return value.name;
  if (value instanceof CelList) return listText(value);
  if (isMap(value)) return mapText(value);
  return new Failure(
    `error during formatting: string clause can only be used on strings, bools, bytes, ints, doubles, maps, lists, types, durations, and timestamps, was given ${typeNameOf(value)}`,
  );
}

const wrongType = (what: string, wanted: string, value: CelValue): Failure =>
  new Failure(`error during formatting: ${what} clause can only be used on ${wanted}, was given ${typeNameOf(value)}`);

const wholeOf = (value: CelValue): bigint | undefined =>
  typeof value === 'bigint' ? value : value instanceof CelUint ? value.value : undefined;

function integerClause(value: CelValue, verb: string): string | Failure {
  if (verb === 'd' && typeof value === 'number' && !Number.isFinite(value)) return nonFinite(value);
  if (verb === 'b' && typeof value === 'boolean') return value ? '1' : '0';
  const whole = wholeOf(value);
  if (whole !== undefined) {
    const text = whole.toString({ d: 10, b: 2, o: 8, x: 16, X: 16 }[verb] ?? 10);
    return verb === 'X' ? text.toUpperCase() : text;
  }
  const bytes = typeof value === 'string' ? Buffer.from(value, 'utf8') : value instanceof Uint8Array ? Buffer.from(value) : undefined;
  if ((verb === 'x' || verb === 'X') && bytes !== undefined)
    return verb === 'X' ? bytes.toString('hex').toUpperCase() : bytes.toString('hex');
  const names: Readonly<Record<string, readonly [string, string]>> = {
    d: ['decimal', 'integers'],
    b: ['binary', 'integers and bools'],
    o: ['octal', 'integers'],
    x: ['hex', 'integers, byte buffers, and strings'],
    X: ['hex', 'integers, byte buffers, and strings'],
  };
  const [what, wanted] = names[verb] ?? ['decimal', 'integers'];
  return wrongType(what, wanted, value);
}

function floatClause(value: CelValue, verb: string, precision: number): string | Failure {
  const number = typeof value === 'number' ? value : wholeOf(value) !== undefined ? Number(wholeOf(value)) : undefined;
  if (number === undefined) return wrongType(verb === 'f' ? 'fixed-point' : 'scientific', 'doubles', value);
  if (!Number.isFinite(number)) return nonFinite(number);
  // JavaScript knows a hundred decimals: no double has more that say anything.
  const digits = Math.min(precision, 100);
  if (verb === 'f') return number.toFixed(digits) + '0'.repeat(precision - digits);
  const [mantissa = '', exponent = ''] = number.toExponential(digits).split('e');
  return `${mantissa}${'0'.repeat(precision - digits)}e${exponent[0] ?? '+'}${exponent.slice(1).padStart(2, '0')}`;
}

const clause = /^%(?:\.(\d+))?([a-zA-Z])/;

function clauseText(value: CelValue, verb: string, precision: number): string | Failure {
  if (verb === 's') return stringClause(value);
  if ('dboxX'.includes(verb)) return integerClause(value, verb);
  return floatClause(value, verb, precision);
}

/** Fills the clauses of a text (`%s %d %f %e %b %o %x %X %%`) with the items of a list. */
export function formatText(format: string, args: CelList): Result {
  let text = '';
  let used = 0;
  let at = 0;
  for (let next = format.indexOf('%'); next >= 0; next = format.indexOf('%', at)) {
    text += format.slice(at, next);
    if (format[next + 1] === '%') {
      text += '%';
      at = next + 2;
      continue;
    }
    const match = clause.exec(format.slice(next, next + 16));
    const verb = match?.[2] ?? '';
    if (match === null) return new Failure('could not parse formatting clause: unexpected end of string');
    if (!'sdfeboxX'.includes(verb)) return new Failure(`could not parse formatting clause: unrecognized formatting clause "${verb}"`);
    const precision = Number(match[1] ?? '6');
    if (precision > precisionMax) return new Failure(`could not parse formatting clause: precision ${precision} is above ${precisionMax}`);
    if (used >= args.size) return new Failure(`index ${used} out of range`);
    const value = args.at(used++);
    const filled = value instanceof Failure ? value : clauseText(value, verb, precision);
    if (filled instanceof Failure) return filled;
    text += filled;
    if (text.length > textMax) return new Failure(`format: the result would be longer than ${textMax} characters`);
    at = next + match[0].length;
  }
  if (used < args.size) return new Failure(`too many arguments supplied to string.format (expected ${used}, got ${args.size})`);
  return text + format.slice(at);
}
