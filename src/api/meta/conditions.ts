// Conditions: what is true of an object and since when.
// Source: https://github.com/kubernetes/community/blob/master/contributors/devel/sig-architecture/api-conventions.md#typical-status-properties

/** What all conditions of the API have in common. */
export interface ConditionLike {
  readonly type: string;
  readonly status: string;
  readonly reason?: string | undefined;
  readonly message?: string | undefined;
  readonly lastTransitionTime?: string | undefined;
}

export const getCondition = <C extends ConditionLike>(conditions: readonly C[] | undefined, type: string): C | undefined =>
  conditions?.find((condition) => condition.type === type);

export const isConditionTrue = (conditions: readonly ConditionLike[] | undefined, type: string): boolean =>
  getCondition(conditions, type)?.status === 'True';

/**
 * The conditions with `next` in them. lastTransitionTime moves to `nowTime` only when the status changes; else the standing one stays.
 * Gives back the very same list when nothing changes, so that `===` tells whether to write.
 */
export function setCondition<C extends ConditionLike>(conditions: readonly C[] | undefined, next: C, nowTime: string): readonly C[] {
  const standing = getCondition(conditions, next.type);
  if (standing === undefined) return [...(conditions ?? []), { ...next, lastTransitionTime: next.lastTransitionTime ?? nowTime }];
  const moved = standing.status !== next.status;
  const lastTransitionTime = moved ? (next.lastTransitionTime ?? nowTime) : standing.lastTransitionTime;
  const merged: C = { ...next, lastTransitionTime };
  if (sameCondition(standing, merged)) return conditions ?? [];
  return (conditions ?? []).map((condition) => (condition.type === next.type ? merged : condition));
}

/** The conditions without the one of this type; the very same list when it isn't there. */
export function removeCondition<C extends ConditionLike>(conditions: readonly C[] | undefined, type: string): readonly C[] {
  if (conditions === undefined) return [];
  return conditions.some((condition) => condition.type === type) ? conditions.filter((condition) => condition.type !== type) : conditions;
}

function sameCondition(a: ConditionLike, b: ConditionLike): boolean {
  const left = a as unknown as Record<string, unknown>;
  const right = b as unknown as Record<string, unknown>;
  return [...new Set([...Object.keys(left), ...Object.keys(right)])].every((key) => left[key] === right[key]);
}
