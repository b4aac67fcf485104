// The door of cluster/, and the package's export: a whole cluster in the caller's process.
export * from '../api/mod.ts';
export { VirtualClock } from '../base/mod.ts';
export {
  type CallOptions,
  type Client,
  createClient,
  createInformers,
  type Informer,
  type Informers,
  type ListOptions,
  type ObjectKey,
  type UserInfo,
} from '../client/mod.ts';
export { type Cluster, type ClusterOptions, startCluster, type VirtualCluster } from './in-process.ts';
