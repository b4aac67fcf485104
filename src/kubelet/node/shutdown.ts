// The machine is about to go: its pods are ended in good order, ordinary ones first, those that keep the machine running last.
// Source: https://kubernetes.io/docs/concepts/cluster-administration/node-shutdown/#graceful-node-shutdown
import type { V1Pod } from '../../api/mod.ts';
import { type Clock, sleep } from '../../base/mod.ts';
import { criticalPriority, type ShutdownPhase } from '../configuration/settings.ts';
import { isCritical } from '../pod/spec.ts';
import type { PodWorker } from '../pod/worker.ts';

export interface MachineEnd {
  /** Fires when the machine is about to go. */
  readonly signal: AbortSignal;
  /** Called when every pod has ended, or its time is over. */
  readonly done: () => void;
}

export const shutdownMessage = 'Pod was terminated in response to imminent node shutdown.';
export const notReadyForShutdown = 'node is shutting down';
export const shutdownRejection = { reason: 'NodeShutdown', message: 'Pod was rejected as the node is shutting down.' } as const;

const lookMs = 50;

export interface ShutdownOptions {
  /** In the order of their turn. */
  readonly phases: readonly ShutdownPhase[];
  readonly workers: () => readonly PodWorker[];
  readonly clock: Clock;
  readonly signal: AbortSignal;
}

/** Ends the node's pods. Resolves when the API knows of their ends, or when the time is over. */
export async function endPods({ phases, workers, clock, signal }: ShutdownOptions): Promise<void> {
  for (const [turn, { graceMs }] of phases.entries()) {
    const untilMs = clock.monotonicMs() + graceMs;
    const these = workers().filter((worker) => turnOf(worker.view.pod, phases) === turn);
    for (const worker of these) worker.end({ reason: 'Terminated', message: shutdownMessage, graceSeconds: Math.floor(graceMs / 1000) });
    while (these.some(isLeft) && clock.monotonicMs() < untilMs && !signal.aborted) await sleep(clock, lookMs, signal);
  }
}

/** The last phase that is not above the pod; the first one for whoever is below all. */
function turnOf(pod: V1Pod, phases: readonly ShutdownPhase[]): number {
  const priority = isCritical(pod) ? Math.max(criticalPriority, pod.spec?.priority ?? 0) : (pod.spec?.priority ?? 0);
  return Math.max(
    0,
    phases.findLastIndex((phase) => phase.priority <= priority),
  );
}

/** What the API has of a pod comes back to its worker: only then its end is told. */
function isLeft({ view: { state, pod } }: PodWorker): boolean {
  if (state.at === 'syncing' || state.at === 'terminating') return true;
  return state.at === 'terminated' && pod.status?.phase !== 'Failed' && pod.status?.phase !== 'Succeeded';
}
