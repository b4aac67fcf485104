// Where a pod stands in its life on this node: a tagged union and one step function. Everything else is read from the runtime.
import type { V1Pod } from '../../api/mod.ts';
import { graceSecondsFor } from './spec.ts';

/** Why a pod is being taken down. `finished`: its containers have all ended for good; `failed`: the node has given it up. */
export type EndCause =
  | { readonly is: 'deleted' }
  | { readonly is: 'finished' }
  | { readonly is: 'failed'; readonly reason: string; readonly message: string };

/**
 * syncing: containers are started and kept up.
 * terminating: nothing is started any more; what runs is stopped, then the sandbox, then the volumes go.
 * terminated: nothing runs and nothing is mounted; what is left are records (exited containers, logs) and the API object.
 * gone: the API object is deleted (or never was ours); only the records are left to remove.
 *
 * The order is one way. A restarted kubelet begins with `syncing` and reaches the same place by the same inputs.
 */
export type PodState =
  | { readonly at: 'syncing' }
  | { readonly at: 'terminating'; readonly cause: EndCause; readonly sinceMs: number; readonly graceSeconds: number }
  | { readonly at: 'terminated'; readonly cause: EndCause }
  | { readonly at: 'gone'; readonly cause: EndCause };

export type PodEvent =
  | { readonly is: 'deleted'; readonly nowMs: number; readonly graceSeconds: number }
  | { readonly is: 'finished'; readonly nowMs: number; readonly graceSeconds: number }
  | { readonly is: 'failed'; readonly nowMs: number; readonly graceSeconds: number; readonly reason: string; readonly message: string }
  | { readonly is: 'stopped' }
  | { readonly is: 'removedFromApi' };

/** The grace that a stop gets at least, in seconds: SIGTERM always comes before SIGKILL. */
export const graceMinSeconds = 1;

export function step(state: PodState, event: PodEvent): PodState {
  switch (state.at) {
    case 'syncing':
      return fromSyncing(event) ?? state;
    case 'terminating':
      return fromTerminating(state, event);
    case 'terminated':
      return event.is === 'removedFromApi' ? { at: 'gone', cause: state.cause } : state;
    case 'gone':
      return state;
  }
}

function fromSyncing(event: PodEvent): PodState | undefined {
  switch (event.is) {
    case 'deleted':
      return { at: 'terminating', cause: { is: 'deleted' }, sinceMs: event.nowMs, graceSeconds: atLeastMin(event.graceSeconds) };
    case 'finished':
      return { at: 'terminating', cause: { is: 'finished' }, sinceMs: event.nowMs, graceSeconds: atLeastMin(event.graceSeconds) };
    case 'failed': {
      const cause = { is: 'failed', reason: event.reason, message: event.message } as const;
      return { at: 'terminating', cause, sinceMs: event.nowMs, graceSeconds: atLeastMin(event.graceSeconds) };
    }
    case 'stopped':
    case 'removedFromApi':
      return undefined;
  }
}

function fromTerminating(state: PodState & { at: 'terminating' }, event: PodEvent): PodState {
  switch (event.is) {
    case 'stopped':
      return { at: 'terminated', cause: state.cause };
    case 'deleted':
    case 'failed': {
      // Grace may shrink, never grow. It counts from the first word, so a shorter one may be over already.
      const graceSeconds = atLeastMin(Math.min(state.graceSeconds, event.graceSeconds));
      return graceSeconds === state.graceSeconds ? state : { ...state, graceSeconds };
    }
    case 'finished':
    case 'removedFromApi':
      return state;
  }
}

const atLeastMin = (seconds: number): number => Math.max(graceMinSeconds, seconds);

/** What the API object by itself says about the pod's end. */
export function eventsFromApi(pod: V1Pod, nowMs: number, startTimeMs: number | undefined): PodEvent[] {
  const events: PodEvent[] = [];
  const graceSeconds = graceSecondsFor(pod);
  const { phase, reason = '', message = '' } = pod.status ?? {};
  if (pod.metadata?.deletionTimestamp) events.push({ is: 'deleted', nowMs, graceSeconds });
  // A pod that has ended never starts again, also not after a restart of the kubelet.
  if (phase === 'Succeeded') events.push({ is: 'finished', nowMs, graceSeconds });
  else if (phase === 'Failed')
    events.push(reason ? { is: 'failed', nowMs, graceSeconds, reason, message } : { is: 'finished', nowMs, graceSeconds });
  const deadlineAtMs = deadlineMs(pod, startTimeMs);
  if (deadlineAtMs !== undefined && nowMs >= deadlineAtMs && phase !== 'Succeeded' && phase !== 'Failed') {
    events.push({ is: 'failed', nowMs, graceSeconds, reason: 'DeadlineExceeded', message: deadlineMessage });
  }
  return events;
}

export const deadlineMessage = 'Pod was active on the node longer than the specified deadline';

/** When `activeDeadlineSeconds` is over; undefined when the pod has none. */
export function deadlineMs(pod: V1Pod, startTimeMs: number | undefined): number | undefined {
  const seconds = pod.spec?.activeDeadlineSeconds;
  return seconds === undefined || startTimeMs === undefined ? undefined : startTimeMs + seconds * 1000;
}
