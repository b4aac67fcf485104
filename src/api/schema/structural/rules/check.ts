// Judges the rules of a definition before any object is judged by them: they compile, and cannot cost too much.
// Source: https://kubernetes.io/docs/tasks/extend-kubernetes/custom-resources/custom-resource-definitions/#resource-use-by-validation-functions
import { estimatedDefinitionCostLimit, estimatedRuleCostLimit } from '../../../cel/mod.ts';
import { type FieldError, forbiddenField, invalidValue } from '../../../meta/field-error.ts';
import { additionalOf, itemsOf, type JsonSchema } from '../model.ts';
import { type CompiledRule, rulesOf, typeOfNode } from './compiled.ts';

interface Walk {
  readonly errors: FieldError[];
  readonly costs: { readonly path: string; readonly cost: number }[];
  total: number;
}

/** So many expressions are named when all together cost too much. */
const namedMax = 4;

/** `path` is that of the schema in the definition. */
export function ruleProblems(schema: JsonSchema, path: string): readonly FieldError[] {
  const walk: Walk = { errors: [], costs: [], total: 0 };
  check(schema, { path, times: 1, isRoot: true, unmatched: undefined }, walk);
  if (walk.total > estimatedDefinitionCostLimit) {
    const factor = factorText(walk.total / estimatedDefinitionCostLimit);
    const dearest = [...walk.costs].sort((a, b) => b.cost - a.cost).slice(0, namedMax);
    walk.errors.push(
      ...dearest.map(({ path: at }) =>
        forbiddenField(at, 'contributed to estimated rule cost total exceeding cost limit for entire OpenAPIv3 schema'),
      ),
      forbiddenField(
        path,
        `x-kubernetes-validations estimated rule cost total for entire OpenAPIv3 schema exceeds budget by factor of ${factor} ${hint}`,
      ),
    );
  }
  return walk.errors;
}

interface At {
  readonly path: string;
  /** How often, at most, there is a value here. */
  readonly times: number;
  readonly isRoot: boolean;
  /** The items of which nobody can tell which was which before. */
  readonly unmatched: string | undefined;
}

const hint = '(try simplifying the rule, or adding maxItems, maxProperties, and maxLength where arrays, maps, and strings are declared)';
const factorMax = 100;
const factorText = (factor: number): string => (factor > factorMax ? `more than ${factorMax}x` : `${factor.toFixed(1)}x`);

function check(schema: JsonSchema, { path, times, isRoot, unmatched }: At, walk: Walk): void {
  rulesOf(schema, isRoot).forEach((outcome, i) => {
    const at = `${path}.x-kubernetes-validations[${i}]`;
    if ('error' in outcome) {
      const { error, of, rule } = outcome;
      const problem = error instanceof Error ? error.message : String(error);
      walk.errors.push(invalidValue(`${at}.${of}`, of === 'rule' ? rule.rule : rule.messageExpression, `compilation failed: ${problem}`));
      return;
    }
    walk.errors.push(...oldSelfErrors(outcome, at, unmatched));
    spend(outcome.program.estimateCost().max * times, { path: `${at}.rule`, what: 'rule' }, walk);
    // A message is made for one failure: how many values there are does not count.
    if (outcome.message) spend(outcome.message.estimateCost().max, { path: `${at}.messageExpression`, what: 'messageExpression' }, walk);
  });
  const elements = typeOfNode(schema, isRoot)?.maxElements ?? 1;
  for (const [name, property] of Object.entries(schema.properties ?? {}))
    check(property, { path: `${path}.properties[${name}]`, times, isRoot: false, unmatched }, walk);
  const items = itemsOf(schema);
  if (items) {
    const at = `${path}.items`;
    const ofItems = unmatched ?? (schema['x-kubernetes-list-type'] === 'map' ? undefined : at);
    check(items, { path: at, times: times * elements, isRoot: false, unmatched: ofItems }, walk);
  }
  const additional = additionalOf(schema);
  if (additional !== undefined && additional !== true)
    check(additional, { path: `${path}.additionalProperties`, times: times * elements, isRoot: false, unmatched }, walk);
}

function oldSelfErrors({ rule, program }: CompiledRule, at: string, unmatched: string | undefined): FieldError[] {
  const uses = program.reads('oldSelf');
  if (uses && unmatched !== undefined)
    return [
      invalidValue(`${at}.rule`, rule.rule, `oldSelf cannot be used on the uncorrelatable portion of the schema within ${unmatched}`),
    ];
  if (rule.optionalOldSelf !== undefined && !uses)
    return [invalidValue(`${at}.optionalOldSelf`, rule.optionalOldSelf, 'may not be set unless oldSelf is used in rule')];
  return [];
}

function spend(cost: number, { path, what }: { readonly path: string; readonly what: string }, walk: Walk): void {
  walk.total += cost;
  walk.costs.push({ path, cost });
  if (cost <= estimatedRuleCostLimit) return;
  const factor = factorText(cost / estimatedRuleCostLimit);
  walk.errors.push(forbiddenField(path, `estimated ${what} cost exceeds budget by factor of ${factor} ${hint}`));
}
