// MutatingAdmissionPolicy: changes to what is sent, as apply configurations or JSON patches that expressions make.
import { celToJson, runtimeCostBudget } from '../../../api/cel/mod.ts';
import {
  AtomicError,
  type Draft,
  draftOf,
  equal,
  hasSchema,
  jsonPatch,
  type KindDefinition,
  type KubeObject,
  mergeConfiguration,
  type ObjectSchema,
  PatchError,
  StatusError,
  schemaOf,
  type V1MutatingAdmissionPolicy,
  type V1MutatingAdmissionPolicyBinding,
} from '../../../api/mod.ts';
import type { AdmissionAttributes, MutationRound } from '../chain.ts';
import type { Judged } from '../match.ts';
import { type DecodeChanged, showAhead, shownIn, takeBack } from '../request-form.ts';
import { type CompiledMutatingPolicy, compileMutatingPolicy } from './compiled-policy.ts';
import { BudgetError, Evaluation, RequestAuthorizer } from './expression.ts';
import { type Invocation, invocationsOf } from './invocations.ts';
import { matchesConditions } from './match-conditions.ts';
import type { BoundPolicy } from './policy-index.ts';
import { namespaceObjectOf, requestVariables, withPolicyVariables } from './request-variables.ts';
import { forbiddenBy, type PolicyParts } from './validate.ts';

type Policy = V1MutatingAdmissionPolicy;
type Binding = V1MutatingAdmissionPolicyBinding;
export type BoundMutatingPolicy = BoundPolicy<Policy, Binding>;

export interface MutatingPolicyParts extends PolicyParts {
  readonly decode: DecodeChanged;
}

const pluginName = 'MutatingAdmissionPolicy';
const compiled = new WeakMap<Policy, CompiledMutatingPolicy>();

function compiledOf(policy: Policy): CompiledMutatingPolicy {
  const known = compiled.get(policy) ?? compileMutatingPolicy(policy.spec ?? {});
  compiled.set(policy, known);
  return known;
}

/** What the second run needs to know of the first. */
interface Notes {
  readonly called: Set<string>;
  readonly again: Set<string>;
  output: unknown;
}

/** A policy that could not be evaluated, with its words for it. */
class MutationError extends Error {
  override readonly name = 'MutationError';
}

interface Failed {
  readonly policy: string;
  readonly binding: string | undefined;
  readonly message: string;
}

export interface PolicyMutation {
  readonly attributes: AdmissionAttributes;
  readonly draft: Draft<KubeObject>;
  readonly round: MutationRound | undefined;
}

/** Changes the draft in place. Throws the StatusError of a policy that could not be evaluated, unless it is to be ignored. */
export async function mutateByPolicies(
  parts: MutatingPolicyParts,
  bound: readonly BoundMutatingPolicy[],
  { attributes, draft, round }: PolicyMutation,
): Promise<void> {
  const judged: Judged = { attributes, object: draft as KubeObject, namespace: parts.namespace };
  const { invocations, misconfigured } = invocationsOf(parts.registry, bound, judged);
  const failed: Failed[] = misconfigured
    .filter(({ policy }) => policy.spec?.failurePolicy !== 'Ignore')
    .map(({ name, bindingName, message }) => ({ policy: name, binding: bindingName, message }));
  const notes = notesOf(round);
  if (round?.again === true && !equal(notes.output, draft)) requireAgain(notes);
  const authorizer = new RequestAuthorizer(parts.authorizer, attributes.user);
  for (const invocation of invocations) {
    const key = keyOf(invocation);
    if (round?.again === true && !notes.again.has(key)) continue;
    try {
      const done = await mutate(parts, invocation, { judged, authorizer, draft });
      if (done === 'skipped') continue;
      if (done === 'changed') {
        requireAgain(notes);
        if (round) round.reinvoke = true;
      }
    } catch (error) {
      if (!(error instanceof MutationError)) throw error;
      const { name, bindingName, policy } = invocation;
      if (policy.spec?.failurePolicy !== 'Ignore') failed.push({ policy: name, binding: bindingName, message: error.message });
    }
    if (invocation.policy.spec?.reinvocationPolicy === 'IfNeeded') notes.called.add(key);
  }
  if (round?.reinvoke === true && !round.again) notes.output = draftOf(draft);
  if (failed.length > 0) throw refusal(judged, failed);
}

