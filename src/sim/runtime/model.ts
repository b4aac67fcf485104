// What a simulated runtime holds: sandboxes and containers, with names that are reserved as containerd reserves them.
import type { Timer } from '../../base/mod.ts';
import type { Container, ContainerStatus, Sandbox, SandboxConfig } from '../../kubelet/mod.ts';
import type { Behaviour } from './annotations.ts';

export interface SimSandbox {
  readonly id: string;
  readonly config: SandboxConfig;
  readonly createdAtMs: number;
  readonly ip: string;
  state: 'ready' | 'notReady';
  /** Of its containers. */
  readonly containers: Set<string>;
}

export interface SimContainer {
  readonly id: string;
  readonly sandboxId: string;
  readonly attempt: number;
  readonly name: string;
  readonly image: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly annotations: Readonly<Record<string, string>>;
  readonly logPath: string;
  readonly createdAtMs: number;
  readonly behaviour: Behaviour;
  state: 'created' | 'running' | 'exited';
  startedAtMs: number;
  finishedAtMs: number;
  exitCode: number;
  reason: string;
  /** Set while it runs and is to exit by itself, or is being stopped. */
  timer: Timer | undefined;
  /** Who waits for its end. */
  readonly onExit: Set<() => void>;
}

export const sandboxName = (of: SandboxConfig['metadata']): string => `${of.name}_${of.namespace}_${of.uid}_${of.attempt}`;

export function sandboxView(sandbox: SimSandbox): Sandbox {
  const { config, id, state, createdAtMs } = sandbox;
  return { id, metadata: config.metadata, state, createdAtMs, labels: config.labels, annotations: config.annotations };
}

export function containerView(container: SimContainer): Container {
  const { id, sandboxId, name, attempt, image, state, createdAtMs, labels, annotations } = container;
  return { id, sandboxId, metadata: { name, attempt }, image, imageRef: simImageRef(image), state, createdAtMs, labels, annotations };
}

export function statusView(container: SimContainer): ContainerStatus {
  const { startedAtMs, finishedAtMs, exitCode, reason, logPath } = container;
  return { ...containerView(container), startedAtMs, finishedAtMs, exitCode, reason, message: '', logPath };
}

export const simImageRef = (image: string): string => `simulated.minke.dev/${image}@sha256:${'0'.repeat(64)}`;

export const hasLabels = (labels: Readonly<Record<string, string>>, wanted: Readonly<Record<string, string>> | undefined): boolean =>
  Object.entries(wanted ?? {}).every(([key, value]) => labels[key] === value);
