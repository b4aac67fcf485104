// The runtime's own time: the calls that bring up a pod of one container, with nothing around them.
import { createLogger } from '../src/base/mod.ts';
import { systemClock } from '../src/base/ports/clock.ts';
import { cgroupRootOf, runtimePaths } from '../src/kubelet/containerd/mod.ts';
import { type ContainerConfig, type ContainerRuntime, createCriRuntime, type SandboxConfig } from '../src/kubelet/cri/mod.ts';

export const toolsImage = 'minke.local/tools:latest';
/** Between two looks at a container that has ended. */
const lookMs = 5;

export interface DirectCri {
  /** Milliseconds from the first call to the container's start. */
  bringUp(name: string): Promise<number>;
  /** Takes down everything that was brought up. */
  takeDown(): Promise<void>;
  /** When the runtime next tells that a container has ended (not its sandbox), and when it shows that itself, by `performance.now()`. */
  nextEnd(): Promise<{ readonly toldMs: number; readonly shownMs: number }>;
  close(): void;
}

export function connectDirectly(clusterId: string, dataDir: string): DirectCri {
  const stop = new AbortController();
  const log = createLogger({ clock: systemClock, level: 'error', write: (line) => void process.stderr.write(line) });
  const { socket } = runtimePaths({ clusterId, dataDir });
  const runtime = createCriRuntime({ socketPath: socket, clock: systemClock, log, signal: stop.signal });
  const sandboxes: string[] = [];
  return {
    async bringUp(name) {
      const startedMs = performance.now();
      sandboxes.push(await bringUp(runtime, name, cgroupRootOf(clusterId)));
      return performance.now() - startedMs;
    },
    async takeDown() {
      for (const id of sandboxes.splice(0)) {
        await runtime.stopSandbox(id);
        await runtime.removeSandbox(id);
      }
    },
    async nextEnd() {
      for await (const { type, containerId, sandboxId } of runtime.events(stop.signal)) {
        if (type !== 'stopped' || containerId === undefined || containerId === sandboxId) continue;
        const toldMs = performance.now();
        while ((await runtime.containerStatus(containerId)).state !== 'exited') await new Promise((next) => setTimeout(next, lookMs));
        return { toldMs, shownMs: performance.now() };
      }
      throw new Error('The runtime tells no more events');
    },
    close: () => stop.abort(),
  };
}

const namespaces = { network: 'pod', pid: 'container', ipc: 'pod' } as const;

async function bringUp(runtime: ContainerRuntime, name: string, cgroupRoot: string): Promise<string> {
  const sandbox: SandboxConfig = {
    metadata: { name, uid: `bench-${name}`, namespace: 'bench', attempt: 0 },
    hostname: name,
    logDirectory: '',
    portMappings: [],
    labels: { bench: 'direct' },
    annotations: {},
    cgroupParent: `${cgroupRoot}/bench`,
    security: { namespaces, readonlyRootfs: false, supplementalGroups: [], privileged: false, seccomp: { type: 'runtimeDefault' } },
  };
  const container: ContainerConfig = {
    metadata: { name: 'app', attempt: 0 },
    image: toolsImage,
    command: ['sleep', '3600'],
    args: [],
    workingDir: '',
    env: [],
    mounts: [],
    labels: { bench: 'direct' },
    annotations: {},
    logPath: '',
    stdin: false,
    stdinOnce: false,
    tty: false,
    resources: {},
    security: {
      namespaces,
      privileged: false,
      addCapabilities: [],
      dropCapabilities: [],
      readonlyRootfs: false,
      supplementalGroups: [],
      noNewPrivileges: false,
      maskedPaths: [],
      readonlyPaths: [],
    },
  };
  const sandboxId = await runtime.runSandbox(sandbox);
  const id = await runtime.createContainer(sandboxId, container, sandbox);
  await runtime.startContainer(id);
  return sandboxId;
}
