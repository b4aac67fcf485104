// Brings up a sandbox or one container: the longest of the worker's actions.
import type { V1Pod } from '../../api/mod.ts';
import { errorText } from '../../base/mod.ts';
import { runtimeClasses } from '../api-resources.ts';
import { containerConfig } from '../container/config.ts';
import { buildEnv } from '../container/env.ts';
import { configError, StartError } from '../container/errors.ts';
import type { RunningFacts } from '../container/fields.ts';
import { cgroupParentOf, podGroupLimits } from '../container/resources.ts';
import { sandboxConfig } from '../container/sandbox-config.ts';
import { checkNonRoot } from '../container/security.ts';
import {
  canMapUsers,
  canMountRecursively,
  type NamespaceOptions,
  RuntimeError,
  type RuntimeFeatures,
  type SandboxConfig,
  type UserRange,
} from '../cri/runtime.ts';
import type { EmitEvent } from '../image-manager.ts';
import { bandwidthWarning } from './bandwidth.ts';
import type { PodContext } from './context.ts';
import { emitterFor } from './events.ts';
import { runHook } from './hooks.ts';
import { podIdOf } from './labels.ts';
import { latestRun, type Observed } from './observed.ts';
import type { StartContainer } from './plan-types.ts';
import { environmentReferencesOf } from './references.ts';
import { containersOf, isHostNetwork, type SpecContainer } from './spec.ts';

/** A sandbox may have to wait for its network. */
const sandboxDeadlineMs = 240_000;
const callDeadlineMs = 120_000;
/** A hook without a word on its time. */
const postStartDeadlineMs = 600_000;
const soonMs = 1000;

export async function sandboxConfigFor(context: PodContext, pod: V1Pod, attempt: number): Promise<SandboxConfig> {
  const { cgroupRoot, clusterDns, nodeName, files } = context;
  const hostDns = await context.hostDns();
  const id = podIdOf(pod);
  const config = sandboxConfig({ pod, attempt, cgroupRoot, clusterDns, nodeName, hostDns, logDirectory: files.logDirectory(id) });
  return pod.spec?.hostUsers === false ? withUsers(config, await files.userRange(id)) : config;
}

/** The same for a sandbox and for its containers: they share the users. */
const withUsers = <C extends { readonly security: { readonly namespaces: NamespaceOptions } }>(config: C, users: UserRange): C => ({
  ...config,
  security: { ...config.security, namespaces: { ...config.security.namespaces, users } },
});

export async function createSandbox(context: PodContext, pod: V1Pod, attempt: number, signal: AbortSignal): Promise<void> {
  const emit = emitterFor(context.recorder, pod);
  if (attempt > 0) emit('Normal', 'SandboxChanged', 'Pod sandbox changed, it will be killed and re-created.');
  try {
    await context.files.prepareSandbox(pod);
    await limitPod(context, pod);
    const warning = bandwidthWarning(pod, context.machine.shapesBandwidth === true);
    if (warning !== undefined) emit('Warning', 'NilShaper', warning);
    const runtimeHandler = await handlerOf(context, pod, signal);
    checkUserNamespace(pod, context.runtimeFeatures(), runtimeHandler);
    const config = { ...(await sandboxConfigFor(context, pod, attempt)), runtimeHandler };
    await context.runtime.runSandbox(config, { signal, deadlineMs: sandboxDeadlineMs });
  } catch (error) {
    if (!signal.aborted) emit('Warning', 'FailedCreatePodSandBox', `Failed to create pod sandbox: ${errorText(error)}`);
    throw error;
  }
}

/** By the pod's RuntimeClass; empty: the runtime's default one. */
async function handlerOf({ client }: PodContext, pod: V1Pod, signal: AbortSignal): Promise<string> {
  const name = pod.spec?.runtimeClassName ?? '';
  return name === '' ? '' : (await client.get(runtimeClasses, { name }, { signal })).handler;
}

