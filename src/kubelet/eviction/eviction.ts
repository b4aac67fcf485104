// Watches what the node has left, and makes room: images that nobody uses first, then pods, one at a time.
import type { V1Pod } from '../../api/mod.ts';
import { type Clock, errorText, type Logger, sleep } from '../../base/mod.ts';
import type { EvictionSettings, ImageGarbageSettings } from '../configuration/settings.ts';
import type { ContainerRuntime } from '../cri/runtime.ts';
import type { NodeStats } from '../node/stats.ts';
import type { PodView } from '../pod/worker.ts';
import { imagesToRemove } from './image-garbage.ts';
import { chooseVictim, diskBytes, hasLocalLimit, type LocalUse, overLocalLimit, ownBytes, type PodUse } from './plan.ts';
import { type Crossed, type CrossedSince, judge, type Observation, type Observations, type Pressure } from './thresholds.ts';

/** What the machine says of itself. */
export interface EvictionPorts {
  signals(): Promise<Observations>;
  localUse(view: PodView): Promise<LocalUse>;
  stats(): Promise<NodeStats>;
  /** How many processes and threads a pod has. */
  processes(view: PodView): Promise<number>;
}

export interface EvictionOptions {
  readonly settings: EvictionSettings;
  readonly imageGarbage: ImageGarbageSettings;
  readonly ports: EvictionPorts;
  readonly runtime: Pick<ContainerRuntime, 'listImages' | 'listContainers' | 'removeImage'>;
  readonly clock: Clock;
  readonly log: Logger;
  readonly signal: AbortSignal;
  readonly views: () => readonly PodView[];
  /** Ends a pod with reason Evicted, within so many seconds. */
  readonly evict: (pod: V1Pod, message: string, graceSeconds: number) => void;
}

export interface Eviction {
  /** The node's conditions that are True. */
  readonly pressures: readonly Pressure[];
  run(): Promise<void>;
  /** One look. */
  check(): Promise<void>;
}

const callDeadlineMs = 60_000;
/** Seconds for a pod that has to make room at once. Source: upstream's immediate eviction. */
const immediately = 1;

export function createEviction(options: EvictionOptions): Eviction {
  const { ports, clock, log, signal, views, evict, settings } = options;
  let since: CrossedSince = new Map();
  let crossed: readonly Crossed[] = [];
  const lastMs = new Map<Pressure, number>();
  const garbage = createImageGarbage(options);

  async function local(): Promise<void> {
    for (const view of views().filter((one) => isUp(one) && hasLocalLimit(one.pod))) {
      const message = overLocalLimit(view.pod, await ports.localUse(view));
      if (message !== undefined) evict(view.pod, message, immediately);
    }
  }

  async function pressure(): Promise<void> {
    const observed = await ports.signals();
    await garbage(observed['imagefs.available']);
    let due = note(observed);
    if (due.some((one) => one.pressure === 'DiskPressure')) {
      await garbage({ available: 0, capacity: Number.MAX_SAFE_INTEGER });
      due = note(await ports.signals());
    }
    const [first] = due;
    // One at a time: the room that the last one leaves shows only when it has gone.
    const leaving = views().some(({ state }) => state.at === 'terminating');
    if (!first || leaving) return;
    log.warn('The node is low on a resource', { resource: first.resource, available: first.available, threshold: first.threshold });
    const victim = chooseVictim(first, await usesOf(options));
    if (victim) evict(victim.pod, victim.message, first.hard ? immediately : settings.maxPodGraceSeconds);
  }

  /** Gives the thresholds that somebody has to go for. */
  function note(observed: Observations): readonly Crossed[] {
    const nowMs = clock.monotonicMs();
    const judged = judge(settings.thresholds, { observed, since, nowMs });
    since = judged.since;
    crossed = judged.crossed;
    for (const one of crossed) lastMs.set(one.pressure, nowMs);
    return judged.due;
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
      const nowMs = clock.monotonicMs();
      const isOn = (name: Pressure, atMs: number) => nowMs - atMs < settings.transitionMs || crossed.some((one) => one.pressure === name);
      return [...lastMs].filter(([name, atMs]) => isOn(name, atMs)).map(([name]) => name);
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

function createImageGarbage({ runtime, clock, log, signal, imageGarbage }: EvictionOptions) {
  const { highPercent, lowPercent, minAgeMs, maxAgeMs } = imageGarbage;
  const seen = new Map<string, { firstMs: number; usedMs: number }>();

  return async (observed: Observation | undefined): Promise<void> => {
    if (!observed || observed.capacity === 0) return;
    const usedPercent = 100 - (observed.available * 100) / observed.capacity;
    const due = usedPercent >= highPercent;
    // What is unused must have been seen so for a while: the first look only remembers.
    if (!due && seen.size > 0 && maxAgeMs === 0) return;
    const call = { signal, deadlineMs: callDeadlineMs };
    const [images, containers] = await Promise.all([runtime.listImages(call), runtime.listContainers({}, call)]);
    const nowMs = clock.nowMs();
    const used = new Set(containers.flatMap((one) => [one.image, one.imageRef]));
    for (const { id } of images) {
      const known = seen.get(id) ?? { firstMs: nowMs, usedMs: 0 };
      seen.set(id, used.has(id) ? { ...known, usedMs: nowMs } : known);
    }
    for (const id of seen.keys()) if (!images.some((image) => image.id === id)) seen.delete(id);
    const bytesToFree = due ? (observed.capacity * (100 - lowPercent)) / 100 - observed.available : 0;
    for (const image of imagesToRemove({ images, used, seen, bytesToFree, minAgeMs, maxAgeMs, nowMs })) {
      log.info('Removing an image that nobody uses', { image: image.repoTags[0] ?? image.id });
      await runtime.removeImage(image.id, call);
    }
  };
}
