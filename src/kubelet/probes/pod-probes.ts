// The probes of one pod: a loop for each probe of each running container, and the latest verdicts for the plan.
import type { V1Probe } from '../../api/mod.ts';
import { type Clock, childController, type Random, StoppedError, sleep, type Tasks } from '../../base/mod.ts';
import type { ProbeResults } from '../pod/plan-types.ts';
import { type ProbeAnswer, type ProbePorts, type ProbeTargetContainer, runProbe } from './run-probe.ts';
import { initialDelayMs, observeAnswer, type ProbeKind, periodMs, type ThresholdState, thresholdStart } from './threshold.ts';

export interface PodProbesOptions {
  readonly ports: ProbePorts;
  readonly clock: Clock;
  readonly random: Random;
  readonly tasks: Tasks;
  readonly signal: AbortSignal;
  /** A verdict has changed: plan again. */
  readonly onChange: () => void;
  /** For the event Unhealthy. */
  readonly onUnhealthy: (target: ProbeTargetContainer, message: string) => void;
}

/** A running container as the probes see it. */
export interface ProbedContainer extends ProbeTargetContainer {
  readonly startedAtMs: number;
  /** What is known from before this kubelet started: a container that was ready stays so until a probe says otherwise. */
  readonly known?: { readonly started: boolean; readonly ready: boolean } | undefined;
}

export interface PodProbes {
  /** Starts and ends loops so that exactly these containers are probed. */
  sync(running: readonly ProbedContainer[]): void;
  /** Asks no more but keeps what is known: a pod on its way out is not restarted by a probe. */
  hold(kinds: readonly ProbeKind[]): void;
  readonly results: ReadonlyMap<string, ProbeResults>;
  /** How often each container was asked, by kind of probe and by answer. */
  readonly counts: readonly ProbeCount[];
  stop(): void;
}

export interface ProbeCount {
  readonly container: string;
  readonly kind: ProbeKind;
  readonly answer: ProbeAnswer['is'];
  count: number;
}

const titles: Readonly<Record<ProbeKind, string>> = { startup: 'Startup', readiness: 'Readiness', liveness: 'Liveness' };

/**
 * A server rarely listens in its first milliseconds. Looking again soon, and not counting what fails before the first period is
 * over, makes a pod ready when its server is, and not a whole period later. Only for probes that cost the container nothing.
 */
const earlyLooksMs = [50, 100, 200, 400, 800, 1600, 3200] as const;

interface Probing {
  readonly target: ProbedContainer;
  readonly controller: AbortController;
  readonly unlink: () => void;
  readonly verdicts: Map<ProbeKind, ThresholdState>;
  readonly held: Set<ProbeKind>;
}

export const createPodProbes = (options: PodProbesOptions): PodProbes => new Probes(options);

class Probes implements PodProbes {
  readonly results = new Map<string, ProbeResults>();
  readonly counts: ProbeCount[] = [];
  readonly #options: PodProbesOptions;
  readonly #probing = new Map<string, Probing>();

  constructor(options: PodProbesOptions) {
    this.#options = options;
  }

