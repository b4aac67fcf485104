// The container runtime as the kubelet sees it: CRI v1 (k8s.io/cri-api), by name and shape, without its wire form.
// Implemented over gRPC in this folder, and by the simulated node in sim/.

export type SandboxState = 'ready' | 'notReady';
export type ContainerState = 'created' | 'running' | 'exited' | 'unknown';
/** `pod`: shared by the pod's containers; `container`: its own; `node`: the host's; `target`: that of `targetId`. */
export type NamespaceMode = 'pod' | 'container' | 'node' | 'target';
export type Labels = Readonly<Record<string, string>>;

/** The machine's user and group ids, from `hostId` on, that stand for 0 and on in a pod's own user namespace. */
export interface UserRange {
  readonly hostId: number;
  readonly length: number;
}

export interface NamespaceOptions {
  readonly network: 'pod' | 'node';
  readonly pid: NamespaceMode;
  readonly ipc: 'pod' | 'node';
  readonly targetId?: string;
  /** Absent: the users are the machine's. Only for a handler with `userNamespaces`. */
  readonly users?: UserRange;
}

export interface SandboxMetadata {
  readonly name: string;
  readonly uid: string;
  readonly namespace: string;
  readonly attempt: number;
}

export interface SandboxConfig {
  readonly metadata: SandboxMetadata;
  readonly hostname: string;
  readonly logDirectory: string;
  readonly dns?: { readonly servers: readonly string[]; readonly searches: readonly string[]; readonly options: readonly string[] };
  readonly portMappings: readonly {
    readonly protocol: 'TCP' | 'UDP' | 'SCTP';
    readonly containerPort: number;
    readonly hostPort: number;
    readonly hostIp: string;
  }[];
  readonly labels: Labels;
  readonly annotations: Labels;
  readonly cgroupParent: string;
  /** Which of the runtime's handlers runs the pod; absent: its default one. */
  readonly runtimeHandler?: string;
  readonly sysctls?: Readonly<Record<string, string>>;
  readonly security: {
    readonly namespaces: NamespaceOptions;
    readonly runAsUser?: number | undefined;
    readonly runAsGroup?: number | undefined;
    readonly readonlyRootfs: boolean;
    readonly supplementalGroups: readonly number[];
    readonly strictGroups?: boolean;
    readonly privileged: boolean;
    readonly seccomp?: SecurityProfile | undefined;
    readonly apparmor?: SecurityProfile | undefined;
  };
}

export interface SecurityProfile {
  readonly type: 'runtimeDefault' | 'unconfined' | 'localhost';
  readonly localhostRef?: string;
}

export interface Mount {
  readonly containerPath: string;
  readonly hostPath: string;
  readonly readonly: boolean;
  /** What is mounted below it is read-only too. Only for a handler with `recursiveReadOnlyMounts`. */
  readonly recursiveReadOnly?: boolean;
  readonly propagation: 'private' | 'hostToContainer' | 'bidirectional';
}

/** A device node of the machine, as the container has it. `permissions`: any of `r`, `w`, `m`. */
export interface Device {
  readonly containerPath: string;
  readonly hostPath: string;
  readonly permissions: string;
}

/** Units: shares and quota as the kernel's cgroup v1 (microseconds); bytes. 0 or absent: not set. */
export interface LinuxResources {
  readonly cpuPeriod?: number;
  readonly cpuQuota?: number;
  readonly cpuShares?: number;
  readonly memoryLimitBytes?: number;
  readonly oomScoreAdj?: number;
  readonly unified?: Labels;
}

