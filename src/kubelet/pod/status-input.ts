// What a pod's status is made from.
import type { V1Pod, V1PodStatus } from '../../api/mod.ts';
import type { Observed } from './observed.ts';
import type { Failure, ProbeResults, Subject } from './plan-types.ts';
import type { ResizeVerdict } from './resize.ts';
import type { PodState } from './state.ts';

export interface StatusInput {
  readonly pod: V1Pod;
  /** The status that was reported last; at first the API's. */
  readonly before: V1PodStatus | undefined;
  readonly state: PodState;
  readonly observed: Observed;
  readonly probes: ReadonlyMap<string, ProbeResults>;
  readonly failures: ReadonlyMap<Subject, Failure>;
  /** The names of the containers whose start (postStart hook included) is under way. */
  readonly busyStarts: ReadonlySet<string>;
  /** True when nothing will be started any more and nothing runs. */
  readonly over: boolean;
  /** When this node first took the pod up. */
  readonly startTimeMs: number;
  /** As in PlanInput. */
  readonly resources?: ReadonlyMap<string, string>;
  readonly resize?: ResizeVerdict | undefined;
  readonly hashes: ReadonlyMap<string, string>;
  readonly replaced?: ReadonlySet<string>;
  /** As in MountsInput. */
  readonly recursiveReadOnly: boolean;
  /** The node's addresses, first the primary one. */
  readonly hostIPs: readonly string[];
  readonly nowMs: number;
}

export type PodPhase = 'Pending' | 'Running' | 'Succeeded' | 'Failed' | 'Unknown';