  sync(running: readonly ProbedContainer[]): void {
    const ids = new Set(running.map((one) => one.id));
    for (const [id, run] of this.#probing) if (!ids.has(id)) this.#end(id, run);
    for (const one of running) if (!this.#probing.has(one.id)) this.#begin(one);
  }

  hold(kinds: readonly ProbeKind[]): void {
    for (const run of this.#probing.values()) for (const kind of kinds) run.held.add(kind);
  }

  stop(): void {
    for (const [id, run] of this.#probing) this.#end(id, run);
  }

  #begin(target: ProbedContainer): void {
    const { controller, unlink } = childController(this.#options.signal);
    const run: Probing = { target, controller, unlink, verdicts: new Map(), held: new Set() };
    if (target.known?.started) run.verdicts.set('startup', { verdict: 'success', last: true, inRow: 1 });
    if (target.known?.ready) run.verdicts.set('readiness', { verdict: 'success', last: true, inRow: 1 });
    this.#probing.set(target.id, run);
    this.#publish(run);
    if (target.spec.startupProbe && !target.known?.started) this.#startLoop(run, 'startup');
    else for (const kind of ['readiness', 'liveness'] as const) this.#startLoop(run, kind);
  }

  #end(id: string, run: Probing): void {
    run.unlink();
    run.controller.abort(new StoppedError('probe'));
    this.#probing.delete(id);
    this.results.delete(id);
  }

  #publish({ target, verdicts }: Probing): void {
    const verdict = (kind: ProbeKind) => verdicts.get(kind)?.verdict;
    const started = target.spec.startupProbe === undefined || verdict('startup') === 'success';
    const ready = started && (target.spec.readinessProbe === undefined || verdict('readiness') === 'success');
    const failed = verdict('startup') === 'failure' ? 'startup' : verdict('liveness') === 'failure' ? 'liveness' : undefined;
    this.results.set(target.id, { started, ready, failed });
  }

  #startLoop(run: Probing, kind: ProbeKind): void {
    const probe = probeOf(run, kind);
    if (!probe) return;
    const { signal } = run.controller;
    this.#options.tasks.run(`${kind} probe`, signal, async () => {
      await this.#follow(run, kind, probe);
      if (kind !== 'startup' || signal.aborted) return;
      this.#startLoop(run, 'readiness');
      this.#startLoop(run, 'liveness');
    });
  }

  async #waitForFirst(run: Probing, probe: V1Probe): Promise<void> {
    const { clock, random } = this.#options;
    const { startedAtMs, known } = run.target;
    const { signal } = run.controller;
    const waitMs = startedAtMs + initialDelayMs(probe) - clock.nowMs();
    if (waitMs > 0) await sleep(clock, waitMs, signal);
    // After a restart of the kubelet every container of the node is new to it: spread their first looks.
    else if (known && clock.nowMs() - startedAtMs > periodMs(probe)) await sleep(clock, random.below(periodMs(probe)), signal);
  }

  /** Looks each period until the container ends, or its startup probe has succeeded. */
  async #follow(run: Probing, kind: ProbeKind, probe: V1Probe): Promise<void> {
    const { clock, ports } = this.#options;
    const { signal } = run.controller;
    await this.#waitForFirst(run, probe);
    const firstMs = clock.nowMs();
    const early = kind !== 'liveness' && !probe.exec && !run.target.known ? [...earlyLooksMs] : [];
    for (;;) {
      if (!run.held.has(kind)) {
        const answer = await runProbe(ports, probe, run.target, signal);
        if (signal.aborted) return;
        const soonMs = early.shift();
        const inTime = soonMs !== undefined && clock.nowMs() + soonMs < firstMs + periodMs(probe);
        if (answer.is !== 'success' && inTime) {
          await sleep(clock, soonMs, signal);
          continue;
        }
        early.length = 0;
        this.#take(run, kind, { probe, answer });
        if (kind === 'startup' && run.verdicts.get(kind)?.verdict === 'success') return;
      }
      await sleep(clock, periodMs(probe), signal);
    }
  }

  #count(container: string, kind: ProbeKind, answer: ProbeAnswer['is']): void {
    const known = this.counts.find((one) => one.container === container && one.kind === kind && one.answer === answer);
    if (known) known.count++;
    else this.counts.push({ container, kind, answer, count: 1 });
  }

  #take(run: Probing, kind: ProbeKind, { probe, answer }: { readonly probe: V1Probe; readonly answer: ProbeAnswer }): void {
    const { onUnhealthy, onChange } = this.#options;
    if (run.held.has(kind)) return;
    this.#count(run.target.spec.name, kind, answer.is);
    if (answer.is === 'errored') {
      onUnhealthy(run.target, `${titles[kind]} probe errored and resulted in unknown state: ${answer.output}`);
      return;
    }
    if (answer.is === 'failure') onUnhealthy(run.target, `${titles[kind]} probe failed: ${answer.output}`);
    const before = run.verdicts.get(kind) ?? thresholdStart;
    const after = observeAnswer(before, answer.is === 'success', probe);
    run.verdicts.set(kind, after);
    if (after.verdict === before.verdict) return;
    // One verdict of death is enough: the container is killed, and its successor is probed afresh.
    if (kind !== 'readiness' && after.verdict === 'failure') run.held.add(kind);
    this.#publish(run);
    onChange();
  }
}

function probeOf({ target }: Probing, kind: ProbeKind): V1Probe | undefined {
  const { startupProbe, readinessProbe, livenessProbe } = target.spec;
  return kind === 'startup' ? startupProbe : kind === 'readiness' ? readinessProbe : livenessProbe;
}
