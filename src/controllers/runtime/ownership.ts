// Which dependents an owner controls: adoption of orphans that match its selector, release of its own that no longer do.
import {
  apiVersionOf,
  controllerOf,
  controllerReference,
  type KubeObject,
  type Labels,
  type Persisted,
  type ResourceType,
} from '../../api/mod.ts';
import type { Client, Informer } from '../../client/mod.ts';

const controllerUidIndex = 'controllerUid';
const orphanIndex = 'orphanNamespace';

/** Makes `controlledBy` and `orphansIn` possible on this cache. */
export function indexByController<T extends KubeObject>(informer: Informer<T>): void {
  informer.addIndex(controllerUidIndex, (object) => {
    const uid = controllerOf(object)?.uid;
    return uid === undefined ? [] : [uid];
  });
  informer.addIndex(orphanIndex, (object) => (controllerOf(object) ? [] : [object.metadata.namespace ?? '']));
}

export const controlledBy = <T extends KubeObject>(informer: Informer<T>, owner: KubeObject): readonly Persisted<T>[] =>
  informer.byIndex(controllerUidIndex, owner.metadata?.uid ?? '');

export const orphansIn = <T extends KubeObject>(informer: Informer<T>, namespace: string): readonly Persisted<T>[] =>
  informer.byIndex(orphanIndex, namespace);

export interface Claim<T> {
  readonly keep: readonly T[];
  readonly adopt: readonly T[];
  readonly release: readonly T[];
}

/** `candidates` are the objects controlled by `owner` and the orphans of its namespace. An owner that is going away claims nothing new and lets nothing go. */
export function claim<T extends KubeObject>(
  owner: KubeObject,
  candidates: readonly T[],
  matches: (labels: Labels | undefined) => boolean,
): Claim<T> {
  const keep: T[] = [];
  const adopt: T[] = [];
  const release: T[] = [];
  const leaving = owner.metadata?.deletionTimestamp !== undefined;
  for (const object of candidates) {
    const controller = controllerOf(object);
    if (controller && controller.uid !== owner.metadata?.uid) continue;
    const matching = matches(object.metadata?.labels);
    if (controller) {
      if (matching) keep.push(object);
      else if (!leaving) release.push(object);
    } else if (matching && !leaving && object.metadata?.deletionTimestamp === undefined) adopt.push(object);
  }
  return { keep, adopt, release };
}

export interface OwnershipWrite<O extends KubeObject, T extends KubeObject> {
  readonly client: Client;
  readonly ownerType: ResourceType<O>;
  readonly owner: O;
  readonly type: ResourceType<T>;
  readonly signal: AbortSignal;
}

/** Adds the controller reference, and the finalizer when there is one. The uid in the patch makes sure that it is this object and no other of its name. */
export async function adoptObject<O extends KubeObject, T extends KubeObject>(
  write: OwnershipWrite<O, T>,
  object: Persisted<T>,
  finalizer?: string,
): Promise<Persisted<T>> {
  const { client, ownerType, owner, type, signal } = write;
  const { uid, resourceVersion, finalizers = [] } = object.metadata;
  const ownerReferences = [...(object.metadata.ownerReferences ?? []), controllerReference(ownerType, owner)];
  const held = finalizer === undefined || finalizers.includes(finalizer) ? {} : { finalizers: [...finalizers, finalizer] };
  const patch = { metadata: { uid, resourceVersion, ownerReferences, ...held } };
  return client.patch(type, keyOf(object), 'application/merge-patch+json', patch, { signal });
}

export async function releaseObject<O extends KubeObject, T extends KubeObject>(
  write: OwnershipWrite<O, T>,
  object: Persisted<T>,
): Promise<void> {
  const { client, owner, type, signal } = write;
  const ownerReferences = (object.metadata.ownerReferences ?? []).filter((reference) => reference.uid !== owner.metadata?.uid);
  const patch = { metadata: { uid: object.metadata.uid, resourceVersion: object.metadata.resourceVersion, ownerReferences } };
  await client.patch(type, keyOf(object), 'application/merge-patch+json', patch, { signal });
}

const keyOf = (object: Persisted<KubeObject>) => ({ namespace: object.metadata.namespace, name: object.metadata.name });

/** The key of the object's controller in `owners`, when it is of that type and still the same one. */
export function controllerKey<O extends KubeObject>(object: KubeObject | undefined, owners: Informer<O>): string | undefined {
  const controller = object ? controllerOf(object) : undefined;
  if (!controller || controller.kind !== owners.type.kind) return undefined;
  if (controller.apiVersion !== apiVersionOf(owners.type)) return undefined;
  const key = `${object?.metadata?.namespace ?? ''}/${controller.name}`;
  return owners.get(key)?.metadata.uid === controller.uid ? key : undefined;
}
