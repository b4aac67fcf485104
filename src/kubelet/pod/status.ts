// A pod's status as a pure function of its spec, of what the runtime and the probes say, and of the time.
import { formatTime, type V1ContainerStatus, type V1Pod, type V1PodStatus } from '../../api/mod.ts';
import { qosClassOf } from '../container/qos.ts';
import { conditionsOf } from './conditions.ts';
import { containerStatusOf } from './container-status.ts';
import { usableSandbox } from './plan.ts';
import { containersOf, isHostNetwork, restartsAfterExit, type SpecContainer } from './spec.ts';
import type { PodPhase, StatusInput } from './status-input.ts';

export function podStatus(input: StatusInput): V1PodStatus {
  const { pod, state } = input;
  const all = containersOf(pod);
  const initialized = isInitialized(input, all);
  // While init containers remain, the others wait for them. Source: upstream's PodInitializing reason.
  const hasInit = all.some((one) => one.kind === 'init' || one.kind === 'sidecar');
  const idle = hasInit ? 'PodInitializing' : 'ContainerCreating';
  const of = (kinds: readonly SpecContainer['kind'][], waiting: string) =>
    all.filter((one) => kinds.includes(one.kind)).map((one) => containerStatusOf(input, one, waiting));
  const inits = of(['init', 'sidecar'], 'PodInitializing');
  const mains = of(['main'], idle);
  const ephemeral = of(['ephemeral'], 'ContainerCreating');
  const phase = phaseOf(input, all, { inits, mains });
  const failed = state.at !== 'syncing' && state.cause.is === 'failed' ? state.cause : undefined;
  if (failed && neverRan(input)) return rejectedStatus(input, failed);
  return {
    ...(pod.metadata?.generation === undefined ? {} : { observedGeneration: pod.metadata.generation }),
    phase,
    ...(failed && phase === 'Failed' ? { reason: failed.reason, message: failed.message } : {}),
    conditions: conditionsOf({ input, phase, initialized, inits, mains }),
    ...addressesOf(input),
    startTime: formatTime(input.startTimeMs),
    ...(inits.length > 0 ? { initContainerStatuses: inits } : {}),
    containerStatuses: mains,
    ...(ephemeral.length > 0 ? { ephemeralContainerStatuses: ephemeral } : {}),
    qosClass: pod.status?.qosClass ?? qosClassOf(pod),
  };
}

/** True for a pod of which this node has never begun anything. */
function neverRan({ observed, before }: StatusInput): boolean {
  const told = before?.containerStatuses?.length ?? 0;
  return observed.sandboxes.length + observed.containers.length + told === 0;
}

function rejectedStatus(input: StatusInput, failed: { readonly reason: string; readonly message: string }): V1PodStatus {
  const { pod, before, startTimeMs } = input;
  return {
    ...(pod.metadata?.generation === undefined ? {} : { observedGeneration: pod.metadata.generation }),
    phase: 'Failed',
    reason: failed.reason,
    message: failed.message,
    ...(before?.conditions ? { conditions: before.conditions } : {}),
    startTime: formatTime(startTimeMs),
    qosClass: pod.status?.qosClass ?? qosClassOf(pod),
  };
}

function addressesOf(input: StatusInput): V1PodStatus {
  const { hostIPs, pod, observed } = input;
  const usable = usableSandbox(pod, observed) !== undefined;
  // The address stays in the status of a pod that has ended, as upstream keeps it.
  const own = isHostNetwork(pod) ? (observed.sandboxes.length > 0 ? hostIPs : []) : (observed.sandbox?.ips ?? []);
  const kept = input.before?.podIPs?.map((one) => one.ip) ?? [];
  const podIPs = own.length > 0 ? own : usable || input.state.at !== 'syncing' ? kept : [];
  return {
    ...(hostIPs[0] === undefined ? {} : { hostIP: hostIPs[0], hostIPs: hostIPs.map((ip) => ({ ip })) }),
    ...(podIPs[0] === undefined ? {} : { podIP: podIPs[0], podIPs: podIPs.map((ip) => ({ ip })) }),
  };
}

