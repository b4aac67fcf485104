// Structural schemas: what the kinds that users define look like, and what follows from it for their objects.
export { type ConformedObject, conformCustom } from './conform.ts';
export { withDefaults } from './default.ts';
export { type CustomType, objectSchemaOf } from './fields.ts';
export { findValue, findValues, type JsonPath, JsonPathError, parseJsonPath, setValue } from './json-path.ts';
export { listTypeErrors } from './list-types.ts';
export type { JsonSchema, Values } from './model.ts';
export { prune } from './prune.ts';
export { ruleProblems } from './rules/check.ts';
export { ruleErrors } from './rules/evaluate.ts';
export { embeddedErrors, schemaErrors } from './validate.ts';
