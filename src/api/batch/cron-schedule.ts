// Cron schedules: five fields, or a word such as @daily. What a CronJob may say, and what it means.
// Source: https://kubernetes.io/docs/concepts/workloads/controllers/cron-jobs/#schedule-syntax

/** One field: the values that match, and whether it was `*` or `?` (a day matches when both day fields do, or, if neither is a star, when one does). */
export interface CronField {
  readonly values: ReadonlySet<number>;
  readonly star: boolean;
}

export type CronSchedule =
  | {
      readonly at: 'fields';
      readonly minute: CronField;
      readonly hour: CronField;
      readonly dayOfMonth: CronField;
      readonly month: CronField;
      /** 0 is Sunday. */
      readonly dayOfWeek: CronField;
    }
  /** `@every 1h30m`, in milliseconds, whole seconds. */
  | { readonly at: 'interval'; readonly everyMs: number };

/** Thrown with upstream's words for what is wrong. */
export class CronError extends Error {
  override readonly name = 'CronError';
}

interface Bounds {
  readonly min: number;
  readonly max: number;
  readonly names: readonly string[];
}
const months = ['jan', 'feb', 'mar', 'apr', 'may', 'jun', 'jul', 'aug', 'sep', 'oct', 'nov', 'dec'];
const days = ['sun', 'mon', 'tue', 'wed', 'thu', 'fri', 'sat'];
const bounds = {
  minute: { min: 0, max: 59, names: [] },
  hour: { min: 0, max: 23, names: [] },
  dayOfMonth: { min: 1, max: 31, names: [] },
  month: { min: 1, max: 12, names: months },
  dayOfWeek: { min: 0, max: 6, names: days },
} as const satisfies Record<string, Bounds>;

const words: Readonly<Record<string, string>> = {
  '@yearly': '0 0 1 1 *',
  '@annually': '0 0 1 1 *',
  '@monthly': '0 0 1 * *',
  '@weekly': '0 0 * * 0',
  '@daily': '0 0 * * *',
  '@midnight': '0 0 * * *',
  '@hourly': '0 * * * *',
};
const every = '@every ';

/** Throws a CronError. */
export function parseCronSchedule(text: string): CronSchedule {
  if (text === '') throw new CronError('empty spec string');
  if (text.startsWith('@')) {
    if (text.startsWith(every)) return { at: 'interval', everyMs: parseInterval(text, text.slice(every.length)) };
    const meaning = Object.hasOwn(words, text) ? words[text] : undefined;
    if (meaning === undefined) throw new CronError(`unrecognized descriptor: ${text}`);
    return parseFields(meaning.split(' '));
  }
  const fields = text.split(/\s+/).filter((field) => field !== '');
  if (fields.length !== 5) throw new CronError(`expected exactly 5 fields, found ${fields.length}: [${fields.join(' ')}]`);
  return parseFields(fields);
}

/** What is wrong with a schedule, or undefined. */
export function cronProblem(text: string): string | undefined {
  try {
    parseCronSchedule(text);
    return undefined;
  } catch (error) {
    if (error instanceof CronError) return error.message;
    throw error;
  }
}

function parseFields([minute = '', hour = '', dayOfMonth = '', month = '', dayOfWeek = '']: readonly string[]): CronSchedule {
  return {
    at: 'fields',
    minute: parseField(minute, bounds.minute),
    hour: parseField(hour, bounds.hour),
    dayOfMonth: parseField(dayOfMonth, bounds.dayOfMonth),
    month: parseField(month, bounds.month),
    dayOfWeek: parseField(dayOfWeek, bounds.dayOfWeek),
  };
}

function parseField(text: string, of: Bounds): CronField {
  const values = new Set<number>();
  let star = false;
  for (const range of text.split(',')) {
    if (range === '') continue;
    star = addRange(range, of, values) || star;
  }
  return { values, star };
}

/** Adds `a`, `a-b`, `*`, each perhaps with `/step`. True for a star without a step. */
function addRange(text: string, of: Bounds, values: Set<number>): boolean {
  const [range = '', stepText, ...moreSteps] = text.split('/');
  const [lowText = '', highText, ...moreParts] = range.split('-');
  const isStar = lowText === '*' || lowText === '?';
  let low = of.min;
  let high = of.max;
  if (!isStar) {
    low = parseValue(lowText, of.names);
    if (moreParts.length > 0) throw new CronError(`too many hyphens: ${text}`);
    high = highText === undefined ? low : parseValue(highText, of.names);
  }
  if (moreSteps.length > 0) throw new CronError(`too many slashes: ${text}`);
  const step = stepText === undefined ? 1 : parseNumber(stepText);
  // "5/15" is "5-max/15".
  if (stepText !== undefined && !isStar && highText === undefined) high = of.max;
  if (low < of.min) throw new CronError(`beginning of range (${low}) below minimum (${of.min}): ${text}`);
  if (high > of.max) throw new CronError(`end of range (${high}) above maximum (${of.max}): ${text}`);
  if (low > high) throw new CronError(`beginning of range (${low}) beyond end of range (${high}): ${text}`);
  if (step === 0) throw new CronError(`step of range should be a positive number: ${text}`);
  for (let value = low; value <= high; value += step) values.add(value);
  return isStar && step === 1;
}

function parseValue(text: string, names: readonly string[]): number {
  const index = names.indexOf(text.toLowerCase());
  if (index >= 0) return names === months ? index + 1 : index;
  return parseNumber(text);
}

function parseNumber(text: string): number {
  if (!/^[+-]?[0-9]+$/.test(text)) {
    throw new CronError(`failed to parse int from ${text}: strconv.Atoi: parsing ${JSON.stringify(text)}: invalid syntax`);
  }
  const value = Number(text);
  if (value < 0) throw new CronError(`negative number (${value}) not allowed: ${text}`);
  return value;
}

const unitMs: Readonly<Record<string, number>> = { ns: 1e-6, us: 1e-3, µs: 1e-3, ms: 1, s: 1000, m: 60_000, h: 3_600_000 };

/** A duration as Go writes it. Less than a second is a second; fractions of one are cut off. */
function parseInterval(spec: string, text: string): number {
  const parts: RegExpExecArray[] = [];
  const part = /([0-9]+(?:\.[0-9]*)?|\.[0-9]+)(ns|us|µs|ms|s|m|h)/y;
  for (let match = part.exec(text); match !== null; match = part.exec(text)) parts.push(match);
  if (parts.length === 0 || parts.map(([whole]) => whole).join('') !== text) {
    throw new CronError(`failed to parse duration ${spec}: time: invalid duration ${JSON.stringify(text)}`);
  }
  const ms = parts.reduce((sum, [, amount, unit = '']) => sum + Number(amount) * (unitMs[unit] ?? 0), 0);
  return Math.max(1000, Math.floor(ms / 1000) * 1000);
}