function notesOf(round: MutationRound | undefined): Notes {
  const known = round?.notes.get(pluginName) as Notes | undefined;
  if (known) return known;
  const made: Notes = { called: new Set(), again: new Set(), output: undefined };
  round?.notes.set(pluginName, made);
  return made;
}

/** Somebody has changed the object: those that want it are asked about that. */
function requireAgain({ called, again }: Notes): void {
  for (const key of called) again.add(key);
  called.clear();
}

const keyOf = ({ name, bindingName, params }: Invocation<Policy, Binding>): string =>
  [name, bindingName, params?.metadata?.namespace ?? '', params?.metadata?.name ?? ''].join('/');

interface Target {
  readonly judged: Judged;
  readonly authorizer: RequestAuthorizer;
  readonly draft: Draft<KubeObject>;
}

/** Throws MutationError. */
async function mutate(
  { decode }: MutatingPolicyParts,
  { policy, form, params }: Invocation<Policy, Binding>,
  { judged, authorizer, draft }: Target,
): Promise<'skipped' | 'same' | 'changed'> {
  const { conditions, variables, mutations } = compiledOf(policy);
  const { attributes } = judged;
  const namespaceObject = namespaceObjectOf(judged);
  const variablesNow = () => requestVariables({ form, judged, authorizer, params, namespaceObject });
  await showAhead(form, attributes, draft as KubeObject);
  const matched = await matchesConditions(conditions, variablesNow(), authorizer);
  if (matched === 'no') return 'skipped';
  if (matched !== 'yes') throw new MutationError(matched.error);
  let changed = false;
  for (const { patchType, expression } of mutations) {
    await showAhead(form, attributes, draft as KubeObject);
    const budget = { remaining: runtimeCostBudget };
    const evaluation = new Evaluation(withPolicyVariables(variablesNow(), variables, budget), authorizer, budget);
    const value = await evaluated(evaluation, expression);
    const shown = shownIn(form, attributes, draft as KubeObject);
    const schema = attributes.body ? undefined : fieldsOf(form.shownAs);
    const patched = patchType === 'ApplyConfiguration' ? merged(shown, value, schema) : patchedBy(shown, value);
    if (equal(shown, patched)) continue;
    await takeBack(draft, patched as KubeObject, { form, attributes, decode }).catch(explain);
    changed = true;
  }
  return changed ? 'changed' : 'same';
}

/** Which lists merge, and by what. */
const fieldsOf = ({ custom, schema }: KindDefinition): ObjectSchema | undefined =>
  custom ? custom.fields : hasSchema(schema) ? schemaOf(schema) : undefined;

async function evaluated(evaluation: Evaluation, expression: CompiledMutatingPolicy['mutations'][number]['expression']): Promise<unknown> {
  try {
    const outcome = await evaluation.run(expression);
    if ('error' in outcome) throw new MutationError(outcome.error);
    return celToJson(outcome.value);
  } catch (error) {
    throw error instanceof BudgetError ? new MutationError(error.message) : error;
  }
}

function merged(shown: KubeObject, value: unknown, schema: ObjectSchema | undefined): object {
  try {
    return mergeConfiguration(shown, { ...(value as object), apiVersion: shown.apiVersion, kind: shown.kind }, schema);
  } catch (error) {
    throw error instanceof AtomicError ? new MutationError(`error applying patch: ${error.message}`) : error;
  }
}

/** A `test` that fails means that nothing is to be done. */
function patchedBy(shown: KubeObject, operations: unknown): unknown {
  try {
    return jsonPatch(shown, operations);
  } catch (error) {
    if (error instanceof PatchError && error.message.endsWith('test failed')) return shown;
    throw error instanceof PatchError ? new MutationError(`JSONPath: ${error.message}`) : error;
  }
}

/** What cannot be decoded is the policy's failure. */
function explain(error: unknown): never {
  throw error instanceof StatusError ? new MutationError(error.message) : error;
}

function refusal(judged: Judged, failed: readonly Failed[]): StatusError {
  const texts = failed.map(({ policy, binding, message }) => {
    const by = binding === undefined ? '' : ` with binding '${binding}'`;
    return `policy '${policy}'${by} denied request: ${message}`;
  });
  const { code, details } = forbiddenBy(judged, '');
  const causes = texts.map((message) => ({ message }));
  return new StatusError({ code, reason: 'Invalid', message: texts[0] ?? '', details: { ...details, causes } });
}