/** To run the pod as users of the host's own would be less than it asks for. */
function checkUserNamespace(pod: V1Pod, features: RuntimeFeatures, handler: string): void {
  if (pod.spec?.hostUsers !== false || canMapUsers(features, handler)) return;
  const who = handler === '' ? 'runtime' : `RuntimeClass handler ${JSON.stringify(handler)}`;
  throw new Error(`can't set \`spec.hostUsers: false\`, ${who} does not support user namespaces`);
}

/** A host that refuses a limit runs the pod without it: its containers have limits of their own. */
export async function limitPod(context: PodContext, pod: V1Pod): Promise<void> {
  const limits = podGroupLimits(pod, { cpuQuota: context.machine.cpuQuota, podPidsLimit: context.podPidsLimit });
  const refused = await context.cgroups.limit(cgroupParentOf(context.cgroupRoot, pod), limits);
  if (refused.length > 0) context.log.info('The kernel refused limits of a pod', { pod: pod.metadata?.name, refused: refused.join('; ') });
}

export interface StartOptions {
  readonly pod: V1Pod;
  readonly action: StartContainer;
  readonly observed: Observed;
  readonly facts: RunningFacts;
  readonly signal: AbortSignal;
  /** The container runs; its postStart hook may be still to come. */
  readonly onRunning: () => void;
}

/** Rejects with StartError. */
export async function startContainer(context: PodContext, options: StartOptions): Promise<void> {
  const { pod, action, signal } = options;
  const container = containersOf(pod).find((one) => one.spec.name === action.name);
  if (!container) throw configError(`container ${action.name} is not in the pod's spec`);
  const emit = emitterFor(context.recorder, pod, container);
  try {
    const id = action.createdId ?? (await create(context, options, container));
    await run(context, id, signal);
    emit('Normal', 'Started', 'Container started');
    options.onRunning();
    await postStart(context, { ...options, id, container });
  } catch (error) {
    if (signal.aborted) throw error;
    const failure = error instanceof StartError ? error : new StartError('CreateContainerError', errorText(error), { cause: error });
    const hidden = ['ErrImagePull', 'ImagePullBackOff', 'ErrImageNeverPull', 'InvalidImageName', 'ImageInspectError'];
    // The text of an image error has been told already, with more to it.
    const text = hidden.includes(failure.reason) ? failure.reason : failure.message;
    if (failure.reason !== 'PostStartHookError') emit('Warning', 'Failed', `Error: ${text}`);
    throw failure;
  }
}

async function create(context: PodContext, options: StartOptions, container: SpecContainer): Promise<string> {
  const { pod, action, observed, facts, signal } = options;
  const { spec } = container;
  const emit = emitterFor(context.recorder, pod, container);
  const sandbox = await sandboxConfigFor(context, pod, observed.sandbox?.metadata.attempt ?? 0);
  const image = await context.images.ensure({ pod, container: spec, sandbox, emit, signal });
  checkNonRoot(pod, spec, image);
  await context.references.load(environmentReferencesOf(pod, spec), signal);
  const env = buildEnv({ pod, container: spec, facts, references: context.references });
  await mountImageVolumes(context, { pod, container, sandbox, emit, signal });
  const { mounts, devices } = await prepareMounts(context, { pod, container, env, facts, attempt: action.attempt });
  const target = container.kind === 'ephemeral' ? targetOf(pod, spec.name, observed) : undefined;
  const config = containerConfig({
    pod,
    container: spec,
    kind: container.kind,
    attempt: action.attempt,
    delayMs: action.delayMs,
    image: image.id || (spec.image ?? ''),
    env,
    mounts,
    devices,
    machine: context.machine,
    targetId: target,
  });
  const { users } = sandbox.security.namespaces;
  const id = await orStartError('CreateContainerError', () =>
    context.runtime.createContainer(action.sandboxId, users ? withUsers(config, users) : config, sandbox, {
      signal,
      deadlineMs: callDeadlineMs,
    }),
  );
  emit('Normal', 'Created', 'Container created');
  return id;
}

