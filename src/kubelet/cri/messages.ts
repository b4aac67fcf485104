// CRI v1 (package runtime.v1): the messages and methods that Minke uses, by field number.
// Source: k8s.io/cri-api, release 1.36. Fields that Minke neither sends nor reads are left out.
import { bool, bytes, field, int32, int64, type Message, message, repeated, string, stringMap, uint64 } from '../../base/protobuf/mod.ts';

export const sandboxStates = ['ready', 'notReady'] as const;
export const containerStates = ['created', 'running', 'exited', 'unknown'] as const;
export const namespaceModes = ['pod', 'container', 'node', 'target'] as const;
export const protocols = ['TCP', 'UDP', 'SCTP'] as const;
export const propagations = ['private', 'hostToContainer', 'bidirectional'] as const;
export const profileTypes = ['runtimeDefault', 'unconfined', 'localhost'] as const;

const empty = message({});
const int64Value = message({ value: field(1, int64) });
const dnsConfig = message({ servers: repeated(1, string), searches: repeated(2, string), options: repeated(3, string) });
const portMapping = message({
  protocol: field(1, int32),
  containerPort: field(2, int32),
  hostPort: field(3, int32),
  hostIp: field(4, string),
});
const idMapping = message({ hostId: field(1, uint64), containerId: field(2, uint64), length: field(3, uint64) });
const mount = message({
  containerPath: field(1, string),
  hostPath: field(2, string),
  readonly: field(3, bool),
  propagation: field(5, int32),
  uidMappings: repeated(6, idMapping),
  gidMappings: repeated(7, idMapping),
  recursiveReadOnly: field(8, bool),
});
const device = message({ containerPath: field(1, string), hostPath: field(2, string), permissions: field(3, string) });
const userNamespace = message({ mode: field(1, int32), uids: repeated(2, idMapping), gids: repeated(3, idMapping) });
const namespaceOption = message({
  network: field(1, int32),
  pid: field(2, int32),
  ipc: field(3, int32),
  targetId: field(4, string),
  usernsOptions: field(5, userNamespace),
});
const securityProfile = message({ profileType: field(1, int32), localhostRef: field(2, string) });

const linuxResources = message({
  cpuPeriod: field(1, int64),
  cpuQuota: field(2, int64),
  cpuShares: field(3, int64),
  memoryLimitInBytes: field(4, int64),
  oomScoreAdj: field(5, int64),
  unified: stringMap(9),
});

const sandboxSecurity = message({
  namespaceOptions: field(1, namespaceOption),
  runAsUser: field(3, int64Value),
  readonlyRootfs: field(4, bool),
  supplementalGroups: repeated(5, int64),
  privileged: field(6, bool),
  runAsGroup: field(8, int64Value),
  seccomp: field(9, securityProfile),
  apparmor: field(10, securityProfile),
  supplementalGroupsPolicy: field(11, int32),
});
const linuxSandbox = message({ cgroupParent: field(1, string), securityContext: field(2, sandboxSecurity), sysctls: stringMap(3) });
const sandboxMetadata = message({ name: field(1, string), uid: field(2, string), namespace: field(3, string), attempt: field(4, int32) });
const sandboxConfig = message({
  metadata: field(1, sandboxMetadata),
  hostname: field(2, string),
  logDirectory: field(3, string),
  dnsConfig: field(4, dnsConfig),
  portMappings: repeated(5, portMapping),
  labels: stringMap(6),
  annotations: stringMap(7),
  linux: field(8, linuxSandbox),
});

const podIp = message({ ip: field(1, string) });
const sandboxNetworkStatus = message({ ip: field(1, string), additionalIps: repeated(2, podIp) });
const sandboxStatus = message({
  id: field(1, string),
  metadata: field(2, sandboxMetadata),
  state: field(3, int32),
  createdAt: field(4, int64),
  network: field(5, sandboxNetworkStatus),
  labels: stringMap(7),
  annotations: stringMap(8),
});
const sandbox = message({
  id: field(1, string),
  metadata: field(2, sandboxMetadata),
  state: field(3, int32),
  createdAt: field(4, int64),
  labels: stringMap(5),
  annotations: stringMap(6),
});
const sandboxFilter = message({ id: field(1, string), labelSelector: stringMap(3) });
const sandboxId = message({ podSandboxId: field(1, string) });

