// What the schema of apps lacks: definition names, list and merge semantics, quantities, Go's names of types.
import type { PackageSemantics } from './package-semantics.ts';

export const apps: readonly PackageSemantics[] = [
  {
    definitions: 'io.k8s.api.apps.v1',
    group: 'apps',
    version: 'v1',
    fields: {
      V1ControllerRevision: { data: 'go=runtime.RawExtension' },
      V1DaemonSetStatus: { conditions: 'map:type patch=merge:type' },
      V1DaemonSetUpdateStrategy: { type: 'go=v1.DaemonSetUpdateStrategyType' },
      V1DeploymentCondition: { status: 'go=v1.ConditionStatus', type: 'go=v1.DeploymentConditionType' },
      V1DeploymentSpec: { strategy: 'patch=retainKeys' },
      V1DeploymentStatus: { conditions: 'map:type patch=merge:type' },
      V1DeploymentStrategy: { type: 'go=v1.DeploymentStrategyType' },
      V1ReplicaSetCondition: { status: 'go=v1.ConditionStatus', type: 'go=v1.ReplicaSetConditionType' },
      V1ReplicaSetStatus: { conditions: 'map:type patch=merge:type' },
      V1StatefulSetSpec: { podManagementPolicy: 'go=v1.PodManagementPolicyType', volumeClaimTemplates: 'atomic' },
      V1StatefulSetStatus: { conditions: 'map:type patch=merge:type' },
      V1StatefulSetUpdateStrategy: { type: 'go=v1.StatefulSetUpdateStrategyType' },
    },
    types: `
      V1ControllerRevision V1ControllerRevisionList V1DaemonSet V1DaemonSetCondition V1DaemonSetList V1DaemonSetSpec
      V1DaemonSetStatus V1DaemonSetUpdateStrategy V1Deployment V1DeploymentCondition V1DeploymentList V1DeploymentSpec
      V1DeploymentStatus V1DeploymentStrategy V1ReplicaSet V1ReplicaSetCondition V1ReplicaSetList V1ReplicaSetSpec
      V1ReplicaSetStatus V1RollingUpdateDaemonSet V1RollingUpdateDeployment V1RollingUpdateStatefulSetStrategy V1StatefulSet
      V1StatefulSetCondition V1StatefulSetList V1StatefulSetOrdinals V1StatefulSetPersistentVolumeClaimRetentionPolicy
      V1StatefulSetSpec V1StatefulSetStatus V1StatefulSetUpdateStrategy
    `,
  },
];
