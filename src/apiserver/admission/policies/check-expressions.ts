// The expressions of webhooks and policies that are being written: each must compile. Those that stood before are let be.
import {
  type FieldError,
  invalidValue,
  type KubeObject,
  type V1MutatingAdmissionPolicy,
  type V1MutatingWebhookConfiguration,
  type V1ValidatingAdmissionPolicy,
  type V1ValidatingWebhookConfiguration,
} from '../../../api/mod.ts';
import { type CompiledPolicy, compileMutatingPolicy, compileValidatingPolicy } from './compiled-policy.ts';
import type { Expression } from './expression.ts';
import { compileConditions } from './match-conditions.ts';

type Placed = readonly [path: string, expression: Expression];

/** The errors of every expression that does not compile. */
export function checkExpressions(object: KubeObject, old: KubeObject | undefined): readonly FieldError[] {
  const standing = new Set(old ? expressionsOf(old).map(([, { source }]) => source) : []);
  return expressionsOf(object)
    .filter(([, { problem, source }]) => problem !== undefined && !standing.has(source))
    .map(([path, { problem, source }]) => invalidValue(path, source, problem ?? ''));
}

function expressionsOf(object: KubeObject): readonly Placed[] {
  switch (object.kind) {
    case 'MutatingWebhookConfiguration':
    case 'ValidatingWebhookConfiguration':
      return (
        ((object as V1MutatingWebhookConfiguration | V1ValidatingWebhookConfiguration).webhooks ?? []) as readonly V1Conditions[]
      ).flatMap(({ matchConditions }, index) => conditionsAt(`webhooks[${index}]`, compileConditions(matchConditions)));
    case 'ValidatingAdmissionPolicy':
      return ofValidating(object as V1ValidatingAdmissionPolicy);
    case 'MutatingAdmissionPolicy': {
      const policy = compileMutatingPolicy((object as V1MutatingAdmissionPolicy).spec ?? {});
      return [
        ...common(policy),
        ...policy.mutations.map(({ patchType, expression }, i): Placed => {
          const field = patchType === 'JSONPatch' ? 'jsonPatch' : 'applyConfiguration';
          return [`spec.mutations[${i}].${field}.expression`, expression];
        }),
      ];
    }
    default:
      return [];
  }
}

type V1Conditions = Pick<NonNullable<V1MutatingWebhookConfiguration['webhooks']>[number], 'matchConditions'>;

const conditionsAt = (path: string, conditions: readonly Expression[]): readonly Placed[] =>
  conditions.map((expression, i) => [`${path}.matchConditions[${i}].expression`, expression]);

const common = ({ conditions, variables }: CompiledPolicy): readonly Placed[] => [
  ...conditionsAt('spec', conditions),
  ...variables.map(([, expression], i): Placed => [`spec.variables[${i}].expression`, expression]),
];

function ofValidating({ spec = {} }: V1ValidatingAdmissionPolicy): readonly Placed[] {
  const policy = compileValidatingPolicy(spec);
  return [
    ...common(policy),
    ...policy.validations.flatMap(({ expression, messageExpression }, i): Placed[] => [
      [`spec.validations[${i}].expression`, expression],
      ...(messageExpression ? [[`spec.validations[${i}].messageExpression`, messageExpression] as Placed] : []),
    ]),
    ...policy.annotations.map(({ expression }, i): Placed => [`spec.auditAnnotations[${i}].valueExpression`, expression]),
  ];
}
