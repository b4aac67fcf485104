// The values of the variables that admission expressions name, about one request.
import { authorizerValue, type CelBudget, CelEvaluationError, CelLazy, resourceCheckValue } from '../../../api/cel/mod.ts';
import type { KubeObject, V1Namespace } from '../../../api/mod.ts';
import type { Judged } from '../match.ts';
import { namespaceOfRequest, type RequestForm, requestIn, shownIn } from '../request-form.ts';
import type { Expression, RequestAuthorizer } from './expression.ts';

export interface VariablesOf {
  readonly form: RequestForm;
  readonly judged: Judged;
  readonly authorizer: RequestAuthorizer;
  /** Absent: the expressions have none. */
  readonly params?: KubeObject | undefined;
  readonly namespaceObject?: V1Namespace | undefined;
}

export function requestVariables({ form, judged, authorizer, params, namespaceObject }: VariablesOf): Record<string, unknown> {
  const { attributes, object } = judged;
  const { kind, subresource, name } = attributes;
  const shown = (one: KubeObject | undefined) => (one ? shownIn(form, attributes, one) : null);
  return {
    object: shown(object),
    oldObject: shown(attributes.old),
    request: requestIn(form, attributes),
    namespaceObject: namespaceObject ? namespaceView(namespaceObject) : null,
    params: params ?? null,
    authorizer: authorizerValue(authorizer),
    'authorizer.requestResource': resourceCheckValue(authorizer, {
      group: kind.group,
      resource: kind.resource,
      ...(subresource === undefined ? {} : { subresource }),
      namespace: namespaceOfRequest(attributes),
      name,
    }),
  };
}

function namespaceView({ metadata = {}, spec, status }: V1Namespace): object {
  const { managedFields: _, ownerReferences: __, selfLink: ___, ...rest } = metadata;
  return { metadata: rest, ...(spec ? { spec } : {}), ...(status ? { status } : {}) };
}

/** A policy's own variables: each computed when an expression first asks for it, with those before it, out of the same budget. */
export function withPolicyVariables(
  bindings: Readonly<Record<string, unknown>>,
  variables: readonly (readonly [name: string, expression: Expression])[],
  budget: CelBudget,
): Readonly<Record<string, unknown>> {
  const values: Record<string, unknown> = {};
  const all = { ...bindings, variables: values };
  for (const [name, { program, problem }] of variables) {
    values[name] = new CelLazy(() => {
      if (!program) throw new CelEvaluationError(`composited variable ${JSON.stringify(name)} fails to compile: ${problem}`);
      try {
        return program.evaluate(all, budget);
      } catch (error) {
        if (error instanceof CelEvaluationError) {
          throw new CelEvaluationError(`composited variable ${JSON.stringify(name)} fails to evaluate: ${error.message}`);
        }
        throw error;
      }
    });
  }
  return all;
}

/** The namespace of what is asked for, as expressions see it: that of a Namespace itself is none. */
export function namespaceObjectOf({ attributes, namespace }: Judged): V1Namespace | undefined {
  const { kind } = attributes;
  if (!kind.namespaced) return undefined;
  return namespace(namespaceOfRequest(attributes)) as V1Namespace | undefined;
}
