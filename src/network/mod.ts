// The door of network/.

export { type ClusterRanges, chooseClusterRanges, chooseRange, findClash, firstNodeRange, splitRanges } from './addresses/choose-range.ts';
export { type Family, familyOf } from './addresses/family.ts';
export { ipv6Problem } from './addresses/ipv6-support.ts';
export { shapesBandwidth } from './cni/bandwidth.ts';
export { bridgeName } from './cni/conflist.ts';
export { HostPortTable, HostPortTakenError, type PublishRequest } from './cni/host-ports.ts';
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
