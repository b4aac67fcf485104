// What the schema of networking.k8s.io lacks: definition names, list and merge semantics, quantities, Go's names of types.
import type { PackageSemantics } from './package-semantics.ts';

export const networking: readonly PackageSemantics[] = [
  {
    definitions: 'io.k8s.api.networking.v1',
    group: 'networking.k8s.io',
    version: 'v1',
    atomic: ['V1ServiceBackendPort'],
    fields: {
      V1HTTPIngressPath: { pathType: 'go=v1.PathType' },
      V1HTTPIngressRuleValue: { paths: 'atomic' },
      V1IPBlock: { except: 'atomic' },
      V1IngressLoadBalancerIngress: { ports: 'atomic' },
      V1IngressLoadBalancerStatus: { ingress: 'atomic' },
      V1IngressSpec: { rules: 'atomic', tls: 'atomic' },
      V1IngressTLS: { hosts: 'atomic' },
      V1NetworkPolicyEgressRule: { ports: 'atomic', to: 'atomic' },
      V1NetworkPolicyIngressRule: { from: 'atomic', ports: 'atomic' },
      V1NetworkPolicyPort: { protocol: 'go=v1.Protocol' },
      V1NetworkPolicySpec: { egress: 'atomic', ingress: 'atomic', policyTypes: 'atomic go=[]v1.PolicyType' },
      V1ServiceCIDRSpec: { cidrs: 'atomic' },
      V1ServiceCIDRStatus: { conditions: 'map:type patch=merge:type' },
    },
    types: `
      V1HTTPIngressPath V1HTTPIngressRuleValue V1IPAddress V1IPAddressList V1IPAddressSpec V1IPBlock V1Ingress V1IngressBackend
      V1IngressClass V1IngressClassList V1IngressClassParametersReference V1IngressClassSpec V1IngressList
      V1IngressLoadBalancerIngress V1IngressLoadBalancerStatus V1IngressPortStatus V1IngressRule V1IngressServiceBackend
      V1IngressSpec V1IngressStatus V1IngressTLS V1NetworkPolicy V1NetworkPolicyEgressRule V1NetworkPolicyIngressRule
      V1NetworkPolicyList V1NetworkPolicyPeer V1NetworkPolicyPort V1NetworkPolicySpec V1ParentReference V1ServiceBackendPort
      V1ServiceCIDR V1ServiceCIDRList V1ServiceCIDRSpec V1ServiceCIDRStatus
    `,
  },
];
