// The workers of this node: one for each pod that the API assigns to it, and one for each pod that only the runtime still knows.
import { formatTime, type V1Pod } from '../api/mod.ts';
import { errorText } from '../base/mod.ts';
import type { Container, Sandbox } from './cri/runtime.ts';
import type { PodContext } from './pod/context.ts';
import { graceSecondsOf, type PodId, podIdFromLabels, podIdOf } from './pod/labels.ts';
import { createPodWorker, type PodWorker } from './pod/worker.ts';
import type { PodSource, StoredPod } from './pod-source.ts';

export interface PodManager {
  /** Looks at everything the runtime and the disk have: takes down what belongs to no pod, wakes pods in which something has changed. */
  relist(): Promise<void>;
  /** Something happened in this sandbox. False when no pod is known to have it. */
  wakeSandbox(sandboxId: string): boolean;
  /** True when some pod is known to have this sandbox. */
  knowsSandbox(sandboxId: string): boolean;
  wakeAll(): void;
  referenceChanged(key: string): void;
  /** Volumes of this pod may be set up or taken down otherwise than before; undefined: of every pod that waits for one. */
  volumesChanged(uid: string | undefined): void;
  worker(uid: string): PodWorker | undefined;
  find(namespace: string, name: string): PodWorker | undefined;
  readonly workers: ReadonlyMap<string, PodWorker>;
  stop(): void;
}

const listDeadlineMs = 30_000;
const idText = (id: PodId): string => `${id.namespace}/${id.name}`;

export const createPodManager = (context: PodContext, options: { readonly source: PodSource; readonly signal: AbortSignal }): PodManager =>
  new Manager(context, options);

class Manager implements PodManager {
  readonly #context: PodContext;
  readonly #signal: AbortSignal;
  readonly #workers = new Map<string, PodWorker>();
  /** Pods that have left this node but are still in the API, held by a finalizer. */
  readonly #left = new Set<string>();
  readonly #uidOfSandbox = new Map<string, string>();
  /** Pods that are gone and whose volumes are being taken down. */
  readonly #cleaning = new Set<string>();
  readonly #off: () => void;
  #signatures = new Map<string, string>();

  constructor(context: PodContext, { source, signal }: { readonly source: PodSource; readonly signal: AbortSignal }) {
    this.#context = context;
    this.#signal = signal;
    this.#off = source.onChange((pod, gone) => this.#take(pod, gone));
  }

  get workers(): ReadonlyMap<string, PodWorker> {
    return this.#workers;
  }

  worker(uid: string): PodWorker | undefined {
    return this.#workers.get(uid);
  }