/** True when the main containers may run: each init container has succeeded, each sidecar has started. */
export function isInitialized(input: StatusInput, all: readonly SpecContainer[]): boolean {
  const run = (name: string) => input.observed.containers.find((one) => one.metadata.name === name);
  if (all.some((one) => one.kind === 'main' && run(one.spec.name))) return true;
  return all.every((one) => {
    const last = run(one.spec.name);
    if (one.kind === 'init') return last?.state === 'exited' && last.exitCode === 0;
    if (one.kind === 'sidecar') return last?.state === 'running' && input.probes.get(last.id)?.started === true;
    return true;
  });
}

/** Source: https://kubernetes.io/docs/concepts/workloads/pods/pod-lifecycle/#pod-phase */
export function phaseOf(
  input: StatusInput,
  all: readonly SpecContainer[],
  statuses: { inits: readonly V1ContainerStatus[]; mains: readonly V1ContainerStatus[] },
): PodPhase {
  const { pod, state, over } = input;
  const terminalBefore = pod.status?.phase === 'Succeeded' || pod.status?.phase === 'Failed' ? pod.status.phase : undefined;
  if (terminalBefore) return terminalBefore;
  const computed = computedPhase(pod, all, statuses);
  // A phase that says "ended" is written only when nothing runs any more: controllers take it at its word.
  if (!over) return computed === 'Succeeded' || computed === 'Failed' ? 'Running' : computed;
  if (state.at !== 'syncing' && state.cause.is === 'failed') return 'Failed';
  if (computed === 'Succeeded' || computed === 'Failed') return computed;
  // Taken down before its end: a pod that any container of which failed has failed. Source: upstream's status manager.
  const ended = statuses.mains.every((status) => status.state?.terminated?.exitCode === 0);
  return ended && statuses.mains.length > 0 ? 'Succeeded' : 'Failed';
}

function computedPhase(
  pod: V1Pod,
  all: readonly SpecContainer[],
  statuses: { inits: readonly V1ContainerStatus[]; mains: readonly V1ContainerStatus[] },
): PodPhase {
  const spec = (name: string) => all.find((one) => one.spec.name === name);
  let pendingInit = false;
  let failedInit = false;
  for (const status of statuses.inits) {
    const of = spec(status.name);
    if (!of) continue;
    if (of.kind === 'sidecar') {
      if (!status.started && !status.state?.terminated && !status.lastState?.terminated) pendingInit = true;
      continue;
    }
    const ended = status.state?.terminated;
    if (!ended) pendingInit = true;
    else if (ended.exitCode !== 0) {
      if (restartsAfterExit(pod, of, ended.exitCode)) pendingInit = true;
      else failedInit = true;
    }
  }
  const tally = tallyMains(pod, all, statuses.mains);
  if (failedInit && tally.running === 0) return 'Failed';
  if (pendingInit && tally.running + tally.stopped + tally.restarting === 0) return 'Pending';
  if (tally.waiting > 0)
    return tally.running + tally.stopped + tally.restarting > 0 && tally.waiting < statuses.mains.length ? 'Running' : 'Pending';
  if (tally.running > 0 || tally.restarting > 0) return 'Running';
  if (tally.stopped === 0) return 'Pending';
  return tally.stopped === tally.succeeded ? 'Succeeded' : 'Failed';
}

/** waiting: never ran; restarting: ran and will run again; stopped: ended for good. */
function tallyMains(pod: V1Pod, all: readonly SpecContainer[], mains: readonly V1ContainerStatus[]) {
  const tally = { running: 0, waiting: 0, restarting: 0, stopped: 0, succeeded: 0 };
  for (const status of mains) {
    const of = all.find((one) => one.spec.name === status.name);
    const { running, terminated } = status.state ?? {};
    if (running) tally.running++;
    else if (terminated && of && restartsAfterExit(pod, of, terminated.exitCode)) tally.restarting++;
    else if (terminated) {
      tally.stopped++;
      if (terminated.exitCode === 0) tally.succeeded++;
    } else if (status.lastState?.terminated) tally.restarting++;
    else tally.waiting++;
  }
  return tally;
}
