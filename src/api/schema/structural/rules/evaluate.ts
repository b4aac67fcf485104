// What the rules of a schema say of an object, within a budget.
// Source: https://kubernetes.io/docs/tasks/extend-kubernetes/custom-resources/custom-resource-definitions/#validation-rules
import { CelCostError, CelEvaluationError, CelOptional, messageBytesMax, runtimeCostBudget } from '../../../cel/mod.ts';
import { equalValues } from '../../../merge/apply/values.ts';
import { duplicate, type FieldError, forbiddenField, invalidValue, required } from '../../../meta/field-error.ts';
import { childPath, isValues, itemsOf, type JsonSchema, memberOf } from '../model.ts';
import { standingItems } from '../validate.ts';
import { type CompiledRule, rulesOf } from './compiled.ts';

interface Walk {
  readonly budget: { remaining: number };
  readonly errors: FieldError[];
}

interface Node {
  readonly value: unknown;
  /** Undefined where nothing stood, or nobody can tell what. */
  readonly old: unknown;
  readonly path: string;
  readonly isRoot: boolean;
}

/** With `old`, only rules that compare speak of what has not changed. */
export function ruleErrors(object: object, schema: JsonSchema, old?: object): FieldError[] {
  if (!hasRules(schema)) return [];
  const walk: Walk = { budget: { remaining: runtimeCostBudget }, errors: [] };
  judge({ value: object, old, path: '', isRoot: true }, schema, walk);
  return walk.errors;
}

/** Of one value, at `path`, that stands as it stood before. */
export function valueRuleErrors(value: unknown, schema: JsonSchema, path: string): FieldError[] {
  if (!hasRules(schema)) return [];
  const walk: Walk = { budget: { remaining: runtimeCostBudget }, errors: [] };
  judge({ value, old: undefined, path, isRoot: false }, schema, walk);
  return walk.errors;
}

const withRules = new WeakMap<JsonSchema, boolean>();

/** True when the schema, or one below it, has rules. */
export function hasRules(schema: JsonSchema): boolean {
  const known = withRules.get(schema);
  if (known !== undefined) return known;
  const members = [...Object.values(schema.properties ?? {}), itemsOf(schema), schema.additionalProperties];
  const found =
    (schema['x-kubernetes-validations']?.length ?? 0) > 0 || members.some((one) => isValues(one) && hasRules(one as JsonSchema));
  withRules.set(schema, found);
  return found;
}

function judge(node: Node, schema: JsonSchema, walk: Walk): void {
  if (walk.budget.remaining <= 0 || node.value === null || node.value === undefined || !hasRules(schema)) return;
  for (const outcome of rulesOf(schema, node.isRoot)) {
    if ('error' in outcome) walk.errors.push(invalidValue(pathOf(node), typeName(node), `rule compile error: ${String(outcome.error)}`));
    else evaluate(outcome, node, walk);
    if (walk.budget.remaining <= 0) return;
  }
  const { value, old, path } = node;
  if (Array.isArray(value)) {
    const items = itemsOf(schema);
    const standing = standingItems(old, schema);
    for (const [i, item] of items ? value.entries() : []) {
      judge({ value: item, old: standing?.(item), path: `${path}[${i}]`, isRoot: false }, items as JsonSchema, walk);
    }
  } else if (isValues(value)) {
    for (const key of Object.keys(value)) {
      const member = memberOf(schema, key);
      if (member === undefined || member === true) continue;
      judge({ value: value[key], old: isValues(old) ? old[key] : undefined, path: childPath(path, key), isRoot: false }, member, walk);
    }
  }
}

const pathOf = ({ path }: Node, below = ''): string => {
  const whole = below === '' ? path : `${path}${below}`.replace(/^\./, '');
  return whole === '' ? '<nil>' : whole;
};

const typeName = ({ value }: Node): string =>
  Array.isArray(value) ? 'array' : typeof value === 'number' || typeof value === 'bigint' ? 'integer' : typeof value;

function evaluate(rule: CompiledRule, node: Node, walk: Walk): void {
  const isUpdate = node.old !== undefined;
  if (rule.isTransition && !isUpdate) return;
  // A rule that became stricter must not hinder other changes.
  if (isUpdate && !rule.isTransition && equalValues(node.value, node.old)) return;
  const oldSelf = node.old === undefined && rule.rule.optionalOldSelf === true ? new CelOptional(undefined) : node.old;
  const bindings = oldSelf === undefined ? { self: node.value } : { self: node.value, oldSelf };
  const said = rule.rule.message?.trim() || rule.rule.rule.trim();
  try {
    if (rule.program.evaluate(bindings, walk.budget) === true) return;
    walk.errors.push(failure(rule, node, messageOf(rule, bindings, walk)));
  } catch (error) {
    const problem = problemOf(error, said, walk);
    walk.errors.push(invalidValue(pathOf(node), typeName(node), problem));
  }
}

function problemOf(error: unknown, said: string, walk: Walk): string {
  if (error instanceof CelCostError) {
    if (error.limit === 'budget') {
      walk.budget.remaining = 0;
      return 'validation failed due to running out of cost budget, no further validation rules will be run';
    }
    walk.budget.remaining = 0;
    return `'${error.message}': no further validation rules will be run due to call cost exceeds limit for rule: ${said}`;
  }
  if (!(error instanceof CelEvaluationError)) throw error;
  return `${error.message} evaluating rule: ${said}`;
}

/** A message that cannot be made, or is none, leaves the one that is written. */
function messageOf({ rule, message }: CompiledRule, bindings: Readonly<Record<string, unknown>>, walk: Walk): string {
  const written = rule.message || `failed rule: ${rule.rule.trim()}`;
  if (!message) return written;
  try {
    const made = message.evaluate(bindings, walk.budget);
    const text = typeof made === 'string' ? made.trim() : '';
    return text === '' || text.includes('\n') || Buffer.byteLength(text) > messageBytesMax ? written : text;
  } catch (error) {
    if (error instanceof CelCostError || error instanceof CelEvaluationError) return written;
    throw error;
  }
}

function failure({ rule }: CompiledRule, node: Node, message: string): FieldError {
  const path = pathOf(node, rule.fieldPath ?? '');
  switch (rule.reason) {
    case 'FieldValueForbidden':
      return forbiddenField(path, message);
    case 'FieldValueRequired':
      return required(path, message);
    case 'FieldValueDuplicate':
      return duplicate(path, typeName(node));
    default:
      return invalidValue(path, typeName(node), message);
  }
}
