// What a request asks of one quota: a refusal in upstream's words, or what it is to be charged. Pure.
import {
  addQuantities,
  asAmounts,
  compareQuantities,
  countedNames,
  isInScopes,
  isNegativeQuantity,
  isZeroQuantity,
  type KindDefinition,
  type KubeObject,
  missingAmounts,
  onlyNames,
  type Quantity,
  type QuantityMap,
  quantitiesOf,
  quantityOf,
  subtractQuantities,
  usageRulesOf,
  type V1Pod,
  type V1ResourceQuota,
} from '../../../api/mod.ts';
import type { AdmissionAttributes } from '../chain.ts';

/** A write that may use more of a quota. */
export interface Demand {
  readonly kind: KindDefinition;
  readonly object: KubeObject;
  /** What stands; absent on create. */
  readonly old: KubeObject | undefined;
}

/** Services, claims and pods that are resized use more, or less, when they change; all else counts when it is made. */
export function mayUseMore({ operation, kind, subresource }: AdmissionAttributes): boolean {
  // Events come and go by themselves: nobody counts them.
  if (operation === 'CREATE') return subresource === undefined && !(kind.group === '' && kind.resource === 'events');
  if (operation !== 'UPDATE') return false;
  if (kind.group === 'resource.k8s.io') return kind.resource === 'resourceclaims' && subresource === undefined;
  if (kind.group !== '') return false;
  if (kind.resource === 'pods') return subresource === 'resize';
  return subresource === undefined && (kind.resource === 'services' || kind.resource === 'persistentvolumeclaims');
}

export type Answer =
  | { readonly is: 'free' }
  | { readonly is: 'refused'; readonly why: string }
  /** `amounts` has no zeros, and only names that the quota bounds. */
  | { readonly is: 'charged'; readonly amounts: QuantityMap };

const free: Answer = { is: 'free' };
const refused = (why: string): Answer => ({ is: 'refused', why });

/** `used`: what is charged already, which may be more than the quota's status says. */
export function ask(quota: V1ResourceQuota, used: QuantityMap, demand: Demand, nowMs: number): Answer {
  const { kind, object, old } = demand;
  const name = quota.metadata?.name ?? '';
  const hard = quota.status?.hard ?? {};
  const bounded = countedNames(Object.keys(hard), kind);
  if (bounded.length === 0 || !isInScopes(quota, kind, object)) return free;
  if (kind.group === '' && kind.resource === 'pods') {
    const missing = missingAmounts(object as V1Pod, bounded);
    if (missing !== undefined) return refused(`failed quota: ${name}: ${missing}`);
  }
  if (bounded.some((each) => !used.has(each)))
    return refused(`status unknown for quota: ${name}, resources: ${[...bounded].sort().join(',')}`);
  const { usage } = usageRulesOf(kind);
  const wanted = usage(object, nowMs);
  const negative = [...wanted].filter(([, quantity]) => isNegativeQuantity(quantity)).map(([each]) => each);
  if (negative.length > 0) return refused(`quota usage is negative for resource(s): ${negative.sort().join(',')}`);
  const more = old && isInScopes(quota, kind, old) ? increase(wanted, usage(old, nowMs)) : wanted;
  const amounts = new Map([...onlyNames(more, bounded)].filter(([, quantity]) => !isZeroQuantity(quantity)));
  if (amounts.size === 0) return free;
  const limits = quantitiesOf(hard);
  const exceeded = [...amounts.keys()].filter((each) => exceeds(sumOf(used, amounts, each), limits.get(each)));
  if (exceeded.length === 0) return { is: 'charged', amounts };
  return refused(
    `exceeded quota: ${name}, requested: ${text(amounts, exceeded)}, used: ${text(used, exceeded)}, limited: ${text(limits, exceeded)}`,
  );
}

function increase(next: QuantityMap, old: QuantityMap): QuantityMap {
  const more = new Map<string, Quantity>();
  for (const [name, quantity] of next) {
    const difference = subtractQuantities(quantity, old.get(name) ?? quantityOf(0));
    more.set(name, isNegativeQuantity(difference) ? quantityOf(0) : difference);
  }
  return more;
}

const exceeds = (amount: Quantity, limit: Quantity | undefined): boolean => limit !== undefined && compareQuantities(amount, limit) > 0;

const sumOf = (used: QuantityMap, more: QuantityMap, name: string): Quantity =>
  addQuantities(used.get(name) ?? quantityOf(0), more.get(name) ?? quantityOf(0));

/** `pods=1,requests.cpu=500m` */
const text = (amounts: QuantityMap, names: readonly string[]): string =>
  Object.entries(asAmounts(onlyNames(amounts, names)))
    .map(([name, amount]) => `${name}=${amount}`)
    .join(',');
