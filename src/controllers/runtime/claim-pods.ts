// The pods of an owner that selects them by labels.
import {
  compileLabelSelector,
  type KubeObject,
  type Persisted,
  type ResourceType,
  type V1LabelSelector,
  type V1Pod,
} from '../../api/mod.ts';
import type { Client, Informer } from '../../client/mod.ts';
import { adoptObject, claim, controlledBy, orphansIn, releaseObject } from './ownership.ts';
import { podType } from './resource-types.ts';

export interface PodClaim<O extends KubeObject> {
  readonly client: Client;
  readonly signal: AbortSignal;
  readonly pods: Informer<V1Pod>;
  readonly type: ResourceType<O>;
  readonly owner: Persisted<O>;
  readonly selector: V1LabelSelector | undefined;
  /** Orphans that may be adopted although their labels match. Default: all. */
  readonly mayAdopt?: (pod: Persisted<V1Pod>) => boolean;
}

/** All of them, those going away included; adopts and releases on the way. */
export async function claimPodsOf<O extends KubeObject>(of: PodClaim<O>): Promise<readonly Persisted<V1Pod>[]> {
  const { client, signal, owner, type, mayAdopt = () => true } = of;
  const orphans = orphansIn(of.pods, owner.metadata.namespace ?? '').filter(mayAdopt);
  const { keep, adopt, release } = claim(owner, [...controlledBy(of.pods, owner), ...orphans], compileLabelSelector(of.selector));
  if (adopt.length === 0 && release.length === 0) return keep;
  // The cache may not know yet that the owner is going away, or is another one by now.
  const { namespace, name, uid } = owner.metadata;
  const fresh = await client.get(type, { namespace, name }, { signal });
  if (fresh.metadata.uid !== uid || fresh.metadata.deletionTimestamp !== undefined) return keep;
  const write = { client, ownerType: type, owner, type: podType, signal };
  for (const pod of release) await releaseObject(write, pod);
  const adopted: Persisted<V1Pod>[] = [];
  for (const pod of adopt) adopted.push(await adoptObject(write, pod));
  return [...keep, ...adopted];
}
