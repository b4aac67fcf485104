// Taints and tolerations. Source: https://kubernetes.io/docs/concepts/scheduling-eviction/taint-and-toleration/
import type { V1Taint, V1Toleration } from '../generated/types.gen.ts';

/** An empty effect tolerates every effect; an empty key with `Exists` every taint. */
export function tolerates(toleration: V1Toleration, taint: V1Taint): boolean {
  if (toleration.effect && toleration.effect !== taint.effect) return false;
  if (toleration.key && toleration.key !== taint.key) return false;
  switch (toleration.operator) {
    case undefined:
    case '':
    case 'Equal':
      return (toleration.key ?? '') !== '' && (toleration.value ?? '') === (taint.value ?? '');
    case 'Exists':
      return true;
    case 'Gt':
    case 'Lt': {
      const [bound, value] = [toleration.value ?? '', taint.value ?? ''];
      if (!/^-?\d+$/.test(bound) || !/^-?\d+$/.test(value)) return false;
      return toleration.operator === 'Gt' ? BigInt(value) > BigInt(bound) : BigInt(value) < BigInt(bound);
    }
    default:
      return false;
  }
}

/** The first taint with one of these effects that no toleration covers. */
export function findUntolerated(
  taints: readonly V1Taint[],
  tolerations: readonly V1Toleration[],
  effects: readonly string[],
): V1Taint | undefined {
  return taints.find((taint) => effects.includes(taint.effect) && !tolerations.some((toleration) => tolerates(toleration, taint)));
}
