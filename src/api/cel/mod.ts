// The door of CEL, Kubernetes' dialect: expressions are compiled once against the types of their variables, and evaluated within a budget.

export { type CompileOptions, compileCel } from './compile.ts';
export * from './errors.ts';
export { authorizerValue, resourceCheckValue } from './library/authorizers.ts';
export * from './limits.ts';
export { escapeName } from './names.ts';
export * from './program.ts';
export * from './schema-type.ts';
export * from './types.ts';
export { CelLazy, CelList, CelOptional, celToJson, LiteralMap, noneOptional } from './values.ts';
