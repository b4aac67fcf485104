// One container's part of a pod's status: state, last state, readiness. Pure.
import {
  formatTime,
  type V1ContainerState,
  type V1ContainerStateTerminated,
  type V1ContainerStatus,
  type V1Pod,
  type V1PodStatus,
} from '../../api/mod.ts';
import type { ContainerStatus } from '../cri/runtime.ts';
import { podIdOf, podText } from './labels.ts';
import { isLive, runsOf } from './observed.ts';
import { isChanged, restartOf, runsAgain } from './plan-containers.ts';
import { appliedResources } from './resize.ts';
import { goDuration } from './restart-delay.ts';
import type { SpecContainer } from './spec.ts';
import type { StatusInput } from './status-input.ts';

/** Written where a container's end was not seen. */
const lostTerminated: V1ContainerStateTerminated = {
  exitCode: 137,
  finishedAt: undefined,
  reason: 'ContainerStatusUnknown',
  message: 'The container could not be located when the pod was terminated',
};

export const containerIdText = (id: string): string => `containerd://${id}`;

export function terminatedState(run: ContainerStatus): V1ContainerStateTerminated {
  const known = run.reason === '' ? (run.exitCode === 0 ? 'Completed' : 'Error') : run.reason;
  return {
    containerID: containerIdText(run.id),
    exitCode: run.exitCode,
    ...(run.finishedAtMs > 0 ? { finishedAt: formatTime(run.finishedAtMs) } : {}),
    ...(run.message === '' ? {} : { message: run.message }),
    reason: known,
    ...(run.startedAtMs > 0 ? { startedAt: formatTime(run.startedAtMs) } : {}),
  };
}

/** The status of one container of the spec. */
export function containerStatusOf(input: StatusInput, of: SpecContainer, waitingReason: string): V1ContainerStatus {
  const runs = runsOf(input.observed, of.spec.name);
  const run = runs[0];
  const before = previousStatus(input.before, of);
  if (!run) return unstarted(input, of, before, waitingReason);
  const { state, last } = statesOf(input, of, { run, earlier: runs.slice(1).find((one) => one.state === 'exited') });
  const probe = input.probes.get(run.id);
  const running = run.state === 'running';
  const started = running && (probe?.started ?? false) && !input.busyStarts.has(of.spec.name);
  const lastState = last ?? (sameAttempt(before, run) ? before?.lastState : undefined);
  const resources = appliedResources(run, input.resources);
  return {
    ...(resources?.requests ? { allocatedResources: resources.requests } : {}),
    containerID: containerIdText(run.id),
    image: imageOf(input, of, run),
    imageID: run.imageRef,
    lastState: lastState ?? {},
    name: of.spec.name,
    ready: readyOf(of, { run, ready: started && (probe?.ready ?? false) }),
    ...(resources ? { resources } : {}),
    restartCount: run.metadata.attempt,
    started,
    state,
    ...mountStatuses(input, of),
  };
}

/** A run of another definition has the image that was told of it. */
function imageOf({ before, hashes }: StatusInput, of: SpecContainer, run: ContainerStatus): string {
  const told = previousStatus(before, of);
  const image = isChanged(run, hashes) && sameAttempt(told, run) ? told?.image : of.spec.image;
  return image ?? run.image;
}

/** As upstream: a mount that may be written to says no more than where it is. */
function mountStatuses({ recursiveReadOnly }: StatusInput, { spec }: SpecContainer): Pick<V1ContainerStatus, 'volumeMounts'> {
  if (!spec.volumeMounts?.length) return {};
  const volumeMounts = spec.volumeMounts.map(({ name, mountPath, readOnly, recursiveReadOnly: wanted = 'Disabled' }) => {
    if (readOnly !== true) return { name, mountPath };
    const recursive = wanted === 'Enabled' || (wanted === 'IfPossible' && recursiveReadOnly);
    return { name, mountPath, readOnly, recursiveReadOnly: recursive ? 'Enabled' : 'Disabled' };
  });
  return { volumeMounts };
}

