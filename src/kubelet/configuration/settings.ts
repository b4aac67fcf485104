// What a node's agent can be told: each setting in the unit that the code works in, with its default. Pure.
// Source: https://kubernetes.io/docs/reference/config-api/kubelet-config.v1beta1/ for the names; Minke's own defaults say why they differ.
import { defaultThresholds, type Threshold } from '../eviction/thresholds.ts';

export interface KubeletSettings {
  readonly maxPods: number;
  /** Processes and threads of one pod; undefined: as many as the machine has. */
  readonly podPidsLimit: number | undefined;
  readonly eviction: EvictionSettings;
  readonly imageGarbage: ImageGarbageSettings;
  readonly pulls: PullSettings;
  readonly logs: { readonly maxBytes: number; readonly maxFiles: number; readonly checkMs: number };
  /** In the order of their turn: who is ended before the machine goes, and how long that may take. Empty: nobody. */
  readonly shutdown: readonly ShutdownPhase[];
  /** What is not for pods, by resource, as quantities. */
  readonly systemReserved: Readonly<Record<string, string>>;
  readonly kubeReserved: Readonly<Record<string, string>>;
  readonly cpuQuota: { readonly enforced: boolean; readonly periodUs: number };
  /** Names, or beginnings of names followed by `*`. */
  readonly allowedUnsafeSysctls: readonly string[];
  /** The longest pause before a container that crashes is started again. */
  readonly restartDelayMaxMs: number;
}

export interface EvictionSettings {
  readonly thresholds: readonly Threshold[];
  readonly checkMs: number;
  /** For how long a condition stays after its cause has gone. */
  readonly transitionMs: number;
  /** For pods that go because of a soft threshold. */
  readonly maxPodGraceSeconds: number;
}

export interface ImageGarbageSettings {
  /** Of the disk: where removing begins, and where it ends. */
  readonly highPercent: number;
  readonly lowPercent: number;
  readonly minAgeMs: number;
  /** Unused for longer, an image goes though there is room; 0: none does. */
  readonly maxAgeMs: number;
}

export interface PullSettings {
  readonly atOnce: number;
  /** Pulls begun per second, and how many at once after a pause; 0: no bound. Those beyond wait, where upstream's fail. */
  readonly perSecond: number;
  readonly burst: number;
}

export interface ShutdownPhase {
  /** Pods of at least this priority, and of less than that of the next phase. */
  readonly priority: number;
  readonly graceMs: number;
}

export const criticalPriority = 2_000_000_000;

export const defaultSettings: KubeletSettings = {
  maxPods: 110,
  podPidsLimit: undefined,
  eviction: { thresholds: defaultThresholds, checkMs: 10_000, transitionMs: 300_000, maxPodGraceSeconds: 0 },
  imageGarbage: { highPercent: 85, lowPercent: 80, minAgeMs: 120_000, maxAgeMs: 0 },
  pulls: { atOnce: 5, perSecond: 5, burst: 10 },
  logs: { maxBytes: 10 * 1024 ** 2, maxFiles: 5, checkMs: 10_000 },
  shutdown: [
    { priority: 0, graceMs: 20_000 },
    { priority: criticalPriority, graceMs: 10_000 },
  ],
  systemReserved: {},
  kubeReserved: {},
  cpuQuota: { enforced: true, periodUs: 100_000 },
  allowedUnsafeSysctls: [],
  restartDelayMaxMs: 300_000,
};
