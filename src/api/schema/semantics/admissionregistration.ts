// What the schema of admissionregistration.k8s.io lacks: definition names, list and merge semantics, quantities, Go's names of types.
import type { PackageSemantics } from './package-semantics.ts';

export const admissionregistration: readonly PackageSemantics[] = [
  {
    definitions: 'io.k8s.api.admissionregistration.v1',
    group: 'admissionregistration.k8s.io',
    version: 'v1',
    atomic: ['V1MatchResources', 'V1NamedRuleWithOperations', 'V1ParamKind', 'V1ParamRef', 'V1Variable'],
    fields: {
      V1MatchResources: { excludeResourceRules: 'atomic', resourceRules: 'atomic' },
      V1MutatingAdmissionPolicySpec: { matchConditions: 'map:name patch=merge:name', mutations: 'atomic', variables: 'atomic' },
      V1MutatingWebhook: { admissionReviewVersions: 'atomic', matchConditions: 'map:name patch=merge:name', rules: 'atomic' },
      V1MutatingWebhookConfiguration: { webhooks: 'map:name patch=merge:name' },
      V1NamedRuleWithOperations: {
        apiGroups: 'atomic',
        apiVersions: 'atomic',
        operations: 'atomic',
        resourceNames: 'atomic',
        resources: 'atomic',
      },
      V1RuleWithOperations: { apiGroups: 'atomic', apiVersions: 'atomic', operations: 'atomic', resources: 'atomic' },
      V1TypeChecking: { expressionWarnings: 'atomic' },
      V1ValidatingAdmissionPolicyBindingSpec: { validationActions: 'set' },
      V1ValidatingAdmissionPolicySpec: {
        auditAnnotations: 'atomic',
        matchConditions: 'map:name patch=merge:name',
        validations: 'atomic',
        variables: 'map:name patch=merge:name',
      },
      V1ValidatingAdmissionPolicyStatus: { conditions: 'map:type' },
      V1ValidatingWebhook: { admissionReviewVersions: 'atomic', matchConditions: 'map:name patch=merge:name', rules: 'atomic' },
      V1ValidatingWebhookConfiguration: { webhooks: 'map:name patch=merge:name' },
    },
    types: `
      AdmissionregistrationV1ServiceReference AdmissionregistrationV1WebhookClientConfig V1ApplyConfiguration V1AuditAnnotation
      V1ExpressionWarning V1JSONPatch V1MatchCondition V1MatchResources V1MutatingAdmissionPolicy V1MutatingAdmissionPolicyBinding
      V1MutatingAdmissionPolicyBindingList V1MutatingAdmissionPolicyBindingSpec V1MutatingAdmissionPolicyList
      V1MutatingAdmissionPolicySpec V1MutatingWebhook V1MutatingWebhookConfiguration V1MutatingWebhookConfigurationList V1Mutation
      V1NamedRuleWithOperations V1ParamKind V1ParamRef V1RuleWithOperations V1TypeChecking V1ValidatingAdmissionPolicy
      V1ValidatingAdmissionPolicyBinding V1ValidatingAdmissionPolicyBindingList V1ValidatingAdmissionPolicyBindingSpec
      V1ValidatingAdmissionPolicyList V1ValidatingAdmissionPolicySpec V1ValidatingAdmissionPolicyStatus V1ValidatingWebhook
      V1ValidatingWebhookConfiguration V1ValidatingWebhookConfigurationList V1Validation V1Variable
    `,
  },
];
