// Pods that wait for a node: ready to be tried (active), waiting out a back-off, or waiting for something to happen.
// Source: https://kubernetes.io/docs/concepts/scheduling-eviction/scheduling-framework/#queue
import type { V1Pod } from '../api/mod.ts';
import { backoffMs, type Clock, Heap, type Timer } from '../base/mod.ts';
import type { ClusterEvent, ObjectEvent, Plugin } from './framework.ts';
import type { PendingPods } from './metrics.ts';
import { podKey } from './node-info.ts';

/** A pod that nothing has helped for this long is tried again all the same: the net under the queueing hints. */
const unschedulableMaxMs = 5 * 60 * 1000;

export interface QueuedPod {
  readonly pod: V1Pod;
  readonly attempts: number;
  /** When it was first seen, by the monotonic clock. */
  readonly sinceMs: number;
}

/** Where a pod waits, for people. `binding`: it has been decided on, or is looked at just now. */
export interface Waiting {
  readonly at: 'active' | 'backoff' | 'unschedulable' | 'gated' | 'binding';
  readonly attempts: number;
  readonly sinceMs: number;
  /** What turned it down the last time, where it waits for something that helps. */
  readonly plugins: readonly string[];
}

type Place =
  | { readonly at: 'active' }
  | { readonly at: 'backoff'; readonly timer: Timer }
  | { readonly at: 'unschedulable'; readonly plugins: ReadonlySet<string>; readonly timer: Timer; readonly triedAtMs: number }
  | { readonly at: 'inFlight' };

interface Entry {
  readonly order: number;
  queued: QueuedPod;
  place: Place;
  /** While others are told to go for it: what happens meanwhile is remembered, and it is tried when they have been told. */
  held?: { helped: boolean } | undefined;
}

function kindOfWait({ place, queued }: Entry): Waiting['at'] {
  if (place.at === 'inFlight') return 'binding';
  const gated = place.at === 'unschedulable' && (queued.pod.spec?.schedulingGates ?? []).length > 0;
  return gated ? 'gated' : place.at;
}

export interface SchedulingQueueOptions {
  readonly clock: Clock;
  /** Of every profile. */
  readonly plugins: readonly Plugin[];
  /** Those that may hold a pod back before it is tried, in order. Default: every plugin that can. */
  readonly gatesOf?: (pod: V1Pod) => readonly Plugin[];
  readonly onReady: () => void;
  /** Default 1. */
  readonly podInitialBackoffSeconds?: number;
  /** Default 10. */
  readonly podMaxBackoffSeconds?: number;
}

const priorityOf = (entry: Entry): number => entry.queued.pod.spec?.priority ?? 0;

/**
 * add -> active -> pop (in flight) -> done, or -> failed: unschedulable (waits for an event that helps) or backoff.
 * Invariant: a pod is in one place. Entries of the heap whose place is no longer `active` are stale and are skipped.
 */
