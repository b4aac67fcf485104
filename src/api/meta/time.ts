// Times as Kubernetes writes them: RFC 3339 in UTC, in seconds (metav1.Time) or microseconds (MicroTime).

/** The second that was formatted last: most objects of a moment are stamped with the same one, several times each. */
let lastSecond = Number.NaN;
let lastText = '';

/** `2026-11-20T08:36:42Z`. Fractions of a second are cut off. */
export function formatTime(ms: number): string {
  const second = Math.floor(ms / 1000);
  if (second !== lastSecond) {
    lastText = `${new Date(second * 1000).toISOString().slice(0, 19)}Z`;
    lastSecond = second;
  }
  return lastText;
}

/** `2026-11-20T08:36:42.123000Z`, always with six decimals. Fractions of a millisecond are kept to the microsecond. */
export function formatMicroTime(ms: number): string {
  const micros = Math.floor(ms * 1000);
  const whole = Math.floor(micros / 1000);
  const rest = micros - whole * 1000;
  return `${new Date(whole).toISOString().slice(0, 23)}${String(rest).padStart(3, '0')}Z`;
}

const rfc3339 = /^(\d{4})-(\d{2})-(\d{2})[Tt](\d{2}):(\d{2}):(\d{2})(\.\d+)?([Zz]|[+-]\d{2}:\d{2})$/;

/** Milliseconds since 1970 (with a fraction below a millisecond where given), or undefined when `text` is no RFC 3339 time. */
export function parseTime(text: string): number | undefined {
  const match = rfc3339.exec(text);
  if (match === null) return undefined;
  const [, year, month, day, hour, minute, second, fraction, zone = 'Z'] = match;
  const ms = Date.UTC(Number(year), Number(month) - 1, Number(day), Number(hour), Number(minute), Number(second));
  const exact = formatTime(ms);
  // Date.UTC carries the 31st of June over into July: what does not come back the same was no date.
  if (exact.slice(0, 19) !== `${year}-${month}-${day}T${hour}:${minute}:${second}`) return undefined;
  return ms + (fraction === undefined ? 0 : Number(fraction) * 1000) - zoneOffsetMs(zone);
}

function zoneOffsetMs(zone: string): number {
  if (zone === 'Z' || zone === 'z') return 0;
  const minutes = Number(zone.slice(1, 3)) * 60 + Number(zone.slice(4, 6));
  return (zone.startsWith('-') ? -minutes : minutes) * 60_000;
}

/** The time in ms, or `fallback` when it is absent or malformed. */
export const timeMs = (text: string | undefined, fallback = 0): number => (text === undefined ? fallback : (parseTime(text) ?? fallback));

/**
 * A duration as `kubectl get` prints ages: 5s, 119s, 2m, 9m59s, 59m, 3h5m, 23h, 2d3h, 364d, 2y10d, 9y. Negative ones print as 0s, but below -1 s as
 * `<invalid>`.
 */
export function humanDuration(ms: number): string {
  const seconds = Math.trunc(ms / 1000);
  if (seconds < -1) return '<invalid>';
  if (seconds < 0) return '0s';
  if (seconds < 120) return `${seconds}s`;
  const minutes = Math.floor(seconds / 60);
  if (minutes < 10) return seconds % 60 === 0 ? `${minutes}m` : `${minutes}m${seconds % 60}s`;
  if (minutes < 180) return `${minutes}m`;
  const hours = Math.floor(minutes / 60);
  if (hours < 8) return minutes % 60 === 0 ? `${hours}h` : `${hours}h${minutes % 60}m`;
  if (hours < 48) return `${hours}h`;
  const days = Math.floor(hours / 24);
  if (hours < 192) return hours % 24 === 0 ? `${days}d` : `${days}d${hours % 24}h`;
  if (hours < 24 * 365 * 2) return `${days}d`;
  const years = Math.floor(hours / 24 / 365);
  if (hours < 24 * 365 * 8) return days % 365 === 0 ? `${years}y` : `${years}y${days % 365}d`;
  return `${years}y`;
}

/** How long ago `time` was, as `kubectl get` prints it; `<unknown>` when there is none. */
export function humanAge(time: string | undefined, nowMs: number): string {
  const at = time === undefined ? undefined : parseTime(time);
  return at === undefined ? '<unknown>' : humanDuration(nowMs - at);
}
