// Structural schemas: what the kinds that users define look like, and what follows from it for their objects.
export { type ConformedObject, conformCustom } from './conform.ts';
export { withDefaults } from './default.ts';
export { embeddedErrors } from './embedded.ts';
export { type CustomType, objectSchemaOf } from './fields.ts';
export { findValue, findValues, type JsonPath, JsonPathError, parseJsonPath, setValue } from './json-path.ts';
export { listTypeErrors } from './list-types.ts';
export { isEmbedded, isIntOrString, type JsonSchema, type Values } from './model.ts';
export { patternProblem } from './pattern.ts';
export { prune, pruneValueBy } from './prune.ts';
export { ruleProblems } from './rules/check.ts';
export { hasRules, ruleErrors, valueRuleErrors } from './rules/evaluate.ts';
export { schemaErrors, valueErrors } from './validate.ts';
