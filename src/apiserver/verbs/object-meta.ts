// Validation of metadata on writes: what api/meta checks for every kind, and the names of finalizers.
import {
  type FieldError,
  invalidValue,
  type KindDefinition,
  type KubeObject,
  validateObjectMeta,
  validateObjectMetaUpdate,
} from '../../api/mod.ts';

const standardFinalizers: readonly string[] = ['orphan', 'foregroundDeletion', 'kubernetes'];

/** Errors of the metadata of an object that is to be stored. */
export const objectMetaErrors = (kind: KindDefinition, object: KubeObject): FieldError[] => [
  ...validateObjectMeta(object.metadata, kind),
  ...finalizerErrors(kind, object),
];

/** What an update may not do to metadata. `next` has been given back what the generic code keeps. */
export const objectMetaUpdateErrors = (kind: KindDefinition, next: KubeObject, old: KubeObject): FieldError[] => [
  ...validateObjectMetaUpdate(next.metadata, old.metadata),
  ...finalizerErrors(kind, next),
];

/** Of kinds that users define, and of what defines them, any qualified name will do. */
function finalizerErrors({ group, custom }: KindDefinition, object: KubeObject): FieldError[] {
  if (custom || group === 'apiextensions.k8s.io') return [];
  const finalizers = object.metadata?.finalizers ?? [];
  return finalizers.flatMap((finalizer, index) =>
    finalizer.includes('/') || standardFinalizers.includes(finalizer)
      ? []
      : [invalidValue(`metadata.finalizers[${index}]`, finalizer, 'name is neither a standard finalizer name nor is it fully qualified')],
  );
}