/** Images that the container mounts are pulled as its own is, and fail in the same words. */
async function mountImageVolumes(
  context: PodContext,
  of: { pod: V1Pod; container: SpecContainer; sandbox: SandboxConfig; emit: EmitEvent; signal: AbortSignal },
): Promise<void> {
  const { pod, container, ...request } = of;
  const wanted = new Set((container.spec.volumeMounts ?? []).map((mount) => mount.name));
  for (const volume of pod.spec?.volumes ?? []) {
    if (!volume.image?.reference || !wanted.has(volume.name)) continue;
    const { reference, pullPolicy } = volume.image;
    const asked = { name: container.spec.name, image: reference, imagePullPolicy: pullPolicy };
    const image = await context.images.ensure({ ...request, pod, container: asked });
    await orStartError('CreateContainerError', () => context.volumes.mountImage(pod, volume, image.id || reference));
  }
}

async function prepareMounts(
  context: PodContext,
  of: { pod: V1Pod; container: SpecContainer; env: ReadonlyMap<string, string>; facts: RunningFacts; attempt: number },
) {
  const { pod, container, env, facts, attempt } = of;
  try {
    const recursiveReadOnly = canMountRecursively(context.runtimeFeatures());
    const volumes = await context.volumes.mountsOf(pod, container.spec, { env, recursiveReadOnly });
    const clusterDomain = context.clusterDns?.domain;
    const own = await context.files.prepareContainer(pod, container.spec, { attempt, podIPs: facts.podIPs, clusterDomain });
    const devices = await context.volumes.devicesOf(pod, container.spec);
    return { mounts: [...volumes, ...own], devices };
  } catch (error) {
    if (error instanceof StartError) throw error;
    throw new StartError(
      'CreateContainerConfigError',
      `failed to prepare mounts for container "${container.spec.name}": ${errorText(error)}`,
      {
        cause: error,
      },
    );
  }
}

function targetOf(pod: V1Pod, name: string, observed: Observed): string | undefined {
  const target = pod.spec?.ephemeralContainers?.find((one) => one.name === name)?.targetContainerName;
  return target ? latestRun(observed, target)?.id : undefined;
}

const run = (context: PodContext, id: string, signal: AbortSignal): Promise<void> =>
  orStartError('RunContainerError', () => context.runtime.startContainer(id, { signal, deadlineMs: callDeadlineMs }));

async function orStartError<T>(reason: 'CreateContainerError' | 'RunContainerError', work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    const away = error instanceof RuntimeError && (error.code === 'unavailable' || error.code === 'deadlineExceeded');
    // A container that would not start has ended: its own back-off counts, as for one that crashed.
    const soon = away || reason === 'RunContainerError';
    throw new StartError(reason, errorText(error), { cause: error, ...(soon ? { retryInMs: soonMs } : {}) });
  }
}

async function postStart(context: PodContext, options: StartOptions & { id: string; container: SpecContainer }): Promise<void> {
  const { pod, id, container, facts, signal } = options;
  const handler = container.spec.lifecycle?.postStart;
  if (!handler) return;
  const podIP = (isHostNetwork(pod) ? facts.hostIPs : facts.podIPs)[0] ?? '';
  try {
    await runHook(handler, {
      ports: context.probes,
      clock: context.clock,
      signal,
      container: { id, spec: container.spec, podIP },
      timeoutMs: postStartDeadlineMs,
    });
  } catch (error) {
    if (signal.aborted) throw error;
    emitterFor(context.recorder, pod, container)('Warning', 'FailedPostStartHook', 'PostStartHook failed');
    const graceSeconds = pod.spec?.terminationGracePeriodSeconds ?? 30;
    await context.runtime.stopContainer(id, graceSeconds, { signal, deadlineMs: graceSeconds * 1000 + callDeadlineMs });
    throw new StartError('PostStartHookError', errorText(error), { cause: error });
  }
}
