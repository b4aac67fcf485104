// A storage driver for tests, with what stands beside one: it serves CSI's Node service and its registration over unix sockets of this
// process, and makes, attaches and enlarges volumes by the API as the driver's own controllers would. A volume is a memory file
// system below a directory of the test, seen elsewhere by bind mounts.
import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, readFileSync, rmdirSync, rmSync, statfsSync, statSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import * as grpc from '@grpc/grpc-js';
import {
  CoreV1Api,
  KubeConfig,
  makeInformer,
  PatchStrategy,
  StorageV1Api,
  setHeaderOptions,
  type V1PersistentVolumeClaim,
  type V1VolumeAttachment,
} from '@kubernetes/client-node';
import { csiMethods } from '../../src/kubelet/csi/messages.ts';
import { registrationMethods } from '../../src/kubelet/plugins/messages.ts';

type MethodName = keyof typeof csiMethods;
/** What becomes of a call: an answer of gRPC's codes, or none at all. */
export type Fault = { readonly code: number; readonly details: string } | 'hang';

export interface Call {
  readonly method: MethodName;
  // biome-ignore lint/suspicious/noExplicitAny: the requests of all methods.
  readonly request: any;
}

export interface DriverOptions {
  readonly name: string;
  /** The kubelet's root. */
  readonly kubelet: string;
  /** Where the driver keeps its volumes. */
  readonly directory: string;
  readonly kubeconfig: string;
  readonly nodeId?: string;
  readonly topology?: Record<string, string>;
  readonly maxVolumes?: number;
}

const megabyte = 1024 * 1024;
const bytesOf = (quantity: string): number => {
  const [, digits = '0', unit = ''] = /^(\d+)(\w*)$/.exec(quantity) ?? [];
  return Number(digits) * (unit === 'Gi' ? 1024 * megabyte : unit === 'Mi' ? megabyte : 1);
};
const mount = (...args: string[]): void => void execFileSync('mount', args, { stdio: 'pipe' });
const isMounted = (path: string): boolean =>
  readFileSync('/proc/self/mountinfo', 'utf8')
    .split('\n')
    .some((line) => line.split(' ')[4] === path);
const removePlace = (path: string): void => (statSync(path).isDirectory() ? rmdirSync(path) : rmSync(path));
const unmount = (path: string): void => {
  if (isMounted(path)) execFileSync('umount', [path], { stdio: 'pipe' });
};

const devicesOf = (file: string): string[] =>
  execFileSync('losetup', ['-j', file, '-n', '-O', 'NAME'], { encoding: 'utf8' })
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => line.trim());

export class TestDriver {
  readonly calls: Call[] = [];
  readonly faults = new Map<MethodName, Fault>();
  /** What registration was told. */
  readonly told: { readonly pluginRegistered: boolean; readonly error: string }[] = [];
  capabilities = [1, 2, 3];
  attachError: string | undefined;
  readonly #options: DriverOptions;
  readonly #config = new KubeConfig();
  readonly #core: CoreV1Api;
  readonly #storage: StorageV1Api;
  readonly #stops: (() => Promise<void>)[] = [];
  #server: grpc.Server | undefined;

  constructor(options: DriverOptions) {
    this.#options = options;
    this.#config.loadFromFile(options.kubeconfig);
    this.#core = this.#config.makeApiClient(CoreV1Api);
    this.#storage = this.#config.makeApiClient(StorageV1Api);
  }

  get name(): string {
    return this.#options.name;
  }

  /** Requests of one method, the first one first. */
  // biome-ignore lint/suspicious/noExplicitAny: as in Call.
  requests(method: MethodName): any[] {
    return this.calls.filter((call) => call.method === method).map(({ request }) => request);
  }

