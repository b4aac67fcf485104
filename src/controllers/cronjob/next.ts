// When a schedule fires next: the first whole minute after an instant whose local time matches. An hour that a clock change skips
// has no runs, one that it repeats has them twice. Pure.
import type { CronSchedule } from '../../api/mod.ts';
import type { OffsetAt } from '../../base/ports/time-zone.ts';

const minuteMs = 60_000;
const yearsMax = 5;

/** The next time after `afterMs`; undefined when there is none within five years, as on the 31st of February. */
export function nextTime(schedule: CronSchedule, afterMs: number, offsetAt: OffsetAt): number | undefined {
  if (schedule.at === 'interval') return Math.floor(afterMs / 1000) * 1000 + schedule.everyMs;
  const yearMax = localTime(afterMs, offsetAt).getUTCFullYear() + yearsMax;
  // Whole minutes of local time: offsets of odd seconds are those of the 19th century.
  let ms = (Math.floor(afterMs / minuteMs) + 1) * minuteMs;
  for (;;) {
    const local = localTime(ms, offsetAt);
    if (local.getUTCFullYear() > yearMax) return undefined;
    if (!schedule.month.values.has(local.getUTCMonth() + 1)) ms = startOfLaterDay(ms, daysLeftInMonth(local), offsetAt);
    else if (!matchesDay(schedule, local)) ms = startOfLaterDay(ms, 1, offsetAt);
    else if (!schedule.hour.values.has(local.getUTCHours())) ms += (60 - local.getUTCMinutes()) * minuteMs;
    else if (!schedule.minute.values.has(local.getUTCMinutes())) ms += minuteMs;
    else return ms;
  }
}

/** A Date whose UTC fields are the local time. */
const localTime = (utcMs: number, offsetAt: OffsetAt): Date => new Date(utcMs + offsetAt(utcMs));

/** Both days must match; but when both are restricted, one of them is enough. */
function matchesDay({ dayOfMonth, dayOfWeek }: Extract<CronSchedule, { at: 'fields' }>, local: Date): boolean {
  const ofMonth = dayOfMonth.values.has(local.getUTCDate());
  const ofWeek = dayOfWeek.values.has(local.getUTCDay());
  return dayOfMonth.star || dayOfWeek.star ? ofMonth && ofWeek : ofMonth || ofWeek;
}

const daysLeftInMonth = (local: Date): number =>
  new Date(Date.UTC(local.getUTCFullYear(), local.getUTCMonth() + 1, 0)).getUTCDate() - local.getUTCDate() + 1;

/** The first minute of the local day that is `days` later. */
function startOfLaterDay(ms: number, days: number, offsetAt: OffsetAt): number {
  const local = localTime(ms, offsetAt);
  const midnight = Date.UTC(local.getUTCFullYear(), local.getUTCMonth(), local.getUTCDate() + days);
  // Where the clock changes in between, the offset before and the one after differ: the earlier instant that is on that day.
  const guesses = [midnight - offsetAt(midnight - offsetAt(ms)), midnight - offsetAt(ms)].sort((a, b) => a - b);
  for (const guess of guesses) if (guess > ms && localTime(guess, offsetAt).getTime() >= midnight) return guess;
  return ms + minuteMs;
}
