// What a pod asks of the machine's security that the machine cannot give: refused, rather than left out without a word. Pure.
import type { V1Pod } from '../../api/mod.ts';
import { isStrict } from '../container/security.ts';
import { containersOf } from '../pod/spec.ts';

/** What this node can enforce. */
export interface SecurityFacts {
  readonly appArmor: boolean;
  readonly supplementalGroupsPolicy: boolean;
}

/** Undefined when the node can enforce all of it. Reasons and messages are upstream's. */
export function admitSecurity(pod: V1Pod, facts: SecurityFacts): { readonly reason: string; readonly message: string } | undefined {
  const sysctl = refusedSysctl(pod);
  if (sysctl !== undefined) return { reason: 'SysctlForbidden', message: `forbidden sysctl: ${sysctl}` };
  if (isStrict(pod) && !facts.supplementalGroupsPolicy) {
    const message = 'SupplementalGroupsPolicy=Strict is not supported in this node';
    return { reason: 'SupplementalGroupsPolicyNotSupported', message };
  }
  if (wantsAppArmor(pod) && !facts.appArmor) {
    return { reason: 'AppArmor', message: 'Cannot enforce AppArmor: AppArmor is not enabled on the host' };
  }
  return undefined;
}

/**
 * Those that a pod may set because they reach no further than its own namespaces.
 * Source: https://kubernetes.io/docs/tasks/administer-cluster/sysctl-cluster/#safe-and-unsafe-sysctls
 */
const safeSysctls: ReadonlySet<string> = new Set([
  'kernel.shm_rmid_forced',
  'net.ipv4.ip_local_port_range',
  'net.ipv4.ip_local_reserved_ports',
  'net.ipv4.ip_unprivileged_port_start',
  'net.ipv4.ping_group_range',
  'net.ipv4.tcp_fin_timeout',
  'net.ipv4.tcp_keepalive_intvl',
  'net.ipv4.tcp_keepalive_probes',
  'net.ipv4.tcp_keepalive_time',
  'net.ipv4.tcp_rmem',
  'net.ipv4.tcp_syncookies',
  'net.ipv4.tcp_wmem',
]);

function refusedSysctl(pod: V1Pod): string | undefined {
  const { hostNetwork, hostIPC, securityContext } = pod.spec ?? {};
  for (const { name } of securityContext?.sysctls ?? []) {
    const dotted = name.includes('/') ? name.replaceAll('/', '.') : name;
    if (!safeSysctls.has(dotted)) return `${JSON.stringify(name)} not allowlisted`;
    const namespace = dotted.startsWith('net.') ? 'Net' : 'IPC';
    if (namespace === 'Net' ? hostNetwork : hostIPC) return `${JSON.stringify(name)} not allowed with host ${namespace} enabled`;
  }
  return undefined;
}

const wantsAppArmor = (pod: V1Pod): boolean =>
  [pod.spec?.securityContext, ...containersOf(pod).map(({ spec }) => spec.securityContext)].some(
    (context) => context?.appArmorProfile !== undefined && context.appArmorProfile.type !== 'Unconfined',
  );
