// Admission policies as plugins. CEL is loaded when the first policy, or the first match condition, is met.
import {
  invalid,
  type KubeObject,
  type V1MutatingAdmissionPolicy,
  type V1MutatingAdmissionPolicyBinding,
  type V1MutatingWebhookConfiguration,
  type V1ValidatingAdmissionPolicy,
  type V1ValidatingAdmissionPolicyBinding,
} from '../../../api/mod.ts';
import type { AdmissionAttributes, AdmissionPlugin } from '../chain.ts';
import { isExempt } from '../match.ts';
import type { MutatingPolicyParts } from './mutate.ts';
import { PolicyIndex } from './policy-index.ts';

export { createPolicyMetrics } from './policy-metrics.ts';

export const loadEngine = (): Promise<typeof import('./engine.ts')> => import('./engine.ts');

/** Both plugins, and one that holds the configurations themselves to expressions that compile. */
export function admissionPolicies(parts: MutatingPolicyParts): readonly AdmissionPlugin[] {
  const { registry } = parts;
  const find = (resource: string) => registry.find({ group: 'admissionregistration.k8s.io', version: 'v1', resource });
  const mutating = new PolicyIndex<V1MutatingAdmissionPolicy, V1MutatingAdmissionPolicyBinding>(
    find('mutatingadmissionpolicies'),
    find('mutatingadmissionpolicybindings'),
  );
  const validating = new PolicyIndex<V1ValidatingAdmissionPolicy, V1ValidatingAdmissionPolicyBinding>(
    find('validatingadmissionpolicies'),
    find('validatingadmissionpolicybindings'),
  );
  return [
    {
      name: 'MutatingAdmissionPolicy',
      mutate(attributes, draft, round) {
        const { bound } = mutating;
        if (bound.length === 0 || !draft || isExempt(attributes)) return undefined;
        return loadEngine().then((engine) => engine.mutateByPolicies(parts, bound, { attributes, draft, round }));
      },
    },
    {
      name: 'ValidatingAdmissionPolicy',
      validate(attributes, object) {
        const { bound } = validating;
        if (bound.length === 0 || isExempt(attributes)) return undefined;
        return loadEngine().then((engine) => engine.validateByPolicies(parts, bound, attributes, object));
      },
    },
    {
      name: 'AdmissionExpressions',
      validate: (attributes, object) => (object && isWritten(attributes) ? checkWritten(attributes, object) : undefined),
    },
  ];
}

const isWritten = (attributes: AdmissionAttributes): boolean => isExempt(attributes) && attributes.subresource === undefined;

/** Most webhooks have no conditions: nothing is loaded for them. */
const mayHaveExpressions = (object: KubeObject): boolean =>
  !('webhooks' in object) || (object as V1MutatingWebhookConfiguration).webhooks?.some((webhook) => webhook.matchConditions) === true;

async function checkWritten({ kind, old }: AdmissionAttributes, object: KubeObject): Promise<void> {
  if (!mayHaveExpressions(object)) return;
  const { checkExpressions } = await loadEngine();
  const errors = checkExpressions(object, old);
  if (errors.length > 0) throw invalid({ group: kind.group, kind: kind.kind, name: object.metadata?.name ?? '' }, errors);
}
