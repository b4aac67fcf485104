// What the runtime's own listing says about one pod: the only truth that plan and status start from.
import type { ContainerRuntime, ContainerStatus, Sandbox, SandboxStatus } from '../cri/runtime.ts';
import { RuntimeError } from '../cri/runtime.ts';
import { containerNameLabel, podUidLabel } from './labels.ts';

export interface Observed {
  /** Newest first. */
  readonly sandboxes: readonly Sandbox[];
  /** The newest sandbox with its addresses; undefined when there is none. */
  readonly sandbox: SandboxStatus | undefined;
  /** Of every sandbox, newest attempt first. */
  readonly containers: readonly ContainerStatus[];
}

export const nothingObserved: Observed = { sandboxes: [], sandbox: undefined, containers: [] };

export const nameOf = (container: ContainerStatus): string => container.labels[containerNameLabel] ?? container.metadata.name;

/** The runs of one container, newest first. */
export const runsOf = (observed: Observed, name: string): readonly ContainerStatus[] =>
  observed.containers.filter((container) => nameOf(container) === name);

export const latestRun = (observed: Observed, name: string): ContainerStatus | undefined =>
  observed.containers.find((container) => nameOf(container) === name);

export const isLive = (container: ContainerStatus): boolean => container.state === 'running' || container.state === 'unknown';

export interface ObserveOptions {
  readonly runtime: ContainerRuntime;
  readonly uid: string;
  readonly deadlineMs: number;
  readonly signal: AbortSignal;
  /** Statuses that can change no more (exited containers, by id). Filled and trimmed here. */
  readonly ended: Map<string, ContainerStatus>;
  /** Completes the status of a container that is seen ended for the first time. Must not reject. */
  readonly onEnded: (status: ContainerStatus) => Promise<ContainerStatus>;
  /** True when the runtime will say nothing else about this ended container: only then is it kept in `ended`. */
  readonly isFinal: (status: ContainerStatus) => boolean;
}

/** Asks the runtime. Rejects with RuntimeError. */
export async function observe(options: ObserveOptions): Promise<Observed> {
  const { runtime, uid, deadlineMs, signal, ended, onEnded, isFinal } = options;
  const call = { signal, deadlineMs };
  const filter = { labels: { [podUidLabel]: uid } };
  const [listed, containers] = await Promise.all([runtime.listSandboxes(filter, call), runtime.listContainers(filter, call)]);
  const sandboxes = [...listed].sort((a, b) => b.metadata.attempt - a.metadata.attempt || b.createdAtMs - a.createdAtMs);
  const newest = sandboxes[0];
  const [sandbox, statuses] = await Promise.all([
    newest ? unlessGone(runtime.sandboxStatus(newest.id, call)) : undefined,
    Promise.all(
      containers.map(async (container) => {
        const known = ended.get(container.id);
        if (known) return known;
        const status = await unlessGone(runtime.containerStatus(container.id, call));
        return status?.state === 'exited' ? onEnded(status) : status;
      }),
    ),
  ]);
  const found = statuses.filter((status) => status !== undefined);
  ended.clear();
  for (const status of found) if (status.state === 'exited' && isFinal(status)) ended.set(status.id, status);
  // The status call may leave out what the listing has; the labels are what everything hangs on.
  const byId = new Map(containers.map((container) => [container.id, container]));
  const merged = found.map((status) => ({ ...status, sandboxId: byId.get(status.id)?.sandboxId ?? status.sandboxId }));
  merged.sort((a, b) => b.metadata.attempt - a.metadata.attempt || b.createdAtMs - a.createdAtMs);
  return { sandboxes, sandbox, containers: merged };
}

async function unlessGone<T>(promise: Promise<T>): Promise<T | undefined> {
  try {
    return await promise;
  } catch (error) {
    if (error instanceof RuntimeError && error.code === 'notFound') return undefined;
    throw error;
  }
}
