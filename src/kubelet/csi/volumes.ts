// CSI volumes of this node's pods: attached, staged, published, and taken back. Each step is written down before the driver is asked,
// and asking again is harmless: so it goes on where it was after a restart at any moment.
import {
  type CsiVolumeId,
  claimNameOf,
  inlineVolumeHandle,
  mustAttach,
  type V1CSIDriver,
  type V1PersistentVolumeClaim,
} from '../../api/mod.ts';
import type { FileSystem } from '../../base/ports/fs.ts';
import type { Mounts } from '../../base/ports/mounts.ts';
import { setGroup } from '../volumes/group.ts';
import { MountError, VolumeError } from '../volumes/payload.ts';
import type { TokenSource } from '../volumes/tokens.ts';
import type { Attachments } from './attachments.ts';
import type { CsiClient, VolumeHealth } from './client.ts';
import { DriverError } from './driver-error.ts';
import type { Drivers } from './drivers.ts';
import type { Expansion } from './expansion.ts';
import type { NodeCapability } from './messages.ts';
import {
  type FoundRecords,
  forget,
  type PublishRecord,
  podFolder,
  publishFolder,
  type RecordPaths,
  readPublished,
  readStaged,
  stageFolder,
  stagingTargetOf,
  targetOf,
  writePublished,
  writeStaged,
} from './records.ts';
import {
  capabilityOf,
  driverOf,
  groupIsOurs,
  isBlock,
  modeProblem,
  podAttributes,
  type SecretPurpose,
  secretRefOf,
  type WantedVolume,
} from './request.ts';
import type { VolumeUsers } from './users.ts';

export interface CsiVolumes {
  /** The volume is where the pod's containers can have it: a directory, or a device. Rejects with MountError. */
  setUp(
    wanted: WantedVolume,
    signal: AbortSignal | undefined,
  ): Promise<{ readonly path: string; readonly refreshAtMs?: number | undefined }>;
  /** Takes every CSI volume of the pod back. Rejects as long as one cannot be: its driver is not there, or refuses. */
  tearDown(podUid: string): Promise<void>;
  /** What the drivers say of how full the pod's volumes are; those of drivers that do not tell are left out. */
  figures(podUid: string): Promise<readonly VolumeFigures[]>;
  /** Lets go of volumes that an earlier run has left staged, and no pod uses. */
  sweep(driver: string, signal: AbortSignal): Promise<void>;
}

/** How full a volume is, by its name in the pod. */
export interface VolumeFigures extends VolumeHealth {
  readonly name: string;
  /** Of a claim: which one. */
  readonly claim?: { readonly namespace: string; readonly name: string } | undefined;
}

export interface CsiVolumesOptions {
  readonly fs: FileSystem;
  readonly mounts: Mounts;
  readonly paths: RecordPaths;
  readonly drivers: Drivers;
  readonly attachments: Attachments;
  readonly expansion: Expansion;
  readonly users: VolumeUsers;
  readonly tokens: TokenSource | undefined;
  readonly nowMs: () => number;
  /** What an earlier run has left; nothing is done before that is known. */
  readonly found: Promise<FoundRecords>;
  /** The CSIDriver object; undefined: there is none. */
  driverObject(name: string): Promise<V1CSIDriver | undefined>;
  /** Undefined: there is none. */
  secret(namespace: string, name: string): Promise<Readonly<Record<string, string>> | undefined>;
  /** Called with the claim of each volume that was published. */
  onPublished(podUid: string, claim: V1PersistentVolumeClaim): void;
}

/** How often a driver that wants it is asked to publish again. Source: the kubelet's own round of its pods. */
const republishMs = 60_000;
/** A volume that may grow, on a node that is not told when, is looked at as often. */
const lookAgainMs = 90_000;

/** One volume of one pod, with all that is known of it. */
interface Job {
  readonly wanted: WantedVolume;
  readonly id: CsiVolumeId;
  readonly client: CsiClient;
  readonly object: V1CSIDriver | undefined;
  readonly capabilities: ReadonlySet<NodeCapability>;
  readonly record: PublishRecord;
  readonly folder: string;
  readonly attached: boolean;
  readonly signal: AbortSignal | undefined;
}

const notRegistered = (what: string, driver: string): string =>
  `kubernetes.io/csi: ${what} failed to get CSI client: driver name ${driver} not found in the list of registered CSI drivers`;

export const createCsiVolumes = (options: CsiVolumesOptions): CsiVolumes => new NodeVolumes(options);

class NodeVolumes implements CsiVolumes {
  readonly #options: CsiVolumesOptions;
  /** Targets that this run has published, and when they are to be published again. */
  readonly #published = new Map<string, number | undefined>();
  /** The jobs behind those targets. */
  readonly #jobs = new Map<string, Job>();
  /** Staging targets that this run has staged. */
  readonly #staged = new Set<string>();

