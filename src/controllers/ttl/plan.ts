// How long a kubelet may serve a secret or config map from its cache: the more nodes, the longer. Pure.
// Source: https://kubernetes.io/docs/reference/labels-annotations-taints/#node-alpha-kubernetes-io-ttl
export const ttlAnnotation = 'node.alpha.kubernetes.io/ttl';

interface Step {
  /** The step is left downwards below this many nodes ... */
  readonly minNodes: number;
  /** ... and upwards above this many: they overlap, so that a node that comes and goes changes nothing. */
  readonly maxNodes: number;
  readonly ttlSeconds: number;
}

const steps: readonly Step[] = [
  { minNodes: 0, maxNodes: 100, ttlSeconds: 0 },
  { minNodes: 90, maxNodes: 500, ttlSeconds: 15 },
  { minNodes: 450, maxNodes: 1_000, ttlSeconds: 30 },
  { minNodes: 900, maxNodes: 2_000, ttlSeconds: 60 },
  { minNodes: 1_800, maxNodes: Number.POSITIVE_INFINITY, ttlSeconds: 300 },
];

/** The step for this many nodes, coming from the step `from`. */
export function ttlStep(nodes: number, from: number): number {
  let at = from;
  while (at < steps.length - 1 && nodes > (steps[at]?.maxNodes ?? 0)) at++;
  while (at > 0 && nodes < (steps[at]?.minNodes ?? 0)) at--;
  return at;
}

export const ttlSecondsOf = (step: number): number => steps[step]?.ttlSeconds ?? 0;
