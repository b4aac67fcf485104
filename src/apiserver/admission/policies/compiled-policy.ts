// A policy's expressions, compiled: conditions, variables, and what judges or changes the object.
import { type AdmissionVariables, admissionEnvironment } from '../../../api/admissionregistration/mod.ts';
import { type CelType, dynType } from '../../../api/cel/mod.ts';
import type { V1MutatingAdmissionPolicySpec, V1ValidatingAdmissionPolicySpec, V1Variable } from '../../../api/mod.ts';
import { compileExpression, type Expression } from './expression.ts';
import { compileConditions } from './match-conditions.ts';

export interface CompiledValidation {
  readonly expression: Expression;
  readonly messageExpression: Expression | undefined;
  readonly message: string;
  readonly reason: string;
}

export interface CompiledPolicy {
  readonly conditions: readonly Expression[];
  readonly variables: readonly (readonly [name: string, expression: Expression])[];
}

export interface CompiledValidatingPolicy extends CompiledPolicy {
  readonly validations: readonly CompiledValidation[];
  readonly annotations: readonly { readonly key: string; readonly expression: Expression }[];
}

export interface CompiledMutatingPolicy extends CompiledPolicy {
  readonly mutations: readonly { readonly patchType: string; readonly expression: Expression }[];
}

interface Compiled extends CompiledPolicy {
  readonly known: Omit<AdmissionVariables, 'authorizer'>;
}

/** Each variable may name those before it. */
function compileCommon(
  spec: Pick<V1ValidatingAdmissionPolicySpec, 'paramKind' | 'matchConditions' | 'variables'>,
  patches: boolean,
): Compiled {
  const params = spec.paramKind ? { params: dynType } : {};
  const types = new Map<string, CelType>();
  const variables = (spec.variables ?? []).map(({ name, expression }: V1Variable): readonly [string, Expression] => {
    const compiled = compileExpression(expression, admissionEnvironment({ ...params, authorizer: true, variables: types, patches }));
    types.set(name, compiled.program?.resultType ?? dynType);
    return [name, compiled];
  });
  return { conditions: compileConditions(spec.matchConditions, params), variables, known: { ...params, variables: types, patches } };
}

export function compileValidatingPolicy(spec: V1ValidatingAdmissionPolicySpec): CompiledValidatingPolicy {
  const { known, ...common } = compileCommon(spec, false);
  const env = admissionEnvironment({ ...known, authorizer: true });
  const plain = admissionEnvironment({ ...known, authorizer: false });
  return {
    ...common,
    validations: (spec.validations ?? []).map(({ expression, message = '', messageExpression, reason = 'Invalid' }) => ({
      expression: compileExpression(expression, env, ['bool']),
      messageExpression: messageExpression ? compileExpression(messageExpression, plain, ['string']) : undefined,
      message: message.trim(),
      reason,
    })),
    annotations: (spec.auditAnnotations ?? []).map(({ key, valueExpression }) => ({
      key,
      expression: compileExpression(valueExpression, env, ['string', 'null']),
    })),
  };
}

export function compileMutatingPolicy(spec: V1MutatingAdmissionPolicySpec): CompiledMutatingPolicy {
  const { known, ...common } = compileCommon(spec, true);
  const env = admissionEnvironment({ ...known, authorizer: true });
  return {
    ...common,
    mutations: (spec.mutations ?? []).map(({ patchType = '', applyConfiguration, jsonPatch }) => {
      const isApply = patchType === 'ApplyConfiguration';
      const source = (isApply ? applyConfiguration?.expression : jsonPatch?.expression) ?? '';
      return { patchType, expression: compileExpression(source, env, isApply ? ['Object'] : ['list(JSONPatch)']) };
    }),
  };
}
