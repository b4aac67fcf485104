// Watches what the node has left, and makes room: images that nobody uses first, then pods, one at a time.
import type { V1Pod } from '../../api/mod.ts';
import { type Clock, errorText, type Logger, sleep } from '../../base/mod.ts';
import type { ContainerRuntime } from '../cri/runtime.ts';
import type { NodeStats } from '../node/stats.ts';
import type { PodView } from '../pod/worker.ts';
import { imagesToRemove } from './image-garbage.ts';
import {
  type Crossed,
  chooseVictim,
  crossedThresholds,
  defaultThresholds,
  diskBytes,
  hasLocalLimit,
  type LocalUse,
  type Observation,
  overLocalLimit,
  ownBytes,
  type PodUse,
  type Pressure,
  type Signal,
  type Thresholds,
} from './plan.ts';

/** Source: the kubelet's configuration: `evictionPressureTransitionPeriod`, `imageGCHighThresholdPercent`, ... */
export interface EvictionSettings {
  readonly thresholds?: Thresholds;
  readonly checkMs?: number;
  /** For how long a condition stays after its cause has gone. */
  readonly transitionMs?: number;
  readonly imageHighPercent?: number;
  readonly imageLowPercent?: number;
  readonly imageMinAgeMs?: number;
}

const defaults = {
  thresholds: defaultThresholds,
  checkMs: 10_000,
  transitionMs: 300_000,
  imageHighPercent: 85,
  imageLowPercent: 80,
  imageMinAgeMs: 120_000,
} as const satisfies Required<EvictionSettings>;

/** What the machine says of itself. */
export interface EvictionPorts {
  signals(): Promise<Partial<Readonly<Record<Signal, Observation>>>>;
  localUse(view: PodView): Promise<LocalUse>;
  stats(): Promise<NodeStats>;
  /** How many processes and threads a pod has. */
  processes(view: PodView): Promise<number>;
}

export interface EvictionOptions {
  readonly settings: EvictionSettings;
  readonly ports: EvictionPorts;
  readonly runtime: Pick<ContainerRuntime, 'listImages' | 'listContainers' | 'removeImage'>;
  readonly clock: Clock;
  readonly log: Logger;
  readonly signal: AbortSignal;
  readonly views: () => readonly PodView[];
  /** Ends a pod with reason Evicted. */
  readonly evict: (pod: V1Pod, message: string) => void;
}

export interface Eviction {
  /** The node's conditions that are True. */
  readonly pressures: readonly Pressure[];
  run(): Promise<void>;
  /** One look. */
  check(): Promise<void>;
}

const callDeadlineMs = 60_000;

export function createEviction(options: EvictionOptions): Eviction {
  const { ports, clock, log, signal, views, evict } = options;
  const settings = { ...defaults, ...options.settings };
  const lastMs = new Map<Pressure, number>();
  const garbage = createImageGarbage(options, settings);

  async function local(): Promise<void> {
    for (const view of views().filter((one) => isUp(one) && hasLocalLimit(one.pod))) {
      const message = overLocalLimit(view.pod, await ports.localUse(view));
      if (message !== undefined) evict(view.pod, message);
    }
  }

  async function pressure(): Promise<void> {
    const observed = await ports.signals();
    await garbage(observed['imagefs.available']);
    let crossed = note(crossedThresholds(settings.thresholds, observed));
    if (crossed.some((one) => one.pressure === 'DiskPressure')) {
      await garbage({ available: 0, capacity: Number.MAX_SAFE_INTEGER });
      crossed = note(crossedThresholds(settings.thresholds, await ports.signals()));
    }
    const [first] = crossed;
    // One at a time: the room that the last one leaves shows only when it has gone.
    const leaving = views().some(({ state }) => state.at === 'terminating');
    if (!first || leaving) return;
    log.warn('The node is low on a resource', { resource: first.resource, available: first.available, threshold: first.threshold });
    const victim = chooseVictim(first, await usesOf(options));
    if (victim) evict(victim.pod, victim.message);
  }

  function note(crossed: readonly Crossed[]): readonly Crossed[] {
    for (const one of crossed) lastMs.set(one.pressure, clock.monotonicMs());
    return crossed;
  }

  async function check(): Promise<void> {
    for (const part of [local, pressure]) {
      try {
        await part();
      } catch (error) {
        if (!signal.aborted) log.warn('Cannot find out what this node has left', { error: errorText(error) });
      }
    }
  }

  return {
    get pressures() {
      return [...lastMs].filter(([, atMs]) => clock.monotonicMs() - atMs < settings.transitionMs).map(([name]) => name);
    },
    check,
    async run() {
      while (!signal.aborted) {
        await sleep(clock, settings.checkMs, signal).catch(() => {});
        if (!signal.aborted) await check();
      }
    },
  };
}

const isUp = ({ state, admitted }: PodView): boolean => state.at === 'syncing' && admitted;

/** What each pod uses, and what is asked for only when a pod has to go. */
async function usesOf({ ports, views }: EvictionOptions): Promise<readonly PodUse[]> {
  const { pods } = await ports.stats();
  return Promise.all(
    views()
      .filter(isUp)
      .map(async (view) => {
        const stats = pods.find(({ uid }) => uid === view.pod.metadata?.uid);
        const use = await ports.localUse(view);
        const containers = new Map(
          (stats?.containers ?? []).map((one) => [
            one.name,
            { memoryBytes: one.usage.workingSetBytes, diskBytes: ownBytes(use, one.name) },
          ]),
        );
        const processes = await ports.processes(view);
        const { inodes } = use;
        const memoryBytes = stats?.usage?.workingSetBytes ?? 0;
        return { pod: view.pod, memoryBytes, diskBytes: diskBytes(view.pod, use), inodes, processes, containers };
      }),
  );
}

function createImageGarbage(options: EvictionOptions, settings: Required<EvictionSettings>) {
  const { runtime, clock, log, signal } = options;
  const { imageHighPercent, imageLowPercent, imageMinAgeMs: minAgeMs } = settings;
  const seen = new Map<string, { firstMs: number; usedMs: number }>();

  return async (observed: Observation | undefined): Promise<void> => {
    if (!observed || observed.capacity === 0) return;
    const usedPercent = 100 - (observed.available * 100) / observed.capacity;
    const due = usedPercent >= imageHighPercent;
    // What is unused must have been seen so for a while: the first look only remembers.
    if (!due && seen.size > 0) return;
    const call = { signal, deadlineMs: callDeadlineMs };
    const [images, containers] = await Promise.all([runtime.listImages(call), runtime.listContainers({}, call)]);
    const nowMs = clock.nowMs();
    const used = new Set(containers.flatMap((one) => [one.image, one.imageRef]));
    for (const { id } of images) {
      const known = seen.get(id) ?? { firstMs: nowMs, usedMs: 0 };
      seen.set(id, used.has(id) ? { ...known, usedMs: nowMs } : known);
    }
    for (const id of seen.keys()) if (!images.some((image) => image.id === id)) seen.delete(id);
    if (!due) return;
    const bytesToFree = (observed.capacity * (100 - imageLowPercent)) / 100 - observed.available;
    for (const image of imagesToRemove({ images, used, seen, bytesToFree, minAgeMs, nowMs })) {
      log.info('Removing an image that nobody uses', { image: image.repoTags[0] ?? image.id });
      await runtime.removeImage(image.id, call);
    }
  };
}
