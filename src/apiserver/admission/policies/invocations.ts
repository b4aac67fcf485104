// Which policies are evaluated about a request: each with one of its bindings and one of its parameters.
import type { KubeObject } from '../../../api/mod.ts';
import type { Registry } from '../../registry/registry.ts';
import type { Judged } from '../match.ts';
import { namespaceOfRequest, type RequestForm } from '../request-form.ts';
import { ConfigurationError, paramSourceOf, paramsFor } from './params.ts';
import { type BindingObject, type BoundPolicy, formFor, type PolicyObject } from './policy-index.ts';

export interface Invocation<P extends PolicyObject, B extends BindingObject> {
  readonly name: string;
  readonly policy: P;
  readonly bindingName: string;
  readonly binding: B;
  readonly form: RequestForm;
  readonly params: KubeObject | undefined;
}

/** What is wrong with a policy, or with one of its bindings. */
export interface Misconfigured<P extends PolicyObject> {
  readonly name: string;
  readonly policy: P;
  readonly bindingName: string | undefined;
  readonly message: string;
}

export interface Invocations<P extends PolicyObject, B extends BindingObject> {
  readonly invocations: readonly Invocation<P, B>[];
  readonly misconfigured: readonly Misconfigured<P>[];
}

export function invocationsOf<P extends PolicyObject, B extends BindingObject>(
  registry: Registry,
  bound: readonly BoundPolicy<P, B>[],
  judged: Judged,
): Invocations<P, B> {
  const invocations: Invocation<P, B>[] = [];
  const misconfigured: Misconfigured<P>[] = [];
  for (const { name, policy, matching, bindings } of bound) {
    const form = formFor(matching, judged);
    if (!form) continue;
    const { paramKind } = policy.spec ?? {};
    const source = attempt(() => paramKind && paramSourceOf(registry, paramKind));
    if ('problem' in source) {
      misconfigured.push({ name, policy, bindingName: undefined, message: `failed to configure policy: ${source.problem}` });
      continue;
    }
    for (const { name: bindingName, binding, matching: narrower } of bindings) {
      if (!formFor(narrower, judged)) continue;
      const { value } = source;
      const found = attempt(() => (value ? paramsFor(value, binding.spec?.paramRef, namespaceOfRequest(judged.attributes)) : [undefined]));
      if ('problem' in found) misconfigured.push({ name, policy, bindingName, message: `failed to configure binding: ${found.problem}` });
      else for (const params of found.value) invocations.push({ name, policy, bindingName, binding, form, params });
    }
  }
  return { invocations, misconfigured };
}

function attempt<T>(run: () => T): { readonly value: T } | { readonly problem: string } {
  try {
    return { value: run() };
  } catch (error) {
    if (error instanceof ConfigurationError) return { problem: error.message };
    throw error;
  }
}
