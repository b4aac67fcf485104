// One version of a custom resource: its schema, an object as it has it, and what is wrong with one.
import type { V1CustomResourceDefinitionVersion } from '../generated/types.gen.ts';
import { type FieldError, invalidValue } from '../meta/field-error.ts';
import type { KubeObject } from '../meta/object.ts';
import {
  embeddedErrors,
  hasRules,
  type JsonSchema,
  listTypeErrors,
  prune,
  ruleErrors,
  schemaErrors,
  type Values,
  withDefaults,
} from '../schema/structural/mod.ts';
import { scaleErrors } from './custom-scale.ts';

/** Fields that nobody describes are not kept, unless the schema says so. */
const everything: JsonSchema = { type: 'object', 'x-kubernetes-preserve-unknown-fields': true };

export const schemaOfVersion = (version: V1CustomResourceDefinitionVersion): JsonSchema => version.schema?.openAPIV3Schema ?? everything;

/** An object under another apiVersion, without what that version's schema does not know, and with its defaults. */
export function inVersion(object: KubeObject, apiVersion: string, pruneBy: JsonSchema | undefined, schema: JsonSchema): KubeObject {
  const pruned = pruneBy ? prune(object, pruneBy) : object;
  const made = withDefaults(pruned as Values, schema) as KubeObject;
  return made.apiVersion === apiVersion ? made : { ...made, apiVersion };
}

/** What is wrong with an object of this version; with `old`, but for what has not changed. */
export function errorsOf(version: V1CustomResourceDefinitionVersion, object: KubeObject, old?: KubeObject): FieldError[] {
  const schema = schemaOfVersion(version);
  const lists = listTypeErrors(object, schema);
  const errors = [
    ...schemaErrors(object, schema, old),
    ...scaleErrors(object, version.subresources?.scale),
    ...embeddedErrors(object, schema),
    // What stood there twice already may go on doing so.
    ...(lists.length > 0 && old !== undefined && listTypeErrors(old, schema).length > 0 ? [] : lists),
  ];
  // Rules are written for objects that have the form of the schema.
  if (!hasRules(schema)) return errors;
  if (errors.some(({ type }) => blocking.has(type))) return [...errors, invalidValue('<nil>', null, unchecked)];
  return [...errors, ...ruleErrors(object, schema, old)];
}

/** Errors after which a rule cannot be asked. */
const blocking: ReadonlySet<string> = new Set([
  'FieldValueNotSupported',
  'FieldValueRequired',
  'FieldValueTooLong',
  'FieldValueTooMany',
  'FieldValueTypeInvalid',
]);
const unchecked =
  'some validation rules were not checked because the object was invalid; correct the existing errors to complete validation';
