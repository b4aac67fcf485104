// Quantities: "100m", "1.5Gi", "2e3". An exact decimal and the form in which it is written back.
// Source: https://kubernetes.io/docs/reference/kubernetes-api/common-definitions/quantity/

/** How a quantity is written: `500m`, `1536Mi`, `5e3`. */
export type QuantityFormat = 'DecimalSI' | 'BinarySI' | 'DecimalExponent';

/**
 * The exact value `mantissa * 10^scale`, with `scale` from -9 to 0: nothing finer than a billionth is kept.
 * "1500m" is { mantissa: 15n, scale: -1 }, "1Ki" is { mantissa: 1024n, scale: 0 }.
 */
export interface Quantity {
  readonly mantissa: bigint;
  readonly scale: number;
  readonly format: QuantityFormat;
}

/** Text that is not a quantity. The message is upstream's. */
export class QuantityError extends Error {
  override readonly name = 'QuantityError';
}

const formPattern = /^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$/;
const wrongForm = "quantities must match the regular expression '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'";
const wrongSuffix = "unable to parse quantity's suffix";
const wrongNumber = 'unable to parse numeric part of quantity';

const decimalSuffixes: Readonly<Record<string, number>> = { n: -9, u: -6, m: -3, '': 0, k: 3, M: 6, G: 9, T: 12, P: 15, E: 18 };
const binarySuffixes: Readonly<Record<string, bigint>> = { Ki: 10n, Mi: 20n, Gi: 30n, Ti: 40n, Pi: 50n, Ei: 60n };
const decimalNames = new Map(Object.entries(decimalSuffixes).map(([suffix, exponent]) => [exponent, suffix]));
const binaryNames = ['', 'Ki', 'Mi', 'Gi', 'Ti', 'Pi', 'Ei'] as const;

/** Amounts saturate here, as an int64 does upstream. */
const maxWhole = 2n ** 63n - 1n;
/** Exponents beyond this are no amounts; it also bounds the work that one text can ask for. */
const exponentMax = 1000;
const digitsMax = 400;
const minScale = -9;

const zero: Quantity = { mantissa: 0n, scale: 0, format: 'DecimalSI' };

/** 10^exponent. */
const pow10 = (exponent: number): bigint => 10n ** BigInt(exponent);

/** Division that rounds away from zero: a request is never taken for less than it says. */
function divideAway(value: bigint, by: bigint): bigint {
  const quotient = value / by;
  if (value % by === 0n) return quotient;
  return value < 0n ? quotient - 1n : quotient + 1n;
}

/** Division that rounds towards positive infinity. */
function divideCeil(value: bigint, by: bigint): bigint {
  const quotient = value / by;
  return value > 0n && value % by !== 0n ? quotient + 1n : quotient;
}

/** Brings a value into the range of scales, without trailing zeros, saturated: equal values have equal fields. */
function normalize(mantissa: bigint, scale: number, format: QuantityFormat): Quantity {
  if (mantissa === 0n) return format === 'DecimalSI' ? zero : { mantissa: 0n, scale: 0, format };
  let value = mantissa;
  let exponent = scale;
  if (exponent < minScale) {
    value = divideAway(value, pow10(minScale - exponent));
    exponent = minScale;
  }
  if (exponent > 0) {
    value = exponent > 40 ? (value < 0n ? -maxWhole : maxWhole) : value * pow10(exponent);
    exponent = 0;
  }
  while (exponent < 0 && value % 10n === 0n) {
    value /= 10n;
    exponent++;
  }
  const whole = exponent === 0 ? value : value / pow10(-exponent);
  if (whole > maxWhole || (whole === maxWhole && exponent < 0)) return { mantissa: maxWhole, scale: 0, format };
  if (whole < -maxWhole || (whole === -maxWhole && exponent < 0)) return { mantissa: -maxWhole, scale: 0, format };
  return { mantissa: value, scale: exponent, format };
}

interface Suffix {
  readonly format: QuantityFormat;
  readonly exponent: number;
  readonly shift: bigint;
}

function parseSuffix(text: string): Suffix | undefined {
  const decimal = Object.hasOwn(decimalSuffixes, text) ? decimalSuffixes[text] : undefined;
  if (decimal !== undefined) return { format: 'DecimalSI', exponent: decimal, shift: 0n };
  const binary = Object.hasOwn(binarySuffixes, text) ? binarySuffixes[text] : undefined;
  if (binary !== undefined) return { format: 'BinarySI', exponent: 0, shift: binary };
  if (/^[eE][-+]?[0-9]+$/.test(text)) return { format: 'DecimalExponent', exponent: Number(text.slice(1)), shift: 0n };
  return undefined;
}

/** Clusters write few different quantities, and each write reads them several times. */
const rememberedMax = 1_024;
const remembered = new Map<string, Quantity>();

/** Parses a quantity as it stands in JSON: a string, or a bare number. Throws {@link QuantityError}. */
export function parseQuantity(input: string | number): Quantity {
  const text = typeof input === 'number' ? String(input) : input;
  const known = remembered.get(text);
  if (known) return known;
  const parsed = Object.freeze(parseText(text));
  if (remembered.size >= rememberedMax) remembered.clear();
  remembered.set(text, parsed);
  return parsed;
}

