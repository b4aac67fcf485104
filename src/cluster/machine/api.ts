// The API server of this machine: certificates, store, control plane, socket; and their renewal while they run.

import { minkeVersion } from '../../api/mod.ts';
import {
  type AggregationOptions,
  type ApiServer,
  collectStorage,
  createFairness,
  heavyProgram,
  heavyWork,
  httpNodeConnection,
  measureStore,
  startApiServer,
  staticTokens,
  versionInfo,
} from '../../apiserver/mod.ts';
import { createMetrics, type Logger, Tasks } from '../../base/mod.ts';
import { createHttpClient, type HttpClient } from '../../base/ports/http-client.ts';
import { ListenError } from '../../base/ports/http-server.ts';
import { machineAddresses } from '../../base/ports/machine.ts';
import { collectProcess } from '../../base/ports/process-metrics.ts';
import { bundled, createThread } from '../../base/ports/threads.ts';
import { type Client, createClient, createHttpTransport } from '../../client/mod.ts';
import type { SchedulerConfiguration } from '../../scheduler/mod.ts';
import { adminUser, type ControlPlane, startControlPlane } from '../control-plane.ts';
import { adminKubeconfig } from '../pki/kubeconfig.ts';
import { ensurePki, keepRenewed, type Pki, type PkiOptions } from '../pki/pki.ts';
import { createClusterSigner } from '../pki/signer.ts';
import { type AccessSettings, openAccess } from './access.ts';
import { clusterAddresses, mainFirst } from './addresses.ts';
import { type AdmissionFlags, checkAdmission, openAdmission } from './admission-config.ts';
import { isLoopback, reachableAt, urlOf } from './bind-address.ts';
import { type ClusterIdentity, type ClusterPaths, MachineError } from './data-dir.ts';
import type { NodeAgent } from './node.ts';
import type { MachinePorts } from './ports.ts';
import { openStorage, type StorageSettings, storageFacts } from './storage.ts';

export interface RunningApi {
  readonly url: string;
  readonly controlPlane: ControlPlane;
  readonly server: ApiServer;
  readonly pki: Pki;
  readonly pkiOptions: PkiOptions;
  readonly kubelets: HttpClient;
  closeStore(): Promise<void>;
}

export interface ApiContext {
  readonly ports: MachinePorts;
  readonly log: Logger;
  readonly identity: ClusterIdentity;
  readonly paths: ClusterPaths;
  readonly storage: StorageSettings;
  /** Default: certificates and tokens, RBAC, nothing recorded. */
  readonly access?: AccessSettings | undefined;
  readonly admission?: AdmissionFlags | undefined;
  readonly schedulerConfiguration?: SchedulerConfiguration | undefined;
  /** Pods run on this machine, and reach the API server. */
  readonly hasNode: boolean;
  readonly signal: AbortSignal;
  /** What must have ended before the store is closed. */
  readonly parts: Promise<void>[];
}

/** Resolves when the API answers on its socket. Throws {@link MachineError}. */
export async function startApi(context: ApiContext): Promise<RunningApi> {
  const { ports, log, identity, paths, signal, parts } = context;
  const { fs, clock, random } = ports;
  const { names, advertised } = placeOf(context);
  const pkiOptions: PkiOptions = { dataDir: paths.dataDir, names, fs, clock, randomBytes: (length) => random.bytes(length) };
  const { metrics, heavy } = serverTools(context);
  const [pki, opened] = await Promise.all([ensurePki(pkiOptions), openStorage(context)]);
  const store = measureStore(opened.store, metrics, clock);
  parts.push(opened.stopped);
  try {
    const admission = await openAdmission(fs, context.admission);
    const gates = await openAccess(context.access, { ports, log, metrics, signal });
    parts.push(gates.stopped);
    const controlPlane = await startControlPlane({
      ...storageFacts(context.storage),
      schedulerConfiguration: context.schedulerConfiguration,
      heavy,
      store,
      clock,
      random,
      log,
      serviceCidr: identity.serviceCidr,
      clusterCidr: identity.clusterCidr,
      ...(advertised === undefined ? {} : { advertise: { address: advertised, port: identity.port } }),
      tokens: [staticTokens([{ token: pki.adminToken, user: adminUser }])],
      ...gates.core,
      ...admission,
      serviceAccountKeyPem: pki.serviceAccountKeyPem,
      rootCaPem: pki.authorityPem,
      signer: createClusterSigner(pkiOptions, pki),
      metrics,
      signal,
    });
    parts.push(controlPlane.stopped);
    const { core } = controlPlane;
    checkAdmission(context.admission, core);
    collectStorage(metrics, core);
    const kubelets = createHttpClient({ clock, tls: kubeletClientTls(pki) });
    const { nodes } = controlPlane;
    nodes.connect(httpNodeConnection(kubelets));
    const server = await startApiServer({
      core,
      listen: { host: identity.bindAddress, port: identity.port },
      tls: apiServerTls(pki),
      ...judgesOf(core),
      health: [{ name: 'poststarthook/rbac/bootstrap-roles', in: ['readyz'], check: () => checkRoles(controlPlane) }, ...opened.health],
      ...gates.server,
      explainPod: controlPlane.explainPod,
      heavy,
      aggregation: aggregationOf(core, pki),
      metrics,
      nodes,
      fairness: createFairness({ clock, metrics, find: core.registry.find }),
      version: versionOf(ports),
      clock,
      random,
      log: log.with({ component: 'apiserver' }),
      signal,
    });
    parts.push(server.closed.finally(() => kubelets.close()));
    const url = urlOf(identity.bindAddress, server.port);
    controlPlane.connectAggregated(socketClient(context, { url, pki, until: server.closed }));
    await fs.write(paths.kubeconfig, adminKubeconfig(url, pki), { mode: 0o600 });
    return { url, controlPlane, server, pki, pkiOptions, kubelets, closeStore: () => store.close() };
  } catch (error) {
    parts.push(store.close());
    throw error instanceof ListenError ? portError(identity.port, error, { host: identity.bindAddress, flag: '--port' }) : error;
  }
}

