// Durations and timestamps: their texts, their ranges, and the fields of a time in a zone. All in nanoseconds.

const second = 1_000_000_000n;
const unitNanos: Readonly<Record<string, bigint>> = {
  ns: 1n,
  us: 1000n,
  µs: 1000n,
  μs: 1000n,
  ms: 1_000_000n,
  s: second,
  m: 60n * second,
  h: 3600n * second,
};

const durationForm = /^([+-]?)((?:(?:\d+\.?\d*|\.\d+)(?:ns|us|µs|μs|ms|s|m|h))+)$/;
const durationPart = /(\d*)(?:\.(\d*))?(ns|us|µs|μs|ms|s|m|h)/g;
const int64Max = 2n ** 63n - 1n;
const digitsMax = 40;

/** Go's form: `1h30m`, `-1.5s`, `0`. Undefined when it is none, or out of range. */
export function parseDuration(text: string): bigint | undefined {
  if (/^[+-]?0$/.test(text)) return 0n;
  const match = durationForm.exec(text);
  if (match === null || text.length > 20 * digitsMax) return undefined;
  let nanos = 0n;
  for (const [, whole = '', fraction = '', unit = ''] of (match[2] ?? '').matchAll(durationPart)) {
    const scale = unitNanos[unit] ?? 0n;
    if (whole.length + fraction.length > digitsMax) return undefined;
    nanos += BigInt(whole || '0') * scale;
    if (fraction !== '') nanos += (BigInt(fraction) * scale) / 10n ** BigInt(fraction.length);
  }
  if (match[1] === '-') nanos = -nanos;
  return inDurationRange(nanos) ? nanos : undefined;
}

export const inDurationRange = (nanos: bigint): boolean => nanos <= int64Max && nanos >= -int64Max - 1n;

/** Decimal places without trailing zeros: 1500000000 is `1.5`. */
function decimalSeconds(nanos: bigint): string {
  const size = nanos < 0n ? -nanos : nanos;
  const fraction = String(size % second)
    .padStart(9, '0')
    .replace(/0+$/, '');
  return `${nanos < 0n ? '-' : ''}${size / second}${fraction === '' ? '' : `.${fraction}`}`;
}

/** As CEL writes it: seconds, `5400s`. */
export const durationText = (nanos: bigint): string => `${decimalSeconds(nanos)}s`;

/** 0001-01-01 and the end of 9999, in seconds. */
const secondsMin = -62_135_596_800n;
const secondsMax = 253_402_300_799n;

export function inTimestampRange(nanos: bigint): boolean {
  const seconds = floorDivide(nanos, second);
  return seconds >= secondsMin && seconds <= secondsMax;
}

export function floorDivide(value: bigint, by: bigint): bigint {
  const quotient = value / by;
  return value % by !== 0n && value < 0n ? quotient - 1n : quotient;
}

const rfc3339 = /^(\d{4})-(\d{2})-(\d{2})[Tt](\d{2}):(\d{2}):(\d{2})(?:[.,](\d{1,30}))?(?:[Zz]|([+-])(\d{2}):(\d{2}))$/;

/** RFC 3339, with up to nine decimals of a second (more are cut off). Undefined when it is none. */
export function parseTimestamp(text: string): bigint | undefined {
  const match = rfc3339.exec(text);
  if (match === null) return undefined;
  const [year = 0, month = 0, day = 0, hour = 0, minute = 0, secondOfMinute = 0] = match.slice(1, 7).map(Number);
  // Years below 100 are years of 1900 to Date.UTC: 400 years on, the calendar is the same.
  const date = new Date(Date.UTC(year + 400, month - 1, day, hour, minute, secondOfMinute));
  const isDate = date.getUTCMonth() === month - 1 && date.getUTCDate() === day && hour < 24 && minute < 60 && secondOfMinute < 60;
  if (!isDate) return undefined;
  const cycleSeconds = 12_622_780_800n;
  let nanos = (BigInt(date.getTime()) / 1000n - cycleSeconds) * second;
  nanos += BigInt((match[7] ?? '').padEnd(9, '0').slice(0, 9));
  if (match[8] !== undefined) {
    const zoneMinutes = Number(match[9]) * 60 + Number(match[10]);
    if (Number(match[9]) > 23 || Number(match[10]) > 59) return undefined;
    nanos -= BigInt(match[8] === '-' ? -zoneMinutes : zoneMinutes) * 60n * second;
  }
  return inTimestampRange(nanos) ? nanos : undefined;
}

const dateOf = (nanos: bigint): Date => new Date(Number(floorDivide(nanos, 1_000_000n)));

/** RFC 3339 in UTC, with as many decimals as are needed. */
export function timestampText(nanos: bigint): string {
  const iso = dateOf(nanos).toISOString().slice(0, 19);
  const fraction = String(nanos - floorDivide(nanos, second) * second)
    .padStart(9, '0')
    .replace(/0+$/, '');
  return `${iso}${fraction === '' ? '' : `.${fraction}`}Z`;
}

const offsetForm = /^([+-]?)(\d{1,2}):(\d{2})$/;
const zoneFormats = new Map<string, Intl.DateTimeFormat>();
const zoneFormatsMax = 64;

/** Names of zones come from the runtime's own table; undefined when it has none of this name. */
function zoneFormat(zone: string): Intl.DateTimeFormat | undefined {
  const known = zoneFormats.get(zone);
  if (known !== undefined) return known;
  try {
    const format = new Intl.DateTimeFormat('en-US', {
      timeZone: zone,
      hourCycle: 'h23',
      year: 'numeric',
      month: 'numeric',
      day: 'numeric',
      hour: 'numeric',
      minute: 'numeric',
      second: 'numeric',
      era: 'short',
    });
    if (zoneFormats.size >= zoneFormatsMax) zoneFormats.clear();
    zoneFormats.set(zone, format);
    return format;
  } catch {
    return undefined;
  }
}

/** The local time in `zone` (a name, `+02:00`, `UTC`) as a date whose UTC fields are the local ones. */
export function localDate(nanos: bigint, zone: string): Date | undefined {
  const offset = offsetForm.exec(zone);
  if (offset !== null) {
    const minutes = Number(offset[2]) * 60 + Number(offset[3]);
    return new Date(dateOf(nanos).getTime() + (offset[1] === '-' ? -minutes : minutes) * 60_000);
  }
  if (zone === '' || zone === 'UTC') return dateOf(nanos);
  const format = /^[A-Za-z][A-Za-z0-9_+/-]*$/.test(zone) ? zoneFormat(zone) : undefined;
  if (format === undefined) return undefined;
  const date = dateOf(nanos);
  const parts = new Map(format.formatToParts(date).map(({ type, value }) => [type, value]));
  const part = (name: Intl.DateTimeFormatPartTypes): number => Number(parts.get(name));
  const year = parts.get('era')?.startsWith('B') ? 1 - part('year') : part('year');
  const local = new Date(Date.UTC(2000, part('month') - 1, part('day'), part('hour'), part('minute'), part('second')));
  local.setUTCFullYear(year, part('month') - 1, part('day'));
  local.setUTCMilliseconds(date.getUTCMilliseconds());
  return local;
}
