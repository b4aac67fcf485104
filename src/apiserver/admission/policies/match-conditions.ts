// Match conditions of webhooks and policies: whether a request is one that they are about, as expressions.
// Source: https://kubernetes.io/docs/reference/access-authn-authz/extensible-admission-controllers/#matching-requests-matchconditions
import { type AdmissionVariables, admissionEnvironment } from '../../../api/admissionregistration/mod.ts';
import { matchConditionsCostBudget } from '../../../api/cel/mod.ts';
import type { V1MatchCondition } from '../../../api/mod.ts';
import type { Authorizer } from '../../authz/authorizer.ts';
import type { Judged } from '../match.ts';
import type { RequestForm } from '../request-form.ts';
import { BudgetError, compileExpression, Evaluation, type Expression, type Outcome, RequestAuthorizer } from './expression.ts';
import { requestVariables } from './request-variables.ts';

export const compileConditions = (
  conditions: readonly V1MatchCondition[] | undefined,
  variables: Pick<AdmissionVariables, 'params'> = {},
): readonly Expression[] =>
  (conditions ?? []).map(({ expression }) =>
    compileExpression(expression, admissionEnvironment({ ...variables, authorizer: true }), ['bool']),
  );

/** `error`: some could not be evaluated, and none of the others was false. */
export type Matched = 'yes' | 'no' | { readonly error: string };

export async function matchesConditions(
  conditions: readonly Expression[],
  bindings: Readonly<Record<string, unknown>>,
  authorizer: RequestAuthorizer,
): Promise<Matched> {
  if (conditions.length === 0) return 'yes';
  const evaluation = new Evaluation(bindings, authorizer, { remaining: matchConditionsCostBudget });
  const outcomes: Outcome[] = [];
  try {
    for (const condition of conditions) outcomes.push(await evaluation.run(condition));
  } catch (error) {
    if (error instanceof BudgetError) return { error: error.message };
    throw error;
  }
  if (outcomes.some((outcome) => 'value' in outcome && outcome.value === false)) return 'no';
  const errors = outcomes.flatMap((outcome) => {
    if ('error' in outcome) return [outcome.error];
    return [];
  });
  if (errors.length === 0) return 'yes';
  return { error: errors.length === 1 ? (errors[0] ?? '') : `[${errors.join(', ')}]` };
}

const compiled = new WeakMap<readonly V1MatchCondition[], readonly Expression[]>();

/** The conditions of a webhook. */
export async function webhookMatches(
  conditions: readonly V1MatchCondition[],
  form: RequestForm,
  judged: Judged,
  server: Authorizer,
): Promise<Matched> {
  const known = compiled.get(conditions) ?? compileConditions(conditions);
  compiled.set(conditions, known);
  const authorizer = new RequestAuthorizer(server, judged.attributes.user);
  return matchesConditions(known, requestVariables({ form, judged, authorizer }), authorizer);
}