  get #sockets() {
    const { kubelet, name } = this.#options;
    return { csi: join(kubelet, 'plugins', name, 'csi.sock'), registration: join(kubelet, 'plugins_registry', `${name}-reg.sock`) };
  }

  /** Serves, and so registers. */
  async start(): Promise<void> {
    const server = new grpc.Server();
    const identity = (bytes: Buffer) => bytes;
    const definition = (path: string) => ({
      path,
      requestStream: false,
      responseStream: false,
      requestSerialize: identity,
      requestDeserialize: identity,
      responseSerialize: identity,
      responseDeserialize: identity,
    });
    type Done = grpc.sendUnaryData<Buffer>;
    const add = (name: string, path: string, answer: (bytes: Buffer, done: Done) => void) =>
      server.addService({ [name]: definition(path) }, { [name]: ({ request }: { request: Buffer }, done: Done) => answer(request, done) });
    for (const [name, { path, request, response }] of Object.entries(csiMethods) as [MethodName, (typeof csiMethods)['publish']][]) {
      add(name, path, (bytes, done) => {
        const call = { method: name, request: request.decode(bytes) };
        this.calls.push(call);
        const fault = this.faults.get(name);
        if (fault === 'hang') return;
        if (fault) return done(fault);
        try {
          done(null, response.encode(this.#answer(call) as object));
        } catch (error) {
          done({ code: 13, details: error instanceof Error ? error.message : String(error) });
        }
      });
    }
    const { info, notify } = registrationMethods;
    add('info', info.path, (_, done) =>
      done(null, info.response.encode({ type: 'CSIPlugin', name: this.name, endpoint: this.#sockets.csi, supportedVersions: ['1.0.0'] })),
    );
    add('notify', notify.path, (bytes, done) => {
      this.told.push(notify.request.decode(bytes));
      done(null, notify.response.encode({}));
    });
    for (const path of [this.#sockets.csi, this.#sockets.registration]) {
      mkdirSync(dirname(path), { recursive: true });
      rmSync(path, { force: true });
      await new Promise<void>((resolve, reject) => {
        server.bindAsync(`unix://${path}`, grpc.ServerCredentials.createInsecure(), (error) => (error ? reject(error) : resolve()));
      });
    }
    this.#server = server;
  }

  /** Ends without a word, as a driver that is killed: its sockets go. */
  stop(): void {
    this.#server?.forceShutdown();
    this.#server = undefined;
    for (const path of Object.values(this.#sockets)) rmSync(path, { force: true });
  }

  #backing = (handle: string): string => join(this.#options.directory, handle);

  /** The volume's own memory: it outlives the pods that have it. */
  #volume(handle: string, bytes: number): string {
    const path = this.#backing(handle);
    if (isMounted(path)) return path;
    mkdirSync(path, { recursive: true });
    mount('-t', 'tmpfs', '-o', `size=${bytes},mode=0777`, 'tmpfs', path);
    return path;
  }

  /** A loop device over a file: what is written there is the volume. */
  #device(handle: string): string {
    const file = join(this.#options.directory, `${handle}.image`);
    const [standing] = devicesOf(file);
    if (standing) return standing;
    if (!existsSync(file)) execFileSync('truncate', ['-s', String(8 * megabyte), file]);
    return execFileSync('losetup', ['-f', '--show', file], { encoding: 'utf8' }).trim();
  }

  #answer({ method, request }: Call): unknown {
    switch (method) {
      case 'capabilities':
        return { capabilities: this.capabilities.map((type) => ({ rpc: { type } })) };
      case 'info': {
        const { nodeId = 'test-node', maxVolumes = 0, topology } = this.#options;
        return { nodeId, maxVolumesPerNode: maxVolumes, ...(topology ? { accessibleTopology: { segments: topology } } : {}) };
      }
      case 'stage':
        if (request.volumeCapability.block) this.#device(request.volumeId);
        else this.#bind(this.#volume(request.volumeId, 8 * megabyte), request.stagingTargetPath);
        return {};
      case 'unstage':
        unmount(request.stagingTargetPath);
        return {};
      case 'publish':
        return this.#publish(request);
      case 'unpublish':
        unmount(request.targetPath);
        // A directory by rmdir, so that no data can go with it; a device's file as it is.
        if (existsSync(request.targetPath)) removePlace(request.targetPath);
        if (!existsSync(join(this.#options.directory, `${request.volumeId}.kept`))) unmount(this.#backing(request.volumeId));
        return {};
      case 'expand':
        mount('-o', `remount,size=${request.capacityRange.requiredBytes}`, this.#backing(request.volumeId));
        return {};
      case 'stats': {
        const { blocks, bavail, bfree, bsize, files, ffree } = statfsSync(request.volumePath);
        return {
          usage: [
            { unit: 1, total: blocks * bsize, available: bavail * bsize, used: (blocks - bfree) * bsize },
            { unit: 2, total: files, available: ffree, used: files - ffree },
          ],
        };
      }
    }
  }

  // biome-ignore lint/suspicious/noExplicitAny: as in Call.
  #publish(request: any): unknown {
    const { volumeId, targetPath, volumeCapability, readonly } = request;
    if (volumeCapability.block) {
      if (!isMounted(targetPath)) {
        writeFileSync(targetPath, '');
        mount('--bind', this.#device(volumeId), targetPath);
      }
      return {};
    }
    const source = request.stagingTargetPath || this.#volume(volumeId, 8 * megabyte);
    this.#bind(source, targetPath);
    if (readonly) mount('-o', 'remount,bind,ro', targetPath);
    return {};
  }

  #bind(source: string, target: string): void {
    mkdirSync(target, { recursive: true });
    if (!isMounted(target)) mount('--bind', source, target);
  }

  /** Begins to make, attach and enlarge volumes, as told by what changes in the API. */
  async startControllers(): Promise<void> {
    await this.#follow<V1PersistentVolumeClaim>(
      '/api/v1/persistentvolumeclaims',
      () => this.#core.listPersistentVolumeClaimForAllNamespaces(),
      (claim) => this.#claim(claim),
    );
    await this.#follow<V1VolumeAttachment>(
      '/apis/storage.k8s.io/v1/volumeattachments',
      () => this.#storage.listVolumeAttachment(),
      (attachment) => this.#attach(attachment),
    );
  }

  async #follow<T extends object>(path: string, list: () => Promise<{ items: T[] }>, take: (object: T) => Promise<void>): Promise<void> {
    const informer = makeInformer(this.#config, path, list as never);
    let ended = false;
    const work = (object: unknown) => void take(object as T).catch((error) => this.calls.push({ method: 'info', request: String(error) }));
    informer.on('add', work);
    informer.on('update', work);
    informer.on('error', () => void (ended || setTimeout(() => void informer.start().catch(() => {}), 200)));
    await informer.start();
    this.#stops.push(async () => {
      ended = true;
      await informer.stop();
    });
  }

  async #claim(claim: V1PersistentVolumeClaim): Promise<void> {
    const { name = '', namespace = '', uid = '', annotations = {} } = claim.metadata ?? {};
    if (claim.metadata?.deletionTimestamp) return;
    const wanted = claim.spec?.resources?.requests?.storage ?? '';
    if (claim.spec?.volumeName) {
      if (claim.status?.phase === 'Bound' && bytesOf(wanted) > bytesOf(claim.status.capacity?.storage ?? ''))
        await this.#enlarge(claim, wanted);
      return;
    }
    if (annotations['volume.kubernetes.io/storage-provisioner'] !== this.name) return;
    const volumeName = `pvc-${uid}`;
    writeFileSync(join(this.#options.directory, `${volumeName}.kept`), '');
    await this.#core
      .createPersistentVolume({
        body: {
          metadata: { name: volumeName, annotations: { 'pv.kubernetes.io/provisioned-by': this.name } },
          spec: {
            accessModes: claim.spec?.accessModes ?? [],
            capacity: { storage: wanted },
            storageClassName: claim.spec?.storageClassName ?? '',
            volumeMode: claim.spec?.volumeMode ?? 'Filesystem',
            persistentVolumeReclaimPolicy: 'Delete',
            claimRef: { kind: 'PersistentVolumeClaim', apiVersion: 'v1', name, namespace, uid },
            csi: { driver: this.name, volumeHandle: volumeName, volumeAttributes: { from: 'the test' }, ...this.sourceOf(claim) },
          },
        },
      })
      .catch((error: { code?: number }) => {
        if (error.code !== 409) throw error;
      });
  }

  /** What else is said of the volume of a claim. */
  sourceOf: (claim: V1PersistentVolumeClaim) => object = () => ({});

  async #enlarge(claim: V1PersistentVolumeClaim, storage: string): Promise<void> {
    const { name = '', namespace = '' } = claim.metadata ?? {};
    const merge = setHeaderOptions('Content-Type', PatchStrategy.MergePatch);
    await this.#core.patchPersistentVolume({ name: claim.spec?.volumeName ?? '', body: { spec: { capacity: { storage } } } }, merge);
    const conditions = [{ type: 'FileSystemResizePending', status: 'True', lastTransitionTime: new Date().toISOString() }];
    const status = { conditions, allocatedResources: { storage }, allocatedResourceStatuses: { storage: 'NodeResizePending' } };
    if (claim.status?.allocatedResourceStatuses?.storage) return;
    await this.#core.patchNamespacedPersistentVolumeClaimStatus({ name, namespace, body: { status } }, merge);
  }

  async #attach(attachment: V1VolumeAttachment): Promise<void> {
    const { name = '', deletionTimestamp } = attachment.metadata ?? {};
    if (attachment.spec.attacher !== this.name || deletionTimestamp || attachment.status?.attached) return;
    const merge = setHeaderOptions('Content-Type', PatchStrategy.MergePatch);
    const status = this.attachError
      ? { attached: false, attachError: { message: this.attachError, time: new Date().toISOString() } }
      : { attached: true, attachmentMetadata: { slot: '7' }, attachError: null };
    if (this.attachError && attachment.status?.attachError?.message === this.attachError) return;
    await this.#storage.patchVolumeAttachmentStatus({ name, body: { status } }, merge);
  }

  /** Looks at every attachment again. */
  async attachAll(): Promise<void> {
    for (const attachment of (await this.#storage.listVolumeAttachment()).items) await this.#attach(attachment);
  }

  async destroy(): Promise<void> {
    for (const stop of this.#stops) await stop();
    this.stop();
    const mounts = readFileSync('/proc/self/mountinfo', 'utf8').split('\n');
    for (const line of mounts) {
      const path = line.split(' ')[4] ?? '';
      if (path.startsWith(`${this.#options.directory}/`)) unmount(path);
    }
    for (const file of readdirSync(this.#options.directory).filter((each) => each.endsWith('.image'))) {
      for (const device of devicesOf(join(this.#options.directory, file))) execFileSync('losetup', ['-d', device]);
    }
    rmSync(this.#options.directory, { recursive: true, force: true });
  }
}
