// Between the runtime's wire form and the kubelet's: pure, one function a message and direction.

import type { DecodedOf, EncodableOf } from '../../base/protobuf/mod.ts';
import {
  containerStates,
  type methods,
  namespaceModes,
  type objectMessages,
  profileTypes,
  propagations,
  protocols,
  sandboxStates,
  stopSignals,
} from './messages.ts';
import type {
  Container,
  ContainerConfig,
  ContainerStatus,
  FileSystemUse,
  Image,
  LinuxResources,
  NamespaceOptions,
  RuntimeStatus,
  Sandbox,
  SandboxConfig,
  SandboxStatus,
  SecurityProfile,
  UserRange,
} from './runtime.ts';

type Messages = typeof objectMessages;
type Wire<K extends keyof Messages> = DecodedOf<Messages[K]>;
type WireIn<K extends keyof Messages> = EncodableOf<Messages[K]>;

export function sandboxConfigToWire(config: SandboxConfig): WireIn<'sandboxConfig'> {
  const { metadata, hostname, logDirectory, dns, portMappings, labels, annotations, cgroupParent, sysctls, security } = config;
  return {
    metadata,
    // The host's own name is not to be set anew: runc refuses to.
    hostname: security.namespaces.network === 'node' ? '' : hostname,
    logDirectory,
    dnsConfig: dns,
    portMappings: portMappings.map(({ protocol, containerPort, hostPort, hostIp }) => ({
      protocol: protocols.indexOf(protocol),
      containerPort,
      hostPort,
      hostIp,
    })),
    labels,
    annotations,
    linux: {
      cgroupParent,
      sysctls,
      securityContext: {
        namespaceOptions: namespacesToWire(security.namespaces),
        runAsUser: boxed(security.runAsUser),
        runAsGroup: boxed(security.runAsGroup),
        readonlyRootfs: security.readonlyRootfs,
        supplementalGroups: security.supplementalGroups,
        supplementalGroupsPolicy: security.strictGroups ? 1 : 0,
        privileged: security.privileged,
        seccomp: profileToWire(security.seccomp),
        apparmor: profileToWire(security.apparmor),
      },
    },
  };
}

export function containerConfigToWire(config: ContainerConfig): WireIn<'containerConfig'> {
  const { metadata, image, command, args, workingDir, env, mounts, devices, labels, annotations, logPath, stdin, stdinOnce, tty } = config;
  const { security } = config;
  const { users } = security.namespaces;
  return {
    metadata,
    image: { image },
    command,
    args,
    workingDir,
    envs: env,
    mounts: mounts.map(({ containerPath, hostPath, readonly, recursiveReadOnly, propagation }) => ({
      containerPath,
      hostPath,
      readonly,
      recursiveReadOnly,
      propagation: propagations.indexOf(propagation),
      // What is the machine's root's outside is the pod's root's inside.
      ...(users ? mappingsOf(users, 'uidMappings', 'gidMappings') : {}),
    })),
    ...(devices ? { devices } : {}),
    labels,
    annotations,
    logPath,
    stdin,
    stdinOnce,
    tty,
    stopSignal: Math.max(0, stopSignals.indexOf(config.stopSignal ?? '')),
    linux: {
      resources: resourcesToWire(config.resources),
      securityContext: {
        capabilities: { addCapabilities: security.addCapabilities, dropCapabilities: security.dropCapabilities },
        privileged: security.privileged,
        namespaceOptions: namespacesToWire(security.namespaces),
        runAsUser: boxed(security.runAsUser),
        runAsGroup: boxed(security.runAsGroup),
        readonlyRootfs: security.readonlyRootfs,
        supplementalGroups: security.supplementalGroups,
        supplementalGroupsPolicy: security.strictGroups ? 1 : 0,
        noNewPrivs: security.noNewPrivileges,
        maskedPaths: security.maskedPaths,
        readonlyPaths: security.readonlyPaths,
        seccomp: profileToWire(security.seccomp),
        apparmor: profileToWire(security.apparmor),
      },
    },
  };
}

export function resourcesToWire(resources: LinuxResources): WireIn<'linuxResources'> {
  const { cpuPeriod, cpuQuota, cpuShares, memoryLimitBytes, oomScoreAdj, unified } = resources;
  return { cpuPeriod, cpuQuota, cpuShares, memoryLimitInBytes: memoryLimitBytes, oomScoreAdj, unified };
}