const imageSpec = message({ image: field(1, string) });
const keyValue = message({ key: field(1, string), value: field(2, string) });
const capability = message({ addCapabilities: repeated(1, string), dropCapabilities: repeated(2, string) });
const containerSecurity = message({
  capabilities: field(1, capability),
  privileged: field(2, bool),
  namespaceOptions: field(3, namespaceOption),
  runAsUser: field(5, int64Value),
  readonlyRootfs: field(7, bool),
  supplementalGroups: repeated(8, int64),
  noNewPrivs: field(11, bool),
  runAsGroup: field(12, int64Value),
  maskedPaths: repeated(13, string),
  readonlyPaths: repeated(14, string),
  seccomp: field(15, securityProfile),
  apparmor: field(16, securityProfile),
  supplementalGroupsPolicy: field(17, int32),
});
const linuxContainer = message({ resources: field(1, linuxResources), securityContext: field(2, containerSecurity) });
const containerMetadata = message({ name: field(1, string), attempt: field(2, int32) });
/** Stop signals in the order of their numbers, as pods name them; the first is the runtime's own choice. */
export const stopSignals: readonly string[] = [
  '',
  ...'SIGABRT SIGALRM SIGBUS SIGCHLD SIGCLD SIGCONT SIGFPE SIGHUP SIGILL SIGINT SIGIO SIGIOT SIGKILL SIGPIPE SIGPOLL SIGPROF SIGPWR SIGQUIT SIGSEGV SIGSTKFLT SIGSTOP SIGSYS SIGTERM SIGTRAP SIGTSTP SIGTTIN SIGTTOU SIGURG SIGUSR1 SIGUSR2 SIGVTALRM SIGWINCH SIGXCPU SIGXFSZ'.split(
    ' ',
  ),
  'SIGRTMIN',
  ...Array.from({ length: 15 }, (_, i) => `SIGRTMIN+${i + 1}`),
  ...Array.from({ length: 14 }, (_, i) => `SIGRTMAX-${14 - i}`),
  'SIGRTMAX',
];

const containerConfig = message({
  metadata: field(1, containerMetadata),
  image: field(2, imageSpec),
  command: repeated(3, string),
  args: repeated(4, string),
  workingDir: field(5, string),
  envs: repeated(6, keyValue),
  mounts: repeated(7, mount),
  devices: repeated(8, device),
  labels: stringMap(9),
  annotations: stringMap(10),
  logPath: field(11, string),
  stdin: field(12, bool),
  stdinOnce: field(13, bool),
  tty: field(14, bool),
  linux: field(15, linuxContainer),
  stopSignal: field(18, int32),
});
const containerFilter = message({ id: field(1, string), podSandboxId: field(3, string), labelSelector: stringMap(4) });
const container = message({
  id: field(1, string),
  podSandboxId: field(2, string),
  metadata: field(3, containerMetadata),
  image: field(4, imageSpec),
  imageRef: field(5, string),
  state: field(6, int32),
  createdAt: field(7, int64),
  labels: stringMap(8),
  annotations: stringMap(9),
});
const containerStatus = message({
  id: field(1, string),
  metadata: field(2, containerMetadata),
  state: field(3, int32),
  createdAt: field(4, int64),
  startedAt: field(5, int64),
  finishedAt: field(6, int64),
  exitCode: field(7, int32),
  image: field(8, imageSpec),
  imageRef: field(9, string),
  reason: field(10, string),
  message: field(11, string),
  labels: stringMap(12),
  annotations: stringMap(13),
  logPath: field(15, string),
});
const containerId = message({ containerId: field(1, string) });
const streamUrl = message({ url: field(1, string) });

const image = message({
  id: field(1, string),
  repoTags: repeated(2, string),
  repoDigests: repeated(3, string),
  size: field(4, uint64),
  uid: field(5, int64Value),
  username: field(6, string),
});
const uint64Value = message({ value: field(1, uint64) });
const fileSystemUsage = message({
  fsId: field(2, message({ mountpoint: field(1, string) })),
  usedBytes: field(3, uint64Value),
  inodesUsed: field(4, uint64Value),
});
const containerStats = message({ attributes: field(1, message({ id: field(1, string) })), writableLayer: field(4, fileSystemUsage) });
const containerStatsFilter = message({ id: field(1, string), podSandboxId: field(2, string), labelSelector: stringMap(3) });
const imageRequest = message({ image: field(1, imageSpec) });
const auth = message({
  username: field(1, string),
  password: field(2, string),
  auth: field(3, string),
  serverAddress: field(4, string),
  identityToken: field(5, string),
  registryToken: field(6, string),
});

const handlerFeatures = message({ recursiveReadOnlyMounts: field(1, bool), userNamespaces: field(2, bool) });
const runtimeHandler = message({ name: field(1, string), features: field(2, handlerFeatures) });
const condition = message({ type: field(1, string), status: field(2, bool), reason: field(3, string), message: field(4, string) });

/** One unary call: its path, what it takes and what it gives. */
export interface Method<Request, Response> {
  readonly path: string;
  readonly request: Request;
  readonly response: Response;
}

