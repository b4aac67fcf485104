// The volumes of this node's pods: set up, kept up to date, taken down. One directory a pod, <dir>/<uid>.
import { join } from 'node:path';
import type { V1Container, V1Pod, V1Volume, V1VolumeDevice, V1VolumeMount } from '../../api/mod.ts';
import { expand } from '../container/expand.ts';
import type { RunningFacts } from '../container/fields.ts';
import type { ImageViews } from '../cri/image-views.ts';
import type { Device, Mount } from '../cri/runtime.ts';
import { csiFolder, targetOf } from '../csi/records.ts';
import { setUpConfigMap } from './config-map.ts';
import type { SetUp, SetUpContext, VolumeContext, VolumeJob } from './context.ts';
import { setUpCsi } from './csi.ts';
import { setUpDownwardApi } from './downward-api.ts';
import { setUpEmptyDir } from './empty-dir.ts';
import { setUpHostPath } from './host-path.ts';
import { closeImages, imageVolumeFolder, missingPart, mountImage, setUpImageVolume } from './image-volume.ts';
import { MountError, VolumeError } from './payload.ts';
import { setUpPersistentClaim } from './persistent-claim.ts';
import { setUpProjected } from './projected.ts';
import { setUpSecret } from './secret.ts';
import { claimFolder, createSoleUse } from './sole-use.ts';
import { resolveSubPath } from './sub-path.ts';

/** Which function sets a volume up, by the member of V1Volume that is there. `folder` is upstream's name of the plugin. */
const plugins: readonly { readonly source: keyof V1Volume; readonly folder: string; readonly setUp: SetUp }[] = [
  { source: 'emptyDir', folder: 'kubernetes.io~empty-dir', setUp: setUpEmptyDir },
  { source: 'configMap', folder: 'kubernetes.io~configmap', setUp: setUpConfigMap },
  { source: 'secret', folder: 'kubernetes.io~secret', setUp: setUpSecret },
  { source: 'downwardAPI', folder: 'kubernetes.io~downward-api', setUp: setUpDownwardApi },
  { source: 'projected', folder: 'kubernetes.io~projected', setUp: setUpProjected },
  { source: 'hostPath', folder: 'kubernetes.io~host-path', setUp: setUpHostPath },
  { source: 'persistentVolumeClaim', folder: claimFolder, setUp: setUpPersistentClaim },
  { source: 'ephemeral', folder: claimFolder, setUp: setUpPersistentClaim },
  { source: 'csi', folder: csiFolder, setUp: setUpCsi },
  { source: 'image', folder: imageVolumeFolder, setUp: setUpImageVolume },
];
/** Those whose content is the containers' own, and no copy of what the API has. */
const writable: readonly (keyof V1Volume)[] = ['emptyDir', 'hostPath', 'persistentVolumeClaim', 'ephemeral', 'csi'];

/** Those that need no directory made for them. */
const ownFolders: readonly (keyof V1Volume)[] = ['hostPath', 'csi'];

export { MountError } from './payload.ts';

export interface Volumes {
  /** Sets up whatever is missing and rewrites whatever has changed. Rejects with MountError. */
  setUp(pod: V1Pod, facts: RunningFacts, signal: AbortSignal): Promise<{ readonly refreshAtMs?: number | undefined }>;
  /** Mounts a volume of type image: the image is present, under this id. */
  mountImage(pod: V1Pod, volume: V1Volume, imageId: string): Promise<void>;
  /** Unmounts and removes every volume of the pod. Doing it again is harmless. */
  tearDown(uid: string): Promise<void>;
  /** The mounts that a container asks for; its volumes are set up. */
  mountsOf(pod: V1Pod, container: V1Container, of: MountsInput): Promise<readonly Mount[]>;
  /** The block devices that a container asks for; its volumes are set up. */
  devicesOf(pod: V1Pod, container: V1Container): Promise<readonly Device[]>;
}

export interface MountsInput {
  readonly env: ReadonlyMap<string, string>;
  /** The runtime can make what is mounted below a read-only mount read-only too. */
  readonly recursiveReadOnly: boolean;
}