function parseText(text: string): Quantity {
  if (text === '') throw new QuantityError(wrongForm);
  if (text === '0') return zero;
  const match = formPattern.exec(text);
  if (match === null) throw new QuantityError(wrongForm);
  const number = match[1] ?? '';
  const suffix = parseSuffix(match[2] ?? '');
  if (suffix === undefined) throw new QuantityError(wrongSuffix);
  const parts = /^([+-]?)([0-9]*)(?:\.([0-9]*))?$/.exec(number);
  const whole = parts?.[2] ?? '';
  const fraction = parts?.[3] ?? '';
  if (parts === null || whole.length + fraction.length === 0 || number.length > digitsMax) throw new QuantityError(wrongNumber);
  if (Math.abs(suffix.exponent) > exponentMax) throw new QuantityError(wrongSuffix);
  const digits = BigInt(whole + fraction) << suffix.shift;
  return normalize(parts[1] === '-' ? -digits : digits, suffix.exponent - fraction.length, suffix.format);
}

/** Why `input` is no quantity, in upstream's words; undefined when it is one. */
export function quantityProblem(input: unknown): string | undefined {
  if (typeof input !== 'string' && typeof input !== 'number') return wrongForm;
  try {
    parseQuantity(input);
    return undefined;
  } catch (error) {
    if (error instanceof QuantityError) return error.message;
    throw error;
  }
}

/** A quantity that is `value` units. `value` must be a safe integer or a bigint. */
export const quantityOf = (value: number | bigint, format: QuantityFormat = 'DecimalSI'): Quantity => normalize(BigInt(value), 0, format);
/** A quantity that is `value` thousandths. */
export const milliQuantityOf = (value: number | bigint): Quantity => normalize(BigInt(value), -3, 'DecimalSI');

/** Both values at the finer of the two scales. */
function align(a: Quantity, b: Quantity): { x: bigint; y: bigint; scale: number } {
  const scale = Math.min(a.scale, b.scale);
  return { x: a.mantissa * pow10(a.scale - scale), y: b.mantissa * pow10(b.scale - scale), scale };
}

/** -1, 0 or 1. Formats don't count: 1Ki equals 1024. */
export function compareQuantities(a: Quantity, b: Quantity): -1 | 0 | 1 {
  const { x, y } = align(a, b);
  return x < y ? -1 : x > y ? 1 : 0;
}

/** The sum, in the format of `a` unless `a` is zero. */
export function addQuantities(a: Quantity, b: Quantity): Quantity {
  const { x, y, scale } = align(a, b);
  return normalize(x + y, scale, a.mantissa === 0n ? b.format : a.format);
}

/** `a - b`, in the format of `a` unless `a` is zero. */
export const subtractQuantities = (a: Quantity, b: Quantity): Quantity => addQuantities(a, { ...b, mantissa: -b.mantissa });

export const negateQuantity = (of: Quantity): Quantity => ({ ...of, mantissa: -of.mantissa });
export const isZeroQuantity = (of: Quantity): boolean => of.mantissa === 0n;
export const isNegativeQuantity = (of: Quantity): boolean => of.mantissa < 0n;

/** The nearest floating-point number. */
export const toNumber = (of: Quantity): number => (of.scale === 0 ? Number(of.mantissa) : Number(of.mantissa) / 10 ** -of.scale);

function scaled(of: Quantity, scale: number): number {
  const shift = of.scale - scale;
  return Number(shift >= 0 ? of.mantissa * pow10(shift) : divideCeil(of.mantissa, pow10(-shift)));
}

const memoMax = 4096;
const memo = new Map<string, Quantity>();

/** Quantities repeat (every pod asks for 100m): the last few thousand texts are parsed once. */
function asQuantity(of: Quantity | string | number): Quantity {
  if (typeof of === 'object') return of;
  if (typeof of === 'number') return parseQuantity(of);
  const known = memo.get(of);
  if (known) return known;
  const parsed = parseQuantity(of);
  if (memo.size >= memoMax) memo.clear();
  memo.set(of, parsed);
  return parsed;
}

/** Whole units, rounded up: bytes of "1.5Ki" are 1536, "100m" of a CPU is 1. Exact below 2^53. Throws {@link QuantityError} on malformed text. */
export const wholeValueOf = (of: Quantity | string | number): number => scaled(asQuantity(of), 0);
/** Thousandths, rounded up: "0.1" is 100. Exact below 2^53. Throws {@link QuantityError} on malformed text. */
export const milliValueOf = (of: Quantity | string | number): number => scaled(asQuantity(of), -3);

/** Writes `mantissa * 10^scale` with an integer before an exponent that is a multiple of three and as large as can be. */
function decimalParts(of: Quantity): { digits: bigint; exponent: number } {
  let digits = of.mantissa;
  let exponent = of.scale;
  while (exponent % 3 !== 0) {
    digits *= 10n;
    exponent--;
  }
  while (digits % 1000n === 0n && exponent < 18) {
    digits /= 1000n;
    exponent += 3;
  }
  return { digits, exponent };
}

function formatBinary(of: Quantity): string {
  let digits = of.scale === 0 ? of.mantissa : divideAway(of.mantissa, pow10(-of.scale));
  let power = 0;
  while (digits % 1024n === 0n && power < binaryNames.length - 1) {
    digits /= 1024n;
    power++;
  }
  return `${digits}${binaryNames[power]}`;
}

/** The canonical text: "0.5" becomes "500m", "1024Mi" becomes "1Gi", "1000" becomes "1k". */
export function formatQuantity(of: Quantity): string {
  if (of.mantissa === 0n) return '0';
  if (of.format === 'BinarySI' && Math.abs(toNumber(of)) >= 1024) return formatBinary(of);
  const { digits, exponent } = decimalParts(of);
  if (of.format === 'DecimalExponent') return exponent === 0 ? String(digits) : `${digits}e${exponent}`;
  return `${digits}${decimalNames.get(exponent) ?? ''}`;
}

/** The canonical text of what a client sent. Throws {@link QuantityError}. */
export const canonicalQuantity = (input: string | number): string => formatQuantity(asQuantity(input));
