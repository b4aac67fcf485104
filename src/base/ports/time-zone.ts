// Time zones. The zones are the machine's (those of its ICU): this file alone asks for them, only by fixed numeric parts, so that
// no language or region setting can change the answer. UTC needs none of it.

/** The offset from UTC at an instant, in milliseconds: local time is UTC plus offset. */
export type OffsetAt = (utcMs: number) => number;

export const utc: OffsetAt = () => 0;

/** The offsets of an IANA zone such as `Europe/Berlin`; undefined when the machine knows none of that name. */
export function zoneOffset(name: string): OffsetAt | undefined {
  if (name === 'UTC' || name === 'Etc/UTC') return utc;
  const format = formatOf(name);
  if (!format) return undefined;
  return (utcMs) => {
    const wholeMs = Math.floor(utcMs / 1000) * 1000;
    const parts: Record<string, number> = {};
    for (const { type, value } of format.formatToParts(new Date(wholeMs))) parts[type] = Number(value);
    const { year = 0, month = 1, day = 1, hour = 0, minute = 0, second = 0 } = parts;
    return Date.UTC(year, month - 1, day, hour, minute, second) - wholeMs;
  };
}

function formatOf(timeZone: string): Intl.DateTimeFormat | undefined {
  try {
    return new Intl.DateTimeFormat('en-US', {
      timeZone,
      calendar: 'gregory',
      numberingSystem: 'latn',
      hourCycle: 'h23',
      year: 'numeric',
      month: 'numeric',
      day: 'numeric',
      hour: 'numeric',
      minute: 'numeric',
      second: 'numeric',
    });
  } catch (error) {
    if (error instanceof RangeError) return undefined;
    throw error;
  }
}
