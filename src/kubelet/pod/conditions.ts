// The conditions of a pod that the kubelet owns, with the reasons and messages that upstream gives them. Pure.
import { formatTime, type V1ContainerStatus, type V1PodCondition } from '../../api/mod.ts';
import { usableSandbox } from './plan.ts';
import type { PodPhase, StatusInput } from './status-input.ts';

export interface ConditionInput {
  readonly input: StatusInput;
  readonly phase: PodPhase;
  readonly initialized: boolean;
  readonly inits: readonly V1ContainerStatus[];
  readonly mains: readonly V1ContainerStatus[];
}

interface Verdict {
  readonly type: string;
  readonly status: 'True' | 'False';
  readonly reason?: string | undefined;
  readonly message?: string | undefined;
}

/** The conditions that only the kubelet writes; others (readiness gates, DisruptionTarget) belong to whoever set them. */
export const ownedConditions = ['PodReadyToStartContainers', 'Initialized', 'Ready', 'ContainersReady', 'PodScheduled'] as const;

/** In upstream's order. `lastTransitionTime` moves only with `status`. Conditions that are not the kubelet's are kept as they stand. */
export function conditionsOf(of: ConditionInput): readonly V1PodCondition[] {
  const { input } = of;
  const { pod, nowMs } = input;
  const before = input.before?.conditions ?? [];
  const generation = pod.metadata?.generation;
  const verdicts = [sandboxReady(of), initialized(of), ready(of), containersReady(of), { type: 'PodScheduled', status: 'True' } as const];
  const own = verdicts.map((verdict): V1PodCondition => {
    const old = before.find((condition) => condition.type === verdict.type);
    const same = old?.status === verdict.status && old.lastTransitionTime !== undefined;
    return {
      type: verdict.type,
      status: verdict.status,
      lastTransitionTime: same ? old.lastTransitionTime : formatTime(nowMs),
      ...(verdict.reason === undefined ? {} : { reason: verdict.reason }),
      ...(verdict.message === undefined ? {} : { message: verdict.message }),
      ...(generation === undefined ? {} : { observedGeneration: generation }),
    };
  });
  return [...own, ...disruption(of), ...resizing(of)];
}

/** Conditions that are there only while they are true. */
export const passingConditions = ['PodResizePending', 'PodResizeInProgress'] as const;

function resizing({ input }: ConditionInput): readonly V1PodCondition[] {
  const { resize, before, nowMs, pod, failures } = input;
  if (!resize || input.state.at !== 'syncing') return [];
  const type = resize.is === 'go' ? 'PodResizeInProgress' : 'PodResizePending';
  const failed = [...failures].find(([subject]) => subject.startsWith('resize/'))?.[1];
  const why =
    resize.is !== 'go' ? { reason: resize.is, message: resize.message } : failed ? { reason: 'Error', message: failed.message } : {};
  const old = before?.conditions?.find((condition) => condition.type === type);
  const generation = pod.metadata?.generation;
  return [
    {
      type,
      status: 'True',
      lastTransitionTime: old?.lastTransitionTime ?? formatTime(nowMs),
      ...why,
      ...(generation === undefined ? {} : { observedGeneration: generation }),
    },
  ];
}

const endedByNode: readonly string[] = ['Evicted', 'Preempting', 'Terminated'];

/** An eviction for want of room on the node is a disruption: who counts failures leaves it out. Source: KEP-3329. */
function disruption({ input }: ConditionInput): readonly V1PodCondition[] {
  const { state, before, nowMs } = input;
  if (state.at === 'syncing' || state.cause.is !== 'failed' || !endedByNode.includes(state.cause.reason)) return [];
  const message = state.cause.reason === 'Preempting' ? 'Pod was preempted by Kubelet to accommodate a critical pod.' : state.cause.message;
  const old = before?.conditions?.find((condition) => condition.type === 'DisruptionTarget' && condition.status === 'True');
  if (old) return [old];
  return [{ type: 'DisruptionTarget', status: 'True', lastTransitionTime: formatTime(nowMs), reason: 'TerminationByKubelet', message }];
}

const ended = (phase: PodPhase): boolean => phase === 'Succeeded' || phase === 'Failed';

function sandboxReady({ input }: ConditionInput): Verdict {
  const up = usableSandbox(input.pod, input.observed) !== undefined;
  return { type: 'PodReadyToStartContainers', status: up ? 'True' : 'False' };
}

function initialized({ phase, initialized: done, inits, input }: ConditionInput): Verdict {
  const type = 'Initialized';
  if (phase === 'Succeeded') return { type, status: 'True', reason: 'PodCompleted' };
  if (done) return { type, status: 'True' };
  const sidecars = new Set((input.pod.spec?.initContainers ?? []).filter((one) => one.restartPolicy === 'Always').map((one) => one.name));
  const waiting = inits.filter((status) => (sidecars.has(status.name) ? !status.started : !status.ready)).map((status) => status.name);
  const message = `containers with incomplete status: [${waiting.join(' ')}]`;
  return { type, status: 'False', reason: 'ContainersNotInitialized', message };
}

function containersReady(of: ConditionInput): Verdict {
  const type = 'ContainersReady';
  if (of.phase === 'Succeeded') return { type, status: 'False', reason: 'PodCompleted' };
  if (of.phase === 'Failed') return { type, status: 'False', reason: 'PodFailed' };
  const sidecars = new Set(
    (of.input.pod.spec?.initContainers ?? []).filter((one) => one.restartPolicy === 'Always').map((one) => one.name),
  );
  const watched = [...of.inits.filter((status) => sidecars.has(status.name)), ...of.mains];
  const unready = watched.filter((status) => !status.ready).map((status) => status.name);
  if (unready.length === 0) return { type, status: 'True' };
  return { type, status: 'False', reason: 'ContainersNotReady', message: `containers with unready status: [${unready.join(' ')}]` };
}

function ready(of: ConditionInput): Verdict {
  const containers = { ...containersReady(of), type: 'Ready' };
  if (containers.status === 'False' || ended(of.phase)) return containers;
  const { pod } = of.input;
  const problems: string[] = [];
  for (const gate of pod.spec?.readinessGates ?? []) {
    const condition = pod.status?.conditions?.find((one) => one.type === gate.conditionType);
    if (!condition) problems.push(`corresponding condition of pod readiness gate "${gate.conditionType}" does not exist.`);
    else if (condition.status !== 'True') {
      problems.push(`the status of pod readiness gate "${gate.conditionType}" is not "True", but ${condition.status}`);
    }
  }
  if (problems.length === 0) return containers;
  return { type: 'Ready', status: 'False', reason: 'ReadinessGatesNotReady', message: problems.join(', ') };
}
