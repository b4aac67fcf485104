// Validation of ObjectMeta, the same for every kind. The generic write path calls it before the kind's own validation.
import type { V1ObjectMeta, V1OwnerReference } from '../generated/types.gen.ts';
import type { KindDefinition } from '../kind.ts';
import { type FieldError, forbiddenField, invalidValue, required, tooLong } from './field-error.ts';
import { annotationsBytesMax, byteLength, dnsLabelProblems, labelValueProblems, nameProblems, qualifiedNameProblems } from './names.ts';
import type { Labels } from './selectors.ts';

/** Adds one Invalid error for each problem. */
export function addProblems(errors: FieldError[], path: string, value: unknown, problems: readonly string[]): void {
  for (const problem of problems) errors.push(invalidValue(path, value, problem));
}

export const immutableProblem = 'field is immutable';

/** Labels and node selectors: each key a qualified name, each value a label value. */
export function validateLabels(labels: Labels | undefined, path: string, errors: FieldError[]): void {
  for (const key in labels) {
    addProblems(errors, path, key, qualifiedNameProblems(key));
    const value = labels[key] ?? '';
    addProblems(errors, path, value, labelValueProblems(value));
  }
}

export function validateAnnotations(annotations: Labels | undefined, path: string, errors: FieldError[]): void {
  let total = 0;
  for (const key in annotations) {
    // Old annotations have upper-case prefixes: the key is judged in lower case.
    addProblems(errors, path, key, qualifiedNameProblems(key.toLowerCase()));
    total += byteLength(key) + byteLength(annotations[key] ?? '');
  }
  if (total > annotationsBytesMax) errors.push(tooLong(path, annotationsBytesMax));
}

function validateOwnerReferences(references: readonly V1OwnerReference[] | undefined, path: string, errors: FieldError[]): void {
  let controller: string | undefined;
  for (const reference of references ?? []) {
    const { apiVersion = '', kind = '', name = '', uid = '' } = reference;
    if (apiVersion === '' || apiVersion.endsWith('/')) {
      errors.push(invalidValue(`${path}.apiVersion`, apiVersion, 'version must not be empty'));
    }
    if (kind === '') errors.push(invalidValue(`${path}.kind`, kind, 'kind must not be empty'));
    if (name === '') errors.push(invalidValue(`${path}.name`, name, 'name must not be empty'));
    if (uid === '') errors.push(invalidValue(`${path}.uid`, uid, 'uid must not be empty'));
    if (apiVersion === 'v1' && kind === 'Event') {
      errors.push(invalidValue(path, reference, '/v1, Kind=Event is disallowed from being an owner'));
    }
    if (reference.controller !== true) continue;
    if (controller !== undefined) {
      const both = `Found "true" in references for ${controller} and ${name}`;
      errors.push(invalidValue(path, references, `Only one reference can have Controller set to true. ${both}`));
    }
    controller = name;
  }
}

function validateFinalizers(finalizers: readonly string[] | undefined, path: string, errors: FieldError[]): void {
  if (finalizers === undefined) return;
  for (const finalizer of finalizers) addProblems(errors, path, finalizer, qualifiedNameProblems(finalizer));
  if (finalizers.includes('orphan') && finalizers.includes('foregroundDeletion')) {
    errors.push(invalidValue(path, finalizers, 'finalizer orphan and foregroundDeletion cannot be both set'));
  }
}

/** ObjectMeta of a new object, after the server has filled in name and namespace. */
export function validateObjectMeta(
  metadata: V1ObjectMeta | undefined,
  kind: Pick<KindDefinition, 'namespaced' | 'nameRule'>,
  path = 'metadata',
): FieldError[] {
  const errors: FieldError[] = [];
  const { name = '', generateName = '', namespace = '' } = metadata ?? {};
  const rule = kind.nameRule ?? 'dnsSubdomain';
  if (generateName !== '') addProblems(errors, `${path}.generateName`, generateName, nameProblems(rule, generateName, true));
  if (name === '') errors.push(required(`${path}.name`, 'name or generateName is required'));
  else addProblems(errors, `${path}.name`, name, nameProblems(rule, name));
  if (!kind.namespaced) {
    if (namespace !== '') errors.push(forbiddenField(`${path}.namespace`, 'not allowed on this type'));
  } else if (namespace === '') errors.push(required(`${path}.namespace`));
  else addProblems(errors, `${path}.namespace`, namespace, dnsLabelProblems(namespace));
  validateCommonMeta(metadata, path, errors);
  return errors;
}

function validateCommonMeta(metadata: V1ObjectMeta | undefined, path: string, errors: FieldError[]): void {
  if (metadata === undefined) return;
  if ((metadata.generation ?? 0) < 0) {
    errors.push(invalidValue(`${path}.generation`, metadata.generation, 'must be greater than or equal to 0'));
  }
  validateLabels(metadata.labels, `${path}.labels`, errors);
  validateAnnotations(metadata.annotations, `${path}.annotations`, errors);
  validateOwnerReferences(metadata.ownerReferences, `${path}.ownerReferences`, errors);
  validateFinalizers(metadata.finalizers, `${path}.finalizers`, errors);
}

const immutableFields = ['name', 'namespace', 'uid', 'creationTimestamp', 'deletionTimestamp', 'deletionGracePeriodSeconds'] as const;

/** ObjectMeta of an object that would replace `old`. */
export function validateObjectMetaUpdate(next: V1ObjectMeta | undefined, old: V1ObjectMeta | undefined, path = 'metadata'): FieldError[] {
  const errors: FieldError[] = [];
  if (old?.deletionTimestamp !== undefined) {
    const added = (next?.finalizers ?? []).filter((finalizer) => !old.finalizers?.includes(finalizer));
    if (added.length > 0) {
      const shown = `[]string{${added
        .sort()
        .map((finalizer) => JSON.stringify(finalizer))
        .join(', ')}}`;
      const detail = `no new finalizers can be added if the object is being deleted, found new finalizers ${shown}`;
      errors.push(forbiddenField(`${path}.finalizers`, detail));
    }
  }
  if ((next?.resourceVersion ?? '') === '') {
    errors.push(invalidValue(`${path}.resourceVersion`, next?.resourceVersion ?? '', 'must be specified for an update'));
  }
  if ((next?.generation ?? 0) < (old?.generation ?? 0)) {
    errors.push(invalidValue(`${path}.generation`, next?.generation ?? 0, 'must not be decremented'));
  }
  for (const field of immutableFields) {
    if (next?.[field] !== old?.[field]) errors.push(invalidValue(`${path}.${field}`, next?.[field], immutableProblem));
  }
  validateCommonMeta(next, path, errors);
  return errors;
}
