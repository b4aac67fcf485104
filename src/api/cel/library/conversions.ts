// Conversions between the standard types, `type` and `size`.
import { durationText, inTimestampRange, parseDuration, parseTimestamp, timestampText } from '../time.ts';
import { boolType, bytesType, doubleType, durationType, intType, stringType, timestampType, typeType, uintType } from '../types.ts';
import { CelDuration, CelTimestamp, CelTypeValue, CelUint, type CelValue, Failure, isInt64, type Result, typeNameOf } from '../values.ts';
import {
  A,
  fn,
  type Library,
  listA,
  mapAB,
  method,
  type Overload,
  perCharacter,
  scale,
  sizeOf,
  traversal,
  unknownSize,
} from './declare.ts';

const rangeError = new Failure('range error');
const second = 1_000_000_000n;

const toInt = (value: bigint): Result => (isInt64(value) ? value : new Failure('integer overflow'));
const toUint = (value: bigint): Result =>
  value >= 0n && value < 2n ** 64n ? new CelUint(value) : new Failure('unsigned integer overflow');

function doubleToInt(value: number): Result {
  if (!Number.isFinite(value) || value <= -(2 ** 63) || value >= 2 ** 63) return new Failure('integer overflow');
  return BigInt(Math.trunc(value));
}

function doubleToUint(value: number): Result {
  if (!Number.isFinite(value) || value < 0 || value >= 2 ** 64) return new Failure('unsigned integer overflow');
  return new CelUint(BigInt(Math.trunc(value)));
}

function parseInteger(text: string, name: 'Int' | 'Uint'): Result {
  const form = name === 'Int' ? /^[+-]?\d+$/ : /^\d+$/;
  if (!form.test(text)) return new Failure(`strconv.Parse${name}: parsing ${JSON.stringify(text)}: invalid syntax`);
  const digits = text.replace(/^[+-]?0*/, '');
  const value = digits === '' || digits.length > 20 ? (digits === '' ? 0n : 2n ** 70n) : BigInt(digits);
  const signed = text.startsWith('-') ? -value : value;
  const fits = name === 'Int' ? isInt64(signed) : signed < 2n ** 64n;
  if (!fits) return new Failure(`strconv.Parse${name}: parsing ${JSON.stringify(text)}: value out of range`);
  return name === 'Int' ? signed : new CelUint(signed);
}

const doubleForm = /^[+-]?(?:(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?|inf(?:inity)?|nan)$/i;

function parseDouble(text: string): Result {
  if (!doubleForm.test(text)) return new Failure(`strconv.ParseFloat: parsing ${JSON.stringify(text)}: invalid syntax`);
  if (/nan/i.test(text)) return Number.NaN;
  if (/inf/i.test(text)) return text.startsWith('-') ? Number.NEGATIVE_INFINITY : Number.POSITIVE_INFINITY;
  const value = Number(text);
  return Number.isFinite(value) ? value : new Failure(`strconv.ParseFloat: parsing ${JSON.stringify(text)}: value out of range`);
}

const trueTexts = new Set(['1', 't', 'T', 'true', 'TRUE', 'True']);
const falseTexts = new Set(['0', 'f', 'F', 'false', 'FALSE', 'False']);

const parseBool = (text: string): Result =>
  trueTexts.has(text)
    ? true
    : falseTexts.has(text)
      ? false
      : new Failure(`strconv.ParseBool: parsing ${JSON.stringify(text)}: invalid syntax`);

/** As Go's `%g` prints a float64: an exponent, of two digits at least, below -4 and from 6 on. */
export function doubleText(value: number): string {
  if (Number.isNaN(value)) return 'NaN';
  if (!Number.isFinite(value)) return value < 0 ? '-Inf' : '+Inf';
  if (value === 0) return Object.is(value, -0) ? '-0' : '0';
  const [digits = '', power = ''] = value.toExponential().split('e');
  const exponent = Number(power);
  if (exponent >= -4 && exponent < 6) return String(value);
  return `${digits}e${exponent < 0 ? '-' : '+'}${String(Math.abs(exponent)).padStart(2, '0')}`;
}

function bytesToText(bytes: Uint8Array): Result {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    return new Failure('invalid UTF-8 in bytes, cannot convert to string');
  }
}

const timestampOfSeconds = (seconds: bigint): Result =>
  inTimestampRange(seconds * second) ? new CelTimestamp(seconds * second) : rangeError;

