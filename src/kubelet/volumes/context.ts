// What setting up a volume needs to know and to reach.
import type { V1PersistentVolume, V1PersistentVolumeClaim, V1Pod, V1Volume } from '../../api/mod.ts';
import type { Clock, Random } from '../../base/mod.ts';
import type { FileSystem } from '../../base/ports/fs.ts';
import type { Mounts } from '../../base/ports/mounts.ts';
import type { References } from '../container/env.ts';
import type { RunningFacts } from '../container/fields.ts';
import type { CsiVolumes } from '../csi/volumes.ts';
import type { SoleUse } from './sole-use.ts';
import type { TokenSource } from './tokens.ts';

/** Claims and volumes as the API server has them now. Undefined: not there. */
export interface ClaimSource {
  claim(namespace: string, name: string): Promise<V1PersistentVolumeClaim | undefined>;
  volume(name: string): Promise<V1PersistentVolume | undefined>;
}

export interface VolumeContext {
  readonly fs: FileSystem;
  readonly mounts: Mounts;
  readonly clock: Clock;
  readonly random: Random;
  readonly references: References;
  readonly tokens: TokenSource | undefined;
  /** Absent: no claim is ever found. */
  readonly claims?: ClaimSource | undefined;
  /** Absent: a node without storage drivers. */
  readonly csi?: CsiVolumes | undefined;
}

/** Within the node's volumes, what they have in common too. */
export interface SetUpContext extends VolumeContext {
  readonly soleUse: SoleUse;
}

export interface VolumeJob {
  readonly pod: V1Pod;
  readonly volume: V1Volume;
  readonly facts: RunningFacts;
  /** Where the volume is to be; its parent exists. */
  readonly path: string;
  readonly signal?: AbortSignal | undefined;
}

/** What setting up gave: the path to mount (another one for hostPath), and when to do it again. */
export interface VolumeResult {
  readonly hostPath: string;
  readonly refreshAtMs?: number | undefined;
}

/** Sets a volume up; doing it again changes only what has changed. Throws VolumeError for what the user can mend. */
export type SetUp = (context: SetUpContext, job: VolumeJob) => Promise<VolumeResult>;
