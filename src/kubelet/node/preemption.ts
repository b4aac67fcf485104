// Which pods leave the node for a critical one that the API has given it: as few as will do, the least sheltered first. Pure.
// Source: the order is upstream's: best-effort pods before burstable ones before guaranteed ones.
import type { V1Pod } from '../../api/mod.ts';
import { qosClassOf } from '../container/qos.ts';
import { isCritical } from '../pod/spec.ts';
import { podAmounts } from './pod-amounts.ts';

/** How much of a resource is missing. `pods`: places. */
export interface Missing {
  readonly name: string;
  readonly amount: number;
}

export const preemptionMessage = 'Preempted in order to admit critical pod';

/** Undefined when all that may go would not be enough. */
export function podsToPreempt(critical: V1Pod, others: readonly V1Pod[], missing: readonly Missing[]): readonly V1Pod[] | undefined {
  const may = others.filter((other) => isBelow(other, critical));
  if (without(missing, may).length > 0) return undefined;
  const of = (qos: string) => may.filter((pod) => qosClassOf(pod) === qos);
  const [bestEffort, burstable, guaranteed] = [of('BestEffort'), of('Burstable'), of('Guaranteed')];
  // A class gives only what all of the less sheltered ones could not.
  const third = closest(guaranteed, without(missing, [...bestEffort, ...burstable]));
  const second = closest(burstable, without(missing, [...bestEffort, ...third]));
  const first = closest(bestEffort, without(missing, [...second, ...third]));
  return [...first, ...second, ...third];
}

const priorityOf = (pod: V1Pod): number => pod.spec?.priority ?? 0;
const isBelow = (pod: V1Pod, critical: V1Pod): boolean => !isCritical(pod) || priorityOf(pod) < priorityOf(critical);

const amountOf = (pod: V1Pod, name: string): number => (name === 'pods' ? 1 : (podAmounts(pod, 'requests').get(name) ?? 0));

/** What is still missing when these pods have gone. */
function without(missing: readonly Missing[], gone: readonly V1Pod[]): readonly Missing[] {
  return missing
    .map(({ name, amount }) => ({ name, amount: gone.reduce((left, pod) => left - amountOf(pod, name), amount) }))
    .filter(({ amount }) => amount > 0);
}

/** Takes the pod that comes nearest to what is missing, and so on until nothing is. */
function closest(pods: readonly V1Pod[], wanted: readonly Missing[]): readonly V1Pod[] {
  const taken: V1Pod[] = [];
  let left = [...pods];
  for (let missing = wanted; missing.length > 0; ) {
    const [next] = left.sort((a, b) => distance(a, missing) - distance(b, missing) || bySize(a, b));
    if (!next) break;
    taken.push(next);
    left = left.filter((pod) => pod !== next);
    missing = without(missing, [next]);
  }
  return taken;
}

/** Each resource counts alike, however large its numbers are. */
function distance(pod: V1Pod, missing: readonly Missing[]): number {
  return missing.reduce((sum, { name, amount }) => sum + (Math.max(0, amount - amountOf(pod, name)) / amount) ** 2, 0);
}

const bySize = (a: V1Pod, b: V1Pod): number => amountOf(a, 'memory') - amountOf(b, 'memory') || amountOf(a, 'cpu') - amountOf(b, 'cpu');