export interface VolumesOptions extends VolumeContext {
  /** `<dataDir>/pods` */
  readonly directory: string;
  /** Absent: a runtime without them, and image volumes are refused. */
  readonly imageViews?: ImageViews | undefined;
}

const pluginOf = (volume: V1Volume) => plugins.find((plugin) => volume[plugin.source] !== undefined);

type PathOf = (uid: string, folder: string, name: string) => string;

async function setUpOne(options: VolumesOptions & SetUpContext, { pod, volume, facts, signal }: Omit<VolumeJob, 'path'>, pathOf: PathOf) {
  const plugin = pluginOf(volume);
  try {
    if (!plugin) throw new VolumeError('no volume plugin matched');
    const path = pathOf(pod.metadata?.uid ?? '', plugin.folder, volume.name);
    if (!ownFolders.includes(plugin.source)) await options.fs.mkdir(join(path, '..'), { mode: 0o750 });
    return await plugin.setUp(options, { pod, volume, facts, path, signal });
  } catch (error) {
    if (error instanceof MountError) throw error;
    const why = error instanceof Error ? error.message : String(error);
    const text = `MountVolume.SetUp failed for volume "${volume.name}" : ${why}`;
    // Upstream's text holds the reason; only an error that says more is kept as the cause.
    throw new MountError(text, error instanceof VolumeError ? undefined : { cause: error });
  }
}

export function createVolumes(options: VolumesOptions): Volumes {
  const { directory, fs, mounts, tokens, imageViews: views } = options;
  const soleUse = createSoleUse({ fs, directory });
  const podPath = (uid: string) => join(directory, uid);
  const subPathsOf = (uid: string) => join(podPath(uid), 'volume-subpaths');
  const volumePath = (uid: string, folder: string, name: string) => join(podPath(uid), 'volumes', folder, name);

  return {
    async setUp(pod, facts, signal) {
      let refreshAtMs: number | undefined;
      for (const volume of pod.spec?.volumes ?? []) {
        const result = await setUpOne({ ...options, soleUse }, { pod, volume, facts, signal }, volumePath);
        if (result.refreshAtMs !== undefined) refreshAtMs = Math.min(refreshAtMs ?? result.refreshAtMs, result.refreshAtMs);
      }
      return { refreshAtMs };
    },
    async mountImage(pod, volume, imageId) {
      const uid = pod.metadata?.uid ?? '';
      if (!views) throw new VolumeError(`the container runtime cannot mount the image of volume "${volume.name}"`);
      const path = volumePath(uid, imageVolumeFolder, volume.name);
      await mountImage({ fs, mounts, views }, { uid, volume: volume.name, imageId, path });
    },
    async tearDown(uid) {
      tokens?.forget(uid);
      // First, and by their drivers: what is left of them when the rest is removed would be data.
      await releaseParts(options, subPathsOf(uid));
      await options.csi?.tearDown(uid);
      await removeVolumes(options, uid, join(podPath(uid), 'volumes'));
      soleUse.release(uid);
    },
    async mountsOf(pod, container, { env, recursiveReadOnly }) {
      const found: Mount[] = [];
      for (const [index, mount] of (container.volumeMounts ?? []).entries()) {
        const volume = pod.spec?.volumes?.find((one) => one.name === mount.name);
        const plugin = volume && pluginOf(volume);
        if (!volume || !plugin) throw new VolumeError(`volume "${mount.name}" of the mount at ${mount.mountPath} is not there`);
        const own = volumePath(pod.metadata?.uid ?? '', plugin.folder, volume.name);
        // A claim's volume is elsewhere: what is ours is a link.
        const root = volume.hostPath?.path ?? (await fs.readLink(own)) ?? (volume.csi ? targetOf(own, false) : own);
        found.push({
          containerPath: mount.mountPath,
          hostPath: await partOf(options, {
            root,
            volume,
            subPath: subPathOf(mount, env),
            target: join(subPathsOf(pod.metadata?.uid ?? ''), volume.name, container.name, String(index)),
          }),
          // Files made from API objects are never a container's to change.
          readonly: mount.readOnly === true || volume.persistentVolumeClaim?.readOnly === true || !writable.includes(plugin.source),
          ...(isRecursive(mount, recursiveReadOnly) ? { recursiveReadOnly: true } : {}),
          propagation: propagationOf(mount.mountPropagation),
        });
      }
      return found;
    },
    async devicesOf(pod, container) {
      const found: Device[] = [];
      for (const wanted of container.volumeDevices ?? []) {
        const volume = pod.spec?.volumes?.find((one) => one.name === wanted.name);
        const plugin = volume && pluginOf(volume);
        const own = plugin && volumePath(pod.metadata?.uid ?? '', plugin.folder, wanted.name);
        found.push(deviceOf(wanted, volume, own && (await fs.readLink(own))));
      }
      return found;
    },
  };
}

