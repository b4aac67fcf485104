// The next time of a schedule: ranges, steps, names, days, the ends of months, and changes of the clock.
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { formatTime, parseCronSchedule } from '../../api/mod.ts';
import { type OffsetAt, utc, zoneOffset } from '../../base/ports/time-zone.ts';
import { nextTime } from './next.ts';

const next = (schedule: string, after: string, offsetAt: OffsetAt = utc) => {
  const ms = nextTime(parseCronSchedule(schedule), Date.parse(after), offsetAt);
  return ms === undefined ? undefined : formatTime(ms);
};
const zone = (name: string): OffsetAt => zoneOffset(name) ?? utc;

describe('in UTC', () => {
  test.each([
    ['* * * * *', '2026-01-01T00:00:00Z', '2026-01-01T00:01:00Z'],
    ['* * * * *', '2026-01-01T00:00:59.999Z', '2026-01-01T00:01:00Z'],
    ['*/15 * * * *', '2026-01-01T00:46:00Z', '2026-01-01T01:00:00Z'],
    ['20-35/15 * * * *', '2026-01-01T00:21:00Z', '2026-01-01T00:35:00Z'],
    ['5/20 * * * *', '2026-01-01T00:26:00Z', '2026-01-01T00:45:00Z'],
    ['0 9-17 * * mon-fri', '2026-01-02T17:00:00Z', '2026-01-05T09:00:00Z'],
    ['0 0 1 jan,JUL *', '2026-01-01T00:00:00Z', '2026-07-01T00:00:00Z'],
    ['0 0 29 2 *', '2026-01-01T00:00:00Z', '2028-02-29T00:00:00Z'],
    ['59 23 31 * *', '2026-01-31T23:59:00Z', '2026-03-31T23:59:00Z'],
    // Both days are restricted: one of them is enough.
    ['0 0 13 * fri', '2026-01-01T00:00:00Z', '2026-01-02T00:00:00Z'],
    ['0 0 */2 * fri', '2026-01-03T00:00:00Z', '2026-01-05T00:00:00Z'],
    ['@hourly', '2026-01-01T00:00:00Z', '2026-01-01T01:00:00Z'],
    ['@daily', '2026-12-31T00:00:00Z', '2027-01-01T00:00:00Z'],
    ['@weekly', '2026-01-01T00:00:00Z', '2026-01-04T00:00:00Z'],
    ['@monthly', '2026-01-01T00:00:00Z', '2026-02-01T00:00:00Z'],
    ['@yearly', '2026-01-01T00:00:00Z', '2027-01-01T00:00:00Z'],
    ['@every 90s', '2026-01-01T00:00:00Z', '2026-01-01T00:01:30Z'],
  ])('%s after %s', (schedule, after, wanted) => expect(next(schedule, after)).toBe(wanted));

  test('a day that never comes', () => expect(next('0 0 31 2 *', '2026-01-01T00:00:00Z')).toBeUndefined());

  test('the next time is the first minute that matches', () => {
    const field = (min: number, max: number) =>
      fc.oneof(
        fc.constant('*'),
        fc.integer({ min, max }).map(String),
        fc.integer({ min: 1, max: 9 }).map((step) => `*/${step}`),
      );
    const schedules = fc
      .tuple(field(0, 59), field(0, 23), fc.constant('*'), fc.constant('*'), field(0, 6))
      .map((fields) => fields.join(' '));
    fc.assert(
      fc.property(schedules, fc.integer({ min: 0, max: 366 * 1440 }), (text, minutes) => {
        const schedule = parseCronSchedule(text);
        const after = Date.UTC(2026, 0, 1) + minutes * 60_000;
        const found = nextTime(schedule, after, utc) ?? 0;
        if (schedule.at !== 'fields') throw new Error('no fields');
        const matches = (ms: number) => {
          const at = new Date(ms);
          return (
            schedule.minute.values.has(at.getUTCMinutes()) &&
            schedule.hour.values.has(at.getUTCHours()) &&
            schedule.dayOfWeek.values.has(at.getUTCDay())
          );
        };
        expect(matches(found)).toBe(true);
        for (let ms = after + 60_000; ms < found; ms += 60_000) if (matches(ms)) throw new Error(`${text} missed ${formatTime(ms)}`);
      }),
      { numRuns: 60 },
    );
  });
});

describe('in a zone', () => {
  test.each([
    ['0 9 * * *', '2026-01-01T00:00:00Z', 'Europe/Berlin', '2026-01-01T08:00:00Z'],
    ['0 9 * * *', '2026-07-01T00:00:00Z', 'Europe/Berlin', '2026-07-01T07:00:00Z'],
    ['0 0 * * *', '2026-01-01T00:00:00Z', 'Asia/Kolkata', '2026-01-01T18:30:00Z'],
    ['0 0 1 * *', '2026-01-15T00:00:00Z', 'America/New_York', '2026-02-01T05:00:00Z'],
    // 02:30 is skipped on 29 March: the next one is a day later.
    ['30 2 * * *', '2026-03-28T12:00:00Z', 'Europe/Berlin', '2026-03-30T00:30:00Z'],
    // 02:30 comes twice on 25 October.
    ['30 2 * * *', '2026-10-24T12:00:00Z', 'Europe/Berlin', '2026-10-25T00:30:00Z'],
    ['30 2 * * *', '2026-10-25T00:30:00Z', 'Europe/Berlin', '2026-10-25T01:30:00Z'],
    // The first day of the month begins while the clock changes.
    ['0 0 * * *', '2026-10-24T22:00:00Z', 'Europe/Berlin', '2026-10-25T23:00:00Z'],
    ['0 0 1 11 *', '2026-10-25T00:00:00Z', 'America/New_York', '2026-11-01T04:00:00Z'],
    // In Beirut midnight itself is skipped: that day has no run at 00:00.
    ['0 0 * * *', '2026-03-28T12:00:00Z', 'Asia/Beirut', '2026-03-29T21:00:00Z'],
    ['0 1 * * *', '2026-03-28T12:00:00Z', 'Asia/Beirut', '2026-03-28T22:00:00Z'],
  ])('%s after %s in %s', (schedule, after, name, wanted) => expect(next(schedule, after, zone(name))).toBe(wanted));

  test('of which nobody knows', () => expect(zoneOffset('Mars/Olympus')).toBeUndefined());
  test.each([
    ['UTC', 0],
    ['Europe/Berlin', 60],
    ['Asia/Kolkata', 330],
    ['America/New_York', -300],
  ])('%s is %i minutes from UTC in January', (name, minutes) => expect(zone(name)(Date.UTC(2026, 0, 1))).toBe(minutes * 60_000));
});
