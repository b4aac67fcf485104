// The API server alone on this machine: what `minke apiserver` runs. No controllers, no scheduler, no node.
import { servedKinds as everyKind, type KindDefinition } from '../../api/mod.ts';
import {
  type Anonymous,
  collectStorage,
  createApiCore,
  createFairness,
  httpNodeConnection,
  measureStore,
  startApiServer,
  staticTokens,
} from '../../apiserver/mod.ts';
import { type Logger, Tasks } from '../../base/mod.ts';
import { createHttpClient } from '../../base/ports/http-client.ts';
import { ListenError } from '../../base/ports/http-server.ts';
import { machineAddresses } from '../../base/ports/machine.ts';
import { openSigningKey } from '../../base/ports/signing-key.ts';
import { adminUser } from '../control-plane.ts';
import { adminKubeconfig } from '../pki/kubeconfig.ts';
import { ensurePki, keepRenewed, type Pki, type PkiOptions } from '../pki/pki.ts';
import { type AccessSettings, openAccess } from './access.ts';
import { clusterAddresses } from './addresses.ts';
import { type AdmissionFlags, checkAdmission, openAdmission } from './admission-config.ts';
import { aggregationOf, apiServerTls, checkRoles, judgesOf, kubeletClientTls, portError, serverTools, versionOf } from './api.ts';
import { isAny, isLoopback, reachableAt, urlOf } from './bind-address.ts';
import { clusterPaths, MachineError, readIdentity } from './data-dir.ts';
import { establishIdentity } from './identity.ts';
import { kindsLeft, type RuntimeSetting } from './kinds-left.ts';
import { takeLock } from './lock.ts';
import { runRoot } from './machine.ts';
import type { MachinePorts } from './ports.ts';
import { openStorage, type StorageSettings, storageFacts } from './storage.ts';
import { parseTokenFile } from './token-file.ts';

export interface ApiServerAloneOptions {
  readonly ports: MachinePorts;
  readonly dataDir: string;
  /** Undefined: as it has been, else 6443. */
  readonly port: number | undefined;
  readonly bindAddress: string;
  readonly serviceCidr: string | undefined;
  /** Services get addresses of IPv6 as well. Default: of IPv4 alone. */
  readonly secondServiceCidr?: string | undefined;
  readonly storage: StorageSettings;
  /** Default: certificates and tokens, RBAC, nothing recorded. */
  readonly access?: AccessSettings | undefined;
  readonly admission?: AdmissionFlags | undefined;
  readonly tokenFile: string | undefined;
  /** Secrets of kube-system of this type are tokens. Default false. */
  readonly bootstrapTokens?: boolean | undefined;
  /** Undefined: only health and version. */
  readonly anonymous: boolean | undefined;
  readonly runtimeConfig: readonly RuntimeSetting[];
  /** Requests under way at one time. */
  readonly requestsInFlightMax: number;
  readonly log: Logger;
  readonly signal: AbortSignal;
}

export interface RunningApiServer {
  readonly url: string;
  /** Resolves when the signal has fired and everything has ended. */
  readonly stopped: Promise<void>;
}

/** Resolves when the API answers. Throws MachineError, with nothing left running. */
export async function startApiServerAlone(options: ApiServerAloneOptions): Promise<RunningApiServer> {
  const { ports, dataDir, signal } = options;
  // Said before anything is made.
  const kinds = kindsLeft(everyKind, options.runtimeConfig);
  const fileTokens = await readTokens(options);
  const standing = await readIdentity(ports.fs, dataDir);
  const port = options.port ?? standing?.port ?? 6443;
  const url = urlOf(options.bindAddress, port);
  const release = await takeLock({ fs: ports.fs, processes: ports.processes, dataDir, self: ports.pid, url });
  const own = new AbortController();
  signal.addEventListener('abort', () => own.abort(signal.reason), { once: true });
  const parts: Promise<void>[] = [];
  const closing: (() => Promise<void> | void)[] = [];
  const stopped = async () => {
    await Promise.allSettled(parts);
    for (const close of closing) await close();
    await release();
  };
  try {
    await start({ ...options, port, url, kinds, fileTokens, signal: own.signal, parts, closing });
    return { url, stopped: stopped() };
  } catch (error) {
    own.abort(error);
    await stopped();
    throw error instanceof ListenError ? portError(port, error, { host: options.bindAddress, flag: '--secure-port' }) : error;
  }
}

interface Start extends ApiServerAloneOptions {
  readonly port: number;
  readonly url: string;
  readonly kinds: readonly KindDefinition[];
  readonly fileTokens: ReturnType<typeof parseTokenFile>;
  /** What must have ended before `closing` is called. */
  readonly parts: Promise<void>[];
  readonly closing: (() => Promise<void> | void)[];
}

