// Builders for tests of the plan and the status: pods, and what a runtime would list of them.
import type { V1Container, V1Pod, V1PodSpec } from '../../api/mod.ts';
import { containerHash } from '../container/config.ts';
import type { ContainerState, ContainerStatus, SandboxStatus } from '../cri/runtime.ts';
import { containerHashAnnotation, containerNameLabel, restartDelayAnnotation } from './labels.ts';
import type { Observed } from './observed.ts';
import type { PlanInput } from './plan-types.ts';
import { containersOf } from './spec.ts';

export const aContainer = (name: string, more: Partial<V1Container> = {}): V1Container => ({ name, image: 'img', ...more });

export const aPod = (spec: Partial<V1PodSpec> = {}, more: Partial<V1Pod> = {}): V1Pod => ({
  metadata: { name: 'web', namespace: 'ns', uid: 'u1', generation: 1, ...more.metadata },
  spec: { restartPolicy: 'Always', containers: [aContainer('app')], ...spec },
  ...(more.status ? { status: more.status } : {}),
});

export function aSandbox(attempt = 0, state: 'ready' | 'notReady' = 'ready'): SandboxStatus {
  const metadata = { name: 'web', namespace: 'ns', uid: 'u1', attempt };
  return {
    id: `s${attempt}`,
    metadata,
    state,
    createdAtMs: attempt,
    labels: {},
    annotations: {},
    ips: state === 'ready' ? ['10.0.0.2'] : [],
  };
}

export interface RunOptions {
  readonly attempt?: number;
  readonly sandbox?: number;
  readonly exitCode?: number;
  readonly delayMs?: number;
  readonly finishedAtMs?: number;
  readonly image?: string;
  readonly reason?: string;
  readonly message?: string;
}

export function aRun(name: string, state: ContainerState, options: RunOptions = {}): ContainerStatus {
  const { attempt = 0, sandbox = 0, exitCode = 0, delayMs = 0, finishedAtMs = 2000, image = 'img' } = options;
  return {
    id: `${name}-${attempt}`,
    sandboxId: `s${sandbox}`,
    metadata: { name, attempt },
    image,
    imageRef: 'img@sha256:1',
    state,
    createdAtMs: 1000 + attempt,
    labels: { [containerNameLabel]: name },
    annotations: { [containerHashAnnotation]: containerHash({ name, image }), [restartDelayAnnotation]: String(delayMs) },
    startedAtMs: state === 'created' ? 0 : 1000,
    finishedAtMs: state === 'exited' ? finishedAtMs : 0,
    exitCode,
    reason: state === 'exited' ? (options.reason ?? (exitCode === 0 ? 'Completed' : 'Error')) : '',
    message: options.message ?? '',
    logPath: '',
  };
}

export function seen(sandboxes: readonly SandboxStatus[], containers: readonly ContainerStatus[] = []): Observed {
  return { sandboxes, sandbox: sandboxes[0], containers: [...containers].sort((a, b) => b.metadata.attempt - a.metadata.attempt) };
}

export function planInput(pod: V1Pod, observed: Observed, more: Partial<PlanInput> = {}): PlanInput {
  const running = observed.containers.filter((run) => run.state === 'running');
  return {
    pod,
    observed,
    state: { at: 'syncing' },
    volumes: 'mounted',
    probes: new Map(running.map((run) => [run.id, { started: true, ready: true }])),
    failures: new Map(),
    busy: new Map(),
    hashes: new Map(containersOf(pod).map(({ spec }) => [spec.name, containerHash(spec)])),
    restartDelayMaxMs: 300_000,
    nowMs: 3000,
    ...more,
  };
}
