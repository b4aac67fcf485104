// The door of network/.

export { shapesBandwidth } from './cni/bandwidth.ts';
export {
  addressAt,
  type ClusterRanges,
  chooseClusterRanges,
  chooseRange,
  findClash,
  firstNodeRange,
  formatRange,
  overlap,
  parseRange,
  type Range,
  splitRanges,
} from './cni/cidr.ts';
export { bridgeName } from './cni/conflist.ts';
export { type Family, familyOf } from './cni/family.ts';
export { HostPortTable, HostPortTakenError, type PublishRequest } from './cni/host-ports.ts';
export { ipv6Problem } from './cni/ipv6-support.ts';
export { createPodNetwork, type PodNetwork, type PodNetworkOptions, type SetUpOptions } from './cni/pod-network.ts';
export { type DnsServerOptions, runDnsServer } from './dns/server.ts';
export { type IngressOptions, runIngress } from './ingress/ingress.ts';
export type { SandboxClaim } from './policy/gate.ts';
export { type NetworkPoliciesOptions, removePolicyRules, runNetworkPolicies } from './policy/policies.ts';
export { policySight } from './policy/sight.ts';
export { type LoadBalancerOptions, loadBalancerClass, runLoadBalancers } from './proxy/load-balancer.ts';
export { type Redirect, removeServiceRules, runServiceProxy, type ServedHere, type ServiceProxyOptions } from './proxy/proxy.ts';
export { type PodNetworkMode, vxlanOverheadBytes } from './routes/plan.ts';
export { type PodRoutesOptions, runPodRoutes } from './routes/routes.ts';
