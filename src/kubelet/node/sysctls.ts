// Which kernel settings a pod may have of its own. Pure.
// Source: https://kubernetes.io/docs/tasks/administer-cluster/sysctl-cluster/
import type { V1Pod } from '../../api/mod.ts';

/** Those that a pod may set because they reach no further than its own namespaces, and cannot harm the node there. */
const safe: ReadonlySet<string> = new Set([
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

const namespaced = /^(net\.|kernel\.(shm|msg)|kernel\.sem$|fs\.mqueue\.)/;

/** `pattern`: a name, or its beginning followed by `*`. */
export const isNamespacedSysctl = (pattern: string): boolean => namespaced.test(pattern.replaceAll('/', '.').replace('*', ''));

const covers = (pattern: string, name: string): boolean =>
  pattern.endsWith('*') ? name.startsWith(pattern.slice(0, -1)) : pattern === name;

/** Why the pod may not have what it asks for, in upstream's words; undefined when it may. */
export function refusedSysctl(pod: V1Pod, allowed: readonly string[]): string | undefined {
  const { hostNetwork, hostIPC, securityContext } = pod.spec ?? {};
  for (const { name } of securityContext?.sysctls ?? []) {
    const dotted = name.replaceAll('/', '.');
    if (!safe.has(dotted) && !allowed.some((pattern) => covers(pattern, dotted))) return `${JSON.stringify(name)} not allowlisted`;
    const namespace = dotted.startsWith('net.') ? 'Net' : 'IPC';
    if (namespace === 'Net' ? hostNetwork : hostIPC) return `${JSON.stringify(name)} not allowed with host ${namespace} enabled`;
  }
  return undefined;
}
