// Role: what may be done in one namespace.
import type { V1Role } from '../generated/types.gen.ts';
import type { KindDefinition } from '../kind.ts';
import { nameColumn } from '../meta/columns.ts';
import { createdAtColumn } from '../meta/endpoint-rules.ts';
import type { FieldError } from '../meta/field-error.ts';
import { rbacGroup, validatePolicyRules } from './policy-rules.ts';

function validate(role: V1Role): FieldError[] {
  const errors: FieldError[] = [];
  validatePolicyRules(role.rules, true, errors);
  return errors;
}

export const roles: KindDefinition<V1Role> = {
  group: rbacGroup,
  version: 'v1',
  kind: 'Role',
  resource: 'roles',
  singular: 'role',
  namespaced: true,
  schema: 'V1Role',
  nameRule: 'pathSegment',
  hasGeneration: false,
  columns: [nameColumn, createdAtColumn],
  validateCreate: validate,
  update: { validate },
};
