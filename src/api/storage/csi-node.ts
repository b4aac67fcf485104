// CSINode: the storage drivers of a node.
import type { V1CSINode, V1CSINodeDriver } from '../generated/types.gen.ts';
import type { KindDefinition } from '../kind.ts';
import { ageColumn, nameColumn } from '../meta/columns.ts';
import { sameMeaning } from '../meta/equal.ts';
import { validateDistinct, validateDriverName } from '../meta/field-checks.ts';
import { duplicate, type FieldError, invalidValue, required } from '../meta/field-error.ts';
import { byteLength, qualifiedNameProblems } from '../meta/names.ts';
import { addProblems, immutableProblem } from '../meta/validate-metadata.ts';

const nodeIdMax = 192;

function validateDriver(driver: V1CSINodeDriver, path: string, errors: FieldError[]): void {
  const { name = '', nodeID = '', topologyKeys = [], allocatable } = driver;
  validateDriverName(name, `${path}.name`, errors);
  if (nodeID === '') errors.push(required(`${path}.nodeID`));
  else if (byteLength(nodeID) > nodeIdMax) errors.push(invalidValue(`${path}.nodeID`, nodeID, `must be ${nodeIdMax} characters or less`));
  if ((allocatable?.count ?? 0) < 0) {
    errors.push(invalidValue(`${path}.allocatable.count`, allocatable?.count, 'must be greater than or equal to 0'));
  }
  validateDistinct(topologyKeys, () => `${path}.topologyKeys`, errors);
  topologyKeys.forEach((key) => {
    addProblems(errors, `${path}.topologyKeys`, key, qualifiedNameProblems(key));
  });
}

function validate({ spec }: V1CSINode): FieldError[] {
  const errors: FieldError[] = [];
  const names = new Set<string>();
  spec?.drivers?.forEach((driver, i) => {
    const path = `spec.drivers[${i}]`;
    validateDriver(driver, path, errors);
    if (names.has(driver.name)) errors.push(duplicate(`${path}.name`, driver.name));
    names.add(driver.name);
  });
  return errors;
}

/** Drivers come and go; the one that stays, stays as it is but for how much it can hold. */
function validateUpdate(next: V1CSINode, old: V1CSINode): FieldError[] {
  const errors = validate(next);
  const standing = new Map((old.spec?.drivers ?? []).map((driver) => [driver.name, driver]));
  for (const driver of next.spec?.drivers ?? []) {
    const before = standing.get(driver.name);
    if (before === undefined) continue;
    if (!sameMeaning({ ...driver, allocatable: undefined }, { ...before, allocatable: undefined })) {
      errors.push(invalidValue('spec.drivers', driver, immutableProblem));
    }
  }
  return errors;
}

export const csinodes: KindDefinition<V1CSINode> = {
  group: 'storage.k8s.io',
  version: 'v1',
  kind: 'CSINode',
  resource: 'csinodes',
  singular: 'csinode',
  namespaced: false,
  schema: 'V1CSINode',
  hasGeneration: false,
  columns: [nameColumn, { name: 'Drivers', type: 'integer', cell: ({ spec }) => spec?.drivers?.length ?? 0 }, ageColumn],
  validateCreate: validate,
  update: { validate: validateUpdate },
  deleteReturnsObject: true,
};
