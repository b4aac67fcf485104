// ContainerRuntime over CRI v1 and gRPC.
import { type Clock, errorText, type Logger, onAbort } from '../../base/mod.ts';
import { type Channel, openChannel } from './channel.ts';
import {
  containerConfigToWire,
  containerFromWire,
  containerStatusFromWire,
  fileSystemUseFromWire,
  imageFromWire,
  resourcesToWire,
  runtimeStatusFromWire,
  sandboxConfigToWire,
  sandboxFromWire,
  sandboxStatusFromWire,
} from './convert.ts';
import { followEvents } from './follow-events.ts';
import { methods } from './messages.ts';
import { type ContainerRuntime, type Labels, type RuntimeCall, RuntimeError, type SandboxConfig } from './runtime.ts';
import { SandboxIndex } from './sandbox-index.ts';

const quickMs = 10_000;
const listMs = 30_000;
/** Setting up or taking down runs other programs (runc, network plugins): as patient as upstream's kubelet. */
const setUpMs = 120_000;
const sandboxMs = 240_000;
const pullMs = 30 * 60_000;
/** What a call whose length the caller sets gets on top. */
const graceMs = 60_000;
const execGraceMs = 10_000;
/** CRI takes 0 for "no time limit". */
const execUnlimitedMs = 24 * 3_600_000;

/** Publishes the ports of a sandbox on the host. The network's part, given by the wiring. */
export interface HostPorts {
  /** Rejects when a port is taken. Repeating it is harmless. */
  add(sandbox: { readonly id: string; readonly ips: readonly string[]; readonly ports: SandboxConfig['portMappings'] }): Promise<void>;
  /** Nothing published for it is no error. */
  remove(sandboxId: string): Promise<void>;
}

/** Through it goes every sandbox with an address of its own before its first container. The network's part, given by the wiring. */
export interface PodGate {
  /** False when nobody wants to know. */
  readonly isClosed: boolean;
  /** Resolves when the pod's containers may start. */
  add(sandbox: {
    readonly id: string;
    /** One of each family that the pod has. */
    readonly ips: readonly string[];
    readonly namespace: string;
    readonly name: string;
    readonly labels: Labels;
  }): Promise<void>;
  remove(sandboxId: string): void;
}

export interface CriRuntimeOptions {
  readonly socketPath: string;
  readonly clock: Clock;
  readonly log: Logger;
  /** Firing it closes the connection: later calls fail with `unavailable`. */
  readonly signal: AbortSignal;
  readonly hostPorts?: HostPorts | undefined;
  readonly podGate?: PodGate | undefined;
}

/** Connects at the first call; a runtime that is down fails the call with `unavailable`, and is found again within a second of its return. */
export function createCriRuntime(options: CriRuntimeOptions): ContainerRuntime {
  const { socketPath, clock, log, signal } = options;
  const channel = openChannel({ socketPath, clock });
  onAbort(signal, () => channel.close());
  const index = new SandboxIndex();
  return {
    ...sandboxCalls(channel, index, options),
    ...containerCalls(channel, index),
    ...streamCalls(channel),
    ...imageCalls(channel),
    events: (stop) => followEvents({ channel, index, clock, log, signal: stop }),
  };
}

/** The deadline that the caller wants, or the call's own. */
function timing(call: RuntimeCall | undefined, deadlineMs: number) {
  return { deadlineMs: call?.deadlineMs ?? deadlineMs, signal: call?.signal };
}

async function unlessGone(work: Promise<unknown>): Promise<void> {
  try {
    await work;
  } catch (error) {
    if (!(error instanceof RuntimeError && error.code === 'notFound')) throw error;
  }
}

/** Every failure of this interface is a RuntimeError, also that of a collaborator. */
async function asRuntimeError(what: string, work: Promise<void> | undefined): Promise<void> {
  try {
    await work;
  } catch (error) {
    throw new RuntimeError('unknown', `${what}: ${errorText(error)}`, error);
  }
}

type SandboxCalls = Pick<
  ContainerRuntime,
  'version' | 'status' | 'runSandbox' | 'stopSandbox' | 'removeSandbox' | 'sandboxStatus' | 'listSandboxes'
