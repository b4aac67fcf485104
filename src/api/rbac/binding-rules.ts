// What RoleBindings and ClusterRoleBindings have in common: a role, and who gets it.
import type { RbacV1Subject, V1RoleRef } from '../generated/types.gen.ts';
import type { Column } from '../kind.ts';
import { ageColumn, nameColumn } from '../meta/columns.ts';
import { sameMeaning } from '../meta/equal.ts';
import { type FieldError, invalidValue, notSupported, required } from '../meta/field-error.ts';
import { dnsSubdomainProblems, pathSegmentProblems } from '../meta/names.ts';
import type { Draft, KubeObject } from '../meta/object.ts';
import { addProblems } from '../meta/validate-metadata.ts';
import { rbacGroup } from './policy-rules.ts';

export interface RoleBindingLike extends KubeObject {
  readonly roleRef: V1RoleRef;
  readonly subjects?: readonly RbacV1Subject[] | undefined;
}

export function setBindingDefaults(draft: Draft<RoleBindingLike>): void {
  draft.roleRef ??= { apiGroup: '', kind: '', name: '' };
  if ((draft.roleRef.apiGroup ?? '') === '') draft.roleRef.apiGroup = rbacGroup;
  for (const subject of draft.subjects ?? []) {
    if ((subject.apiGroup ?? '') === '' && (subject.kind === 'User' || subject.kind === 'Group')) subject.apiGroup = rbacGroup;
  }
}

function validateSubject(subject: RbacV1Subject, namespaced: boolean, path: string, errors: FieldError[]): void {
  const { name = '', kind = '', apiGroup = '', namespace = '' } = subject;
  if (name === '') errors.push(required(`${path}.name`));
  switch (kind) {
    case 'ServiceAccount':
      if (name !== '') addProblems(errors, `${path}.name`, name, dnsSubdomainProblems(name));
      if (apiGroup !== '') errors.push(notSupported(`${path}.apiGroup`, apiGroup, ['']));
      if (!namespaced && namespace === '') errors.push(required(`${path}.namespace`));
      return;
    case 'User':
    case 'Group':
      if (apiGroup !== rbacGroup) errors.push(notSupported(`${path}.apiGroup`, apiGroup, [rbacGroup]));
      return;
    default:
      errors.push(notSupported(`${path}.kind`, kind, ['ServiceAccount', 'User', 'Group']));
  }
}

export function validateBinding(binding: RoleBindingLike, namespaced: boolean): FieldError[] {
  const errors: FieldError[] = [];
  const { apiGroup = '', kind = '', name = '' } = binding.roleRef ?? {};
  if (apiGroup !== rbacGroup) errors.push(notSupported('roleRef.apiGroup', apiGroup, [rbacGroup]));
  const kinds = namespaced ? ['Role', 'ClusterRole'] : ['ClusterRole'];
  if (!kinds.includes(kind)) errors.push(notSupported('roleRef.kind', kind, kinds));
  if (name === '') errors.push(required('roleRef.name'));
  else addProblems(errors, 'roleRef.name', name, pathSegmentProblems(name));
  binding.subjects?.forEach((subject, i) => {
    validateSubject(subject, namespaced, `subjects[${i}]`, errors);
  });
  return errors;
}

/** Another role would be another binding: who may bind one may not be one who may bind the other. */
export function validateBindingUpdate(next: RoleBindingLike, old: RoleBindingLike, namespaced: boolean): FieldError[] {
  const errors = validateBinding(next, namespaced);
  if (!sameMeaning(next.roleRef, old.roleRef)) errors.push(invalidValue('roleRef', next.roleRef, 'cannot change roleRef'));
  return errors;
}

const namesOf = ({ subjects = [] }: RoleBindingLike, kind: string): string =>
  subjects
    .filter((subject) => subject.kind === kind)
    .map(({ name, namespace = '' }) => (kind === 'ServiceAccount' ? `${namespace}/${name}` : name))
    .join(', ');

export const bindingColumns: readonly Column<RoleBindingLike>[] = [
  nameColumn,
  { name: 'Role', type: 'string', cell: ({ roleRef }) => `${roleRef?.kind ?? ''}/${roleRef?.name ?? ''}` },
  ageColumn,
  {
    name: 'Users',
    type: 'string',
    priority: 1,
    description: 'Users in the roleBinding',
    cell: (binding) => namesOf(binding, 'User'),
  },
  {
    name: 'Groups',
    type: 'string',
    priority: 1,
    description: 'Groups in the roleBinding',
    cell: (binding) => namesOf(binding, 'Group'),
  },
  {
    name: 'ServiceAccounts',
    type: 'string',
    priority: 1,
    description: 'ServiceAccounts in the roleBinding',
    cell: (binding) => namesOf(binding, 'ServiceAccount'),
  },
];
