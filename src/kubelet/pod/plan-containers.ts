// The containers' part of the plan: which to kill, which to start, in which order. Pure.
import type { V1Container } from '../../api/mod.ts';
import type { ContainerStatus } from '../cri/runtime.ts';
import { containerHashAnnotation, restartDelayOf } from './labels.ts';
import { isLive, latestRun, nameOf, runsOf } from './observed.ts';
import type { PlanBuilder, PlanInput } from './plan-types.ts';
import { isResized, needsRestart } from './resize.ts';
import { nextDelayMs, restartAtMs } from './restart-delay.ts';
import { containersOf, restartsAfterExit, type SpecContainer } from './spec.ts';

/** Runs of one container that are kept: the present one, and the one before for `logs --previous`. */
export const runsKept = 2;

/**
 * Fills `out` for a pod whose sandbox is up. Init containers run one after another; a sidecar lets the next one begin
 * once it has started; main containers are started in their order when all of that is done. Source: KEP-753.
 */
export function planContainers(out: PlanBuilder, sandboxId: string): void {
  const all = containersOf(out.input.pod);
  removeOldRuns(out, all);
  killUnwanted(out, all);
  resize(out, all);
  if (out.input.volumes !== 'mounted') return;
  for (const container of all.filter((one) => one.kind === 'ephemeral')) {
    if (!latestRun(out.input.observed, container.spec.name)) start(out, container, sandboxId);
  }
  if (!planInit(out, all, sandboxId)) return;
  for (const container of all.filter((one) => one.kind === 'main')) {
    if (wantsStart(out, container, sandboxId)) start(out, container, sandboxId);
  }
}

function removeOldRuns(out: PlanBuilder, all: readonly SpecContainer[]): void {
  for (const { spec } of all) {
    const runs = runsOf(out.input.observed, spec.name);
    for (const run of runs.slice(runsKept)) if (!isLive(run)) out.add({ do: 'removeContainer', id: run.id });
  }
}

function killUnwanted(out: PlanBuilder, all: readonly SpecContainer[]): void {
  const { pod, observed, probes, hashes } = out.input;
  const podGrace = pod.spec?.terminationGracePeriodSeconds ?? 30;
  const seen = new Set<string>();
  for (const run of observed.containers) {
    const name = nameOf(run);
    if (!isLive(run)) continue;
    const container = all.find((one) => one.spec.name === name);
    const failed = probes.get(run.id)?.failed;
    if (!container || seen.has(name) || run.state === 'unknown') {
      out.kill(run, `Stopping container ${name}`, podGrace);
    } else if (isChanged(run, hashes) && container.kind !== 'ephemeral' && container.kind !== 'init') {
      out.kill(run, `Container ${name} definition changed, will be restarted`, podGrace, true);
    } else if (failed) {
      const again = restartsAfterExit(pod, container, 137) ? ', will be restarted' : '';
      out.kill(run, `Container ${name} failed ${failed} probe${again}`, probeGrace(container.spec, failed) ?? podGrace);
    }
    seen.add(name);
  }
}

/** In place where the container lets us, by a new run where it does not. */
function resize(out: PlanBuilder, all: readonly SpecContainer[]): void {
  const { pod, observed, resources, resize: verdict } = out.input;
  if (verdict?.is !== 'go') return;
  for (const container of all) {
    const { name } = container.spec;
    const run = latestRun(observed, name);
    if (run?.state !== 'running' || !isResized(container, run, resources)) continue;
    if (needsRestart(container.spec, run, resources)) {
      out.kill(run, `Container ${name} resize requires restart`, pod.spec?.terminationGracePeriodSeconds ?? 30, true);
    } else out.add({ do: 'resizeContainer', id: run.id, name });
  }
}

const probeGrace = (spec: V1Container, failed: 'liveness' | 'startup'): number | undefined =>
  (failed === 'liveness' ? spec.livenessProbe : spec.startupProbe)?.terminationGracePeriodSeconds;

