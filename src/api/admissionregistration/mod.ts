// The door of admission expressions, with CEL behind it: loaded when somebody uses one.
export * from './cel-variables.ts';
export * from './type-check.ts';
