// Resources of running containers that are changed in place: what is in force, what is wanted, and whether the node has it. Pure.
// Source: https://kubernetes.io/docs/tasks/configure-pod-container/resize-container-resources/
import type { V1Container, V1Pod, V1ResourceRequirements } from '../../api/mod.ts';
import type { ContainerStatus } from '../cri/runtime.ts';
import { appliedResourcesAnnotation } from './labels.ts';
import { latestRun, type Observed } from './observed.ts';
import { containersOf, type SpecContainer } from './spec.ts';

/** Only these can change while a container runs. */
const resizable = ['cpu', 'memory'] as const;
type List = Readonly<Record<string, string>>;

/** Requests and limits as text, the same text for the same amounts as they are written. */
export function resourcesText(resources: V1ResourceRequirements | undefined): string {
  const sorted = (list: List | undefined) => Object.fromEntries(Object.entries(list ?? {}).sort(([a], [b]) => (a < b ? -1 : 1)));
  return JSON.stringify({ requests: sorted(resources?.requests), limits: sorted(resources?.limits) });
}

/** What is in force in a run, as {@link resourcesText} has it: what was set last, else what it was created with. */
export function appliedText(run: ContainerStatus, set: ReadonlyMap<string, string> | undefined): string | undefined {
  return set?.get(run.id) ?? run.annotations[appliedResourcesAnnotation];
}

export function appliedResources(run: ContainerStatus, set: ReadonlyMap<string, string> | undefined): V1ResourceRequirements | undefined {
  const text = appliedText(run, set);
  if (text === undefined) return undefined;
  const { requests, limits } = JSON.parse(text) as { requests: List; limits: List };
  const some = (list: List) => Object.keys(list).length > 0;
  return { ...(some(limits) ? { limits } : {}), ...(some(requests) ? { requests } : {}) };
}

/** True when the run has other resources than its spec wants. */
export function isResized(of: SpecContainer, run: ContainerStatus, set: ReadonlyMap<string, string> | undefined): boolean {
  if (of.kind === 'init' || of.kind === 'ephemeral') return false;
  const applied = appliedText(run, set);
  return applied !== undefined && applied !== resourcesText(of.spec.resources);
}

/** The running containers whose resources are to change. */
export function resizedContainers(pod: V1Pod, observed: Observed, set: ReadonlyMap<string, string>): readonly SpecContainer[] {
  return containersOf(pod).filter((of) => {
    const run = latestRun(observed, of.spec.name);
    return run?.state === 'running' && isResized(of, run, set);
  });
}

/** True when a change needs a new run, by the container's own word. */
export function needsRestart(container: V1Container, run: ContainerStatus, set: ReadonlyMap<string, string> | undefined): boolean {
  const applied = appliedResources(run, set);
  return resizable.some((name) => {
    const policy = container.resizePolicy?.find((one) => one.resourceName === name)?.restartPolicy;
    const changed =
      applied?.requests?.[name] !== container.resources?.requests?.[name] ||
      applied?.limits?.[name] !== container.resources?.limits?.[name];
    return changed && policy === 'RestartContainer';
  });
}

/** `go`: it is being done; `Deferred`: the node has the room, but not now; `Infeasible`: it never will. */
export type ResizeVerdict = { readonly is: 'go' } | { readonly is: 'Deferred' | 'Infeasible'; readonly message: string };
