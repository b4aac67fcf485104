// Shuffle sharding: each flow is dealt a few of the queues, so that one that floods its own leaves every other flow at least one that is short.
// Source: https://kubernetes.io/docs/concepts/cluster-administration/flow-control/#queuing
import { fnv1a } from '../../base/mod.ts';

/** `handSize` different numbers below `deckSize`, always the same for one flow. */
export function dealHand(flow: string, deckSize: number, handSize: number): readonly number[] {
  // Two hashes of 32 bits: the entropy of the largest hand that is allowed has 60.
  let entropy = (BigInt(fnv1a(flow)) << 32n) | BigInt(fnv1a(`${flow}\u0000`));
  const hand: number[] = [];
  for (let dealt = 0; dealt < handSize; dealt++) {
    const left = BigInt(deckSize - dealt);
    let card = Number(entropy % left);
    entropy /= left;
    // The card-th of those that are not dealt yet.
    for (const taken of [...hand].sort((a, b) => a - b)) if (card >= taken) card++;
    hand.push(card);
  }
  return hand;
}
