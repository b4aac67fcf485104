// The Pod Security Standards: which checks make up a level, in which version, in which order they are told.
// Source: https://kubernetes.io/docs/concepts/security/pod-security-standards/
import * as baseline from './baseline.ts';
import type { Judge, PodView, Violation } from './check.ts';
import type { Standard } from './policy.ts';
import * as restricted from './restricted.ts';

interface Revision {
  /** The first minor version that judges so. */
  readonly since: number;
  readonly judge: Judge;
  /** Checks of the baseline that say less than this one: they are not asked as well. */
  readonly instead?: string;
}

interface Check {
  readonly id: string;
  /** Ascending. */
  readonly revisions: readonly Revision[];
}

const selinuxTypes = ['container_t', 'container_init_t', 'container_kvm_t'];
const sysctls = [
  'kernel.shm_rmid_forced',
  'net.ipv4.ip_local_port_range',
  'net.ipv4.tcp_syncookies',
  'net.ipv4.ping_group_range',
  'net.ipv4.ip_unprivileged_port_start',
];
const sysctls27 = [...sysctls, 'net.ipv4.ip_local_reserved_ports'];
const sysctls29 = [
  ...sysctls27,
  'net.ipv4.tcp_keepalive_time',
  'net.ipv4.tcp_fin_timeout',
  'net.ipv4.tcp_keepalive_intvl',
  'net.ipv4.tcp_keepalive_probes',
];
const sysctls32 = [...sysctls29, 'net.ipv4.tcp_rmem', 'net.ipv4.tcp_wmem'];

/** By id, which is the order of the findings. */
const baselineChecks: readonly Check[] = [
  { id: 'appArmorProfile', revisions: [{ since: 0, judge: baseline.appArmorProfile }] },
  { id: 'capabilities_baseline', revisions: [{ since: 0, judge: baseline.capabilitiesBaseline }] },
  { id: 'hostNamespaces', revisions: [{ since: 0, judge: baseline.hostNamespaces }] },
  { id: 'hostPathVolumes', revisions: [{ since: 0, judge: baseline.hostPathVolumes }] },
  { id: 'hostPorts', revisions: [{ since: 0, judge: baseline.hostPorts }] },
  { id: 'hostProbesAndHostLifecycle', revisions: [{ since: 34, judge: baseline.hostProbesAndHostLifecycle }] },
  { id: 'privileged', revisions: [{ since: 0, judge: baseline.privileged }] },
  {
    id: 'procMount_baseline',
    revisions: [
      { since: 0, judge: baseline.procMount },
      { since: 35, judge: baseline.procMountUnlessUserNamespace },
    ],
  },
  {
    id: 'seLinuxOptions',
    revisions: [
      { since: 0, judge: baseline.seLinuxOptions(selinuxTypes) },
      { since: 31, judge: baseline.seLinuxOptions([...selinuxTypes, 'container_engine_t']) },
    ],
  },
  {
    id: 'seccompProfile_baseline',
    revisions: [
      { since: 0, judge: baseline.seccompAnnotations },
      { since: 19, judge: baseline.seccompProfile },
    ],
  },
  {
    id: 'sysctls',
    revisions: [
      { since: 0, judge: baseline.sysctls(sysctls) },
      { since: 27, judge: baseline.sysctls(sysctls27) },
      { since: 29, judge: baseline.sysctls(sysctls29) },
      { since: 32, judge: baseline.sysctls(sysctls32) },
    ],
  },
  { id: 'windowsHostProcess', revisions: [{ since: 0, judge: baseline.windowsHostProcess }] },
];

const restrictedChecks: readonly Check[] = [
  {
    id: 'allowPrivilegeEscalation',
    revisions: [
      { since: 8, judge: restricted.allowPrivilegeEscalation },
      { since: 25, judge: restricted.allowPrivilegeEscalationUnlessWindows },
    ],
  },
  {
    id: 'capabilities_restricted',
    revisions: [
      { since: 22, judge: restricted.capabilitiesRestricted, instead: 'capabilities_baseline' },
      { since: 25, judge: restricted.capabilitiesRestrictedUnlessWindows, instead: 'capabilities_baseline' },
    ],
  },
  // As upstream it does not replace that of the baseline: outside of a user namespace the same is told twice.
  { id: 'procMount_restricted', revisions: [{ since: 35, judge: baseline.procMount }] },
  { id: 'restrictedVolumes', revisions: [{ since: 0, judge: restricted.restrictedVolumes, instead: 'hostPathVolumes' }] },
  {
    id: 'runAsNonRoot',
    revisions: [
      { since: 0, judge: restricted.runAsNonRoot },
      { since: 35, judge: restricted.runAsNonRootUnlessUserNamespace },
    ],
  },
  {
    id: 'runAsUser',
    revisions: [
      { since: 23, judge: restricted.runAsUser },
      { since: 35, judge: restricted.runAsUserUnlessUserNamespace },
    ],
  },
  {
    id: 'seccompProfile_restricted',
    revisions: [
      { since: 19, judge: restricted.seccompRestricted, instead: 'seccompProfile_baseline' },
      { since: 25, judge: restricted.seccompRestrictedUnlessWindows, instead: 'seccompProfile_baseline' },
    ],
  },
];

/** What of the pod the standard forbids, in order. */
export function violationsOf({ level, version }: Standard, pod: PodView): readonly Violation[] {
  if (level === 'privileged') return [];
  const minor = version === 'latest' ? Number.POSITIVE_INFINITY : version;
  const inForce = (checks: readonly Check[]) =>
    checks.flatMap(({ id, revisions }) => {
      const revision = revisions.findLast(({ since }) => since <= minor);
      return revision ? [{ id, ...revision }] : [];
    });
  const stricter = level === 'restricted' ? inForce(restrictedChecks) : [];
  const replaced = new Set(stricter.map(({ instead }) => instead));
  const asked = [...inForce(baselineChecks).filter(({ id }) => !replaced.has(id)), ...stricter];
  return asked.flatMap(({ judge }) => judge(pod) ?? []);
}

/** `privileged (container "c" must not ...), hostPort (...)` */
export const describe = (violations: readonly Violation[]): string =>
  violations.map(({ reason, detail }) => `${reason} (${detail})`).join(', ');