/** Starts the next init container or sidecar. Gives true when the main containers may run. */
function planInit(out: PlanBuilder, all: readonly SpecContainer[], sandboxId: string): boolean {
  const { pod, observed, probes } = out.input;
  const here = observed.containers.filter((run) => run.sandboxId === sandboxId);
  const mainNames = new Set(all.filter((one) => one.kind === 'main').map((one) => one.spec.name));
  const initialized = here.some((run) => mainNames.has(nameOf(run)));
  for (const container of all.filter((one) => one.kind === 'init' || one.kind === 'sidecar')) {
    const run = here.find((one) => nameOf(one) === container.spec.name);
    if (container.kind === 'init') {
      if (initialized || (run?.state === 'exited' && run.exitCode === 0)) continue;
      const mayStart = !run || run.state === 'created' || (run.state === 'exited' && restartsAfterExit(pod, container, run.exitCode));
      if (mayStart) start(out, container, sandboxId);
      return false;
    }
    if (!run || !isLive(run)) {
      start(out, container, sandboxId);
      if (!initialized) return false;
    } else if (!initialized && (out.input.busy.has(`start/${container.spec.name}`) || probes.get(run.id)?.started !== true)) {
      // A sidecar counts as started once its postStart hook and its startup probe are through.
      return false;
    }
  }
  return true;
}

function wantsStart(out: PlanBuilder, container: SpecContainer, sandboxId: string): boolean {
  const run = latestRun(out.input.observed, container.spec.name);
  if (!run) return true;
  if (isLive(run)) return false;
  if (run.state === 'created') return run.sandboxId === sandboxId;
  return runsAgain(out.input, container, run);
}

/** True when a run that has ended is to be followed by another one. */
export const runsAgain = (of: Pick<PlanInput, 'pod' | 'replaced'>, container: SpecContainer, run: ContainerStatus): boolean =>
  of.replaced?.has(run.id) === true || restartsAfterExit(of.pod, container, run.exitCode);

/** The container has another definition than this run of it. */
export const isChanged = (run: ContainerStatus, hashes: PlanInput['hashes']): boolean =>
  run.annotations[containerHashAnnotation] !== hashes.get(nameOf(run));

/** Where a container that has ended and is wanted again stands. */
export type Restart = { readonly is: 'due' } | { readonly is: 'waiting'; readonly atMs: number; readonly delayMs: number };

/** A new definition waits for nothing: the back-off is that of the old one. */
export function restartOf(run: ContainerStatus, { hashes, replaced, nowMs }: Pick<PlanInput, 'hashes' | 'replaced' | 'nowMs'>): Restart {
  if (isChanged(run, hashes) || replaced?.has(run.id)) return { is: 'due' };
  const delayMs = restartDelayOf(run);
  const atMs = restartAtMs({ startedAtMs: run.startedAtMs, finishedAtMs: run.finishedAtMs, delayMs });
  return atMs > nowMs ? { is: 'waiting', atMs, delayMs } : { is: 'due' };
}

function start(out: PlanBuilder, container: SpecContainer, sandboxId: string): void {
  const { observed, hashes, replaced, restartDelayMaxMs } = out.input;
  const { name } = container.spec;
  const run = latestRun(observed, name);
  const base = { do: 'startContainer', name, sandboxId } as const;
  if (run?.state === 'created' && run.sandboxId === sandboxId) {
    begin(out, { ...base, attempt: run.metadata.attempt, delayMs: restartDelayOf(run), createdId: run.id });
    return;
  }
  if (!run) {
    begin(out, { ...base, attempt: lostRuns(out, name), delayMs: 0 });
    return;
  }
  const attempt = run.metadata.attempt + 1;
  if (run.sandboxId !== sandboxId) {
    begin(out, { ...base, attempt, delayMs: restartDelayOf(run) });
    return;
  }
  const restart = restartOf(run, out.input);
  const knownMs = restartDelayOf(run);
  if (restart.is === 'waiting') out.wakeAt(restart.atMs);
  else if (isChanged(run, hashes)) begin(out, { ...base, attempt, delayMs: 0 });
  else
    begin(out, {
      ...base,
      attempt,
      delayMs: replaced?.has(run.id) ? knownMs : nextDelayMs({ ...run, delayMs: knownMs }, restartDelayMaxMs),
    });
}

/** One start at a time: a container begins when the one before it has been started, its postStart hook included. */
function begin(out: PlanBuilder, action: Parameters<PlanBuilder['add']>[0]): void {
  if (out.startUnderWay || out.actions.some((one) => one.do === 'startContainer')) return;
  out.add(action);
}

/** The attempt number after records that the runtime has lost, by what the API remembers. */
function lostRuns(out: PlanBuilder, name: string): number {
  const { initContainerStatuses = [], containerStatuses = [], ephemeralContainerStatuses = [] } = out.input.pod.status ?? {};
  const known = [...initContainerStatuses, ...containerStatuses, ...ephemeralContainerStatuses].find((status) => status.name === name);
  return known?.containerID ? known.restartCount + 1 : 0;
}
