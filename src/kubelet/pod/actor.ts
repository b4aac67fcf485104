// Carries out a plan's actions: each as an operation of its own, owned by the worker.
import { hasReason, type V1Pod } from '../../api/mod.ts';
import { unreachable } from '../../base/mod.ts';
import { pods } from '../api-resources.ts';
import type { RunningFacts } from '../container/fields.ts';
import { cgroupParentOf, linuxResources } from '../container/resources.ts';
import type { RuntimeCall } from '../cri/runtime.ts';
import type { EmitEvent } from '../image-manager.ts';
import type { PodContext } from './context.ts';
import { emitterFor } from './events.ts';
import type { Observed } from './observed.ts';
import type { Operations } from './operations.ts';
import { type Action, subjectOf } from './plan-types.ts';
import { resourcesText } from './resize.ts';
import { containersOf } from './spec.ts';
import { createSandbox, limitPod, startContainer } from './start.ts';
import type { StatusWriter } from './status-writer.ts';
import { killContainer } from './stop.ts';

const callDeadlineMs = 120_000;

export interface ActorOptions {
  readonly operations: Operations;
  readonly status: StatusWriter;
  readonly wake: () => void;
  readonly pod: () => V1Pod;
  readonly observed: () => Observed;
  readonly facts: () => RunningFacts;
  /** The volumes are about to be written with what is known now: what changes from here on needs another round. */
  readonly onVolumesBegin: () => void;
  readonly onVolumes: (state: 'mounted' | 'unmounted' | 'unknown', refreshAtMs: number | undefined) => void;
  readonly onApiGone: () => void;
  /** A container has new resources, as `resourcesText` has them. */
  readonly onResized: (id: string, resources: string) => void;
}

export interface Actor {
  start(action: Action): void;
  /** Brings the files of API volumes up to date; the pod goes on meanwhile. */
  refreshVolumes(): void;
}

export const createActor = (context: PodContext, options: ActorOptions): Actor => new PodActor(context, options);

const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));

class PodActor implements Actor {
  readonly #context: PodContext;
  readonly #options: ActorOptions;

  constructor(context: PodContext, options: ActorOptions) {
    this.#context = context;
    this.#options = options;
  }

  start(action: Action): void {
    const { operations } = this.#options;
    if (action.do === 'cancel') {
      operations.cancel(action.subject);
      return;
    }
    const killAtMs = action.do === 'killContainer' ? this.#context.clock.nowMs() + action.graceSeconds * 1000 : undefined;
    operations.run(subjectOf(action), { killAtMs }, (signal) => this.#perform(action, signal));
  }

  refreshVolumes(): void {
    const { operations, onVolumes, onVolumesBegin, facts } = this.#options;
    if (operations.busy.has('refresh')) return;
    onVolumesBegin();
    onVolumes('mounted', undefined);
    operations.run('refresh', {}, async (signal) => {
      const pod = this.#options.pod();
      try {
        const { refreshAtMs } = await this.#context.volumes.setUp(pod, facts(), signal);
        onVolumes('mounted', refreshAtMs);
      } catch (error) {
        if (signal.aborted) return;
        // The pod goes on with the files it has.
        this.#emit()('Warning', 'FailedMount', messageOf(error));
        onVolumes('mounted', this.#context.clock.nowMs() + refreshRetryMs);
      }
    });
  }

  #emit(): EmitEvent {
    return emitterFor(this.#context.recorder, this.#options.pod());
  }

  #perform(action: Exclude<Action, { do: 'cancel' }>, signal: AbortSignal): Promise<void> {
    const context = this.#context;
    const { runtime } = context;
    const { facts, wake } = this.#options;
    const pod = this.#options.pod();
    const call = { signal, deadlineMs: callDeadlineMs };
    switch (action.do) {
      case 'mountVolumes':
        return this.#mount(signal);
      case 'unmountVolumes':
        return this.#unmount();
      case 'createSandbox':
        return createSandbox(context, pod, action.attempt, signal);
      case 'stopSandbox':
        return runtime.stopSandbox(action.id, call);
      case 'removeSandbox':
        return runtime.stopSandbox(action.id, call).then(() => runtime.removeSandbox(action.id, call));
      case 'removeContainer':
        return this.#removeContainer(action.id, call);
      case 'resizeContainer':
        return this.#resize(action, call);
      case 'startContainer':
        return startContainer(context, { pod, action, observed: this.#options.observed(), facts: facts(), signal, onRunning: wake });
      case 'killContainer':
        return killContainer(context, { pod, action, podIP: facts().podIPs[0] ?? '', signal });
      case 'deletePod':
        return this.#deletePod(signal);
      default:
        return unreachable(action, 'action of a pod worker');
    }
  }

  async #resize(action: { readonly id: string; readonly name: string }, call: RuntimeCall): Promise<void> {
    const context = this.#context;
    const pod = this.#options.pod();
    const container = containersOf(pod).find((one) => one.spec.name === action.name);
    if (!container) return;
    const { oomScoreAdj: _, ...resources } = linuxResources(pod, container.spec, context.machine);
    // The pod's group grows before its containers and shrinks after them: the kernel takes whichever it can.
    await limitPod(context, pod);
    await context.runtime.updateResources(action.id, resources, call);
    await limitPod(context, pod);
    this.#options.onResized(action.id, resourcesText(container.spec.resources));
  }

  async #removeContainer(id: string, call: RuntimeCall): Promise<void> {
    const run = this.#options.observed().containers.find((one) => one.id === id);
    await this.#context.runtime.removeContainer(id, call);
    if (run) await this.#context.files.removeRun(run);
  }

  async #mount(signal: AbortSignal): Promise<void> {
    const { onVolumes, onVolumesBegin, facts } = this.#options;
    onVolumesBegin();
    const pod = this.#options.pod();
    try {
      onVolumes('unknown', undefined);
      const { refreshAtMs } = await this.#context.volumes.setUp(pod, facts(), signal);
      onVolumes('mounted', refreshAtMs);
    } catch (error) {
      if (!signal.aborted) this.#emit()('Warning', 'FailedMount', messageOf(error));
      throw error;
    }
  }

  async #unmount(): Promise<void> {
    const pod = this.#options.pod();
    await this.#context.volumes.tearDown(pod.metadata?.uid ?? '');
    this.#options.onVolumes('unmounted', undefined);
    await this.#context.cgroups.remove(cgroupParentOf(this.#context.cgroupRoot, pod));
  }

  async #deletePod(signal: AbortSignal): Promise<void> {
    const { namespace, name = '', uid } = this.#options.pod().metadata ?? {};
    await this.#options.status.flush();
    try {
      await this.#context.client.delete(pods, { namespace, name }, { gracePeriodSeconds: 0, preconditions: { uid }, signal });
    } catch (error) {
      // Gone, or another pod by now.
      if (!hasReason(error, 'NotFound', 'Conflict')) throw error;
    }
    // With finalizers it stays in the API, but it is not this node's any more.
    this.#options.onApiGone();
  }
}

const refreshRetryMs = 60_000;
