// The door of CEL, Kubernetes' dialect: expressions are compiled once against the types of their variables, and evaluated within a budget.

export * from './errors.ts';
export * from './limits.ts';
export { escapeName } from './names.ts';
export * from './program.ts';
export * from './schema-type.ts';
export * from './types.ts';