async function start(options: Start): Promise<void> {
  const { ports, log, signal, parts, closing, bindAddress: host, port } = options;
  const { clock, random, fs } = ports;
  const paths = clusterPaths(options.dataDir);
  const { metrics, heavy } = serverTools(options);
  const { pki, pkiOptions, serviceCidr, advertised } = await establish(options);
  const { storage } = options;
  const opened = await openStorage({ ports, log, paths, storage, signal });
  const store = measureStore(opened.store, metrics, clock);
  parts.push(opened.stopped);
  closing.push(() => store.close());
  const admission = await openAdmission(fs, options.admission);
  const gates = await openAccess(options.access, { ports, log, metrics, signal });
  parts.push(gates.stopped);
  if (gates.server.anonymous && options.anonymous !== undefined)
    throw new MachineError('--anonymous-auth flag cannot be set when anonymous field is configured in authentication configuration file.');
  const common = { clock, random: random.child('apiserver'), log: log.with({ component: 'apiserver' }), heavy, signal };
  const core = await createApiCore({
    ...common,
    ...storageFacts(storage),
    store,
    metrics,
    kinds: options.kinds,
    serviceCidr: options.secondServiceCidr === undefined ? serviceCidr : `${serviceCidr},${options.secondServiceCidr}`,
    ...(advertised === undefined ? {} : { advertise: { address: advertised, port } }),
    tokens: [staticTokens([{ token: pki.adminToken, user: adminUser }, ...options.fileTokens])],
    ...gates.core,
    bootstrapTokens: options.bootstrapTokens,
    serviceAccountKey: openSigningKey(pki.serviceAccountKeyPem),
    ...admission,
  });
  parts.push(core.stopped());
  checkAdmission(options.admission, core);
  collectStorage(metrics, core);
  const kubelets = createHttpClient({ clock, tls: kubeletClientTls(pki) });
  closing.push(() => kubelets.close());
  const server = await startApiServer({
    ...common,
    core,
    listen: { host, port },
    tls: apiServerTls(pki),
    ...judgesOf(core),
    audit: gates.server.audit,
    anonymous: gates.server.anonymous ?? anonymousOf(options.anonymous),
    health: [{ name: 'poststarthook/rbac/bootstrap-roles', in: ['readyz'], check: () => checkRoles({ core }) }, ...opened.health],
    aggregation: aggregationOf(core, pki),
    metrics,
    fairness: createFairness({ clock, metrics, find: core.registry.find, seats: options.requestsInFlightMax }),
    nodes: httpNodeConnection(kubelets),
    version: versionOf(ports),
  });
  parts.push(server.closed);
  await fs.write(paths.kubeconfig, adminKubeconfig(options.url, pki), { mode: 0o600 });
  const onRenewed = (next: Pki) => {
    server.reloadCertificates(apiServerTls(next), next.leaves['front-proxy-client']);
    kubelets.setTls(kubeletClientTls(next));
  };
  const tasks = new Tasks(log);
  tasks.run('certificate renewal', signal, () => keepRenewed({ ...pkiOptions, log, signal, onRenewed }, pki));
  parts.push(tasks.settled());
}

interface Established {
  readonly pki: Pki;
  readonly pkiOptions: PkiOptions;
  readonly serviceCidr: string;
  /** Where others reach the server; undefined on loopback. */
  readonly advertised: string | undefined;
}

/** The data dir's identity and certificates. */
async function establish({ ports, dataDir, port, serviceCidr, bindAddress }: Start): Promise<Established> {
  const { clock, random, fs } = ports;
  const takenRanges = async () => [];
  const identity = await establishIdentity({
    ports,
    dataDir,
    port,
    bindAddress,
    serviceCidr,
    podCidr: undefined,
    podNetwork: undefined,
    node: false,
    takenRanges,
    runRoot,
  });
  const reachable = machineAddresses((name) => name.startsWith('mk'));
  const addresses = reachableAt(bindAddress, reachable);
  const names = { nodeName: identity.nodeName, addresses, serviceAddress: clusterAddresses(identity).kubernetes };
  const pkiOptions: PkiOptions = { dataDir, names, fs, clock, randomBytes: (length) => random.bytes(length) };
  const advertised = isAny(bindAddress) ? reachable[0] : bindAddress;
  return {
    pki: await ensurePki(pkiOptions),
    pkiOptions,
    serviceCidr: identity.serviceCidr,
    advertised: advertised !== undefined && isLoopback(advertised) ? undefined : advertised,
  };
}

async function readTokens({ ports, tokenFile }: ApiServerAloneOptions) {
  if (tokenFile === undefined) return [];
  const text = await ports.fs.readText(tokenFile);
  if (text === undefined) throw new MachineError(`--token-auth-file: ${tokenFile} does not exist.`);
  return parseTokenFile(text, tokenFile);
}

const anonymousOf = (flag: boolean | undefined): Anonymous => (flag === undefined ? 'health' : flag ? 'everywhere' : 'nowhere');