>;

function sandboxCalls(
  channel: Channel,
  index: SandboxIndex,
  { hostPorts, podGate }: Pick<CriRuntimeOptions, 'hostPorts' | 'podGate'>,
): SandboxCalls {
  const statusOf = async (id: string, call?: RuntimeCall) => {
    const { status } = await channel.unary(methods.sandboxStatus, { podSandboxId: id }, timing(call, quickMs));
    if (!status) throw new RuntimeError('notFound', `The container runtime gave no status of sandbox "${id}"`);
    return sandboxStatusFromWire(status);
  };
  const withdrawPorts = (id: string) => asRuntimeError('Taking back the host ports of a sandbox failed', hostPorts?.remove(id));
  const stop = async (id: string, call?: RuntimeCall) => {
    podGate?.remove(id);
    await withdrawPorts(id);
    await unlessGone(channel.unary(methods.stopSandbox, { podSandboxId: id }, timing(call, setUpMs)));
  };
  return {
    async version(call) {
      const found = await channel.unary(methods.version, { version: 'v1' }, timing(call, quickMs));
      return { name: found.runtimeName, version: found.runtimeVersion, apiVersion: found.runtimeApiVersion };
    },
    async status(call) {
      return runtimeStatusFromWire(await channel.unary(methods.status, { verbose: false }, timing(call, quickMs)));
    },
    async runSandbox(config, call) {
      const wire = sandboxConfigToWire(config);
      const request = { config: wire, runtimeHandler: config.runtimeHandler };
      const { podSandboxId } = await channel.unary(methods.runSandbox, request, timing(call, sandboxMs));
      index.addSandbox(podSandboxId);
      const published = config.portMappings.filter(({ hostPort }) => hostPort > 0);
      const isPublished = hostPorts !== undefined && published.length > 0;
      const isGated = podGate?.isClosed === true;
      if (!(isPublished || isGated) || config.security.namespaces.network === 'node') return podSandboxId;
      try {
        const { ips } = await statusOf(podSandboxId, call);
        const sandbox = { id: podSandboxId, ips };
        if (isGated) {
          const { metadata, labels } = config;
          await asRuntimeError('Isolating a sandbox failed', podGate.add({ ...sandbox, ...metadata, labels }));
        }
        if (isPublished)
          await asRuntimeError('Publishing the host ports of a sandbox failed', hostPorts.add({ ...sandbox, ports: published }));
      } catch (error) {
        await stop(podSandboxId);
        throw error;
      }
      return podSandboxId;
    },
    stopSandbox: stop,
    async removeSandbox(id, call) {
      podGate?.remove(id);
      await withdrawPorts(id);
      await unlessGone(channel.unary(methods.removeSandbox, { podSandboxId: id }, timing(call, setUpMs)));
    },
    sandboxStatus: statusOf,
    async listSandboxes(filter, call) {
      const { items } = await channel.unary(methods.listSandboxes, { filter: { labelSelector: filter?.labels } }, timing(call, listMs));
      return items.map((wire) => {
        index.addSandbox(wire.id);
        return sandboxFromWire(wire);
      });
    },
  };
}

type ContainerCalls = Pick<
  ContainerRuntime,
  | 'createContainer'
  | 'startContainer'
  | 'stopContainer'
  | 'removeContainer'
  | 'containerStatus'
  | 'listContainers'
  | 'listContainerStats'
  | 'updateResources'
  | 'reopenLog'
>;

