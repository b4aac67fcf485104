// The cluster's own containerd, and what the machine must have for it.
export { type CgroupHierarchy, type CgroupLayout, cgroupLayout } from './cgroups.ts';
export { type CleanOptions, cleanNode } from './clean.ts';
export { type Containerd, ContainerdError, type ContainerdOptions, startContainerd } from './containerd.ts';
export { type MountPoint, mountsBelow, parseMountInfo } from './mounts.ts';
export { type NodeFacts, nodeFacts } from './node-facts.ts';
export { findPrograms, type NodePrograms, type ProgramName, type ProgramSearch } from './packages.ts';
export { cgroupRootOf, podsCgroupOf, type RuntimePaths, runtimePaths } from './paths.ts';
export { type Registry, readRegistries, registryCredentials, writeRegistries } from './registries.ts';
export { createCgroupRemover, type RemoveCgroupOptions } from './remove-cgroup.ts';