  find(namespace: string, name: string): PodWorker | undefined {
    return [...this.#workers.values()].find(({ id }) => id.namespace === namespace && id.name === name);
  }

  async relist(): Promise<void> {
    const { runtime, log } = this.#context;
    const call = { signal: this.#signal, deadlineMs: listDeadlineMs };
    const [sandboxes, containers] = await Promise.all([runtime.listSandboxes({}, call), runtime.listContainers({}, call)]);
    this.#uidOfSandbox.clear();
    for (const sandbox of sandboxes) {
      const uid = podIdFromLabels(sandbox.labels)?.uid;
      if (uid) this.#uidOfSandbox.set(sandbox.id, uid);
    }
    this.#wakeChanged(sandboxes, containers);
    this.#takeDownOrphans(sandboxes, containers);
    try {
      await this.#cleanDisk();
    } catch (error) {
      if (!this.#signal.aborted) log.warn('Cannot clean up after pods that are gone', { error: errorText(error) });
    }
  }

  wakeSandbox(sandboxId: string): boolean {
    const uid = this.#uidWith(sandboxId);
    if (uid === undefined) return false;
    this.#workers.get(uid)?.wake();
    return true;
  }

  knowsSandbox(sandboxId: string): boolean {
    return this.#uidWith(sandboxId) !== undefined;
  }

  /** What is found is remembered until the next relist. */
  #uidWith(sandboxId: string): string | undefined {
    const uid = this.#uidOfSandbox.get(sandboxId) ?? uidWithSandbox(this.#workers, sandboxId);
    if (uid !== undefined) this.#uidOfSandbox.set(sandboxId, uid);
    return uid;
  }

  wakeAll(): void {
    for (const worker of this.#workers.values()) worker.wake();
  }

  referenceChanged(key: string): void {
    for (const worker of this.#workers.values()) if (worker.references.has(key)) worker.referencesChanged();
  }

  volumesChanged(uid: string | undefined): void {
    if (uid !== undefined) this.#workers.get(uid)?.referencesChanged();
    else for (const worker of this.#workers.values()) worker.retryVolumes();
  }

  stop(): void {
    this.#off();
  }

  #take(pod: StoredPod, gone: boolean): void {
    const { uid } = pod.metadata;
    const worker = this.#workers.get(uid);
    if (gone) {
      this.#left.delete(uid);
      worker?.update(pod);
      worker?.removed();
    } else if (worker) worker.update(pod);
    else if (!this.#left.has(uid) && !this.#signal.aborted) this.#begin(pod, false);
  }

  #begin(pod: V1Pod, orphan: boolean): void {
    const id = podIdOf(pod);
    const worker = createPodWorker(this.#context, { pod, orphan, signal: this.#signal });
    this.#workers.set(id.uid, worker);
    this.#context.tasks.run(`pod ${idText(id)}`, this.#signal, async () => {
      const gone = await worker.run();
      if (this.#workers.get(id.uid) === worker) this.#workers.delete(id.uid);
      // Still in the API, held by a finalizer: its removal is still to come.
      if (gone && !orphan && !worker.apiGone) this.#left.add(id.uid);
    });
  }

  #takeDownOrphans(sandboxes: readonly Sandbox[], containers: readonly Container[]): void {
    const { log, clock, nodeName } = this.#context;
    for (const one of [...sandboxes, ...containers]) {
      const id = podIdFromLabels(one.labels);
      if (!id || this.#workers.has(id.uid) || this.#signal.aborted) continue;
      const graces = containers.filter((container) => podIdFromLabels(container.labels)?.uid === id.uid).map(graceSecondsOf);
      log.info('Taking down a pod that the API no longer has', { pod: idText(id), uid: id.uid });
      this.#begin(orphanPod(id, { graceSeconds: Math.max(1, ...graces), nowMs: clock.nowMs(), nodeName }), true);
    }
  }

  async #cleanDisk(): Promise<void> {
    const { files, volumes, cgroups, cgroupRoot, log } = this.#context;
    await cgroups.sweep(cgroupRoot, (uid) => this.#workers.get(uid)?.view.state.at === 'syncing' || this.#hasLive(uid));
    for (const uid of await files.list()) {
      if (this.#workers.has(uid) || this.#cleaning.has(uid) || this.#signal.aborted) continue;
      this.#cleaning.add(uid);
      // Each by itself: a storage driver may take its time, or be away.
      this.#context.tasks.run(`cleaning up after pod ${uid}`, this.#signal, async () => {
        try {
          await volumes.tearDown(uid);
          await files.remove({ uid, namespace: '', name: '' });
        } catch (error) {
          if (!this.#signal.aborted) log.warn('Cannot clean up after a pod that is gone', { uid, error: errorText(error) });
        } finally {
          this.#cleaning.delete(uid);
        }
      });
    }
  }

  /** True while containers of this pod may run. */
  #hasLive(uid: string): boolean {
    const worker = this.#workers.get(uid);
    return worker?.view.state.at === 'terminating' || worker?.view.observed.sandboxes.some((sandbox) => sandbox.state === 'ready') === true;
  }

  #wakeChanged(sandboxes: readonly Sandbox[], containers: readonly Container[]): void {
    const parts = new Map<string, string[]>();
    for (const one of [...sandboxes, ...containers]) {
      const uid = podIdFromLabels(one.labels)?.uid;
      if (uid) parts.set(uid, [...(parts.get(uid) ?? []), `${one.id}=${one.state}`]);
    }
    const next = new Map([...parts].map(([uid, list]) => [uid, list.sort().join(' ')]));
    for (const uid of new Set([...next.keys(), ...this.#signatures.keys()])) {
      if (next.get(uid) !== this.#signatures.get(uid)) this.#workers.get(uid)?.wake();
    }
    this.#signatures = next;
  }
}

function uidWithSandbox(workers: ReadonlyMap<string, PodWorker>, sandboxId: string): string | undefined {
  for (const [uid, worker] of workers) if (worker.view.observed.sandboxes.some((one) => one.id === sandboxId)) return uid;
  return undefined;
}

/** As much of a pod as its containers' labels tell. */
function orphanPod(id: PodId, of: { readonly graceSeconds: number; readonly nowMs: number; readonly nodeName: string }): V1Pod {
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { ...id, deletionTimestamp: formatTime(of.nowMs), deletionGracePeriodSeconds: of.graceSeconds },
    spec: { containers: [], nodeName: of.nodeName },
  };
}