  constructor(options: CsiVolumesOptions) {
    this.#options = options;
  }

  async setUp(wanted: WantedVolume, signal: AbortSignal | undefined) {
    const { users, expansion, nowMs } = this.#options;
    await this.#options.found;
    const { name } = wanted;
    const job = await told(`MountVolume.SetUp failed for volume "${name}" : `, () => this.#prepare(wanted, signal));
    const { id, folder, record } = job;
    users.add(id, folder);
    const publishContext = await this.#attach(job);
    return users.inTurn(id, async () => {
      signal?.throwIfAborted();
      const path = targetOf(folder, record.block);
      const dueMs = this.#published.get(path);
      if (!this.#published.has(path) || (dueMs !== undefined && dueMs <= nowMs())) {
        const staging = await this.#stage(job, publishContext);
        await this.#publish(job, { publishContext, staging, path });
      }
      const { from } = wanted;
      const more = from.is === 'persistent' ? await expansion.expand({ ...job, path, staging: this.#stagingOf(job) }) : {};
      if (from.is === 'persistent') this.#options.onPublished(wanted.pod.metadata?.uid ?? '', from.claim);
      const times = [this.#published.get(path), more.againMs, more.lookAgain ? nowMs() + lookAgainMs : undefined];
      return { path, refreshAtMs: times.reduce((a, b) => (a === undefined || (b !== undefined && b < a) ? b : a), undefined) };
    });
  }

  /** Everything that needs no driver but its word of what it can do. */
  async #prepare(wanted: WantedVolume, signal: AbortSignal | undefined): Promise<Job> {
    const { drivers, paths, fs } = this.#options;
    const { from, pod, name } = wanted;
    const uid = pod.metadata?.uid ?? '';
    const driver = driverOf(wanted);
    const volumeHandle = from.is === 'persistent' ? (from.volume.spec?.csi?.volumeHandle ?? '') : inlineVolumeHandle(uid, name);
    const client = drivers.get(driver);
    if (!client) throw new VolumeError(notRegistered('mounter.SetUpAt', driver));
    const object = await this.#options.driverObject(driver);
    const problem = modeProblem(driver, object, from.is === 'persistent' ? 'Persistent' : 'Ephemeral');
    if (problem !== undefined)
      throw new VolumeError(`kubernetes.io/csi: mounter.SetUpAt failed to check volume lifecycle mode: ${problem}`);
    const capabilities = await client.capabilities(signal);
    const folder = publishFolder(paths, uid, name);
    const id = { driver, volumeHandle };
    const ephemeral = from.is === 'inline';
    const record: PublishRecord = { ...id, name, ephemeral, block: isBlock(wanted), asked: false };
    if (!(await readPublished(fs, folder))) await writePublished(fs, folder, record);
    const attached = !ephemeral && mustAttach(object);
    if (!ephemeral && !(await readStaged(fs, stageFolder(paths, id)))) {
      await writeStaged(fs, stageFolder(paths, id), { ...id, name, attached, asked: false });
    }
    return { wanted, id, client, object, capabilities, record, folder, attached, signal };
  }

  async #attach({ attached, id, wanted, signal }: Job): Promise<Readonly<Record<string, string>>> {
    if (!attached) return {};
    try {
      return await this.#options.attachments.attached(id, signal);
    } catch (error) {
      if (!(error instanceof VolumeError)) throw error;
      const volume = (wanted.pod.spec?.volumes ?? []).map((each) => each.name).join(' ');
      throw new MountError(
        `Unable to attach or mount volumes: unmounted volumes=[${volume}], unattached volumes=[${volume}], failed to process volumes=[]: ${error.message}`,
      );
    }
  }

  #stagingOf({ id, capabilities, wanted }: Job): string | undefined {
    if (wanted.from.is === 'inline' || !capabilities.has('stageUnstage')) return undefined;
    return stagingTargetOf(stageFolder(this.#options.paths, id));
  }

  /** Gives where the volume is staged; undefined where the driver does not stage. */
  async #stage(job: Job, publishContext: Readonly<Record<string, string>>): Promise<string | undefined> {
    const { fs, paths } = this.#options;
    const { id, wanted, client, capabilities, attached, signal } = job;
    const staging = this.#stagingOf(job);
    const { from, name } = wanted;
    if (staging === undefined || from.is === 'inline' || this.#staged.has(staging)) return staging;
    const what = job.record.block ? 'MapVolume.SetUpDevice' : 'MountVolume.MountDevice';
    await told(`${what} failed for volume "${name}" : `, async () => {
      const secrets = await this.#secret(wanted, 'nodeStageSecretRef');
      const folder = stageFolder(paths, id);
      await fs.mkdir(staging, { mode: 0o750 });
      await writeStaged(fs, folder, { ...id, name, attached, asked: true });
      const request = {
        volumeId: id.volumeHandle,
        stagingTargetPath: staging,
        publishContext,
        volumeCapability: capabilityOf(wanted, capabilities),
        secrets,
        volumeContext: from.volume.spec?.csi?.volumeAttributes ?? {},
      };
      try {
        await client.stage(request, signal);
      } catch (error) {
        // It has ended without a volume: there is nothing to take back.
        const ended = error instanceof DriverError && error.isFinal && !(await this.#isMounted(staging));
        if (ended) await writeStaged(fs, folder, { ...id, name, attached, asked: false });
        throw error;
      }
      this.#staged.add(staging);
    });
    return staging;
  }

  async #publish(
    job: Job,
    at: { readonly publishContext: Readonly<Record<string, string>>; readonly staging: string | undefined; readonly path: string },
  ): Promise<void> {
    const { fs, nowMs } = this.#options;
    const { id, wanted, object, client, capabilities, record, folder, signal } = job;
    const { from, name, readOnly, pod } = wanted;
    const what = record.block ? 'MapVolume.MapPodDevice' : 'MountVolume.SetUp';
    await told(`${what} failed for volume "${name}" : `, async () => {
      const tokens = await this.#tokens(wanted, object);
      const secrets = { ...(await this.#secret(wanted, 'nodePublishSecretRef')), ...tokens.secrets };
      const attributes = from.is === 'persistent' ? from.volume.spec?.csi?.volumeAttributes : from.source.volumeAttributes;
      const again = this.#published.has(at.path);
      if (!again) await writePublished(fs, folder, { ...record, asked: true });
      const request = {
        volumeId: id.volumeHandle,
        stagingTargetPath: at.staging,
        targetPath: at.path,
        publishContext: at.publishContext,
        volumeCapability: capabilityOf(wanted, capabilities),
        readonly: readOnly,
        secrets,
        volumeContext: { ...attributes, ...podAttributes(wanted, object), ...tokens.attributes },
      };
      try {
        await client.publish(request, signal);
      } catch (error) {
        const ended = error instanceof DriverError && error.isFinal && !again && !(await this.#isMounted(at.path));
        if (ended) await writePublished(fs, folder, record);
        throw error;
      }
      if (groupIsOurs(wanted, object, capabilities) && !again) {
        const { fsGroup = 0, fsGroupChangePolicy: policy } = pod.spec?.securityContext ?? {};
        await setGroup(fs, at.path, { group: fsGroup, policy });
      }
      const dueMs = object?.spec.requiresRepublish === true ? nowMs() + republishMs : undefined;
      this.#published.set(at.path, dueMs);
      this.#jobs.set(at.path, job);
    });
  }

  async #secret(wanted: WantedVolume, purpose: SecretPurpose): Promise<Readonly<Record<string, string>>> {
    const ref = secretRefOf(wanted, purpose);
    if (!ref) return {};
    const found = await this.#options.secret(ref.namespace, ref.name);
    if (found) return found;
    const label = `${purpose.charAt(0).toUpperCase()}${purpose.slice(1)}`;
    throw new VolumeError(`fetching ${label} ${ref.namespace}/${ref.name} failed: secrets "${ref.name}" not found`);
  }

  /** Tokens of the pod's service account, for drivers that act in its name. */
  async #tokens(
    { pod }: WantedVolume,
    object: V1CSIDriver | undefined,
  ): Promise<{ readonly secrets?: Record<string, string>; readonly attributes?: Record<string, string> }> {
    const requests = object?.spec.tokenRequests ?? [];
    if (requests.length === 0) return {};
    if (!this.#options.tokens) throw new VolumeError('this node has no source of service account tokens');
    const given: Record<string, { token: string; expirationTimestamp: string }> = {};
    for (const { audience, expirationSeconds = 3600 } of requests) {
      const { token, expirationTimestamp } = await this.#options.tokens.token({ pod, audience: audience || undefined, expirationSeconds });
      given[audience] = { token, expirationTimestamp };
    }
    const value = { 'csi.storage.k8s.io/serviceAccount.tokens': JSON.stringify(given) };
    return object?.spec.serviceAccountTokenInSecrets === true ? { secrets: value } : { attributes: value };
  }

  async #isMounted(path: string): Promise<boolean> {
    return (await this.#options.mounts.below(path)).includes(path);
  }

  async tearDown(podUid: string): Promise<void> {
    const { fs, paths, users } = this.#options;
    await this.#options.found;
    const problems: unknown[] = [];
    for (const { name } of await fs.list(podFolder(paths, podUid))) {
      const folder = publishFolder(paths, podUid, name);
      const record = await readPublished(fs, folder);
      try {
        if (record) await users.inTurn(record, () => this.#takeBack(record, folder));
        else await forget(fs, folder).then(() => this.#removeFolder(folder));
      } catch (error) {
        problems.push(error);
      }
    }
    if (problems.length > 0) throw problems[0];
  }

  async #takeBack(record: PublishRecord, folder: string): Promise<void> {
    const { fs, drivers, users } = this.#options;
    const path = targetOf(folder, record.block);
    if (record.asked) {
      const client = drivers.get(record.driver);
      if (!client) throw new VolumeError(notRegistered('Unmounter.TearDownAt', record.driver));
      await client.unpublish({ volumeId: record.volumeHandle, targetPath: path });
    }
    this.#published.delete(path);
    this.#jobs.delete(path);
    await this.#removeTarget(path, record.block);
    // Removed last of all: without its record nothing would take the volume back from its node.
    users.remove(record, folder);
    try {
      if (!record.ephemeral && !users.has(record)) await this.#unstage(record);
    } catch (error) {
      users.add(record, folder);
      throw error;
    }
    await forget(fs, folder);
    await this.#removeFolder(folder);
  }

  /** Nothing that a volume holds is ever removed: only what is empty goes. */
  async #removeTarget(path: string, block: boolean): Promise<void> {
    const { fs, mounts } = this.#options;
    await mounts.unmount(path);
    if (block) await fs.remove(path);
    else if (!(await mounts.removeEmpty(path))) throw new VolumeError(`"${path}" is not empty though its driver has taken the volume back`);
  }

  async #removeFolder(folder: string): Promise<void> {
    const { fs, mounts } = this.#options;
    for (const { name } of await fs.list(folder)) await this.#removeTarget(targetOf(folder, name === 'block'), name === 'block');
    if (!(await mounts.removeEmpty(folder))) throw new VolumeError(`"${folder}" is not empty`);
  }

  async #unstage(id: CsiVolumeId, signal?: AbortSignal): Promise<void> {
    const { fs, mounts, paths, drivers, attachments } = this.#options;
    const folder = stageFolder(paths, id);
    const record = await readStaged(fs, folder);
    if (!record) return;
    const staging = stagingTargetOf(folder);
    if (record.asked) {
      const client = drivers.get(id.driver);
      if (!client) throw new VolumeError(notRegistered('attacher.UnmountDevice', id.driver));
      await client.unstage({ volumeId: id.volumeHandle, stagingTargetPath: staging }, signal);
    }
    this.#staged.delete(staging);
    await this.#removeTarget(staging, false);
    if (record.attached) await attachments.release(id);
    await forget(fs, folder);
    await mounts.removeEmpty(folder);
  }

  async figures(podUid: string): Promise<readonly VolumeFigures[]> {
    const found: VolumeFigures[] = [];
    for (const [path, job] of this.#jobs) {
      const { wanted, id, capabilities, record } = job;
      const { pod, from } = wanted;
      const client = this.#options.drivers.get(id.driver);
      if (pod.metadata?.uid !== podUid || !client || record.block || !capabilities.has('volumeStats')) continue;
      const health = await client
        .stats({ volumeId: id.volumeHandle, volumePath: path, stagingTargetPath: this.#stagingOf(job) })
        // Figures that cannot be had are left out: the page is for all pods.
        .catch(() => undefined);
      const { namespace = '', name = '' } = (from.is === 'persistent' ? from.claim.metadata : undefined) ?? {};
      const volume = from.is === 'inline' ? wanted.name : pod.spec?.volumes?.find((each) => claimNameOf(pod, each) === name)?.name;
      if (health && volume !== undefined) found.push({ ...health, name: volume, ...(name === '' ? {} : { claim: { namespace, name } }) });
    }
    return found;
  }

  async sweep(driver: string, signal: AbortSignal): Promise<void> {
    const { users } = this.#options;
    const { staged } = await this.#options.found;
    for (const { record } of staged) {
      if (record.driver !== driver || users.has(record) || signal.aborted) continue;
      await users.inTurn(record, async () => {
        if (!users.has(record)) await this.#unstage(record, signal);
      });
    }
  }
}

/** What a driver answers, and what the user can mend, is told with what it was about; the rest goes on as it is. */
async function told<T>(prefix: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (error instanceof VolumeError) throw new MountError(`${prefix}${error.message}`);
    if (error instanceof DriverError) throw new MountError(`${prefix}${error.message}`);
    throw error;
  }
}
