// The words of the plan: actions, what they are about, what goes in and what comes out; and the builder that collects them.
import type { V1Pod } from '../../api/mod.ts';
import type { ContainerStatus } from '../cri/runtime.ts';
import { nameOf, type Observed } from './observed.ts';
import type { ResizeVerdict } from './resize.ts';
import type { PodState } from './state.ts';

/**
 * What an action is about. At most one action of a subject is under way: `mount`, `unmount`, `sandbox` (its creation),
 * `sandbox/<id>`, `start/<container name>`, `container/<id>`, `resize/<container name>`, `api`.
 */
export type Subject = string;

export type Action =
  | { readonly do: 'mountVolumes' }
  | { readonly do: 'unmountVolumes' }
  | { readonly do: 'createSandbox'; readonly attempt: number }
  | { readonly do: 'stopSandbox'; readonly id: string }
  | { readonly do: 'removeSandbox'; readonly id: string }
  | StartContainer
  | KillContainer
  | { readonly do: 'removeContainer'; readonly id: string }
  /** Sets the resources of a running container to those of its spec. */
  | { readonly do: 'resizeContainer'; readonly id: string; readonly name: string }
  | { readonly do: 'deletePod' }
  /** Gives up what is under way on `subject`. */
  | { readonly do: 'cancel'; readonly subject: Subject };

export interface StartContainer {
  readonly do: 'startContainer';
  readonly name: string;
  readonly sandboxId: string;
  readonly attempt: number;
  /** See `restartDelayAnnotation`. */
  readonly delayMs: number;
  /** A container that was created but not started: no new one is made. */
  readonly createdId?: string;
}

export interface KillContainer {
  readonly do: 'killContainer';
  readonly id: string;
  readonly name: string;
  /** The event's text. */
  readonly message: string;
  readonly graceSeconds: number;
  /** True when a kill of this container is under way with a longer grace, which this one cuts short. */
  readonly hurry: boolean;
  /** A new run takes its place, whatever the restart policy says of ended ones. */
  readonly replaced: boolean;
}

/** What the probes say about one running container. */
export interface ProbeResults {
  /** The startup probe has succeeded (or there is none). */
  readonly started: boolean;
  readonly ready: boolean;
  readonly failed?: 'liveness' | 'startup' | undefined;
}

/** A step that did not work, kept until it is tried again. `reason` and `message` go into the container's waiting state. */
export interface Failure {
  readonly reason: string;
  readonly message: string;
  readonly retryAtMs: number;
}

export interface Busy {
  /** For a kill: when it ends in SIGKILL. */
  readonly killAtMs?: number | undefined;
}

export interface PlanInput {
  readonly pod: V1Pod;
  readonly state: PodState;
  readonly observed: Observed;
  /** `unknown`: after a restart, and after an attempt that failed half-way. Both setting up and taking down may be repeated. */
  readonly volumes: 'unknown' | 'mounted' | 'unmounted';
  /** By container id; a container without an entry is unprobed yet. */
  readonly probes: ReadonlyMap<string, ProbeResults>;
  readonly failures: ReadonlyMap<Subject, Failure>;
  readonly busy: ReadonlyMap<Subject, Busy>;
  /** The hash of a container's present definition, by name. */
  readonly hashes: ReadonlyMap<string, string>;
  /** Resources that were changed in place, by container id. See `resize.ts`. */
  readonly resources?: ReadonlyMap<string, string>;
  /** The runs that were killed to make place for a new definition, by container id. A restart of the node agent forgets them, as upstream's. */
  readonly replaced?: ReadonlySet<string>;
  /** Whether changed resources may be put in force now. Undefined when none are changed. */
  readonly resize?: ResizeVerdict | undefined;
  /** The longest pause before a container that crashes is started again. */
  readonly restartDelayMaxMs: number;
  readonly nowMs: number;
}

export interface Plan {
  readonly actions: readonly Action[];
  /** When to plan again though nothing has happened. */
  readonly wakeAtMs: number | undefined;
  /** syncing: every container has ended for good. */
  readonly finished: boolean;
  /** terminating: nothing is left to stop. */
  readonly stopped: boolean;
  /** gone: no record is left either. */
  readonly removed: boolean;
}

export function subjectOf(action: Action): Subject {
  switch (action.do) {
    case 'mountVolumes':
      return 'mount';
    case 'unmountVolumes':
      return 'unmount';
    case 'createSandbox':
      return 'sandbox';
    case 'stopSandbox':
    case 'removeSandbox':
      return `sandbox/${action.id}`;
    case 'startContainer':
      return `start/${action.name}`;
    case 'killContainer':
    case 'removeContainer':
      return `container/${action.id}`;
    case 'resizeContainer':
      return `resize/${action.name}`;
    case 'deletePod':
      return 'api';
    case 'cancel':
      return action.subject;
  }
}

/** Collects actions, leaving out those that are under way or wait for their retry. */
export class PlanBuilder {
  readonly actions: Action[] = [];
  wakeAtMs: number | undefined;
  readonly input: PlanInput;

  constructor(input: PlanInput) {
    this.input = input;
  }

  wakeAt(ms: number): void {
    if (this.wakeAtMs === undefined || ms < this.wakeAtMs) this.wakeAtMs = ms;
  }

  /** True when `subject` is free: nothing under way, no retry to wait for. */
  free(subject: Subject): boolean {
    if (this.input.busy.has(subject)) return false;
    const failure = this.input.failures.get(subject);
    if (!failure || failure.retryAtMs <= this.input.nowMs) return true;
    this.wakeAt(failure.retryAtMs);
    return false;
  }

  add(action: Action): void {
    if (this.free(subjectOf(action))) this.actions.push(action);
  }

  kill(container: ContainerStatus, message: string, graceSeconds: number, replaced = false): void {
    const base = { do: 'killContainer', id: container.id, name: nameOf(container), message, graceSeconds, replaced } as const;
    const killAtMs = this.input.busy.get(subjectOf({ ...base, hurry: false }))?.killAtMs;
    if (killAtMs === undefined) this.add({ ...base, hurry: false });
    else if (killAtMs > this.input.nowMs + graceSeconds * 1000 + hurrySlackMs) this.actions.push({ ...base, hurry: true });
  }

  get startUnderWay(): boolean {
    for (const subject of this.input.busy.keys()) if (subject.startsWith('start/')) return true;
    return false;
  }

  done(more: Partial<Plan> = {}): Plan {
    return { actions: this.actions, wakeAtMs: this.wakeAtMs, finished: false, stopped: false, removed: false, ...more };
  }
}

/** Differences in the end of a grace period that are not worth a second call. */
const hurrySlackMs = 500;
