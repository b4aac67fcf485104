// ValidatingAdmissionPolicy: conditions that a request must meet, and what their bindings make of one that does not: a refusal, a warning, a note.
import { messageBytesMax, runtimeCostBudget } from '../../../api/cel/mod.ts';
import {
  forbidden,
  type KubeObject,
  StatusError,
  type StatusReason,
  type V1ValidatingAdmissionPolicy,
  type V1ValidatingAdmissionPolicyBinding,
} from '../../../api/mod.ts';
import type { Authorizer } from '../../authz/authorizer.ts';
import type { Registry } from '../../registry/registry.ts';
import type { AdmissionAttributes } from '../chain.ts';
import type { FindNamespace, Judged } from '../match.ts';
import { showAhead } from '../request-form.ts';
import { type CompiledValidatingPolicy, type CompiledValidation, compileValidatingPolicy } from './compiled-policy.ts';
import { BudgetError, Evaluation, RequestAuthorizer } from './expression.ts';
import { type Invocation, invocationsOf } from './invocations.ts';
import { matchesConditions } from './match-conditions.ts';
import type { BoundPolicy } from './policy-index.ts';
import type { ObserveCheck, ObservedCheck } from './policy-metrics.ts';
import { namespaceObjectOf, requestVariables, withPolicyVariables } from './request-variables.ts';

type Policy = V1ValidatingAdmissionPolicy;
type Binding = V1ValidatingAdmissionPolicyBinding;
export type BoundValidatingPolicy = BoundPolicy<Policy, Binding>;

export interface PolicyParts {
  readonly registry: Registry;
  readonly authorizer: Authorizer;
  readonly namespace: FindNamespace;
  readonly observe: ObserveCheck;
}

/** One condition that does not hold, or could not be evaluated. */
interface Failure {
  readonly message: string;
  readonly reason: string;
  /** Which of the policy's validations it is. */
  readonly index: number;
  /** It could not be evaluated. */
  readonly failed: boolean;
}

interface Findings {
  readonly failures: readonly Failure[];
  readonly annotations: readonly { readonly key: string; readonly value: string }[];
  /** Annotations that could not be made: they refuse the request, whatever the binding's actions are. */
  readonly broken: readonly string[];
}

const auditValueBytesMax = 10 * 1024;
const compiled = new WeakMap<Policy, CompiledValidatingPolicy>();

function compiledOf(policy: Policy): CompiledValidatingPolicy {
  const known = compiled.get(policy) ?? compileValidatingPolicy(policy.spec ?? {});
  compiled.set(policy, known);
  return known;
}

/** Throws the StatusError of the first refusal. */
export async function validateByPolicies(
  { registry, authorizer: server, namespace, observe }: PolicyParts,
  bound: readonly BoundValidatingPolicy[],
  attributes: AdmissionAttributes,
  object: KubeObject | undefined,
): Promise<void> {
  const judged: Judged = { attributes, object, namespace };
  const { invocations, misconfigured } = invocationsOf(registry, bound, judged);
  const refusals: (() => StatusError)[] = [];
  for (const { name, policy, bindingName, message } of misconfigured) {
    if (policy.spec?.failurePolicy !== 'Ignore') refusals.push(() => refusal(judged, name, bindingName, { message, reason: 'Invalid' }));
  }
  const authorizer = new RequestAuthorizer(server, attributes.user);
  const notes = new Map<string, Set<string>>();
  for (const invocation of invocations) {
    const { failures, annotations, broken } = await evaluate(invocation, judged, authorizer);
    const { name, bindingName, binding } = invocation;
    const actions = binding.spec?.validationActions ?? [];
    for (const failure of failures) {
      for (const action of actions) {
        observe({ policy: name, binding: bindingName, action: action.toLowerCase() as ObservedCheck['action'], failed: failure.failed });
      }
      if (actions.includes('Deny')) refusals.push(() => refusal(judged, name, bindingName, failure));
      if (actions.includes('Warn')) {
        attributes.warn(`Validation failed for ValidatingAdmissionPolicy '${name}' with binding '${bindingName}': ${failure.message}`);
      }
      if (actions.includes('Audit')) noteFailure(attributes, invocation, failure);
    }
    for (const message of broken) refusals.push(() => refusal(judged, name, bindingName, { message, reason: 'Invalid' }));
    for (const { key, value } of annotations) addNote(notes, `${name}/${key}`, value);
  }
  for (const [key, values] of notes) attributes.annotate?.(key, [...values].join(', '));
  const [first] = refusals;
  if (first) throw first();
}

function addNote(notes: Map<string, Set<string>>, key: string, value: string): void {
  const known = notes.get(key) ?? new Set<string>();
  known.add(Buffer.from(value).subarray(0, auditValueBytesMax).toString('utf8'));
  notes.set(key, known);
}

