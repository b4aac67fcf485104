// NodeResourcesBalancedAllocation: likes nodes where the shares of the resources in use stay close to each other.
import { defaultArgs, type PluginArgs } from '../config/plugin-args.ts';
import { type Plugin, scoreMax } from '../framework.ts';
import { usedWith } from '../resource-scores.ts';

export const createNodeResourcesBalancedAllocation = (
  { resources }: PluginArgs['NodeResourcesBalancedAllocation'] = defaultArgs.NodeResourcesBalancedAllocation,
): Plugin => ({
  name: 'NodeResourcesBalancedAllocation',
  nodeAlone: true,
  score: (_state, pod, info) => {
    const shares: number[] = [];
    for (const { name } of resources) {
      const used = usedWith(pod, info, name);
      if (used !== undefined) shares.push(Math.min(1, used / (info.allocatable.get(name) ?? 0)));
    }
    return Math.floor((1 - standardDeviation(shares)) * scoreMax);
  },
});

function standardDeviation(shares: readonly number[]): number {
  // The standard deviation of two numbers is half their distance.
  if (shares.length <= 2) return shares.length < 2 ? 0 : Math.abs((shares[0] ?? 0) - (shares[1] ?? 0)) / 2;
  const mean = shares.reduce((sum, share) => sum + share, 0) / shares.length;
  return Math.sqrt(shares.reduce((sum, share) => sum + (share - mean) ** 2, 0) / shares.length);
}
