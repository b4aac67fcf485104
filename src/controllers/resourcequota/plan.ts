// What the status of a quota should be, and which changes of objects are news for it. Pure.
import {
  asAmounts,
  type Counted,
  countedNames,
  equal,
  type GroupResource,
  type KubeObject,
  sameMeaning,
  totalUsage,
  usageRulesOf,
  type V1ResourceQuota,
  type V1ResourceQuotaStatus,
} from '../../api/mod.ts';

export interface QuotaInput {
  readonly quota: V1ResourceQuota;
  /** Every object of the quota's namespace. */
  readonly all: readonly Counted[];
  readonly nowMs: number;
}

/** The status as it should be; undefined when it is so. */
export function planQuota({ quota, all, nowMs }: QuotaInput): V1ResourceQuotaStatus | undefined {
  const hard = quota.spec?.hard ?? {};
  const used = asAmounts(totalUsage(quota, Object.keys(hard), all, nowMs));
  const status = { hard, used };
  return equal(quota.status?.hard, hard) && equal(quota.status?.used, used) ? undefined : status;
}

/** True when the quota has to be counted anew because of a change of its own. */
export function isNews(old: V1ResourceQuota | undefined, next: V1ResourceQuota): boolean {
  return !old || !sameMeaning(old.spec, next.spec) || !sameMeaning(next.spec?.hard ?? {}, next.status?.hard ?? {});
}

/** What is made has been charged when it was admitted; what goes, or uses something else than before, has not been given back. */
export function frees(of: GroupResource, old: KubeObject | undefined, next: KubeObject | undefined, nowMs: number): boolean {
  if (!old) return false;
  if (!next) return true;
  const { usage } = usageRulesOf(of);
  const [before, after] = [usage(old, nowMs), usage(next, nowMs)];
  return before !== after && !equal(asAmounts(before), asAmounts(after));
}

/** True when the quota bounds anything that objects of this resource count for. */
export const concerns = (quota: V1ResourceQuota, of: GroupResource): boolean =>
  countedNames(Object.keys(quota.spec?.hard ?? {}), of).length > 0;
