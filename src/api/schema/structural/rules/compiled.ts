// The rules of a schema as programs, compiled once for each schema that has some.
// Source: https://kubernetes.io/docs/tasks/extend-kubernetes/custom-resources/custom-resource-definitions/#validation-rules
import {
  boolType,
  type CelProgram,
  type CelSchema,
  type CelType,
  celTypeOfSchema,
  compileCel,
  optionalOf,
  stringType,
} from '../../../cel/mod.ts';
import type { V1ValidationRule } from '../../../generated/types.gen.ts';
import type { JsonSchema } from '../model.ts';

export interface CompiledRule {
  readonly rule: V1ValidationRule;
  readonly program: CelProgram;
  readonly message: CelProgram | undefined;
  /** It compares with what stood before: without that it has nothing to say. */
  readonly isTransition: boolean;
}

/** A rule that does not compile has the error in its place. */
export type RuleOutcome =
  | CompiledRule
  | { readonly rule: V1ValidationRule; readonly error: unknown; readonly of: 'rule' | 'messageExpression' };

export const typeOfNode = (schema: JsonSchema, isRoot: boolean): CelType | undefined =>
  celTypeOfSchema(schema as CelSchema, isRoot ? { isResource: true } : {});

const known = new WeakMap<JsonSchema, readonly RuleOutcome[]>();

export function rulesOf(schema: JsonSchema, isRoot: boolean): readonly RuleOutcome[] {
  const rules = schema['x-kubernetes-validations'];
  if (!rules || rules.length === 0) return [];
  let compiled = known.get(schema);
  if (!compiled) {
    const self = typeOfNode(schema, isRoot);
    compiled = self ? rules.map((rule) => compile(rule, self)) : [];
    known.set(schema, compiled);
  }
  return compiled;
}

function compile(rule: V1ValidationRule, self: CelType): RuleOutcome {
  const optional = rule.optionalOldSelf === true;
  const variables = { self, oldSelf: optional ? optionalOf(self) : self };
  let of: 'rule' | 'messageExpression' = 'rule';
  try {
    const program = compileCel(rule.rule, { variables }, { resultType: boolType });
    of = 'messageExpression';
    const message = rule.messageExpression ? compileCel(rule.messageExpression, { variables }, { resultType: stringType }) : undefined;
    return { rule, program, message, isTransition: !optional && program.reads('oldSelf') };
  } catch (error) {
    return { rule, error, of };
  }
}
