// The machine is about to go: its pods are ended in good order, ordinary ones first, those that keep the machine running last.
// Source: https://kubernetes.io/docs/concepts/cluster-administration/node-shutdown/#graceful-node-shutdown
import { type Clock, sleep } from '../../base/mod.ts';
import { isCritical } from '../pod/spec.ts';
import type { PodWorker } from '../pod/worker.ts';

export interface NodeShutdown {
  /** Fires when the machine is about to go. */
  readonly signal: AbortSignal;
  /** How long ordinary pods may take; then how long critical ones may. */
  readonly graceMs: number;
  readonly criticalGraceMs: number;
  /** Called when every pod has ended, or its time is over. */
  readonly done: () => void;
}

export const shutdownMessage = 'Pod was terminated in response to imminent node shutdown.';
export const notReadyForShutdown = 'node is shutting down';
export const shutdownRejection = { reason: 'NodeShutdown', message: 'Pod was rejected as the node is shutting down.' } as const;

const lookMs = 50;

export interface ShutdownOptions {
  readonly shutdown: NodeShutdown;
  readonly workers: () => readonly PodWorker[];
  readonly clock: Clock;
  readonly signal: AbortSignal;
}

/** Ends the node's pods. Resolves when the API knows of their ends, or when the time is over. */
export async function endPods({ shutdown, workers, clock, signal }: ShutdownOptions): Promise<void> {
  for (const critical of [false, true]) {
    const graceMs = critical ? shutdown.criticalGraceMs : shutdown.graceMs;
    const untilMs = clock.monotonicMs() + graceMs;
    const these = workers().filter((worker) => isCritical(worker.view.pod) === critical);
    for (const worker of these) worker.end({ reason: 'Terminated', message: shutdownMessage, graceSeconds: Math.floor(graceMs / 1000) });
    while (these.some(isLeft) && clock.monotonicMs() < untilMs && !signal.aborted) await sleep(clock, lookMs, signal);
  }
}

/** What the API has of a pod comes back to its worker: only then its end is told. */
function isLeft({ view: { state, pod } }: PodWorker): boolean {
  if (state.at === 'syncing' || state.at === 'terminating') return true;
  return state.at === 'terminated' && pod.status?.phase !== 'Failed' && pod.status?.phase !== 'Succeeded';
}
