// Creating and deleting the pods of an owner, with the events that tell of it.
import {
  controllerReference,
  hasReason,
  type KubeObject,
  type Persisted,
  type ResourceType,
  StatusError,
  type V1Pod,
  type V1PodTemplateSpec,
} from '../../api/mod.ts';
import { errorText } from '../../base/mod.ts';
import { type Client, type EventRecorder, referenceTo } from '../../client/mod.ts';
import { podType } from './resource-types.ts';

export interface PodOwner<O extends KubeObject> {
  readonly client: Client;
  readonly events: EventRecorder;
  readonly type: ResourceType<O>;
  readonly owner: Persisted<O>;
  readonly signal: AbortSignal;
}

/** The namespace is going away: no new content is taken, and that is no fault. */
export const isNamespaceTerminating = (error: unknown): boolean =>
  error instanceof StatusError && (error.details?.causes ?? []).some((cause) => cause.reason === 'NamespaceTerminating');

/** The pod that a template stands for, named `<owner>-` and five letters by the server. */
export function podFromTemplate<O extends KubeObject>(
  type: ResourceType<O>,
  owner: Persisted<O>,
  template: V1PodTemplateSpec | undefined,
): V1Pod {
  const { labels, annotations, finalizers } = template?.metadata ?? {};
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: {
      generateName: `${owner.metadata.name}-`,
      namespace: owner.metadata.namespace,
      ...(labels ? { labels } : {}),
      ...(annotations ? { annotations } : {}),
      ...(finalizers ? { finalizers } : {}),
      ownerReferences: [controllerReference(type, owner)],
    },
    ...(template?.spec ? { spec: template.spec } : {}),
  };
}

export async function createPod<O extends KubeObject>(of: PodOwner<O>, pod: V1Pod): Promise<void> {
  const about = referenceTo(of.type, of.owner);
  try {
    const made = await of.client.create(podType, pod, { signal: of.signal });
    of.events.record(about, 'Normal', 'SuccessfulCreate', `Created pod: ${made.metadata.name}`);
  } catch (error) {
    if (!isNamespaceTerminating(error) && !of.signal.aborted) {
      of.events.record(about, 'Warning', 'FailedCreate', `Error creating: ${errorText(error)}`);
    }
    throw error;
  }
}

/** Deletes this very pod. Gives false when it was gone already. */
export async function deletePod<O extends KubeObject>(of: PodOwner<O>, pod: Persisted<V1Pod>): Promise<boolean> {
  const { namespace, name, uid } = pod.metadata;
  const about = referenceTo(of.type, of.owner);
  try {
    const gone = await of.client.delete(podType, { namespace, name }, { preconditions: { uid }, signal: of.signal });
    if (gone !== undefined) of.events.record(about, 'Normal', 'SuccessfulDelete', `Deleted pod: ${name}`);
    return gone !== undefined;
  } catch (error) {
    // Another pod has that name now: this one is gone.
    if (hasReason(error, 'Conflict')) return false;
    if (!of.signal.aborted) of.events.record(about, 'Warning', 'FailedDelete', `Error deleting: ${errorText(error)}`);
    throw error;
  }
}
