// How much a node is liked for the shares of its resources that would be in use: the strategies of NodeResourcesFit.
// Source: https://kubernetes.io/docs/concepts/scheduling-eviction/resource-bin-packing/
import type { V1Pod } from '../api/mod.ts';
import type { FitArgs, ShapePoint } from './config/plugin-args.ts';
import { scoreMax } from './framework.ts';
import type { NodeInfo } from './node-info.ts';
import { podRequests, podScoreRequests } from './pod-resources.ts';

/** What would be in use with the pod; undefined for what the node does not offer, and for what few pods ask for and this one does not. */
export function usedWith(pod: V1Pod, info: NodeInfo, name: string): number | undefined {
  if ((info.allocatable.get(name) ?? 0) === 0) return undefined;
  if (name === 'cpu') return info.scoreCpu + podScoreRequests(pod).cpu;
  if (name === 'memory') return info.scoreMemory + podScoreRequests(pod).memory;
  const asked = podRequests(pod).get(name) ?? 0;
  if (asked === 0 && name !== 'ephemeral-storage') return undefined;
  return (info.requested.get(name) ?? 0) + asked;
}

type Strategy = (used: number, offered: number) => number;

const leastAllocated: Strategy = (used, offered) => Math.max(0, Math.floor(((offered - used) * scoreMax) / offered));
const mostAllocated: Strategy = (used, offered) => Math.floor((Math.min(used, offered) * scoreMax) / offered);

/** The line through the points of the shape, at the percentage that is in use. */
function byShape(shape: readonly ShapePoint[]): Strategy {
  const scale = scoreMax / 10;
  return (used, offered) => {
    const utilization = used > offered ? 100 : Math.floor((used * 100) / offered);
    const next = shape.findIndex((point) => utilization <= point.utilization);
    const [before, after] = [shape[next - 1], shape[next]];
    if (next < 0 || !after) return (shape.at(-1)?.score ?? 0) * scale;
    if (!before) return after.score * scale;
    const rise = ((after.score - before.score) * scale * (utilization - before.utilization)) / (after.utilization - before.utilization);
    return before.score * scale + Math.trunc(rise);
  };
}

/** The weighted mean over the resources, from 0 to 100. */
export function createResourceScore(args: Pick<FitArgs, 'strategy' | 'resources' | 'shape'>): (pod: V1Pod, info: NodeInfo) => number {
  const { resources } = args;
  const isRatio = args.strategy === 'RequestedToCapacityRatio';
  const strategy = isRatio ? byShape(args.shape) : args.strategy === 'LeastAllocated' ? leastAllocated : mostAllocated;
  return (pod, info) => {
    let sum = 0;
    let weights = 0;
    for (const { name, weight } of resources) {
      const used = usedWith(pod, info, name);
      if (used === undefined) continue;
      const score = strategy(used, info.allocatable.get(name) ?? 0);
      // By ratio, what scores nothing does not count in the mean.
      if (isRatio && score === 0) continue;
      sum += score * weight;
      weights += weight;
    }
    if (weights === 0) return 0;
    return isRatio ? Math.round(sum / weights) : Math.floor(sum / weights);
  };
}
