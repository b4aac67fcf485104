// Field numbers of the protobuf form: networking. One type a line, in the form that plan.ts reads.
export const networking = `
V1HTTPIngressPath path=1 pathType=3 backend=2
V1HTTPIngressRuleValue paths=1
V1IPAddress metadata=1 spec=2
V1IPAddressSpec parentRef=1
V1IPBlock cidr=1 except=2
V1Ingress metadata=1 spec=2 status=3
V1IngressBackend service=4 resource=3
V1IngressClass metadata=1 spec=2
V1IngressClassParametersReference apiGroup=1* kind=2 name=3 scope=4* namespace=5*
V1IngressClassSpec controller=1 parameters=2
V1IngressLoadBalancerIngress ip=1 hostname=2 ports=4
V1IngressLoadBalancerStatus ingress=1
V1IngressPortStatus port=1 protocol=2 error=3*
V1IngressRule host=1 2/http=1
V1IngressServiceBackend name=1 port=2
V1IngressSpec ingressClassName=4* defaultBackend=1 tls=2 rules=3
V1IngressStatus loadBalancer=1
V1IngressTLS hosts=1 secretName=2
V1NetworkPolicy metadata=1 spec=2
V1NetworkPolicyEgressRule ports=1 to=2
V1NetworkPolicyIngressRule ports=1 from=2
V1NetworkPolicyPeer podSelector=1 namespaceSelector=2 ipBlock=3
V1NetworkPolicyPort protocol=1* port=2 endPort=3*
V1NetworkPolicySpec podSelector=1 ingress=2 egress=3 policyTypes=4
V1ParentReference group=1 resource=2 namespace=3 name=4
V1ServiceBackendPort name=1 number=2
V1ServiceCIDR metadata=1 spec=2 status=3
V1ServiceCIDRSpec cidrs=1
V1ServiceCIDRStatus conditions=1
`;
