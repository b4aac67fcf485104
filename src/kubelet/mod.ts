// The door of kubelet/: the node agent, and the container runtime as it sees it.
export { type ClusterDns, type DnsConfig, parseResolvConf } from './container/dns.ts';
export * from './cri/runtime.ts';
export { type Csi, type CsiOptions, createCsi } from './csi/csi.ts';
export type { EvictionPorts, EvictionSettings } from './eviction/eviction.ts';
export { noLocalUse } from './eviction/plan.ts';
export { type Kubelet, type KubeletOptions, runKubelet } from './kubelet.ts';
export type { MachineFacts } from './node/node-object.ts';
export type { NodeShutdown } from './node/shutdown.ts';
export type { NodeStats } from './node/stats.ts';
export { noUsage, type UsageSource } from './node/usage-source.ts';
export { createDiskStorage, createNoStorage, type DiskStorageOptions, type NodeStorage } from './node-storage.ts';
export { createOwnReferences, type OwnReferencesOptions } from './own-references.ts';
export { containerKindAnnotation, containerNameLabel, podNameLabel, podNamespaceLabel, podUidLabel } from './pod/labels.ts';
export { latestRun, type Observed, runsOf } from './pod/observed.ts';
export type { PodState } from './pod/state.ts';
export type { PodView } from './pod/worker.ts';
export { createPodRouter, type PodRouter, type PodSource } from './pod-source.ts';
export { createReferenceCache, type ReferenceCache } from './reference-cache.ts';
