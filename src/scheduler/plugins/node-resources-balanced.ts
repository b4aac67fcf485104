// NodeResourcesBalancedAllocation: likes nodes where the shares of CPU and memory in use stay close to each other.
import { type Plugin, scoreMax } from '../framework.ts';
import { podScoreRequests } from '../pod-resources.ts';

export const nodeResourcesBalancedAllocation: Plugin = {
  name: 'NodeResourcesBalancedAllocation',
  score: (_state, pod, info) => {
    const asked = podScoreRequests(pod);
    const taken = info.scoreRequested;
    const share = (name: 'cpu' | 'memory') => {
      const offered = info.allocatable.get(name) ?? 0;
      return offered === 0 ? 1 : Math.min(1, (taken[name] + asked[name]) / offered);
    };
    const [cpu, memory] = [share('cpu'), share('memory')];
    // The standard deviation of two numbers is half their distance.
    return Math.floor((1 - Math.abs(cpu - memory) / 2) * scoreMax);
  },
};
