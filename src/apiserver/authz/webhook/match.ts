// Match conditions of a webhook for authorization: which requests it is asked about, as CEL over the review's spec.
import {
  boolType,
  type CelBudget,
  CelCompileError,
  type CelType,
  compileCel,
  listOf,
  mapOf,
  matchConditionsCostBudget,
  objectOf,
  stringType,
} from '../../../api/cel/mod.ts';
import type { V1SubjectAccessReviewSpec } from '../../../api/mod.ts';

const texts = (...names: readonly string[]): Readonly<Record<string, CelType>> =>
  Object.fromEntries(names.map((name) => [name, stringType]));

const requestType = objectOf('kubernetes.SubjectAccessReviewSpec', {
  ...texts('user', 'uid'),
  groups: listOf(stringType),
  extra: mapOf(stringType, listOf(stringType)),
  resourceAttributes: objectOf(
    'kubernetes.ResourceAttributes',
    texts('namespace', 'verb', 'group', 'version', 'resource', 'subresource', 'name'),
  ),
  nonResourceAttributes: objectOf('kubernetes.NonResourceAttributes', texts('path', 'verb')),
});

/** All must be true; one that is false outweighs those that fail. Throws an Error for an expression that does not compile. */
export function compileAccessConditions(expressions: readonly string[]): (spec: V1SubjectAccessReviewSpec) => boolean {
  const programs = expressions.map((expression, i) => {
    try {
      return compileCel(expression, { variables: { request: requestType } }, { resultType: boolType });
    } catch (error) {
      if (!(error instanceof CelCompileError)) throw error;
      throw new Error(`matchConditions[${i}].expression: Invalid value: "${expression}": compilation failed: ${error.message}`, {
        cause: error,
      });
    }
  });
  return (spec) => {
    // What an expression reads of a resource's attributes is there, if only as an empty text.
    const request = spec.resourceAttributes ? { ...spec, resourceAttributes: { ...emptyAttributes, ...spec.resourceAttributes } } : spec;
    const budget: CelBudget = { remaining: matchConditionsCostBudget };
    let failure: { readonly error: unknown } | undefined;
    for (const program of programs) {
      try {
        if (program.evaluate({ request }, budget) === false) return false;
      } catch (error) {
        failure ??= { error };
      }
    }
    if (failure) throw failure.error;
    return true;
  };
}

const emptyAttributes = { namespace: '', verb: '', group: '', version: '', resource: '', subresource: '', name: '' };