const sameAttempt = (before: V1ContainerStatus | undefined, run: ContainerStatus): boolean => before?.restartCount === run.metadata.attempt;

/** An init container is ready when it has succeeded; every other one when it runs and its probe says so. */
function readyOf(of: SpecContainer, at: { run: ContainerStatus; ready: boolean }): boolean {
  if (of.kind === 'init') return at.run.state === 'exited' && at.run.exitCode === 0;
  return at.ready;
}

function previousStatus(before: V1PodStatus | undefined, of: SpecContainer): V1ContainerStatus | undefined {
  const { initContainerStatuses, containerStatuses, ephemeralContainerStatuses } = before ?? {};
  const list = of.kind === 'main' ? containerStatuses : of.kind === 'ephemeral' ? ephemeralContainerStatuses : initContainerStatuses;
  return list?.find((status) => status.name === of.spec.name);
}

function unstarted(input: StatusInput, of: SpecContainer, before: V1ContainerStatus | undefined, waitingReason: string): V1ContainerStatus {
  const base = { image: of.spec.image ?? '', name: of.spec.name, ready: false, restartCount: before?.restartCount ?? 0, started: false };
  // The runtime has lost the records (a wiped runtime, a reboot): what the API knows of an end stays true.
  if (before?.state?.terminated && (input.over || of.kind === 'init')) return { ...before, started: false };
  if (input.over && before?.containerID) {
    const terminated = { ...lostTerminated, ...(before.containerID ? { containerID: before.containerID } : {}) };
    return { ...base, imageID: before.imageID, lastState: {}, state: { terminated } };
  }
  const failure = input.failures.get(`start/${of.spec.name}`);
  const waiting = failure ? { reason: failure.reason, message: failure.message } : { reason: waitingReason };
  return { ...base, imageID: '', lastState: before?.state?.terminated ? { terminated: before.state.terminated } : {}, state: { waiting } };
}

interface Runs {
  readonly run: ContainerStatus;
  readonly earlier: ContainerStatus | undefined;
}

function statesOf(input: StatusInput, of: SpecContainer, runs: Runs): { state: V1ContainerState; last: V1ContainerState | undefined } {
  const { run, earlier } = runs;
  const last = earlier ? { terminated: terminatedState(earlier) } : undefined;
  if (run.state === 'running') return { state: { running: { startedAt: formatTime(run.startedAtMs) } }, last };
  if (run.state === 'created' || isLive(run)) {
    if (input.over) return { state: { terminated: { ...lostTerminated, containerID: containerIdText(run.id) } }, last };
    const failure = input.failures.get(`start/${of.spec.name}`);
    const waiting = failure ? { reason: failure.reason, message: failure.message } : { reason: 'ContainerCreating' };
    return { state: { waiting }, last };
  }
  const terminated = terminatedState(run);
  const waiting = input.over ? undefined : restartWaiting(input, of, run);
  return waiting ? { state: { waiting }, last: { terminated } } : { state: { terminated }, last };
}

/** Crash loops up to this delay still show why the start itself failed. */
const showFailureUpToMs = 10_000;

function restartWaiting(input: StatusInput, of: SpecContainer, run: ContainerStatus): { reason: string; message?: string } | undefined {
  if (!runsAgain(input, of, run)) return undefined;
  const restart = restartOf(run, input);
  const failure = input.failures.get(`start/${of.spec.name}`);
  if (failure && (restart.is === 'due' || restart.delayMs <= showFailureUpToMs))
    return { reason: failure.reason, message: failure.message };
  // With policy Never the API takes an end for good: one that is replaced has not ended.
  if (input.replaced?.has(run.id)) return { reason: 'ContainerCreating' };
  if (restart.is === 'due') return undefined;
  return { reason: 'CrashLoopBackOff', message: crashLoopMessage(input.pod, of.spec.name, restart.delayMs) };
}

export const crashLoopMessage = (pod: V1Pod, container: string, delayMs: number): string =>
  `back-off ${goDuration(delayMs)} restarting failed container=${container} pod=${podText(podIdOf(pod))}`;
