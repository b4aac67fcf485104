// CustomResourceDefinition: a kind that users add to the API. The object itself; what it defines is served elsewhere.
// Source: https://kubernetes.io/docs/tasks/extend-kubernetes/custom-resources/custom-resource-definitions/
import type {
  V1CustomResourceConversion,
  V1CustomResourceDefinition,
  V1CustomResourceDefinitionSpec,
  V1CustomResourceDefinitionVersion,
} from '../generated/types.gen.ts';
import type { KindDefinition } from '../kind.ts';
import { equalValues } from '../merge/apply/values.ts';
import { nameColumn } from '../meta/columns.ts';
import { isConditionTrue } from '../meta/conditions.ts';
import { createdAtColumn, keepStatus } from '../meta/endpoint-rules.ts';
import { sameMeaning } from '../meta/equal.ts';
import { validateChoice, validateUnchanged } from '../meta/field-checks.ts';
import { type FieldError, forbiddenField, invalidValue, required } from '../meta/field-error.ts';
import { dns1035LabelProblems, dnsSubdomainProblems } from '../meta/names.ts';
import type { Draft } from '../meta/object.ts';
import { addProblems } from '../meta/validate-metadata.ts';
import { setConversionDefaults, validateConversion } from './conversion.ts';
import { validateVersion } from './versions.ts';

const approvedAnnotation = 'api-approved.kubernetes.io';
const protectedGroup = /(^|\.)(k8s\.io|kubernetes\.io)$/;

function setDefaults(draft: Draft<V1CustomResourceDefinition>): void {
  const spec = draft.spec;
  if (spec === undefined) return;
  const names = spec.names;
  if (names) {
    if (!names.singular) names.singular = (names.kind ?? '').toLowerCase();
    if (!names.listKind && names.kind) names.listKind = `${names.kind}List`;
  }
  setConversionDefaults(spec);
}

const storageVersionOf = (spec: V1CustomResourceDefinitionSpec | undefined): string | undefined =>
  spec?.versions?.find(({ storage }) => storage)?.name;

function prepareCreate(draft: Draft<V1CustomResourceDefinition>): void {
  const version = storageVersionOf(draft.spec);
  // Always shown, null until the names have been judged.
  const nothing = null as unknown as undefined;
  draft.status = { conditions: nothing, acceptedNames: { plural: '', kind: '' }, storedVersions: version === undefined ? [] : [version] };
}

/** Objects of the versions that were ever stored may still be there. */
function prepareUpdate(draft: Draft<V1CustomResourceDefinition>, old: V1CustomResourceDefinition): void {
  keepStatus(draft, old);
  const version = storageVersionOf(draft.spec);
  const stored = old.status?.storedVersions ?? [];
  if (version === undefined || stored.includes(version)) return;
  draft.status = { ...(old.status as Draft<V1CustomResourceDefinition>['status']), storedVersions: [...stored, version] };
}

function validateKindName(kind: string, path: string, errors: FieldError[]): void {
  const problems = dns1035LabelProblems(kind.toLowerCase());
  if (problems.length > 0) {
    errors.push(invalidValue(path, kind, `may have mixed case, but should otherwise match: ${problems.join(',')}`));
  }
}

function validateNames(spec: Partial<V1CustomResourceDefinitionSpec>, errors: FieldError[]): void {
  const path = 'spec.names';
  const { plural = '', singular = '', kind = '', listKind = '', shortNames = [], categories = [] } = spec.names ?? {};
  if (plural === '') errors.push(required(`${path}.plural`));
  if (singular === '') errors.push(required(`${path}.singular`));
  if (kind === '') errors.push(required(`${path}.kind`));
  if (listKind === '') errors.push(required(`${path}.listKind`));
  if (plural !== '') addProblems(errors, `${path}.plural`, plural, dns1035LabelProblems(plural));
  if (singular !== '') addProblems(errors, `${path}.singular`, singular, dns1035LabelProblems(singular));
  if (kind !== '') validateKindName(kind, `${path}.kind`, errors);
  if (listKind !== '') validateKindName(listKind, `${path}.listKind`, errors);
  shortNames.forEach((name, i) => {
    addProblems(errors, `${path}.shortNames[${i}]`, name, dns1035LabelProblems(name));
  });
  if (kind !== '' && kind === listKind) errors.push(invalidValue(`${path}.listKind`, listKind, 'kind and listKind may not be the same'));
  categories.forEach((category, i) => {
    addProblems(errors, `${path}.categories[${i}]`, category, dns1035LabelProblems(category));
  });
}

