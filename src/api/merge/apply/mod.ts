// Server-side apply and managedFields.
export { type ApplyConflict, type ApplyOutcome, type ApplyRequest, applyPatch } from './apply.ts';
export {
  type AppliedPatch,
  applyEngine,
  createFieldOwnership,
  type FieldOwnership,
  managedFieldsEngine,
  type TrackedUpdate,
} from './engine.ts';
export type { FieldSet } from './field-set.ts';
export { updateManagedFields, type WriteOfFields } from './managed-fields.ts';
export { AtomicError, mergeConfiguration } from './merge-configuration.ts';
