// The resources that the kubelet reads and writes.
import type { CoreV1Event, ResourceType, V1ConfigMap, V1Lease, V1Node, V1Pod, V1RuntimeClass, V1Secret, V1Service } from '../api/mod.ts';

const core = { group: '', version: 'v1' } as const;

export const pods: ResourceType<V1Pod> = { ...core, kind: 'Pod', resource: 'pods', namespaced: true };
export const nodes: ResourceType<V1Node> = { ...core, kind: 'Node', resource: 'nodes', namespaced: false };
export const configMaps: ResourceType<V1ConfigMap> = { ...core, kind: 'ConfigMap', resource: 'configmaps', namespaced: true };
export const secrets: ResourceType<V1Secret> = { ...core, kind: 'Secret', resource: 'secrets', namespaced: true };
export const services: ResourceType<V1Service> = { ...core, kind: 'Service', resource: 'services', namespaced: true };
export const events: ResourceType<CoreV1Event> = { ...core, kind: 'Event', resource: 'events', namespaced: true };
export const leases: ResourceType<V1Lease> = {
  group: 'coordination.k8s.io',
  version: 'v1',
  kind: 'Lease',
  resource: 'leases',
  namespaced: true,
};
export const runtimeClasses: ResourceType<V1RuntimeClass> = {
  group: 'node.k8s.io',
  version: 'v1',
  kind: 'RuntimeClass',
  resource: 'runtimeclasses',
  namespaced: false,
};
