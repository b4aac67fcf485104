// Who owns whom: owner references and the one controller among them.
// Source: https://kubernetes.io/docs/concepts/overview/working-with-objects/owners-dependents/
import { assert } from '../../base/mod.ts';
import type { V1OwnerReference } from '../generated/types.gen.ts';
import type { ResourceType } from '../kind.ts';
import { apiVersionOf, type KubeObject } from './object.ts';

/** The owner reference marked `controller: true`, if any. */
export const controllerOf = (object: KubeObject): V1OwnerReference | undefined =>
  object.metadata?.ownerReferences?.find((reference) => reference.controller === true);

/** True when `owner` is the controller of `object`: by uid, as names may be used again. */
export function isControlledBy(object: KubeObject, owner: KubeObject): boolean {
  const uid = owner.metadata?.uid;
  return uid !== undefined && controllerOf(object)?.uid === uid;
}

/** A reference to `owner`, which must have come from the server. */
export function ownerReference(of: Pick<ResourceType, 'group' | 'version' | 'kind'>, owner: KubeObject): V1OwnerReference {
  const { name, uid } = owner.metadata ?? {};
  assert(name !== undefined && uid !== undefined, `an owner of kind ${of.kind} has no name or uid`);
  return { apiVersion: apiVersionOf(of), kind: of.kind, name, uid };
}

/** A reference to `owner` as the managing controller, whose deletion in the foreground waits for the object. */
export const controllerReference = (of: Pick<ResourceType, 'group' | 'version' | 'kind'>, owner: KubeObject): V1OwnerReference => ({
  ...ownerReference(of, owner),
  controller: true,
  blockOwnerDeletion: true,
});

/** True when any of the owner references is `owner`. */
export const isOwnedBy = (object: KubeObject, owner: KubeObject): boolean =>
  owner.metadata?.uid !== undefined && (object.metadata?.ownerReferences ?? []).some((reference) => reference.uid === owner.metadata?.uid);
