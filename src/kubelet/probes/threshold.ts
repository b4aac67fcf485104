// How single probe answers become a verdict: so many of the same kind in a row. Pure.
import type { V1Probe } from '../../api/mod.ts';

export type ProbeKind = 'startup' | 'readiness' | 'liveness';
export type Verdict = 'unknown' | 'success' | 'failure';

export interface ThresholdState {
  readonly verdict: Verdict;
  readonly last: boolean | undefined;
  /** How many answers in a row were like `last`. */
  readonly inRow: number;
}

export const thresholdStart: ThresholdState = { verdict: 'unknown', last: undefined, inRow: 0 };

/** The next state after one answer. Below its threshold an answer leaves the verdict as it was. */
export function observeAnswer(state: ThresholdState, ok: boolean, probe: V1Probe): ThresholdState {
  const inRow = state.last === ok ? state.inRow + 1 : 1;
  const needed = ok ? (probe.successThreshold ?? 1) : (probe.failureThreshold ?? 3);
  return { verdict: inRow >= needed ? (ok ? 'success' : 'failure') : state.verdict, last: ok, inRow };
}

export const periodMs = (probe: V1Probe): number => (probe.periodSeconds ?? 10) * 1000;
export const timeoutMsOf = (probe: V1Probe): number => (probe.timeoutSeconds ?? 1) * 1000;
export const initialDelayMs = (probe: V1Probe): number => (probe.initialDelaySeconds ?? 0) * 1000;
