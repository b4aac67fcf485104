// The door of the cluster on this machine, for the command: apart from cluster/'s own, which tests import.

export type { PodNetworkMode } from '../../network/mod.ts';
export { formatJoinToken, type JoinToken, parseJoinToken } from '../pki/join-token.ts';
export type { AccessSettings } from './access.ts';
export type { AdmissionFlags } from './admission-config.ts';
export { type AgentOptions, type RunningAgent, startAgent } from './agent.ts';
export { type ApiServerAloneOptions, startApiServerAlone } from './apiserver.ts';
export type { AuditSettings } from './audit.ts';
export { isPodInterface, joinUrlOf } from './bind-address.ts';
export { type ClusterIdentity, type ClusterPaths, clusterPaths, MachineError, readIdentity } from './data-dir.ts';
export { openImages } from './images.ts';
export type { IngressSettings } from './ingress.ts';
export { createJoinToken, deleteJoinToken, type ListedToken, listJoinTokens } from './join.ts';
export { findHolder, type Holder } from './lock.ts';
export { type MachineOptions, type RunningMachine, startMachine } from './machine.ts';
export type { NodeFiles } from './node-config.ts';
export type { MachinePorts } from './ports.ts';
export { type RemoveOptions, removeMachine } from './remove.ts';
export { type KubeletFacts, type SecurityFacts, type SecurityItem, securityItems } from './security-checks.ts';
export type { StorageSettings } from './storage.ts';