function containerCalls(channel: Channel, index: SandboxIndex): ContainerCalls {
  return {
    async createContainer(sandboxId, config, sandbox, call) {
      const { containerId } = await channel.unary(
        methods.createContainer,
        { podSandboxId: sandboxId, config: containerConfigToWire(config), sandboxConfig: sandboxConfigToWire(sandbox) },
        timing(call, setUpMs),
      );
      index.addContainer(containerId, sandboxId);
      return containerId;
    },
    async startContainer(id, call) {
      await channel.unary(methods.startContainer, { containerId: id }, timing(call, setUpMs));
    },
    async stopContainer(id, graceSeconds, call) {
      const request = { containerId: id, timeout: Math.max(0, Math.floor(graceSeconds)) };
      await unlessGone(channel.unary(methods.stopContainer, request, timing(call, graceSeconds * 1000 + graceMs)));
    },
    async removeContainer(id, call) {
      await unlessGone(channel.unary(methods.removeContainer, { containerId: id }, timing(call, setUpMs)));
    },
    async containerStatus(id, call) {
      const { status } = await channel.unary(methods.containerStatus, { containerId: id }, timing(call, quickMs));
      if (!status) throw new RuntimeError('notFound', `The container runtime gave no status of container "${id}"`);
      return containerStatusFromWire(status, (await index.resolve(channel, id)).sandboxId);
    },
    async listContainers(filter, call) {
      const wanted = { labelSelector: filter?.labels, podSandboxId: filter?.sandboxId };
      const { containers } = await channel.unary(methods.listContainers, { filter: wanted }, timing(call, listMs));
      return containers.map((wire) => {
        index.addContainer(wire.id, wire.podSandboxId);
        return containerFromWire(wire);
      });
    },
    async listContainerStats(call) {
      const { stats } = await channel.unary(methods.listContainerStats, {}, timing(call, listMs));
      return stats.map(({ attributes, writableLayer }) => ({
        id: attributes?.id ?? '',
        writableLayer: writableLayer && fileSystemUseFromWire(writableLayer),
      }));
    },
    async updateResources(id, resources, call) {
      await channel.unary(methods.updateResources, { containerId: id, linux: resourcesToWire(resources) }, timing(call, quickMs));
    },
    async reopenLog(id, call) {
      await channel.unary(methods.reopenLog, { containerId: id }, timing(call, quickMs));
    },
  };
}

function streamCalls(channel: Channel): Pick<ContainerRuntime, 'execSync' | 'exec' | 'attach' | 'portForward'> {
  return {
    async execSync(id, command, timeoutSeconds, call) {
      const deadlineMs = timeoutSeconds > 0 ? timeoutSeconds * 1000 + execGraceMs : execUnlimitedMs;
      const request = { containerId: id, cmd: command, timeout: Math.max(0, Math.ceil(timeoutSeconds)) };
      return channel.unary(methods.execSync, request, timing(call, deadlineMs));
    },
    async exec(id, request, call) {
      const { command, tty, stdin, stdout, stderr } = request;
      const wire = { containerId: id, cmd: command, tty, stdin, stdout, stderr };
      return (await channel.unary(methods.exec, wire, timing(call, quickMs))).url;
    },
    async attach(id, request, call) {
      return (await channel.unary(methods.attach, { containerId: id, ...request }, timing(call, quickMs))).url;
    },
    async portForward(sandboxId, ports, call) {
      return (await channel.unary(methods.portForward, { podSandboxId: sandboxId, port: ports }, timing(call, quickMs))).url;
    },
  };
}

function imageCalls(channel: Channel): Pick<ContainerRuntime, 'pullImage' | 'imageStatus' | 'listImages' | 'removeImage' | 'imageFsInfo'> {
  return {
    async pullImage(image, auth, sandbox, call) {
      const request = { image: { image }, auth, sandboxConfig: sandbox && sandboxConfigToWire(sandbox) };
      return (await channel.unary(methods.pullImage, request, timing(call, pullMs))).imageRef;
    },
    async imageStatus(image, call) {
      const { image: found } = await channel.unary(methods.imageStatus, { image: { image } }, timing(call, quickMs));
      return found && imageFromWire(found);
    },
    async listImages(call) {
      const { images } = await channel.unary(methods.listImages, {}, timing(call, listMs));
      return images.map(imageFromWire);
    },
    async removeImage(image, call) {
      await unlessGone(channel.unary(methods.removeImage, { image: { image } }, timing(call, setUpMs)));
    },
    async imageFsInfo(call) {
      const { imageFilesystems } = await channel.unary(methods.imageFsInfo, {}, timing(call, quickMs));
      return imageFilesystems[0] && fileSystemUseFromWire(imageFilesystems[0]);
    },
  };
}