export class SchedulingQueue {
  readonly #clock: Clock;
  readonly #backoff: { readonly baseMs: number; readonly maxMs: number };
  readonly #plugins: ReadonlyMap<string, Plugin>;
  readonly #onReady: () => void;
  readonly #gatesOf: (pod: V1Pod) => readonly Plugin[];
  readonly #entries = new Map<string, Entry>();
  /** Those that wait for an event: what happens is put to them alone. In the order in which they were turned down. */
  readonly #unschedulable = new Set<Entry>();
  readonly #active = new Heap<{ readonly entry: Entry; readonly order: number; readonly priority: number }>(
    (a, b) => a.priority > b.priority || (a.priority === b.priority && a.order < b.order),
  );
  #order = 0;

  constructor(options: SchedulingQueueOptions) {
    this.#backoff = { baseMs: (options.podInitialBackoffSeconds ?? 1) * 1000, maxMs: (options.podMaxBackoffSeconds ?? 10) * 1000 };
    this.#clock = options.clock;
    this.#plugins = new Map(options.plugins.map((plugin) => [plugin.name, plugin]));
    this.#onReady = options.onReady;
    const gates = options.plugins.filter((plugin) => plugin.preEnqueue);
    this.#gatesOf = options.gatesOf ?? (() => gates);
  }

  get size(): number {
    return this.#entries.size;
  }

  /** Undefined for a pod that does not wait for this scheduler. */
  waiting(pod: V1Pod): Waiting | undefined {
    const entry = this.#entries.get(podKey(pod));
    if (!entry) return undefined;
    const { attempts, sinceMs } = entry.queued;
    const plugins = entry.place.at === 'unschedulable' ? [...entry.place.plugins] : [];
    return { at: kindOfWait(entry), attempts, sinceMs, plugins };
  }

  /** How many wait where. Looks at every pod: for when somebody asks. */
  pending(): PendingPods {
    const counts = { active: 0, backoff: 0, gated: 0, unschedulable: 0 };
    for (const entry of this.#entries.values()) {
      const at = kindOfWait(entry);
      if (at !== 'binding') counts[at]++;
    }
    return counts;
  }

  /** A pod that needs a node. One that is known already takes the new object and keeps its place. */
  set(pod: V1Pod): void {
    const known = this.#entries.get(podKey(pod));
    if (!known) {
      const entry: Entry = {
        order: this.#order++,
        queued: { pod, attempts: 0, sinceMs: this.#clock.monotonicMs() },
        place: { at: 'inFlight' },
      };
      this.#entries.set(podKey(pod), entry);
      return this.#enqueue(entry);
    }
    const old = known.queued.pod;
    known.queued = { ...known.queued, pod };
    // A change of the pod itself (gates, tolerations, requests) may be what it waits for; of its status, only the names of its claims.
    const changed =
      old.metadata?.generation !== pod.metadata?.generation ||
      old.status?.resourceClaimStatuses?.length !== pod.status?.resourceClaimStatuses?.length;
    if (known.place.at === 'unschedulable' && changed) this.#retry(known, known.place.triedAtMs);
  }

  /** The pod is gone, or has a node. */
  delete(pod: V1Pod): void {
    const entry = this.#entries.get(podKey(pod));
    if (!entry) return;
    this.#leave(entry);
    this.#entries.delete(podKey(pod));
  }

  /** The next pod to try; it is in flight until `delete`, `failed` or `retryLater`. */
  pop(): QueuedPod | undefined {
    for (let top = this.#active.pop(); top; top = this.#active.pop()) {
      const { entry } = top;
      if (entry.place.at !== 'active' || this.#entries.get(podKey(entry.queued.pod)) !== entry) continue;
      entry.place = { at: 'inFlight' };
      entry.queued = { ...entry.queued, attempts: entry.queued.attempts + 1 };
      return entry.queued;
    }
    return undefined;
  }

  /** No node fits: the pod waits for an event that helps with what turned it down. */
  failed(pod: V1Pod, plugins: ReadonlySet<string>): void {
    const entry = this.#entries.get(podKey(pod));
    if (!entry) return;
    this.#leave(entry);
    const timer = this.#clock.after(unschedulableMaxMs, () => this.#enqueue(entry));
    entry.place = { at: 'unschedulable', plugins, timer, triedAtMs: this.#clock.monotonicMs() };
    this.#unschedulable.add(entry);
  }

  /** Others are told to go for the pod: it is not tried before {@link release}. */
  hold(pod: V1Pod): void {
    const entry = this.#entries.get(podKey(pod));
    if (entry) entry.held = { helped: false };
  }

  /** They have been told; the pod is tried if one of them has gone meanwhile. */
  release(pod: V1Pod): void {
    const entry = this.#entries.get(podKey(pod));
    const held = entry?.held;
    if (!entry || !held) return;
    entry.held = undefined;
    if (held.helped && entry.place.at === 'unschedulable') this.#retry(entry, entry.place.triedAtMs);
  }

  /** Something broke (the binding was refused): the pod is tried again after its back-off. */
  retryLater(pod: V1Pod): void {
    const entry = this.#entries.get(podKey(pod));
    if (entry) this.#retry(entry, this.#clock.monotonicMs());
  }

  /** One that waits for an event is tried again, after what is left of its back-off. */
  activate(pod: V1Pod): void {
    const entry = this.#entries.get(podKey(pod));
    if (entry?.place.at === 'unschedulable') this.#retry(entry, entry.place.triedAtMs);
  }

  /** Something happened: whoever it could help is tried again, after what is left of its back-off. */
  happened(event: ClusterEvent): void {
    this.#retryWhere((pod, plugin) => plugin?.mayHelp?.(pod, event) ?? true);
  }

  /** As `happened`, for objects other than nodes and pods: only plugins that look at them are asked. */
  objectChanged(event: ObjectEvent): void {
    this.#retryWhere((pod, plugin) => plugin?.objectMayHelp?.(pod, event) ?? false);
  }

  /** Cancels every timer. */
  close(): void {
    for (const entry of this.#entries.values()) this.#leave(entry);
    this.#entries.clear();
  }

  #retryWhere(mayHelp: (pod: V1Pod, plugin: Plugin | undefined) => boolean): void {
    if (this.#unschedulable.size === 0) return;
    for (const entry of [...this.#unschedulable]) {
      const { place } = entry;
      if (place.at !== 'unschedulable' || entry.held?.helped) continue;
      const helps = place.plugins.size === 0 || [...place.plugins].some((name) => mayHelp(entry.queued.pod, this.#plugins.get(name)));
      if (helps && entry.held) entry.held.helped = true;
      else if (helps) this.#retry(entry, place.triedAtMs);
    }
  }

  #retry(entry: Entry, triedAtMs: number): void {
    this.#leave(entry);
    // One that was held back before it was ever tried has nothing to be patient for.
    if (entry.queued.attempts === 0) return this.#enqueue(entry);
    const waitMs = triedAtMs + backoffMs(this.#backoff, Math.max(0, entry.queued.attempts - 1)) - this.#clock.monotonicMs();
    if (waitMs <= 0) return this.#enqueue(entry);
    entry.place = { at: 'backoff', timer: this.#clock.after(waitMs, () => this.#enqueue(entry)) };
  }

  #enqueue(entry: Entry): void {
    this.#leave(entry);
    const { pod } = entry.queued;
    const gate = this.#gatesOf(pod).find((plugin) => {
      const verdict = plugin.preEnqueue?.(pod);
      return verdict !== undefined && verdict.is !== 'success';
    });
    if (gate) return this.failed(pod, new Set([gate.name]));
    entry.place = { at: 'active' };
    this.#active.push({ entry, order: entry.order, priority: priorityOf(entry) });
    this.#onReady();
  }

  #leave(entry: Entry): void {
    entry.held = undefined;
    this.#unschedulable.delete(entry);
    if (entry.place.at === 'backoff' || entry.place.at === 'unschedulable') entry.place.timer.cancel();
    entry.place = { at: 'inFlight' };
  }
}