/** Who says who somebody is, and what is allowed. */
export const judgesOf = ({ access: { tokens, authorizer, serviceAccounts } }: ControlPlane['core']) => ({
  tokens,
  authorizer,
  serviceAccounts,
});

/** What counts, and the thread beside. */
export function serverTools({ ports: { clock }, signal }: Pick<ApiContext, 'ports' | 'signal'>) {
  const metrics = createMetrics();
  collectProcess(metrics, clock.nowMs());
  return { metrics, heavy: heavyWork(createThread({ program: bundled(heavyProgram), clock, signal })) };
}

/** The names of the server's certificate, and the address by which pods find it. */
function placeOf({ identity, hasNode }: ApiContext): { readonly names: PkiOptions['names']; readonly advertised: string | undefined } {
  const { nodeName, bindAddress } = identity;
  const { family, kubernetes, all } = clusterAddresses(identity);
  const isPods = (name: string) => name.startsWith('mk');
  const own = mainFirst(family, reachableAt(bindAddress, machineAddresses(isPods)));
  const addresses = hasNode ? [...all.map(({ gateway }) => gateway), ...own] : own;
  // Pods of other nodes reach no address of this one's pods' bridge.
  const [advertised] = isLoopback(bindAddress) ? addresses : own;
  return { names: { nodeName, addresses, serviceAddress: kubernetes }, advertised };
}

/** The API as others see it, over the server's own socket. No connection is made before the first call. */
function socketClient(
  { ports: { clock }, parts }: ApiContext,
  { url, pki, until }: { readonly url: string; readonly pki: Pki; readonly until: Promise<void> },
): Client {
  const http = createHttpClient({ clock, tls: { ca: pki.authorityPem } });
  parts.push(until.finally(() => http.close()));
  const userAgent = 'kube-controller-manager';
  return createClient(createHttpTransport({ http, server: url, userAgent, token: () => pki.adminToken }), { clock, userAgent });
}

export const versionOf = ({ machine }: MachinePorts) =>
  versionInfo({
    minke: minkeVersion,
    runtime: machine.runtimeVersion,
    platform: `${machine.platform}/${machine.architecture === 'x64' ? 'amd64' : machine.architecture}`,
  });

export function checkRoles({ core }: { readonly core: Pick<ControlPlane['core'], 'rolesReady'> }): void {
  if (!core.rolesReady()) throw new Error('not finished');
}

export const apiServerTls = (pki: Pki) => ({
  cert: pki.leaves.apiserver.certificatePem,
  key: pki.leaves.apiserver.keyPem,
  // Whose certificate is signed by the second is no user: `apiserver/authn/request-header.ts` tells them apart.
  clientCa: `${pki.authorityPem}\n${pki.frontProxyAuthorityPem}`,
});
export const aggregationOf = (core: ControlPlane['core'], pki: Pki): AggregationOptions => ({
  registry: core.registry,
  clientCaPem: pki.authorityPem,
  frontProxy: { caPem: pki.frontProxyAuthorityPem, client: pki.leaves['front-proxy-client'] },
});
export const kubeletClientTls = (pki: Pki) => {
  const { certificatePem, keyPem } = pki.leaves['apiserver-kubelet-client'];
  return { ca: pki.authorityPem, cert: certificatePem, key: keyPem };
};

/** What is wrong with a port that cannot be listened on, and what helps. */
export function portError(port: number, error: unknown, at: { readonly host: string; readonly flag: string }): MachineError {
  const code = (error as { code?: string }).code;
  const why = code === 'EADDRINUSE' ? 'another program uses it' : code === 'EACCES' ? 'ports below 1024 need root' : String(code ?? error);
  if (code === 'EADDRNOTAVAIL') {
    return new MachineError(
      `Cannot listen on ${at.host}: this machine does not have that address. Name one of its own with --bind-address.`,
      {
        cause: error,
      },
    );
  }
  return new MachineError(`Cannot listen on ${at.host}:${port}: ${why}. Choose another port with ${at.flag}.`, { cause: error });
}

/** Renews certificates while the cluster runs: new connections get the new ones. */
export function keepCertificates(log: Logger, api: RunningApi, agent: NodeAgent | undefined, signal: AbortSignal): Promise<void> {
  const tasks = new Tasks(log);
  const onRenewed = async (pki: Pki) => {
    api.server.reloadCertificates(apiServerTls(pki), pki.leaves['front-proxy-client']);
    api.kubelets.setTls(kubeletClientTls(pki));
    const { kubeletTls } = await import('./node.ts');
    agent?.server.reloadCertificates(kubeletTls(pki));
  };
  const reload = (pki: Pki) => tasks.run('certificate reload', signal, () => onRenewed(pki));
  tasks.run('certificate renewal', signal, () => keepRenewed({ ...api.pkiOptions, log, signal, onRenewed: reload }, api.pki));
  return tasks.settled();
}
