// What the runtime is told about one container. Pure: files and volumes have been prepared, and come in as mounts.
import { createHash } from 'node:crypto';
import type { V1Container, V1Pod } from '../../api/mod.ts';
import type { ContainerConfig, Device, Mount } from '../cri/runtime.ts';
import {
  appliedResourcesAnnotation,
  containerHashAnnotation,
  containerKindAnnotation,
  containerNameLabel,
  graceAnnotation,
  podIdOf,
  podLabels,
  restartCountAnnotation,
  restartDelayAnnotation,
  terminationPathAnnotation,
  terminationPolicyAnnotation,
} from '../pod/labels.ts';
import { resourcesText } from '../pod/resize.ts';
import type { ContainerKind } from '../pod/spec.ts';
import { expand } from './expand.ts';
import { linuxResources, type MachineLimits } from './resources.ts';
import { containerSecurity } from './security.ts';

export interface ContainerConfigInput {
  readonly pod: V1Pod;
  readonly container: V1Container;
  readonly kind: ContainerKind;
  readonly attempt: number;
  readonly delayMs: number;
  /** The image's id or reference as the runtime knows it. */
  readonly image: string;
  readonly env: ReadonlyMap<string, string>;
  readonly mounts: readonly Mount[];
  readonly devices?: readonly Device[];
  readonly machine: MachineLimits;
  /** Of an ephemeral container: whose processes it sees. */
  readonly targetId?: string | undefined;
}

/** What makes a container another one: only the name and image of a running container's spec may change in place. */
export function containerHash(container: V1Container): string {
  return createHash('sha256')
    .update(JSON.stringify([container.name, container.image ?? '']))
    .digest('hex')
    .slice(0, 8);
}

/** Relative to the pod's log directory: `app/0.log`. */
export const logPathOf = (container: string, attempt: number): string => `${container}/${attempt}.log`;

export function containerConfig(input: ContainerConfigInput): ContainerConfig {
  const { pod, container, attempt, env, targetId } = input;
  const id = podIdOf(pod);
  const value = (name: string) => env.get(name);
  const security = containerSecurity(pod, container);
  return {
    metadata: { name: container.name, attempt },
    image: input.image,
    command: (container.command ?? []).map((text) => expand(text, value)),
    args: (container.args ?? []).map((text) => expand(text, value)),
    workingDir: container.workingDir ?? '',
    env: [...env].map(([key, text]) => ({ key, value: text })),
    mounts: input.mounts,
    ...(input.devices && input.devices.length > 0 ? { devices: input.devices } : {}),
    labels: { ...podLabels(id), [containerNameLabel]: container.name },
    annotations: {
      [containerHashAnnotation]: containerHash(container),
      [containerKindAnnotation]: input.kind,
      [appliedResourcesAnnotation]: resourcesText(container.resources),
      [restartCountAnnotation]: String(attempt),
      [restartDelayAnnotation]: String(input.delayMs),
      [terminationPathAnnotation]: container.terminationMessagePath ?? '/dev/termination-log',
      [terminationPolicyAnnotation]: container.terminationMessagePolicy ?? 'File',
      [graceAnnotation]: String(pod.spec?.terminationGracePeriodSeconds ?? 30),
    },
    logPath: logPathOf(container.name, attempt),
    stdin: container.stdin === true,
    stdinOnce: container.stdinOnce === true,
    tty: container.tty === true,
    stopSignal: container.lifecycle?.stopSignal,
    resources: linuxResources(pod, container, input.machine),
    security: targetId ? { ...security, namespaces: { ...security.namespaces, pid: 'target', targetId } } : security,
  };
}
