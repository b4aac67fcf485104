// A number or a percentage, such as maxSurge: 25%.
import type { IntOrString } from '../generated/types.gen.ts';

const percentPattern = /^([0-9]+)%$/;

/** The whole number before "%", or undefined when `value` is no percentage. */
export function percentOf(value: IntOrString): number | undefined {
  if (typeof value !== 'string') return undefined;
  const match = percentPattern.exec(value);
  return match === null ? undefined : Number(match[1]);
}

/**
 * `value`, or that percentage of `total`, rounded up or down. Throws a RangeError when the text is no percentage: validation lets none of those
 * be stored.
 */
export function scaledValue(value: IntOrString, total: number, round: 'up' | 'down'): number {
  if (typeof value === 'number') return value;
  const percent = percentOf(value);
  if (percent === undefined) throw new RangeError(`invalid value for IntOrString: invalid type: string is not a percentage: "${value}"`);
  const exact = (percent * total) / 100;
  return round === 'up' ? Math.ceil(exact) : Math.floor(exact);
}
