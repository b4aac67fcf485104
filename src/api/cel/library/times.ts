// The fields of timestamps, in UTC or a zone, and of durations.
import { localDate } from '../time.ts';
import { durationType, intType, stringType, timestampType } from '../types.ts';
import { type CelDuration, type CelTimestamp, Failure, type Result } from '../values.ts';
import { type Library, method, type Overload } from './declare.ts';

const dayMs = 86_400_000;

const dayOfYear = (date: Date): number => {
  const newYear = new Date(date.getTime());
  newYear.setUTCMonth(0, 1);
  return Math.round((date.getTime() - newYear.getTime()) / dayMs);
};

/** Months, days of the month and of the year from 0; `getDate` from 1. Sunday is 0. */
const fields: Readonly<Record<string, (date: Date) => number>> = {
  getFullYear: (date) => date.getUTCFullYear(),
  getMonth: (date) => date.getUTCMonth(),
  getDayOfMonth: (date) => date.getUTCDate() - 1,
  getDate: (date) => date.getUTCDate(),
  getDayOfWeek: (date) => date.getUTCDay(),
  getDayOfYear: dayOfYear,
  getHours: (date) => date.getUTCHours(),
  getMinutes: (date) => date.getUTCMinutes(),
  getSeconds: (date) => date.getUTCSeconds(),
  getMilliseconds: (date) => date.getUTCMilliseconds(),
};

const secondNanos = 1_000_000_000n;
const durationParts: Readonly<Record<string, (nanos: bigint) => bigint>> = {
  getHours: (nanos) => nanos / (3600n * secondNanos),
  getMinutes: (nanos) => nanos / (60n * secondNanos),
  getSeconds: (nanos) => nanos / secondNanos,
  getMilliseconds: (nanos) => (nanos / 1_000_000n) % 1000n,
};

const inZone =
  (field: (date: Date) => number) =>
  (time: CelTimestamp, zone = 'UTC'): Result => {
    const date = localDate(time.nanos, zone);
    return date === undefined ? new Failure(`unknown time zone ${zone}`) : BigInt(field(date));
  };

function overloadsOf(name: string, field: (date: Date) => number): Overload[] {
  const id = name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`).slice(4);
  const part = durationParts[name];
  return [
    method(`timestamp_to_${id}`, [timestampType], intType, inZone(field)),
    method(`timestamp_to_${id}_with_tz`, [timestampType, stringType], intType, inZone(field)),
    ...(part === undefined ? [] : [method(`duration_to_${id}`, [durationType], intType, (value: CelDuration) => part(value.nanos))]),
  ];
}

export const times: Library = Object.fromEntries(Object.entries(fields).map(([name, field]) => [name, overloadsOf(name, field)]));
