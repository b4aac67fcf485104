// The versions of a custom resource: their schema, subresources, columns and selectable fields.
import type {
  V1CustomResourceColumnDefinition,
  V1CustomResourceDefinitionVersion,
  V1CustomResourceSubresourceScale,
  V1SelectableField,
} from '../generated/types.gen.ts';
import { validateOptionalChoice } from '../meta/field-checks.ts';
import { duplicate, type FieldError, invalidValue, notSupported, required, tooMany } from '../meta/field-error.ts';
import { byteLength, dns1035LabelProblems } from '../meta/names.ts';
import { validateSchema } from './structural-schema.ts';

const columnTypes = ['boolean', 'date', 'integer', 'number', 'string'];
const columnFormats = ['byte', 'date', 'date-time', 'double', 'float', 'int32', 'int64', 'password'];
const warningMax = 256;
const selectableFieldsMax = 8;
const simplePath = /^(\.[A-Za-z_][A-Za-z0-9_-]*)+$/;

export function validateVersion(version: V1CustomResourceDefinitionVersion, path: string, errors: FieldError[]): void {
  const { name = '', deprecationWarning: warning } = version;
  const problems = dns1035LabelProblems(name);
  if (problems.length > 0) errors.push(invalidValue(`${path}.name`, name, problems.join(',')));
  if (warning !== undefined) {
    const at = `${path}.deprecationWarning`;
    if (version.deprecated !== true) errors.push(invalidValue(at, warning, 'can only be set for deprecated versions'));
    if (warning === '') errors.push(invalidValue(at, warning, 'must not be an empty string'));
    else if (byteLength(warning) > warningMax) errors.push(invalidValue(at, warning, `must be <= ${warningMax} characters long`));
  }
  const schema = version.schema?.openAPIV3Schema;
  if (schema === undefined) errors.push(required(`${path}.schema.openAPIV3Schema`, 'schemas are required'));
  else validateSchema(schema, `${path}.schema.openAPIV3Schema`, version.subresources?.status !== undefined, errors);
  if (version.subresources?.scale) validateScale(version.subresources.scale, `${path}.subresources.scale`, errors);
  version.additionalPrinterColumns?.forEach((column, i) => {
    validateColumn(column, `${path}.additionalPrinterColumns[${i}]`, errors);
  });
  validateSelectable(version.selectableFields ?? [], `${path}.selectableFields`, errors);
}

function validateScale(scale: V1CustomResourceSubresourceScale, path: string, errors: FieldError[]): void {
  const fields = [
    ['specReplicasPath', '.spec', true],
    ['statusReplicasPath', '.status', true],
    ['labelSelectorPath', '.status', false],
  ] as const;
  for (const [field, root, needed] of fields) {
    const text = scale[field] ?? '';
    if (text === '') {
      if (needed) errors.push(required(`${path}.${field}`));
    } else if (!simplePath.test(text)) errors.push(invalidValue(`${path}.${field}`, text, 'should be a simple json path starting with .'));
    else if (!text.startsWith(`${root}.`) && !(field === 'labelSelectorPath' && text.startsWith('.spec.'))) {
      const roots = field === 'labelSelectorPath' ? '.spec or .status' : root;
      errors.push(invalidValue(`${path}.${field}`, text, `should be a json path under ${roots}`));
    }
  }
}

function validateColumn(column: V1CustomResourceColumnDefinition, path: string, errors: FieldError[]): void {
  const { name = '', type = '', format = '', jsonPath = '' } = column;
  if (name === '') errors.push(required(`${path}.name`));
  if (type === '') errors.push(required(`${path}.type`, `must be one of ${columnTypes.join(',')}`));
  else if (!columnTypes.includes(type)) errors.push(notSupported(`${path}.type`, type, columnTypes));
  if (format !== '') validateOptionalChoice(format, columnFormats, `${path}.format`, errors);
  if (jsonPath === '') errors.push(required(`${path}.jsonPath`));
  else if (!/^[.[]/.test(jsonPath)) errors.push(invalidValue(`${path}.jsonPath`, jsonPath, 'must be a json path starting with a period'));
}

function validateSelectable(fields: readonly V1SelectableField[], path: string, errors: FieldError[]): void {
  if (fields.length > selectableFieldsMax) errors.push(tooMany(path, fields.length, selectableFieldsMax));
  const seen = new Set<string>();
  fields.forEach(({ jsonPath = '' }, i) => {
    const at = `${path}[${i}].jsonPath`;
    if (jsonPath === '') errors.push(required(at));
    else if (!simplePath.test(jsonPath))
      errors.push(invalidValue(at, jsonPath, 'is an invalid path: must be a simple json path starting with .'));
    else if (jsonPath.startsWith('.metadata.')) errors.push(invalidValue(at, jsonPath, 'must not point to fields in metadata'));
    if (jsonPath !== '' && seen.has(jsonPath)) errors.push(duplicate(at, jsonPath));
    seen.add(jsonPath);
  });
}
