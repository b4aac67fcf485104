// Optional fields that upstream's objects hold even where JSON shows nothing: structs by value, and times that print as null.
// It matters to managedFields: nobody adds or removes such a field, only what is in it.
import type { FieldSchema, ObjectSchema } from '../../schema/schema.ts';

const embedded: Readonly<Record<string, string>> = {
  CoreV1Event: 'source firstTimestamp lastTimestamp',
  EventsV1Event: 'regarding deprecatedSource deprecatedFirstTimestamp deprecatedLastTimestamp',
  V1AllocationResult: 'devices',
  V1Container: 'resources',
  V1ContainerStatus: 'state lastState',
  V1CustomResourceDefinitionStatus: 'acceptedNames',
  V1DaemonSetSpec: 'updateStrategy',
  V1DeploymentSpec: 'strategy',
  V1Endpoint: 'conditions',
  V1EphemeralContainer: 'resources',
  V1IngressServiceBackend: 'port',
  V1IngressStatus: 'loadBalancer',
  V1JobTemplateSpec: 'metadata spec',
  V1LimitedPriorityLevelConfiguration: 'limitResponse',
  V1NetworkPolicySpec: 'podSelector',
  V1NodeDaemonEndpoints: 'kubeletEndpoint',
  V1NodeStatus: 'daemonEndpoints nodeInfo',
  V1PersistentVolumeClaimSpec: 'resources',
  V1PersistentVolumeClaimTemplate: 'metadata',
  V1PodTemplate: 'template',
  V1PodTemplateSpec: 'metadata spec',
  V1ReplicaSetSpec: 'template',
  V1ResourceClaimSpec: 'devices',
  V1ResourceClaimTemplateSpec: 'metadata',
  V1ServiceStatus: 'loadBalancer',
  V1StatefulSetSpec: 'updateStrategy',
};

const ofKinds = new Set(['metadata', 'spec', 'status']);
const ofConditions = new Set(['lastHeartbeatTime', 'lastProbeTime', 'lastTransitionTime', 'lastUpdateTime']);

/** True when upstream's struct has the field whatever is written: also fields that must be given, which count as zero when they are not. */
export function isAlwaysThere(type: ObjectSchema, field: FieldSchema): boolean {
  if (field.required) return true;
  if (field.kind === 'time' && type.typeName.endsWith('Condition')) return ofConditions.has(field.name);
  if (field.kind === 'object' && type.groupVersionKind && ofKinds.has(field.name)) return true;
  return embedded[type.typeName]?.split(' ').includes(field.name) === true;
}
