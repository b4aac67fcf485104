// What the parts of the StatefulSet controller share.
import type { V1ControllerRevision, V1PersistentVolumeClaim, V1Pod, V1StatefulSet } from '../../api/mod.ts';
import type { EventRecorder, Informer } from '../../client/mod.ts';
import type { ControllerContext } from '../runtime/controller.ts';
import type { Expectations } from '../runtime/expectations.ts';
import type { OwnWrites } from '../runtime/own-writes.ts';

export interface Parts {
  readonly context: ControllerContext;
  readonly sets: Informer<V1StatefulSet>;
  readonly pods: Informer<V1Pod>;
  readonly revisions: Informer<V1ControllerRevision>;
  readonly claims: Informer<V1PersistentVolumeClaim>;
  readonly expectations: Expectations;
  readonly writes: OwnWrites;
  readonly events: EventRecorder;
}
