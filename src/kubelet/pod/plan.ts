// The pod worker's decision: from what is wanted and what is observed, the next steps. Pure; it knows no runtime and no clock.
import type { V1Pod } from '../../api/mod.ts';
import type { ContainerStatus, Sandbox } from '../cri/runtime.ts';
import { isLive, nameOf, type Observed } from './observed.ts';
import { planContainers, runsAgain } from './plan-containers.ts';
import { type Plan, PlanBuilder, type PlanInput } from './plan-types.ts';
import { containersOf, isHostNetwork, isSidecar, restartsAfterExit } from './spec.ts';
import { graceMinSeconds, type PodState } from './state.ts';

export function plan(input: PlanInput): Plan {
  switch (input.state.at) {
    case 'syncing':
      return planSyncing(new PlanBuilder(input));
    case 'terminating':
      return planTerminating(new PlanBuilder(input), input.state);
    case 'terminated':
      return planTerminated(new PlanBuilder(input));
    case 'gone':
      return planGone(new PlanBuilder(input));
  }
}

function planSyncing(out: PlanBuilder): Plan {
  const { pod, observed, volumes } = out.input;
  if (isFinished(out.input)) return out.done({ finished: true });
  const [newest, ...older] = observed.sandboxes;
  for (const sandbox of older) {
    dismantle(out, sandbox);
    // It is kept for as long as it holds a run whose end or log is still told.
    const held = observed.containers.some((container) => container.sandboxId === sandbox.id);
    if (sandbox.state === 'notReady' && !held) out.add({ do: 'removeSandbox', id: sandbox.id });
  }
  const usable = usableSandbox(pod, observed);
  if (!usable && newest?.state === 'ready') {
    dismantle(out, newest);
    return out.done();
  }
  if (volumes !== 'mounted') out.add({ do: 'mountVolumes' });
  if (!usable) {
    const live = observed.sandboxes.map((sandbox) => killAll(out, sandbox.id)).some((count) => count > 0);
    const ready = volumes === 'mounted' && !live && !older.some((sandbox) => sandbox.state === 'ready');
    if (ready) out.add({ do: 'createSandbox', attempt: (newest?.metadata.attempt ?? -1) + 1 });
    return out.done();
  }
  planContainers(out, usable.id);
  return out.done();
}

/** The newest sandbox when containers can run in it. */
export function usableSandbox(pod: V1Pod, observed: Observed): Sandbox | undefined {
  const { sandbox } = observed;
  if (sandbox?.state !== 'ready') return undefined;
  return isHostNetwork(pod) || sandbox.ips.length > 0 ? sandbox : undefined;
}

/** True when no container will ever be started again: the pod has succeeded or failed. */
export function isFinished(input: PlanInput): boolean {
  const { pod, observed } = input;
  if (observed.sandboxes.length === 0 && observed.containers.length === 0) return false;
  const all = containersOf(pod);
  const usable = usableSandbox(pod, observed);
  const mains = all.filter((container) => container.kind === 'main');
  const run = (name: string) => observed.containers.find((container) => nameOf(container) === name);
  const anyMainRun = mains.some((container) => run(container.spec.name));
  for (const init of all.filter((container) => container.kind === 'init')) {
    const last = run(init.spec.name);
    if (!anyMainRun && last?.state === 'exited' && last.exitCode !== 0 && !restartsAfterExit(pod, init, last.exitCode)) return true;
  }
  const ended = mains.every((container) => {
    const last = run(container.spec.name);
    return last?.state === 'exited' && !runsAgain(input, container, last);
  });
  if (ended) return true;
  // A pod that never restarts and has lost its sandbox is over: its containers ran, and would run a second time.
  const neverRestarts = pod.spec?.restartPolicy === 'Never' && observed.containers.length > 0;
  return neverRestarts && !usable && !observed.containers.some(isLive);
}

/** Stops what runs in a sandbox that is no longer the pod's, then the sandbox. */
function dismantle(out: PlanBuilder, sandbox: Sandbox): void {
  if (killAll(out, sandbox.id) > 0) return;
  if (sandbox.state === 'ready') out.add({ do: 'stopSandbox', id: sandbox.id });
}

function killAll(out: PlanBuilder, sandboxId: string): number {
  const { observed, pod } = out.input;
  const live = observed.containers.filter((container) => container.sandboxId === sandboxId && isLive(container));
  for (const container of live) {
    out.kill(container, `Stopping container ${nameOf(container)}`, pod.spec?.terminationGracePeriodSeconds ?? 30);
  }
  return live.length;
}

function planTerminating(out: PlanBuilder, state: PodState & { at: 'terminating' }): Plan {
  const { observed, busy, nowMs, volumes } = out.input;
  for (const subject of busy.keys()) {
    if (subject === 'sandbox' || subject.startsWith('start/') || subject === 'mount' || subject === 'refresh') {
      out.actions.push({ do: 'cancel', subject });
    }
  }
  const elapsedSeconds = Math.floor((nowMs - state.sinceMs) / 1000);
  const graceSeconds = Math.max(graceMinSeconds, state.graceSeconds - elapsedSeconds);
  const running = stopNext(out);
  for (const container of running.now) out.kill(container, `Stopping container ${nameOf(container)}`, graceSeconds);
  if (running.any || out.actions.length > 0) return out.done();
  const ready = observed.sandboxes.filter((sandbox) => sandbox.state === 'ready');
  for (const sandbox of ready) out.add({ do: 'stopSandbox', id: sandbox.id });
  if (ready.length > 0) return out.done();
  if (volumes !== 'unmounted') {
    out.add({ do: 'unmountVolumes' });
    return out.done();
  }
  return out.done({ stopped: busy.size === 0 });
}

/** What is to stop now: all but the sidecars first; then the sidecars one by one, the last one first. Source: KEP-753. */
function stopNext(out: PlanBuilder): { now: readonly ContainerStatus[]; any: boolean } {
  const { pod, observed } = out.input;
  const live = observed.containers.filter(isLive);
  const sidecars = (pod.spec?.initContainers ?? []).filter(isSidecar).map((container) => container.name);
  const others = live.filter((container) => !sidecars.includes(nameOf(container)));
  if (others.length > 0) return { now: others, any: true };
  for (const name of sidecars.reverse()) {
    const sidecar = live.filter((container) => nameOf(container) === name);
    if (sidecar.length > 0) return { now: sidecar, any: true };
  }
  return { now: [], any: false };
}

function planTerminated(out: PlanBuilder): Plan {
  const { pod, observed } = out.input;
  // A call given up earlier may still have made something after the listing said that all was gone.
  for (const sandbox of observed.sandboxes) dismantle(out, sandbox);
  if (pod.metadata?.deletionTimestamp && out.actions.length === 0) out.add({ do: 'deletePod' });
  return out.done();
}

function planGone(out: PlanBuilder): Plan {
  const { observed, busy } = out.input;
  for (const sandbox of observed.sandboxes) out.add({ do: 'removeSandbox', id: sandbox.id });
  const known = new Set(observed.sandboxes.map((sandbox) => sandbox.id));
  for (const container of observed.containers) {
    if (!known.has(container.sandboxId)) out.add({ do: 'removeContainer', id: container.id });
  }
  return out.done({ removed: observed.sandboxes.length + observed.containers.length + busy.size === 0 });
}
