// What the workers of one node share: the collaborators and the facts about the machine.
import type { V1Pod } from '../../api/mod.ts';
import type { Clock, Logger, Random, Tasks } from '../../base/mod.ts';
import type { Client, EventRecorder } from '../../client/mod.ts';
import type { ClusterDns, DnsConfig } from '../container/dns.ts';
import type { RunningFacts } from '../container/fields.ts';
import type { MachineLimits } from '../container/resources.ts';
import type { ContainerRuntime, RuntimeFeatures } from '../cri/runtime.ts';
import type { ImageManager } from '../image-manager.ts';
import type { Rejection } from '../node/admission.ts';
import type { PodCgroups } from '../node/pod-cgroups.ts';
import type { ProbePorts } from '../probes/run-probe.ts';
import type { ReferenceCache } from '../reference-cache.ts';
import type { Volumes } from '../volumes/manager.ts';
import type { PodFiles } from './files.ts';
import type { ResizeVerdict } from './resize.ts';

export interface PodContext {
  readonly nodeName: string;
  readonly client: Client;
  readonly recorder: Pick<EventRecorder, 'record'>;
  readonly runtime: ContainerRuntime;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
  readonly tasks: Tasks;
  readonly images: ImageManager;
  readonly volumes: Volumes;
  readonly files: PodFiles;
  readonly references: ReferenceCache;
  readonly probes: ProbePorts;
  readonly machine: MachineLimits;
  readonly podPidsLimit: number | undefined;
  readonly restartDelayMaxMs: number;
  readonly cgroupRoot: string;
  readonly clusterDns: ClusterDns | undefined;
  /** The machine's own resolv.conf. */
  readonly hostDns: () => Promise<DnsConfig>;
  readonly hostIPs: readonly string[];
  readonly allocatable: RunningFacts['allocatable'];
  readonly cgroups: PodCgroups;
  /** Whether the node has room for a pod of its own whose resources have grown. */
  readonly resizable: (pod: V1Pod) => ResizeVerdict;
  /** What the runtime said that it can do when it was asked last. */
  readonly runtimeFeatures: () => RuntimeFeatures;
  /** The node's own word on a pod that it has not taken up yet. */
  readonly admit: (pod: V1Pod) => Admission;
  /** A pod is ending, and none of its containers runs any more. */
  readonly madeRoom: () => void;
}

/** Undefined when the pod may run here; until `untilMs` it waits, or until it is woken, and is judged anew. */
export type Admission = Rejection | { readonly untilMs: number } | undefined;