export interface ContainerConfig {
  readonly metadata: { readonly name: string; readonly attempt: number };
  /** The image's id or reference as the runtime knows it. */
  readonly image: string;
  readonly command: readonly string[];
  readonly args: readonly string[];
  readonly workingDir: string;
  readonly env: readonly { readonly key: string; readonly value: string }[];
  readonly mounts: readonly Mount[];
  readonly devices?: readonly Device[];
  readonly labels: Labels;
  readonly annotations: Labels;
  /** Relative to the sandbox's log directory: `app/0.log`. */
  readonly logPath: string;
  readonly stdin: boolean;
  readonly stdinOnce: boolean;
  readonly tty: boolean;
  /** `SIGUSR1`, `SIGRTMIN+3`: sent instead of the image's own. Runtimes before containerd 2.1 do not know it and send the image's. */
  readonly stopSignal?: string | undefined;
  readonly resources: LinuxResources;
  readonly security: {
    readonly namespaces: NamespaceOptions;
    readonly privileged: boolean;
    readonly addCapabilities: readonly string[];
    readonly dropCapabilities: readonly string[];
    readonly runAsUser?: number | undefined;
    readonly runAsGroup?: number | undefined;
    readonly readonlyRootfs: boolean;
    readonly supplementalGroups: readonly number[];
    /** Without the groups that the image's own /etc/group gives the user. Only for a runtime with `supplementalGroupsPolicy`. */
    readonly strictGroups?: boolean;
    readonly noNewPrivileges: boolean;
    readonly seccomp?: SecurityProfile | undefined;
    readonly apparmor?: SecurityProfile | undefined;
    readonly maskedPaths: readonly string[];
    readonly readonlyPaths: readonly string[];
  };
}

export interface Sandbox {
  readonly id: string;
  readonly metadata: SandboxMetadata;
  readonly state: SandboxState;
  readonly createdAtMs: number;
  readonly labels: Labels;
  readonly annotations: Labels;
}

export interface SandboxStatus extends Sandbox {
  /** The pod's addresses, first the primary one; empty for host network. */
  readonly ips: readonly string[];
}

export interface Container {
  readonly id: string;
  readonly sandboxId: string;
  readonly metadata: { readonly name: string; readonly attempt: number };
  readonly image: string;
  readonly imageRef: string;
  readonly state: ContainerState;
  readonly createdAtMs: number;
  readonly labels: Labels;
  readonly annotations: Labels;
}

export interface ContainerStatus extends Container {
  /** 0 when it has not started. */
  readonly startedAtMs: number;
  /** 0 when it has not finished. */
  readonly finishedAtMs: number;
  readonly exitCode: number;
  /** `Completed`, `Error`, `OOMKilled`, ... as the runtime says. */
  readonly reason: string;
  readonly message: string;
  readonly logPath: string;
}

export interface Image {
  /** `sha256:...` */
  readonly id: string;
  readonly repoTags: readonly string[];
  readonly repoDigests: readonly string[];
  readonly sizeBytes: number;
  /** The user the image runs as: a number, or a name. */
  readonly uid?: number | undefined;
  readonly username?: string | undefined;
}

export interface RegistryAuth {
  readonly username?: string;
  readonly password?: string;
  readonly auth?: string;
  readonly serverAddress?: string;
  readonly identityToken?: string;
  readonly registryToken?: string;
}

/** Something happened to a container or sandbox: look again. */
export interface RuntimeEvent {
  readonly sandboxId: string;
  readonly containerId: string | undefined;
  readonly type: 'created' | 'started' | 'stopped' | 'deleted' | 'oom' | 'unknown';
}

export interface ExecSyncResult {
  readonly stdout: Uint8Array;
  readonly stderr: Uint8Array;
  readonly exitCode: number;
}

/** Options of every call: `deadlineMs` from now, after which it fails with `deadlineExceeded`. */
export interface RuntimeCall {
  readonly signal?: AbortSignal | undefined;
  readonly deadlineMs?: number;
}

/** CRI's own status codes that matter to the kubelet. */
export class RuntimeError extends Error {
  override readonly name = 'RuntimeError';
  readonly code: 'notFound' | 'unavailable' | 'deadlineExceeded' | 'unimplemented' | 'invalidArgument' | 'unknown';
  constructor(code: RuntimeError['code'], message: string, cause?: unknown) {
    super(message, cause === undefined ? undefined : { cause });
    this.code = code;
  }
}

/** One way in which the runtime runs pods. The default one has no name, and its own name too. */
export interface RuntimeHandler {
  readonly name: string;
  readonly recursiveReadOnlyMounts: boolean;
  readonly userNamespaces: boolean;
}

/** What a runtime says it can do. One from before containerd 2.0 says nothing: no handlers, no features. */
export interface RuntimeFeatures {
  readonly handlers: readonly RuntimeHandler[];
  readonly supplementalGroupsPolicy: boolean;
}

/** By the name of the handler; the default one's is empty. */
export const canMapUsers = ({ handlers }: RuntimeFeatures, handler: string): boolean =>
  handlers.some(({ name, userNamespaces }) => name === handler && userNamespaces);