function textToTimestamp(text: string): Result {
  const nanos = parseTimestamp(text);
  return nanos === undefined
    ? new Failure(`parsing time ${JSON.stringify(text)} as "2006-01-02T15:04:05Z07:00": cannot parse`)
    : new CelTimestamp(nanos);
}

function textToDuration(text: string): Result {
  const nanos = parseDuration(text);
  return nanos === undefined ? new Failure(`time: invalid duration ${JSON.stringify(text)}`) : new CelDuration(nanos);
}

const same = (value: CelValue): Result => value;

const sizes = [
  ['string', stringType],
  ['bytes', bytesType],
  ['list', listA],
  ['map', mapAB],
] as const;
const sizeCall = (value: CelValue): Result => BigInt(sizeOf(value));

const strings: readonly Overload[] = [
  fn('string_to_string', [stringType], stringType, same),
  fn('bool_to_string', [boolType], stringType, (value: boolean) => String(value)),
  fn('int64_to_string', [intType], stringType, (value: bigint) => String(value)),
  fn('uint64_to_string', [uintType], stringType, (value: CelUint) => String(value.value)),
  fn('double_to_string', [doubleType], stringType, doubleText),
  fn('bytes_to_string', [bytesType], stringType, bytesToText, {
    ...traversal(),
    estimate: ([bytes]) => {
      const size = bytes?.size ?? unknownSize;
      return { cost: scale(size, perCharacter), size: { min: Math.floor(size.min / 4), max: size.max } };
    },
  }),
  fn('timestamp_to_string', [timestampType], stringType, (value: CelTimestamp) => timestampText(value.nanos)),
  fn('duration_to_string', [durationType], stringType, (value: CelDuration) => durationText(value.nanos)),
];

export const conversions: Library = {
  type: [fn('type', [A], typeType, (value: CelValue) => new CelTypeValue(typeNameOf(value)))],
  size: sizes.flatMap(([id, type]) => [fn(`size_${id}`, [type], intType, sizeCall), method(`${id}_size`, [type], intType, sizeCall)]),
  bool: [fn('bool_to_bool', [boolType], boolType, same), fn('string_to_bool', [stringType], boolType, parseBool)],
  int: [
    fn('int64_to_int64', [intType], intType, same),
    fn('uint64_to_int64', [uintType], intType, (value: CelUint) => toInt(value.value)),
    fn('double_to_int64', [doubleType], intType, doubleToInt),
    fn('string_to_int64', [stringType], intType, (text: string) => parseInteger(text, 'Int')),
    fn(
      'timestamp_to_int64',
      [timestampType],
      intType,
      (value: CelTimestamp) => (value.nanos - (((value.nanos % second) + second) % second)) / second,
    ),
    fn('duration_to_int64', [durationType], intType, (value: CelDuration) => value.nanos),
  ],
  uint: [
    fn('uint64_to_uint64', [uintType], uintType, same),
    fn('int64_to_uint64', [intType], uintType, toUint),
    fn('double_to_uint64', [doubleType], uintType, doubleToUint),
    fn('string_to_uint64', [stringType], uintType, (text: string) => parseInteger(text, 'Uint')),
  ],
  double: [
    fn('double_to_double', [doubleType], doubleType, same),
    fn('int64_to_double', [intType], doubleType, (value: bigint) => Number(value)),
    fn('uint64_to_double', [uintType], doubleType, (value: CelUint) => Number(value.value)),
    fn('string_to_double', [stringType], doubleType, parseDouble),
  ],
  string: strings,
  bytes: [
    fn('bytes_to_bytes', [bytesType], bytesType, same),
    fn('string_to_bytes', [stringType], bytesType, (text: string) => new Uint8Array(Buffer.from(text, 'utf8')), {
      ...traversal(),
      estimate: ([text]) => {
        const size = text?.size ?? unknownSize;
        return { cost: scale(size, perCharacter), size: { min: size.min, max: size.max * 4 } };
      },
    }),
  ],
  timestamp: [
    fn('timestamp_to_timestamp', [timestampType], timestampType, same),
    fn('string_to_timestamp', [stringType], timestampType, textToTimestamp),
    fn('int64_to_timestamp', [intType], timestampType, timestampOfSeconds),
  ],
  duration: [
    fn('duration_to_duration', [durationType], durationType, same),
    fn('string_to_duration', [stringType], durationType, textToDuration),
    fn('int64_to_duration', [intType], durationType, (nanos: bigint) => new CelDuration(nanos)),
  ],
};
