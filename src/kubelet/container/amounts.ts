// Requests and limits as plain numbers.
import { milliValueOf, type V1ResourceRequirements } from '../../api/mod.ts';

/** Thousandths of a cpu; 0 when absent. */
export const cpuMilli = (text: string | undefined): number => (text === undefined ? 0 : milliValueOf(text));
/** Whole units, rounded up (bytes, for memory); 0 when absent. */
export const wholeUnits = (text: string | undefined): number => (text === undefined ? 0 : Math.ceil(milliValueOf(text) / 1000));

export interface Amounts {
  readonly cpuRequestMilli: number;
  readonly cpuLimitMilli: number;
  readonly memoryRequestBytes: number;
  readonly memoryLimitBytes: number;
}

export function amountsOf(resources: V1ResourceRequirements | undefined): Amounts {
  const { requests = {}, limits = {} } = resources ?? {};
  return {
    cpuRequestMilli: cpuMilli(requests.cpu),
    cpuLimitMilli: cpuMilli(limits.cpu),
    memoryRequestBytes: wholeUnits(requests.memory),
    memoryLimitBytes: wholeUnits(limits.memory),
  };
}