function validateGroup(group: string, errors: FieldError[]): void {
  if (group === '') return void errors.push(required('spec.group'));
  const problems = dnsSubdomainProblems(group);
  if (problems.length > 0) errors.push(invalidValue('spec.group', group, problems.join(',')));
  else if (!group.includes('.')) errors.push(invalidValue('spec.group', group, 'should be a domain with at least one dot'));
}

function validateVersions(
  spec: Partial<V1CustomResourceDefinitionSpec>,
  old: Partial<V1CustomResourceDefinitionSpec> | undefined,
  errors: FieldError[],
): void {
  const versions = spec.versions ?? [];
  const names = versions.map(({ name }) => name);
  if (new Set(names).size !== names.length) errors.push(invalidValue('spec.versions', versions, 'must contain unique version names'));
  if (versions.filter(({ storage }) => storage).length !== 1) {
    errors.push(invalidValue('spec.versions', versions, 'must have exactly one version marked as storage version'));
  }
  versions.forEach((version, i) => {
    const standing = old?.versions?.find(({ name }) => name === version.name);
    errors.push(...changed(version, standing, (one) => versionErrors(one, `spec.versions[${i}]`)));
  });
}

/** What is wrong with a part of a definition, but for what was wrong with it before: rules that became stricter hinder no other change. */
function changed<T extends object>(next: T, old: T | undefined, errorsOf: (part: T) => readonly FieldError[]): readonly FieldError[] {
  if (old !== undefined && equalValues(next, old)) return [];
  const errors = errorsOf(next);
  if (old === undefined || errors.length === 0) return errors;
  const standing = new Set(errorsOf(old).map(({ text }) => text));
  return errors.filter(({ text }) => !standing.has(text));
}

const versionErrors = (version: V1CustomResourceDefinitionVersion, path: string): FieldError[] => {
  const errors: FieldError[] = [];
  validateVersion(version, path, errors);
  return errors;
};

const conversionErrors = (conversion: V1CustomResourceConversion): FieldError[] => {
  const errors: FieldError[] = [];
  validateConversion(conversion, 'spec.conversion', errors);
  return errors;
};

function validate(definition: V1CustomResourceDefinition, old?: V1CustomResourceDefinition): FieldError[] {
  const errors: FieldError[] = [];
  const spec: Partial<V1CustomResourceDefinitionSpec> = definition.spec ?? {};
  if (definition.metadata?.name !== `${spec.names?.plural ?? ''}.${spec.group ?? ''}`) {
    errors.push(invalidValue('metadata.name', definition.metadata?.name ?? '', 'must be spec.names.plural+"."+spec.group'));
  }
  validateGroup(spec.group ?? '', errors);
  validateChoice(spec.scope, ['Cluster', 'Namespaced'], 'spec.scope', errors);
  validateVersions(spec, old?.spec, errors);
  validateNames(spec, errors);
  if (spec.conversion) errors.push(...changed(spec.conversion, old?.spec?.conversion, conversionErrors));
  validateStored(definition, errors);
  return errors;
}

