// Security contexts: the container's over the pod's, and what the runtime is told.
// Source: https://kubernetes.io/docs/tasks/configure-pod-container/security-context/
import type { V1AppArmorProfile, V1Container, V1Pod, V1SeccompProfile } from '../../api/mod.ts';
import type { ContainerConfig, Image, NamespaceOptions, SecurityProfile } from '../cri/runtime.ts';
import { podIdOf, podText } from '../pod/labels.ts';
import { configError } from './errors.ts';

const maskedPaths = [
  '/proc/asound',
  '/proc/acpi',
  '/proc/interrupts',
  '/proc/kcore',
  '/proc/keys',
  '/proc/latency_stats',
  '/proc/timer_list',
  '/proc/timer_stats',
  '/proc/sched_debug',
  '/proc/scsi',
  '/sys/firmware',
  '/sys/devices/virtual/powercap',
];
const readonlyPaths = ['/proc/bus', '/proc/fs', '/proc/irq', '/proc/sys', '/proc/sysrq-trigger'];

export function namespacesOf(pod: V1Pod): NamespaceOptions {
  const { hostNetwork, hostPID, hostIPC, shareProcessNamespace } = pod.spec ?? {};
  return {
    network: hostNetwork ? 'node' : 'pod',
    pid: hostPID ? 'node' : shareProcessNamespace ? 'pod' : 'container',
    ipc: hostIPC ? 'node' : 'pod',
  };
}

/** Absent means unconfined, as a kubelet without `seccompDefault` has it. */
export function seccompOf(profile: V1SeccompProfile | undefined): SecurityProfile {
  if (profile?.type === 'RuntimeDefault') return { type: 'runtimeDefault' };
  if (profile?.type === 'Localhost') return { type: 'localhost', localhostRef: profile.localhostProfile ?? '' };
  return { type: 'unconfined' };
}

/** Absent: the runtime's own choice, which is its default profile where the kernel has AppArmor. */
export function apparmorOf(profile: V1AppArmorProfile | undefined): SecurityProfile | undefined {
  if (!profile) return undefined;
  if (profile.type === 'Localhost') return { type: 'localhost', localhostRef: profile.localhostProfile ?? '' };
  return { type: profile.type === 'Unconfined' ? 'unconfined' : 'runtimeDefault' };
}

export const isStrict = (pod: V1Pod): boolean => pod.spec?.securityContext?.supplementalGroupsPolicy === 'Strict';

export function supplementalGroupsOf(pod: V1Pod): readonly number[] {
  const { fsGroup, supplementalGroups = [] } = pod.spec?.securityContext ?? {};
  return fsGroup === undefined ? supplementalGroups : [...supplementalGroups, fsGroup];
}

/**
 * Refuses a container that would run as root though it must not. Throws StartError with upstream's message.
 * `image` says as whom the image runs.
 */
export function checkNonRoot(pod: V1Pod, container: V1Container, image: Pick<Image, 'uid' | 'username'> | undefined): void {
  const nonRoot = container.securityContext?.runAsNonRoot ?? pod.spec?.securityContext?.runAsNonRoot;
  if (nonRoot !== true) return;
  const user = container.securityContext?.runAsUser ?? pod.spec?.securityContext?.runAsUser;
  const where = `(pod: "${podText(podIdOf(pod))}", container: ${container.name})`;
  if (user !== undefined) {
    if (user === 0) throw configError(`container's runAsUser breaks non-root policy ${where}`);
    return;
  }
  if (image?.uid === 0) throw configError(`container has runAsNonRoot and image will run as root ${where}`);
  if (image?.uid === undefined && image?.username) {
    throw configError(
      `container has runAsNonRoot and image has non-numeric user (${image.username}), cannot verify user is non-root ${where}`,
    );
  }
  // An image that names no user runs as root.
  if (image?.uid === undefined) throw configError(`container has runAsNonRoot and image will run as root ${where}`);
}

export function containerSecurity(pod: V1Pod, container: V1Container): ContainerConfig['security'] {
  const own = container.securityContext ?? {};
  const shared = pod.spec?.securityContext ?? {};
  const privileged = own.privileged === true;
  const open = privileged || own.procMount === 'Unmasked';
  return {
    namespaces: namespacesOf(pod),
    privileged,
    addCapabilities: own.capabilities?.add ?? [],
    dropCapabilities: own.capabilities?.drop ?? [],
    runAsUser: own.runAsUser ?? shared.runAsUser,
    runAsGroup: own.runAsGroup ?? shared.runAsGroup,
    readonlyRootfs: own.readOnlyRootFilesystem === true,
    supplementalGroups: supplementalGroupsOf(pod),
    strictGroups: isStrict(pod),
    noNewPrivileges: own.allowPrivilegeEscalation === false,
    seccomp: privileged ? { type: 'unconfined' } : seccompOf(own.seccompProfile ?? shared.seccompProfile),
    apparmor: privileged ? undefined : apparmorOf(own.appArmorProfile ?? shared.appArmorProfile),
    maskedPaths: open ? [] : maskedPaths,
    readonlyPaths: open ? [] : readonlyPaths,
  };
}
