// What the parts of the Job controller share.
import type { V1Job, V1Pod } from '../../api/mod.ts';
import type { EventRecorder, Informer } from '../../client/mod.ts';
import type { ControllerContext } from '../runtime/controller.ts';
import type { Expectations } from '../runtime/expectations.ts';
import type { OwnWrites } from '../runtime/own-writes.ts';
import type { FailureRecord } from './backoff.ts';

export interface Parts {
  readonly context: ControllerContext;
  readonly jobs: Informer<V1Job>;
  readonly pods: Informer<V1Pod>;
  readonly expectations: Expectations;
  readonly writes: OwnWrites;
  readonly events: EventRecorder;
  /** By job: uids of pods whose finalizer was removed, where the cache does not show it yet. */
  readonly released: Map<string, Set<string>>;
  readonly failures: Map<string, FailureRecord>;
}