function noteFailure(
  { annotate }: AdmissionAttributes,
  { name, bindingName, binding }: Invocation<Policy, Binding>,
  failure: Failure,
): void {
  if (!annotate) return;
  const { validationActions } = binding.spec ?? {};
  const value = [{ message: failure.message, policy: name, binding: bindingName, expressionIndex: failure.index, validationActions }];
  annotate('validation.policy.admission.k8s.io/validation_failure', JSON.stringify(value));
}

const none: Findings = { failures: [], annotations: [], broken: [] };

async function evaluate(
  { policy, form, params }: Invocation<Policy, Binding>,
  judged: Judged,
  authorizer: RequestAuthorizer,
): Promise<Findings> {
  const { conditions, variables, validations, annotations } = compiledOf(policy);
  const strict = policy.spec?.failurePolicy !== 'Ignore';
  const failed = (message: string): Findings =>
    strict ? { ...none, failures: [{ message, reason: 'Invalid', index: 0, failed: true }] } : none;
  await showAhead(form, judged.attributes, judged.object);
  const bindings = requestVariables({ form, judged, authorizer, params, namespaceObject: namespaceObjectOf(judged) });
  const matched = await matchesConditions(conditions, bindings, authorizer);
  if (matched === 'no') return none;
  if (matched !== 'yes') return failed(matched.error);
  const budget = { remaining: runtimeCostBudget };
  const evaluation = new Evaluation(withPolicyVariables(bindings, variables, budget), authorizer, budget);
  // Annotations have a budget of their own.
  const noteBudget = { remaining: runtimeCostBudget };
  const noting = new Evaluation(withPolicyVariables(bindings, variables, noteBudget), authorizer, noteBudget);
  try {
    const failures: Failure[] = [];
    for (const [index, validation] of validations.entries()) {
      const failure = await judge(evaluation, validation, strict);
      if (failure) failures.push({ ...failure, index });
    }
    return { failures, ...(await annotationsOf(noting, annotations, strict)) };
  } catch (error) {
    if (error instanceof BudgetError) return failed(error.message);
    throw error;
  }
}

async function judge(evaluation: Evaluation, validation: CompiledValidation, strict: boolean): Promise<Omit<Failure, 'index'> | undefined> {
  const outcome = await evaluation.run(validation.expression);
  if ('error' in outcome) return strict ? { message: outcome.error, reason: 'Invalid', failed: true } : undefined;
  if (outcome.value === true) return undefined;
  const message =
    (await messageOf(evaluation, validation)) || validation.message || `failed expression: ${validation.expression.source.trim()}`;
  return { message, reason: validation.reason, failed: false };
}

/** Empty where the policy has no expression for it, or that one comes to nothing that can be shown. */
async function messageOf(evaluation: Evaluation, { messageExpression }: CompiledValidation): Promise<string> {
  if (!messageExpression) return '';
  const outcome = await evaluation.run(messageExpression);
  if ('error' in outcome || typeof outcome.value !== 'string') return '';
  const text = outcome.value.trim();
  return text.includes('\n') || Buffer.byteLength(text) > messageBytesMax ? '' : text;
}

async function annotationsOf(
  evaluation: Evaluation,
  annotations: CompiledValidatingPolicy['annotations'],
  strict: boolean,
): Promise<Pick<Findings, 'annotations' | 'broken'>> {
  const made: { key: string; value: string }[] = [];
  const broken: string[] = [];
  for (const { key, expression } of annotations) {
    const outcome = await evaluation.run(expression);
    if ('error' in outcome) {
      if (strict) broken.push(outcome.error);
    } else if (typeof outcome.value === 'string' && outcome.value.trim() !== '') made.push({ key, value: outcome.value.trim() });
  }
  return { annotations: made, broken };
}

const codes: Readonly<Record<string, number>> = { Forbidden: 403, Unauthorized: 401, RequestEntityTooLarge: 413 };
const invalidCode = 422;

function refusal(
  judged: Judged,
  policy: string,
  binding: string | undefined,
  { message, reason }: Pick<Failure, 'message' | 'reason'>,
): StatusError {
  const by = binding === undefined ? '' : ` with binding '${binding}'`;
  const text = `ValidatingAdmissionPolicy '${policy}'${by} denied request: ${message}`;
  const error = forbiddenBy(judged, text);
  const details = { ...error.details, causes: [{ message: text }] };
  return new StatusError({ code: codes[reason] ?? invalidCode, reason: reason as StatusReason, message: error.message, details });
}

/** What admission calls an object: by its name, or by what its name will begin with. */
export function forbiddenBy({ attributes, object }: Judged, why: string): StatusError {
  const { kind, name } = attributes;
  const { group, resource } = attributes.view ?? kind;
  const called = name || object?.metadata?.name || object?.metadata?.generateName || 'Unknown';
  return forbidden({ group, resource, name: called }, why);
}
