// Events about a pod and its containers.
import type { V1Pod } from '../../api/mod.ts';
import { type EventRecorder, referenceTo } from '../../client/mod.ts';
import { pods } from '../api-resources.ts';
import type { EmitEvent } from '../image-manager.ts';
import { fieldPathOf, type SpecContainer } from './spec.ts';

/** A function that records events about the pod, or about one container of it. */
export function emitterFor(recorder: Pick<EventRecorder, 'record'>, pod: V1Pod, container?: SpecContainer): EmitEvent {
  const reference = referenceTo(pods, pod, container ? fieldPathOf(container) : undefined);
  return (type, reason, message) => recorder.record(reference, type, reason, message);
}
