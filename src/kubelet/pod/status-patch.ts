// The smallest strategic merge patch that turns one pod status into another. Pure.
import type { V1PodCondition, V1PodStatus } from '../../api/mod.ts';

import { passingConditions } from './conditions.ts';

/** Everything that the kubelet reports. Other members belong to others, and are left alone. */
const owned = [
  'observedGeneration',
  'phase',
  'reason',
  'message',
  'hostIP',
  'hostIPs',
  'podIP',
  'podIPs',
  'startTime',
  'initContainerStatuses',
  'containerStatuses',
  'ephemeralContainerStatuses',
  'qosClass',
] as const satisfies readonly (keyof V1PodStatus)[];

/** Lists that a strategic merge patch merges by address: what is gone has to be named. */
const byAddress = ['hostIPs', 'podIPs'] as const;

/** A member that is undefined is as good as none. */
export function sameJson(a: unknown, b: unknown): boolean {
  if (a === b) return true;
  if (typeof a !== 'object' || typeof b !== 'object' || a === null || b === null) return false;
  if (Array.isArray(a) !== Array.isArray(b)) return false;
  const x = a as Record<string, unknown>;
  const y = b as Record<string, unknown>;
  for (const key in x) if (!sameJson(x[key], y[key])) return false;
  for (const key in y) if (x[key] === undefined && y[key] !== undefined) return false;
  return true;
}

/** Undefined when nothing is to be written. */
export function statusPatch(current: V1PodStatus | undefined, desired: V1PodStatus): Record<string, unknown> | undefined {
  const patch: Record<string, unknown> = {};
  for (const field of owned) {
    const from = current?.[field];
    const to = desired[field];
    if (sameJson(normal(from), normal(to))) continue;
    patch[field] = to === undefined ? null : to;
  }
  for (const field of byAddress) {
    if (patch[field] === undefined) continue;
    const wanted = desired[field] ?? [];
    const gone = (current?.[field] ?? []).filter((old) => !wanted.some((one) => one.ip === old.ip));
    patch[field] = [...wanted, ...gone.map(({ ip }) => ({ ip, $patch: 'delete' }))];
  }
  const conditions = (desired.conditions ?? []).filter((one) => !sameJson(currentCondition(current, one), one));
  const over = (current?.conditions ?? []).filter(
    ({ type }) => isPassing(type) && !desired.conditions?.some((condition) => condition.type === type),
  );
  if (conditions.length + over.length > 0) {
    const changed = conditions.map((one) => clearGone(currentCondition(current, one), one));
    patch.conditions = [...changed, ...over.map(({ type }) => ({ type, $patch: 'delete' }))];
  }
  return Object.keys(patch).length === 0 ? undefined : patch;
}

const isPassing = (type: string): boolean => passingConditions.some((one) => one === type);

const currentCondition = (status: V1PodStatus | undefined, of: V1PodCondition): V1PodCondition | undefined =>
  status?.conditions?.find((one) => one.type === of.type);

/** A condition is merged member by member: what it no longer has is set to null. */
function clearGone(old: V1PodCondition | undefined, next: V1PodCondition): Record<string, unknown> {
  const out: Record<string, unknown> = { ...next };
  for (const key of ['reason', 'message'] as const) if (old?.[key] !== undefined && next[key] === undefined) out[key] = null;
  return out;
}

/** Empty lists and absent ones are the same to the API. */
const normal = (value: unknown): unknown => (Array.isArray(value) && value.length === 0 ? undefined : value);
