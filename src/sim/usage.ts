// What simulated pods use: as their annotations say at the moment, so that a test or a user turns the load by `kubectl annotate`.
//
//   sim.minke.dev/usage-cpu      of each container, a quantity: 250m     default: half of what it requests
//   sim.minke.dev/usage-memory   likewise: 64Mi                          default: half of what it requests
//
// A suffix `.<container>` is for that container alone.
import { milliValueOf, quantityProblem, type V1Pod } from '../api/mod.ts';
import { containerNameLabel, noUsage, type PodView, type UsageSource } from '../kubelet/mod.ts';

export interface SimUsageOptions {
  readonly nowMs: () => number;
  readonly memoryBytes: number;
}

interface Use {
  readonly milliCpu: number;
  readonly bytes: number;
}

function amount(pod: V1Pod, container: string, resource: 'cpu' | 'memory'): number {
  const annotations = pod.metadata?.annotations ?? {};
  const key = `sim.minke.dev/usage-${resource}`;
  const said = annotations[`${key}.${container}`] ?? annotations[key];
  if (said !== undefined && quantityProblem(said) === undefined) return milliValueOf(said);
  const { containers = [], initContainers = [] } = pod.spec ?? {};
  const spec = [...containers, ...initContainers].find(({ name }) => name === container);
  const requested = spec?.resources?.requests?.[resource];
  return requested === undefined ? 0 : milliValueOf(requested) / 2;
}

const useOf = (pod: V1Pod, container: string): Use => ({
  milliCpu: amount(pod, container, 'cpu'),
  bytes: Math.round(amount(pod, container, 'memory') / 1000),
});

export function createSimUsage({ nowMs, memoryBytes }: SimUsageOptions): UsageSource {
  const bornMs = nowMs();
  const figures = ({ milliCpu, bytes }: Use, sinceMs: number) => ({
    cpuNanos: Math.round(milliCpu * 1000 * Math.max(0, nowMs() - sinceMs)),
    nanoCores: Math.round(milliCpu * 1e6),
    ...{ memoryBytes: bytes, workingSetBytes: bytes, rssBytes: bytes },
  });
  const ofPods = (views: readonly PodView[]): Use => {
    const uses = views.flatMap(({ pod, observed }) =>
      observed.containers.filter((run) => run.state === 'running').map((run) => useOf(pod, run.labels[containerNameLabel] ?? '')),
    );
    return { milliCpu: uses.reduce((sum, one) => sum + one.milliCpu, 0), bytes: uses.reduce((sum, one) => sum + one.bytes, 0) };
  };
  return {
    ...noUsage,
    machine: async (views) => ({ ...figures(ofPods(views), bornMs), memoryTotalBytes: memoryBytes, bootedAtMs: bornMs }),
    pod: async (view) => figures(ofPods([view]), view.observed.sandbox?.createdAtMs ?? nowMs()),
    container: async ({ pod }, run) => figures(useOf(pod, run.labels[containerNameLabel] ?? ''), run.startedAtMs),
  };
}