function validateStored({ spec, status }: V1CustomResourceDefinition, errors: FieldError[]): void {
  const versions = new Set((spec?.versions ?? []).map(({ name }) => name));
  const stored = status?.storedVersions ?? [];
  if (stored.length === 0) errors.push(invalidValue('status.storedVersions', stored, 'must have at least one stored version'));
  const current = storageVersionOf(spec);
  if (current !== undefined && !stored.includes(current)) {
    errors.push(invalidValue('status.storedVersions', stored, `must have the storage version ${current}`));
  }
  stored.forEach((name, i) => {
    if (versions.has(name)) return;
    const detail = `missing from spec.versions; ${name} was previously a storage version, and must remain in spec.versions until a storage migration ensures no data remains persisted in ${name} and removes ${name} from status.storedVersions`;
    errors.push(invalidValue(`status.storedVersions[${i}]`, name, detail));
  });
}

/** Groups of the Kubernetes project take only what it has approved. */
function validateApproval({ metadata, spec }: V1CustomResourceDefinition): FieldError[] {
  if (!protectedGroup.test(spec?.group ?? '')) return [];
  const approval = metadata?.annotations?.[approvedAnnotation];
  const path = `metadata.annotations[${approvedAnnotation}]`;
  const see = 'see https://github.com/kubernetes/enhancements/pull/1111';
  if (!approval) return [required(path, `protected groups must have approval annotation "${approvedAnnotation}", ${see}`)];
  if (approval.startsWith('unapproved') || /^https?:\/\/[^/]+/.test(approval)) return [];
  const detail = `protected groups must have approval annotation "${approvedAnnotation}" with either a URL or a reason starting with "unapproved", ${see}`;
  return [invalidValue(path, approval, detail)];
}

function validateCreate(definition: V1CustomResourceDefinition): FieldError[] {
  const errors = [...validate(definition), ...validateApproval(definition)];
  if (definition.spec?.preserveUnknownFields === true) {
    const detail = 'cannot set to true, set x-kubernetes-preserve-unknown-fields to true in spec.versions[*].schema instead';
    errors.push(invalidValue('spec.preserveUnknownFields', true, detail));
  }
  return errors;
}

function validateUpdate(next: V1CustomResourceDefinition, old: V1CustomResourceDefinition): FieldError[] {
  const errors = validate(next, old);
  validateUnchanged(next.spec?.group, old.spec?.group, 'spec.group', errors);
  validateUnchanged(next.spec?.names?.plural, old.spec?.names?.plural, 'spec.names.plural', errors);
  // Once clients rely on them, the kind and its scope stay.
  if (isConditionTrue(old.status?.conditions, 'Established')) {
    validateUnchanged(next.spec?.scope, old.spec?.scope, 'spec.scope', errors);
    validateUnchanged(next.spec?.names?.kind, old.spec?.names?.kind, 'spec.names.kind', errors);
  }
  const approval = (of: V1CustomResourceDefinition) => of.metadata?.annotations?.[approvedAnnotation];
  if (approval(next) !== approval(old) || next.spec?.group !== old.spec?.group) errors.push(...validateApproval(next));
  return errors;
}

function validateStatus(next: V1CustomResourceDefinition, old: V1CustomResourceDefinition): FieldError[] {
  const errors: FieldError[] = [];
  if (!sameMeaning(next.status?.storedVersions, old.status?.storedVersions)) validateStored(next, errors);
  if (isConditionTrue(old.status?.conditions, 'Established') && next.status?.acceptedNames?.plural !== old.status?.acceptedNames?.plural) {
    errors.push(forbiddenField('status.acceptedNames.plural', 'may not be changed once established'));
  }
  return errors;
}

export const customresourcedefinitions: KindDefinition<V1CustomResourceDefinition> = {
  group: 'apiextensions.k8s.io',
  version: 'v1',
  kind: 'CustomResourceDefinition',
  resource: 'customresourcedefinitions',
  singular: 'customresourcedefinition',
  shortNames: ['crd', 'crds'],
  categories: ['api-extensions'],
  namespaced: false,
  schema: 'V1CustomResourceDefinition',
  hasGeneration: true,
  columns: [nameColumn, createdAtColumn],
  setDefaults,
  prepareCreate,
  validateCreate,
  update: { prepare: prepareUpdate, validate: validateUpdate },
  status: { validate: validateStatus },
};
