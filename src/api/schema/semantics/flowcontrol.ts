// What the schema of flowcontrol.apiserver.k8s.io lacks: definition names, list and merge semantics, quantities, Go's names of types.
import type { PackageSemantics } from './package-semantics.ts';

export const flowcontrol: readonly PackageSemantics[] = [
  {
    definitions: 'io.k8s.api.flowcontrol.v1',
    group: 'flowcontrol.apiserver.k8s.io',
    version: 'v1',
    fields: {
      V1FlowSchemaSpec: { rules: 'atomic' },
      V1FlowSchemaStatus: { conditions: 'map:type patch=merge:type' },
      V1NonResourcePolicyRule: { nonResourceURLs: 'set', verbs: 'set' },
      V1PolicyRulesWithSubjects: { nonResourceRules: 'atomic', resourceRules: 'atomic', subjects: 'atomic' },
      V1PriorityLevelConfigurationStatus: { conditions: 'map:type patch=merge:type' },
      V1ResourcePolicyRule: { apiGroups: 'set', namespaces: 'set', resources: 'set', verbs: 'set' },
    },
    types: `
      FlowcontrolV1Subject V1ExemptPriorityLevelConfiguration V1FlowDistinguisherMethod V1FlowSchema V1FlowSchemaCondition
      V1FlowSchemaList V1FlowSchemaSpec V1FlowSchemaStatus V1GroupSubject V1LimitResponse V1LimitedPriorityLevelConfiguration
      V1NonResourcePolicyRule V1PolicyRulesWithSubjects V1PriorityLevelConfiguration V1PriorityLevelConfigurationCondition
      V1PriorityLevelConfigurationList V1PriorityLevelConfigurationReference V1PriorityLevelConfigurationSpec
      V1PriorityLevelConfigurationStatus V1QueuingConfiguration V1ResourcePolicyRule V1ServiceAccountSubject V1UserSubject
    `,
  },
];