function deviceOf({ name, devicePath }: V1VolumeDevice, volume: V1Volume | undefined, target: string | undefined): Device {
  if (!volume || !target) throw new VolumeError(`volume "${name}" of the device at ${devicePath} is not there`);
  const readonly = volume.persistentVolumeClaim?.readOnly === true;
  return { containerPath: devicePath, hostPath: target, permissions: readonly ? 'r' : 'rwm' };
}

/** Takes the mounts of parts of volumes away: nothing but empty places is left of them. */
async function releaseParts({ fs, mounts }: VolumesOptions, path: string): Promise<void> {
  if (!(await fs.exists(path))) return;
  for (const point of await mounts.below(path)) await mounts.unmount(point);
  await fs.remove(path);
}

async function removeVolumes({ fs, mounts, imageViews: views }: VolumesOptions, uid: string, path: string): Promise<void> {
  if (!(await fs.exists(path))) return;
  for (const point of await mounts.below(path)) await mounts.unmount(point);
  if (views) await closeImages({ fs, views }, { uid, volumes: path });
  await fs.remove(path);
}

interface Part {
  readonly root: string;
  readonly volume: V1Volume;
  readonly subPath: string;
  /** Where the part is bound to, if it can be. */
  readonly target: string;
}

/** The part of the volume at `root` that is to be mounted. It is held by a mount of its own, so that nobody can swap it meanwhile. */
async function partOf({ fs, mounts }: VolumesOptions, { root, volume, subPath, target }: Part): Promise<string> {
  if (subPath === '') return root;
  if (volume.image && !(await fs.exists(join(root, subPath)))) throw missingPart(subPath, volume.image.reference ?? '');
  const path = await resolveSubPath(fs, root, subPath);
  if (!mounts.bindInside) return path;
  // Of a run of the container before this one.
  await mounts.unmount(target);
  await mounts.bindInside({ root: (await fs.realPath(root)) ?? root, path, target });
  return target;
}

function subPathOf(mount: V1VolumeMount, env: ReadonlyMap<string, string>): string {
  if (!mount.subPathExpr) return mount.subPath ?? '';
  // A part that depends on a variable without a value would be another one than was meant.
  const missing = new Set<string>();
  const expanded = expand(mount.subPathExpr, (name) => {
    const value = env.get(name) ?? '';
    if (value === '') missing.add(name);
    return value;
  });
  if (missing.size > 0) throw new VolumeError(`missing value for ${[...missing].sort().join(', ')}`);
  return expanded;
}

/** True when what is mounted below the mount is read-only too. Throws VolumeError when that is asked for and cannot be had. */
function isRecursive(mount: V1VolumeMount, possible: boolean): boolean {
  if (mount.recursiveReadOnly === 'Enabled' && !possible) {
    throw new VolumeError(`volume "${mount.name}" requested recursive read-only mode, but it is not supported by the runtime`);
  }
  return possible && (mount.recursiveReadOnly === 'Enabled' || mount.recursiveReadOnly === 'IfPossible');
}

function propagationOf(text: string | undefined): Mount['propagation'] {
  if (text === 'HostToContainer') return 'hostToContainer';
  return text === 'Bidirectional' ? 'bidirectional' : 'private';
}
