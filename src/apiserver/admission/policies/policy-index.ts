// The admission policies that are in force just now: each with its bindings, selectors compiled. Kept until one of them changes.
import type {
  V1MatchResources,
  V1MutatingAdmissionPolicyBinding,
  V1ParamKind,
  V1ValidatingAdmissionPolicyBinding,
} from '../../../api/mod.ts';
import { nameOf, type Resource } from '../../registry/resource.ts';
import { type Criteria, compileSelectors, type Judged, type MatchRule, matchesNamespace, matchesObject, matchRules } from '../match.ts';
import { ownForm, type RequestForm } from '../request-form.ts';

/** What policies of both kinds have in common. */
export interface PolicyObject {
  readonly metadata?: { readonly name?: string | undefined } | undefined;
  readonly spec?:
    | {
        readonly failurePolicy?: string | undefined;
        readonly matchConstraints?: V1MatchResources | undefined;
        readonly paramKind?: V1ParamKind | undefined;
      }
    | undefined;
}

export type BindingObject = V1MutatingAdmissionPolicyBinding | V1ValidatingAdmissionPolicyBinding;

interface Matching extends Criteria {
  readonly excluded: readonly MatchRule[];
}

export interface BoundPolicy<P extends PolicyObject, B extends BindingObject> {
  readonly name: string;
  readonly policy: P;
  readonly matching: Matching;
  readonly bindings: readonly { readonly name: string; readonly binding: B; readonly matching: Matching | undefined }[];
}

const matchingOf = (match: V1MatchResources | undefined): Matching => ({
  ...compileSelectors(match?.namespaceSelector, match?.objectSelector),
  rules: match?.resourceRules ?? [],
  excluded: match?.excludeResourceRules ?? [],
  equivalent: match?.matchPolicy !== 'Exact',
});

/** Follows policies and bindings of one sort. Looking costs two comparisons as long as none changes. */
export class PolicyIndex<P extends PolicyObject, B extends BindingObject> {
  readonly #policies: Resource | undefined;
  readonly #bindings: Resource | undefined;
  #at = -1;
  #bindingsAt = -1;
  #bound: readonly BoundPolicy<P, B>[] = [];

  /** Undefined: such policies are not served. */
  constructor(policies: Resource | undefined, bindings: Resource | undefined) {
    this.#policies = policies;
    this.#bindings = bindings;
  }

  /** By name. A policy that nothing binds is not in force, and neither is a binding without its policy. */
  get bound(): readonly BoundPolicy<P, B>[] {
    const policies = this.#policies?.cache;
    const bindings = this.#bindings?.cache;
    if (!policies || !bindings) return this.#bound;
    if (policies.lastChange === this.#at && bindings.lastChange === this.#bindingsAt) return this.#bound;
    this.#at = policies.lastChange;
    this.#bindingsAt = bindings.lastChange;
    const byPolicy = new Map<string, { name: string; binding: B; matching: Matching | undefined }[]>();
    for (const { object } of bindings.page({}).entries) {
      const binding = object as B;
      const { policyName = '', matchResources } = binding.spec ?? {};
      const known = byPolicy.get(policyName) ?? [];
      known.push({ name: nameOf(object), binding, matching: matchResources && matchingOf(matchResources) });
      byPolicy.set(policyName, known);
    }
    this.#bound = policies.page({}).entries.flatMap(({ object }) => {
      const bound = byPolicy.get(nameOf(object));
      const policy = object as P;
      return bound ? [{ name: nameOf(object), policy, matching: matchingOf(policy.spec?.matchConstraints), bindings: bound }] : [];
    });
    return this.#bound;
  }
}

/** The form in which a policy or a binding is about a request; undefined when it is not. Throws 404 when the namespace is gone. */
export function formFor(matching: Matching | undefined, judged: Judged): RequestForm | undefined {
  const { attributes } = judged;
  if (!matching) return ownForm(attributes);
  const { excluded, rules, equivalent } = matching;
  if (!matchesNamespace(matching, judged) || !matchesObject(matching, judged)) return undefined;
  if (excluded.length > 0 && matchRules({ rules: excluded, equivalent }, attributes)) return undefined;
  return rules.length === 0 ? ownForm(attributes) : matchRules(matching, attributes);
}