// biome-ignore lint/suspicious/noExplicitAny: a method is described by any two messages; the types are inferred.
function method<Q extends Message<any>, R extends Message<any>>(service: string, name: string, request: Q, response: R): Method<Q, R> {
  return { path: `/runtime.v1.${service}/${name}`, request, response };
}

const runtime = 'RuntimeService';
const images = 'ImageService';

export const methods = {
  version: method(
    runtime,
    'Version',
    message({ version: field(1, string) }),
    message({
      version: field(1, string),
      runtimeName: field(2, string),
      runtimeVersion: field(3, string),
      runtimeApiVersion: field(4, string),
    }),
  ),
  status: method(
    runtime,
    'Status',
    message({ verbose: field(1, bool) }),
    message({
      status: field(1, message({ conditions: repeated(1, condition) })),
      handlers: repeated(3, runtimeHandler),
      features: field(4, message({ supplementalGroupsPolicy: field(1, bool) })),
    }),
  ),
  runSandbox: method(runtime, 'RunPodSandbox', message({ config: field(1, sandboxConfig), runtimeHandler: field(2, string) }), sandboxId),
  stopSandbox: method(runtime, 'StopPodSandbox', sandboxId, empty),
  removeSandbox: method(runtime, 'RemovePodSandbox', sandboxId, empty),
  sandboxStatus: method(runtime, 'PodSandboxStatus', sandboxId, message({ status: field(1, sandboxStatus) })),
  listSandboxes: method(runtime, 'ListPodSandbox', message({ filter: field(1, sandboxFilter) }), message({ items: repeated(1, sandbox) })),
  createContainer: method(
    runtime,
    'CreateContainer',
    message({ podSandboxId: field(1, string), config: field(2, containerConfig), sandboxConfig: field(3, sandboxConfig) }),
    containerId,
  ),
  startContainer: method(runtime, 'StartContainer', containerId, empty),
  stopContainer: method(runtime, 'StopContainer', message({ containerId: field(1, string), timeout: field(2, int64) }), empty),
  removeContainer: method(runtime, 'RemoveContainer', containerId, empty),
  containerStatus: method(runtime, 'ContainerStatus', containerId, message({ status: field(1, containerStatus) })),
  listContainers: method(
    runtime,
    'ListContainers',
    message({ filter: field(1, containerFilter) }),
    message({ containers: repeated(1, container) }),
  ),
  listContainerStats: method(
    runtime,
    'ListContainerStats',
    message({ filter: field(1, containerStatsFilter) }),
    message({ stats: repeated(1, containerStats) }),
  ),
  updateResources: method(
    runtime,
    'UpdateContainerResources',
    message({ containerId: field(1, string), linux: field(2, linuxResources) }),
    empty,
  ),
  reopenLog: method(runtime, 'ReopenContainerLog', containerId, empty),
  execSync: method(
    runtime,
    'ExecSync',
    message({ containerId: field(1, string), cmd: repeated(2, string), timeout: field(3, int64) }),
    message({ stdout: field(1, bytes), stderr: field(2, bytes), exitCode: field(3, int32) }),
  ),
  exec: method(
    runtime,
    'Exec',
    message({
      containerId: field(1, string),
      cmd: repeated(2, string),
      tty: field(3, bool),
      stdin: field(4, bool),
      stdout: field(5, bool),
      stderr: field(6, bool),
    }),
    streamUrl,
  ),
  attach: method(
    runtime,
    'Attach',
    message({ containerId: field(1, string), stdin: field(2, bool), tty: field(3, bool), stdout: field(4, bool), stderr: field(5, bool) }),
    streamUrl,
  ),
  portForward: method(runtime, 'PortForward', message({ podSandboxId: field(1, string), port: repeated(2, int32) }), streamUrl),
  pullImage: method(
    images,
    'PullImage',
    message({ image: field(1, imageSpec), auth: field(2, auth), sandboxConfig: field(3, sandboxConfig) }),
    message({ imageRef: field(1, string) }),
  ),
  imageStatus: method(images, 'ImageStatus', imageRequest, message({ image: field(1, image) })),
  listImages: method(images, 'ListImages', imageRequest, message({ images: repeated(1, image) })),
  removeImage: method(images, 'RemoveImage', imageRequest, empty),
  imageFsInfo: method(
    images,
    'ImageFsInfo',
    empty,
    message({ imageFilesystems: repeated(1, fileSystemUsage), containerFilesystems: repeated(2, fileSystemUsage) }),
  ),
} as const;

export const objectMessages = {
  containerConfig,
  sandboxConfig,
  container,
  containerStatus,
  sandbox,
  sandboxStatus,
  linuxResources,
  image,
  condition,
  fileSystemUsage,
};