function namespacesToWire(namespaces: NamespaceOptions) {
  return {
    network: namespaceModes.indexOf(namespaces.network),
    pid: namespaceModes.indexOf(namespaces.pid),
    ipc: namespaceModes.indexOf(namespaces.ipc),
    targetId: namespaces.targetId,
    ...(namespaces.users
      ? { usernsOptions: { mode: namespaceModes.indexOf('pod'), ...mappingsOf(namespaces.users, 'uids', 'gids') } }
      : {}),
  };
}

/** Users and groups are mapped alike. */
function mappingsOf<K extends string>(users: UserRange, ...names: readonly K[]) {
  const mapping = [{ ...users, containerId: 0 }];
  return Object.fromEntries(names.map((name) => [name, mapping])) as Record<K, typeof mapping>;
}

function profileToWire(profile: SecurityProfile | undefined) {
  return profile && { profileType: profileTypes.indexOf(profile.type), localhostRef: profile.localhostRef };
}

function boxed(value: number | undefined): { value: number } | undefined {
  return value === undefined ? undefined : { value };
}

export function sandboxFromWire(wire: Wire<'sandbox'>): Sandbox {
  return {
    id: wire.id,
    metadata: wire.metadata ?? { name: '', uid: '', namespace: '', attempt: 0 },
    state: sandboxStates[wire.state] ?? 'notReady',
    createdAtMs: nanosToMs(wire.createdAt),
    labels: wire.labels,
    annotations: wire.annotations,
  };
}

export function sandboxStatusFromWire(wire: Wire<'sandboxStatus'>): SandboxStatus {
  const ips = [wire.network?.ip ?? '', ...(wire.network?.additionalIps ?? []).map(({ ip }) => ip)];
  return { ...sandboxFromWire(wire), ips: ips.filter((ip) => ip !== '') };
}

export function containerFromWire(wire: Wire<'container'>): Container {
  return { ...commonFromWire(wire), sandboxId: wire.podSandboxId };
}

/** A status does not name its sandbox: the caller knows it, or asks the list. */
export function containerStatusFromWire(wire: Wire<'containerStatus'>, sandboxId: string): ContainerStatus {
  return {
    ...commonFromWire(wire),
    sandboxId,
    startedAtMs: nanosToMs(wire.startedAt),
    finishedAtMs: nanosToMs(wire.finishedAt),
    exitCode: wire.exitCode,
    reason: wire.reason,
    message: wire.message,
    logPath: wire.logPath,
  };
}

export function runtimeStatusFromWire({ status, handlers, features }: DecodedOf<(typeof methods)['status']['response']>): RuntimeStatus {
  const conditions = status?.conditions ?? [];
  const isTrue = (type: string) => conditions.some((condition) => condition.type === type && condition.status);
  const failing = conditions.filter((condition) => !condition.status);
  return {
    runtimeReady: isTrue('RuntimeReady'),
    networkReady: isTrue('NetworkReady'),
    message: failing.map(({ reason, message }) => `${reason}: ${message}`).join('; '),
    features: {
      handlers: handlers.map(({ name, features: can }) => ({
        name,
        recursiveReadOnlyMounts: can?.recursiveReadOnlyMounts === true,
        userNamespaces: can?.userNamespaces === true,
      })),
      supplementalGroupsPolicy: features?.supplementalGroupsPolicy === true,
    },
  };
}

function commonFromWire(wire: Omit<Wire<'container'>, 'podSandboxId'> | Wire<'containerStatus'>): Omit<Container, 'sandboxId'> {
  return {
    id: wire.id,
    metadata: wire.metadata ?? { name: '', attempt: 0 },
    image: wire.image?.image ?? '',
    imageRef: wire.imageRef,
    state: containerStates[wire.state] ?? 'unknown',
    createdAtMs: nanosToMs(wire.createdAt),
    labels: wire.labels,
    annotations: wire.annotations,
  };
}

export function imageFromWire(wire: Wire<'image'>): Image {
  return {
    id: wire.id,
    repoTags: wire.repoTags,
    repoDigests: wire.repoDigests,
    sizeBytes: Number(wire.size),
    uid: wire.uid === undefined ? undefined : Number(wire.uid.value),
    username: wire.username === '' ? undefined : wire.username,
  };
}

export function fileSystemUseFromWire(wire: Wire<'fileSystemUsage'>): FileSystemUse {
  const { fsId, usedBytes, inodesUsed } = wire;
  return { mountpoint: fsId?.mountpoint ?? '', usedBytes: Number(usedBytes?.value ?? 0), inodesUsed: Number(inodesUsed?.value ?? 0) };
}

/** containerd writes Go's zero time as a large negative number: before the epoch means "not yet". */
export function nanosToMs(nanos: bigint): number {
  return nanos <= 0n ? 0 : Number(nanos / 1_000_000n);
}
