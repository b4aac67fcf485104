// ControllerRevision: one state of a workload's template, kept for rollback.
import type { V1ControllerRevision } from '../generated/types.gen.ts';
import type { KindDefinition } from '../kind.ts';
import { ageColumn, nameColumn, none } from '../meta/columns.ts';
import { sameMeaning } from '../meta/equal.ts';
import { type FieldError, invalidValue, required } from '../meta/field-error.ts';
import { parseApiVersion } from '../meta/object.ts';
import { controllerOf } from '../meta/owner.ts';
import { immutableProblem } from '../meta/validate-metadata.ts';
import { validateNonNegative } from './counts.ts';

function validate(revision: V1ControllerRevision): FieldError[] {
  const errors: FieldError[] = [];
  if (revision.data === undefined || revision.data === null) errors.push(required('data', 'data is mandatory'));
  validateNonNegative(revision.revision, 'revision', errors);
  return errors;
}

function controllerCell(revision: V1ControllerRevision): string {
  const controller = controllerOf(revision);
  if (controller === undefined) return none;
  const { group } = parseApiVersion(controller.apiVersion);
  return `${controller.kind.toLowerCase()}${group === '' ? '' : `.${group}`}/${controller.name}`;
}

export const controllerrevisions: KindDefinition<V1ControllerRevision> = {
  group: 'apps',
  version: 'v1',
  kind: 'ControllerRevision',
  resource: 'controllerrevisions',
  singular: 'controllerrevision',
  namespaced: true,
  schema: 'V1ControllerRevision',
  hasGeneration: false,
  columns: [
    nameColumn,
    { name: 'Controller', type: 'string', description: 'Controller of the object', cell: controllerCell },
    { name: 'Revision', type: 'string', cell: (revision) => revision.revision },
    ageColumn,
  ],
  validateCreate: validate,
  update: {
    validate: (next, old) => [
      ...validate(next),
      ...(sameMeaning(next.data, old.data) ? [] : [invalidValue('data', next.data, immutableProblem)]),
    ],
  },
};
