// What the runtime is told about a pod as a whole. Pure.
import type { V1Pod } from '../../api/mod.ts';
import type { SandboxConfig } from '../cri/runtime.ts';
import { podIdOf, podLabels } from '../pod/labels.ts';
import { type ClusterDns, type DnsConfig, podDns, podHostname } from './dns.ts';
import { cgroupParentOf } from './resources.ts';
import { apparmorOf, isStrict, namespacesOf, seccompOf, supplementalGroupsOf } from './security.ts';

export interface SandboxConfigInput {
  readonly pod: V1Pod;
  readonly attempt: number;
  readonly logDirectory: string;
  readonly cgroupRoot: string;
  readonly hostDns: DnsConfig;
  readonly clusterDns: ClusterDns | undefined;
  readonly nodeName: string;
}

type Protocol = 'TCP' | 'UDP' | 'SCTP';
const isProtocol = (text: string): text is Protocol => text === 'TCP' || text === 'UDP' || text === 'SCTP';

export function sandboxConfig(input: SandboxConfigInput): SandboxConfig {
  const { pod, attempt, logDirectory, cgroupRoot, hostDns, clusterDns, nodeName } = input;
  const id = podIdOf(pod);
  const { hostname, domain } = podHostname(pod, clusterDns?.domain);
  const { runAsUser, runAsGroup, seccompProfile, appArmorProfile, sysctls = [] } = pod.spec?.securityContext ?? {};
  const host = pod.spec?.hostNetwork === true;
  const full = pod.spec?.setHostnameAsFQDN === true && domain !== '' ? `${hostname}.${domain}` : hostname;
  const containers = [...(pod.spec?.initContainers ?? []), ...(pod.spec?.containers ?? [])];
  return {
    metadata: { ...id, attempt },
    hostname: host ? nodeName : full,
    logDirectory,
    dns: podDns(pod, hostDns, clusterDns),
    portMappings: host ? [] : containers.flatMap(hostPorts),
    labels: { ...pod.metadata?.labels, ...podLabels(id) },
    annotations: { ...pod.metadata?.annotations },
    cgroupParent: cgroupParentOf(cgroupRoot, pod),
    sysctls: Object.fromEntries(sysctls.map(({ name, value }) => [name, value])),
    security: {
      namespaces: namespacesOf(pod),
      runAsUser,
      runAsGroup,
      readonlyRootfs: false,
      supplementalGroups: supplementalGroupsOf(pod),
      strictGroups: isStrict(pod),
      privileged: containers.some((container) => container.securityContext?.privileged === true),
      seccomp: seccompProfile ? seccompOf(seccompProfile) : { type: 'runtimeDefault' },
      apparmor: apparmorOf(appArmorProfile),
    },
  };
}

function hostPorts(container: NonNullable<V1Pod['spec']>['containers'][number]): SandboxConfig['portMappings'] {
  return (container.ports ?? [])
    .filter((port) => port.hostPort !== undefined && port.hostPort > 0)
    .map((port) => {
      const protocol = port.protocol ?? 'TCP';
      return {
        protocol: isProtocol(protocol) ? protocol : 'TCP',
        containerPort: port.containerPort,
        hostPort: port.hostPort ?? 0,
        hostIp: port.hostIP ?? '',
      };
    });
}