/** Of the default handler: those of RuntimeClasses are taken to be like it. */
export const canMountRecursively = ({ handlers }: RuntimeFeatures): boolean =>
  handlers.some((handler) => handler.name === '' && handler.recursiveReadOnlyMounts);

export interface RuntimeStatus {
  readonly runtimeReady: boolean;
  readonly networkReady: boolean;
  readonly message: string;
  readonly features: RuntimeFeatures;
}

/** What something has on a file system. */
export interface FileSystemUse {
  /** A directory on it. */
  readonly mountpoint: string;
  readonly usedBytes: number;
  readonly inodesUsed: number;
}

export interface ContainerDiskUse {
  readonly id: string;
  /** What it has written beside its volumes; undefined when the runtime has not looked yet. It looks every half a minute. */
  readonly writableLayer: FileSystemUse | undefined;
}

/** CRI v1's RuntimeService and ImageService. Every method rejects with {@link RuntimeError}. Stopping or removing what is gone succeeds. */
export interface ContainerRuntime {
  version(call?: RuntimeCall): Promise<{ readonly name: string; readonly version: string; readonly apiVersion: string }>;
  status(call?: RuntimeCall): Promise<RuntimeStatus>;

  runSandbox(config: SandboxConfig, call?: RuntimeCall): Promise<string>;
  stopSandbox(id: string, call?: RuntimeCall): Promise<void>;
  removeSandbox(id: string, call?: RuntimeCall): Promise<void>;
  sandboxStatus(id: string, call?: RuntimeCall): Promise<SandboxStatus>;
  listSandboxes(filter?: { readonly labels?: Labels }, call?: RuntimeCall): Promise<readonly Sandbox[]>;

  createContainer(sandboxId: string, config: ContainerConfig, sandbox: SandboxConfig, call?: RuntimeCall): Promise<string>;
  startContainer(id: string, call?: RuntimeCall): Promise<void>;
  /** SIGTERM (or the image's stop signal), then SIGKILL after `graceSeconds`. Resolves when it has stopped. */
  stopContainer(id: string, graceSeconds: number, call?: RuntimeCall): Promise<void>;
  removeContainer(id: string, call?: RuntimeCall): Promise<void>;
  containerStatus(id: string, call?: RuntimeCall): Promise<ContainerStatus>;
  listContainers(filter?: { readonly labels?: Labels; readonly sandboxId?: string }, call?: RuntimeCall): Promise<readonly Container[]>;
  listContainerStats(call?: RuntimeCall): Promise<readonly ContainerDiskUse[]>;
  updateResources(id: string, resources: LinuxResources, call?: RuntimeCall): Promise<void>;
  /** Makes the runtime open the log file anew, after it has been rotated. */
  reopenLog(id: string, call?: RuntimeCall): Promise<void>;

  execSync(id: string, command: readonly string[], timeoutSeconds: number, call?: RuntimeCall): Promise<ExecSyncResult>;
  /** The URL of a streaming session (SPDY or WebSocket) at the runtime's own server on loopback. */
  exec(
    id: string,
    request: {
      readonly command: readonly string[];
      readonly tty: boolean;
      readonly stdin: boolean;
      readonly stdout: boolean;
      readonly stderr: boolean;
    },
    call?: RuntimeCall,
  ): Promise<string>;
  attach(
    id: string,
    request: { readonly tty: boolean; readonly stdin: boolean; readonly stdout: boolean; readonly stderr: boolean },
    call?: RuntimeCall,
  ): Promise<string>;
  portForward(sandboxId: string, ports: readonly number[], call?: RuntimeCall): Promise<string>;

  pullImage(image: string, auth: RegistryAuth | undefined, sandbox: SandboxConfig | undefined, call?: RuntimeCall): Promise<string>;
  /** Undefined when it is not there. */
  imageStatus(image: string, call?: RuntimeCall): Promise<Image | undefined>;
  listImages(call?: RuntimeCall): Promise<readonly Image[]>;
  removeImage(image: string, call?: RuntimeCall): Promise<void>;
  /** What all images together have; undefined when the runtime has not looked yet. */
  imageFsInfo(call?: RuntimeCall): Promise<FileSystemUse | undefined>;

  /** Follows what happens until `signal` fires. Reconnects by itself; after a gap gives one event of type `unknown` for "look at everything". */
  events(signal: AbortSignal): AsyncIterable<RuntimeEvent>;
}
