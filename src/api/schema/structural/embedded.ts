// Objects inside an object: they say what they are, and their metadata is held to the rules of every object's.
// Source: https://kubernetes.io/docs/tasks/extend-kubernetes/custom-resources/custom-resource-definitions/#rawextension
import type { V1ObjectMeta } from '../../generated/types.gen.ts';
import { type FieldError, invalidValue, required } from '../../meta/field-error.ts';
import { dns1035LabelProblems } from '../../meta/names.ts';
import { validateObjectMeta } from '../../meta/validate-metadata.ts';
import { childPath, isEmbedded, isValues, itemsOf, type JsonSchema, memberOf, type Values } from './model.ts';

/** Who may leave its name away: an object that is only a part of another. */
const someName = 'fakename';

export function embeddedErrors(value: unknown, schema: JsonSchema, path = '', isRoot = true): FieldError[] {
  if (Array.isArray(value)) {
    const items = itemsOf(schema);
    return items ? value.flatMap((item, index) => embeddedErrors(item, items, `${path}[${index}]`, false)) : [];
  }
  if (!isValues(value)) return [];
  const errors: FieldError[] = !isRoot && isEmbedded(schema) ? objectErrors(value, path) : [];
  for (const key of Object.keys(value)) {
    const known = memberOf(schema, key);
    if (known !== undefined && known !== true) errors.push(...embeddedErrors(value[key], known, childPath(path, key), false));
  }
  return errors;
}

function objectErrors(value: Values, path: string): FieldError[] {
  const { apiVersion, kind, metadata } = value;
  return [
    ...textErrors(apiVersion, childPath(path, 'apiVersion'), groupVersionProblem),
    ...textErrors(kind, childPath(path, 'kind'), kindProblem),
    ...(isValues(metadata) ? metadataErrors(metadata as V1ObjectMeta, childPath(path, 'metadata')) : []),
  ];
}

function textErrors(value: unknown, path: string, problemOf: (text: string) => string | undefined): FieldError[] {
  if (value === undefined || value === '') return [required(path, 'must not be empty')];
  if (typeof value !== 'string') return [invalidValue(path, value, 'must be a string')];
  const problem = problemOf(value);
  return problem === undefined ? [] : [invalidValue(path, value, problem)];
}

const groupVersionProblem = (text: string): string | undefined =>
  text.split('/').length > 2 ? `unexpected GroupVersion string: ${text}` : undefined;

function kindProblem(text: string): string | undefined {
  const problems = dns1035LabelProblems(text.toLowerCase());
  return problems.length > 0 ? `may have mixed case, but should otherwise match: ${problems.join(',')}` : undefined;
}

const metadataErrors = (metadata: V1ObjectMeta, path: string): FieldError[] =>
  validateObjectMeta(
    metadata.name ? metadata : { ...metadata, name: someName },
    { namespaced: Boolean(metadata.namespace), nameRule: 'pathSegment' },
    path,
  );
