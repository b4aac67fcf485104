// When a node runs short: its thresholds, which are crossed, for how long, and which of them somebody has to go for. Pure.
// Source: https://kubernetes.io/docs/concepts/scheduling-eviction/node-pressure-eviction/
import { wholeValueOf } from '../../api/mod.ts';

export type Signal =
  | 'memory.available'
  | 'nodefs.available'
  | 'nodefs.inodesFree'
  | 'imagefs.available'
  | 'imagefs.inodesFree'
  | 'pid.available';
export type Pressure = 'MemoryPressure' | 'DiskPressure' | 'PIDPressure';
export type EvictionResource = 'memory' | 'ephemeral-storage' | 'inodes' | 'pids';

export interface Threshold {
  readonly signal: Signal;
  /** A quantity (`100Mi`) or a share of the capacity (`10%`). */
  readonly value: string;
  /** For how long it must have been crossed; undefined: a hard one, which does not wait. */
  readonly graceMs?: number;
  /** Once crossed it stays so until this much more than the value is there. */
  readonly reclaim?: string;
}

/** Source: `evictionHard` of the kubelet's configuration, its defaults. */
export const defaultThresholds: readonly Threshold[] = [
  { signal: 'memory.available', value: '100Mi' },
  { signal: 'nodefs.available', value: '10%' },
  { signal: 'nodefs.inodesFree', value: '5%' },
  { signal: 'imagefs.available', value: '15%' },
  { signal: 'imagefs.inodesFree', value: '5%' },
];

export interface Observation {
  readonly available: number;
  readonly capacity: number;
}
export type Observations = Partial<Readonly<Record<Signal, Observation>>>;

/** A threshold that is crossed. */
export interface Crossed {
  readonly signal: Signal;
  readonly pressure: Pressure;
  readonly resource: EvictionResource;
  readonly threshold: number;
  readonly available: number;
  readonly hard: boolean;
}

const about: Readonly<Record<Signal, Pick<Crossed, 'pressure' | 'resource'>>> = {
  'memory.available': { pressure: 'MemoryPressure', resource: 'memory' },
  'nodefs.available': { pressure: 'DiskPressure', resource: 'ephemeral-storage' },
  'nodefs.inodesFree': { pressure: 'DiskPressure', resource: 'inodes' },
  'imagefs.available': { pressure: 'DiskPressure', resource: 'ephemeral-storage' },
  'imagefs.inodesFree': { pressure: 'DiskPressure', resource: 'inodes' },
  'pid.available': { pressure: 'PIDPressure', resource: 'pids' },
};
/** Memory comes first: it is the one that kills. */
export const signals = Object.keys(about) as readonly Signal[];

export function thresholdValue(text: string, capacity: number): number {
  return text.endsWith('%') ? Math.floor((capacity * Number(text.slice(0, -1))) / 100) : wholeValueOf(text);
}

/** Since when each threshold has been crossed, by its place in the list. */
export type CrossedSince = ReadonlyMap<number, number>;

export interface Judgement {
  readonly since: CrossedSince;
  /** Every crossed one: the node says so. */
  readonly crossed: readonly Crossed[];
  /** Those that somebody has to go for now. */
  readonly due: readonly Crossed[];
}

/** One look at the node. A signal that was not observed is as it was. */
export function judge(
  thresholds: readonly Threshold[],
  of: { readonly observed: Observations; readonly since: CrossedSince; readonly nowMs: number },
): Judgement {
  const since = new Map<number, number>();
  const found: { readonly crossed: Crossed; readonly due: boolean }[] = [];
  thresholds.forEach(({ signal, value, graceMs, reclaim }, place) => {
    const seen = of.observed[signal];
    const beganMs = of.since.get(place);
    if (!seen) {
      if (beganMs !== undefined) since.set(place, beganMs);
      return;
    }
    const threshold = thresholdValue(value, seen.capacity);
    const more = beganMs === undefined || reclaim === undefined ? 0 : thresholdValue(reclaim, seen.capacity);
    if (seen.available >= threshold + more) return;
    const sinceMs = beganMs ?? of.nowMs;
    since.set(place, sinceMs);
    const crossed = { signal, ...about[signal], threshold, available: seen.available, hard: graceMs === undefined };
    found.push({ crossed, due: of.nowMs - sinceMs >= (graceMs ?? 0) });
  });
  const ordered = found.sort((a, b) => signals.indexOf(a.crossed.signal) - signals.indexOf(b.crossed.signal));
  return { since, crossed: ordered.map(({ crossed }) => crossed), due: ordered.filter(({ due }) => due).map(({ crossed }) => crossed) };
}
