// persistentVolumeClaim, and generic ephemeral volumes: the claim's volume, where it is a path of this machine. A link in the
// pod's directory leads there, so that a kubelet that was started again still knows, and taking the pod down removes no data.
import {
  claimNameOf,
  ephemeralClaimProblem,
  hasReason,
  isClaimBound,
  isVolumeFor,
  type KubeObject,
  persistentvolumeclaims,
  persistentvolumes,
  type ResourceType,
  type V1PersistentVolume,
  type V1PersistentVolumeClaim,
  type V1Pod,
} from '../../api/mod.ts';
import type { Client, ObjectKey } from '../../client/mod.ts';
import { containersOf } from '../pod/spec.ts';
import type { ClaimSource, SetUp, SetUpContext, VolumeContext, VolumeJob, VolumeResult } from './context.ts';
import { setGroup } from './group.ts';
import { setUpHostPath } from './host-path.ts';
import { MountError, VolumeError } from './payload.ts';
import { inUse } from './sole-use.ts';

export function createClaimSource(client: Client): ClaimSource {
  const get = async <T extends KubeObject>(type: ResourceType<T>, key: ObjectKey): Promise<T | undefined> => {
    try {
      return await client.get(type, key);
    } catch (error) {
      if (hasReason(error, 'NotFound')) return undefined;
      throw error;
    }
  };
  return {
    claim: (namespace, name) => get(persistentvolumeclaims, { namespace, name }),
    volume: (name) => get(persistentvolumes, { name }),
  };
}

export const setUpPersistentClaim: SetUp = async (context, job) => {
  const { pod, volume } = job;
  const { claim, bound } = await processed(volume.name, () => boundVolume(context, job));
  const block = bound.spec?.volumeMode === 'Block';
  return named(`${block ? 'MapVolume.SetUpDevice' : 'MountVolume.SetUp'} failed for volume "${bound.metadata?.name}" : `, async () => {
    if (!(await context.soleUse.take(pod.metadata?.uid ?? '', bound))) throw new VolumeError(inUse);
    if (bound.spec?.csi) return setUpCsiClaim(context, job, { claim, volume: bound });
    if (block)
      throw new VolumeError(`PV ${bound.metadata?.name} has volumeMode Block, and this node has block volumes of CSI drivers alone`);
    return setUpDirectory(context, job, bound);
  });
};

/** The claim that the pod names and its volume, if the pod may have it as it asks. */
async function boundVolume(context: VolumeContext, { pod, volume }: VolumeJob) {
  const claim = await claimFor(context, pod.metadata?.namespace ?? '', claimNameOf(pod, volume) ?? '');
  const problem = volume.ephemeral ? ephemeralClaimProblem(pod, claim) : undefined;
  if (problem !== undefined) throw new VolumeError(problem);
  const bound = await volumeFor(context, claim);
  const misuse = modeProblem(pod, volume.name, bound.spec?.volumeMode ?? 'Filesystem');
  if (misuse !== undefined) throw new VolumeError(misuse);
  return { claim, bound };
}

async function setUpDirectory(context: SetUpContext, job: VolumeJob, bound: V1PersistentVolume): Promise<VolumeResult> {
  const { pod, volume, path } = job;
  const target = await pathOf(context, job, bound);
  // The volume behind the link may not change while the pod lives: a claim is bound once.
  if ((await context.fs.readLink(path)) !== target) await context.fs.symlink(target, path);
  const readOnly = volume.persistentVolumeClaim?.readOnly === true;
  const group = pod.spec?.securityContext?.fsGroup;
  // As upstream: directories of the host's own are left as they are.
  if (group !== undefined && !readOnly && bound.spec?.local) {
    await setGroup(context.fs, target, { group, policy: pod.spec?.securityContext?.fsGroupChangePolicy });
  }
  return { hostPath: target };
}

/** What goes wrong before it is known which volume is meant is told by the volume's name in the pod, the rest by the volume's own. */
const processed = <T>(name: string, work: () => Promise<T>): Promise<T> =>
  named(
    `Unable to attach or mount volumes: unmounted volumes=[${name}], unattached volumes=[], failed to process volumes=[${name}]: `,
    work,
  );

async function named<T>(prefix: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (error instanceof MountError) throw error;
    const message = `${prefix}${error instanceof Error ? error.message : String(error)}`;
    throw new MountError(message, error instanceof VolumeError ? undefined : { cause: error });
  }
}

/** Why containers cannot have a volume of that mode as they ask for it, in upstream's words; undefined when they can. */
function modeProblem(pod: V1Pod, name: string, mode: string): string | undefined {
  const list = mode === 'Block' ? 'volumeMounts' : 'volumeDevices';
  const wrong = containersOf(pod).some(({ spec }) => (spec[list] ?? []).some((each) => each.name === name));
  return wrong ? `volume ${name} has volumeMode ${mode}, but is specified in ${list}` : undefined;
}

/** Of a storage driver: what it has published is behind the link. */
async function setUpCsiClaim(
  context: VolumeContext,
  { pod, volume: { persistentVolumeClaim }, path, signal }: VolumeJob,
  of: { readonly claim: V1PersistentVolumeClaim; readonly volume: V1PersistentVolume },
): Promise<VolumeResult> {
  const name = of.volume.metadata?.name ?? '';
  if (!context.csi) throw new VolumeError(`no volume plugin matched: this node has no storage drivers, and ${name} needs one`);
  const readOnly = persistentVolumeClaim?.readOnly === true;
  const { path: target, refreshAtMs } = await context.csi.setUp({ pod, name, readOnly, from: { is: 'persistent', ...of } }, signal);
  if ((await context.fs.readLink(path)) !== target) await context.fs.symlink(target, path);
  return { hostPath: target, refreshAtMs };
}

async function claimFor({ claims }: VolumeContext, namespace: string, name: string): Promise<V1PersistentVolumeClaim> {
  const failed = (why: string) => new VolumeError(`error processing PVC ${namespace}/${name}: ${why}`);
  const claim = await claims?.claim(namespace, name);
  if (!claim) throw failed(`failed to fetch PVC from API server: persistentvolumeclaims "${name}" not found`);
  if (claim.metadata?.deletionTimestamp !== undefined) throw failed('PVC is being deleted');
  if (!isClaimBound(claim) || claim.status?.phase !== 'Bound') throw failed('PVC is not bound');
  return claim;
}

async function volumeFor({ claims }: VolumeContext, claim: V1PersistentVolumeClaim): Promise<V1PersistentVolume> {
  const failed = (why: string) => new VolumeError(`error processing PVC ${claim.metadata?.namespace}/${claim.metadata?.name}: ${why}`);
  const name = claim.spec?.volumeName ?? '';
  const volume = await claims?.volume(name);
  if (!volume) throw failed(`failed to fetch PV ${name} from API server: persistentvolumes "${name}" not found`);
  const of = volume.spec?.claimRef;
  if (!of?.uid) {
    throw failed(`found PV object ${name} but it has a nil pv.Spec.ClaimRef indicating it is not yet bound to the claim`);
  }
  if (!isVolumeFor(volume, claim)) {
    throw failed(`found PV object ${name} but its pv.Spec.ClaimRef.UID ${of.uid} does not point to claim.UID ${claim.metadata?.uid}`);
  }
  return volume;
}

async function pathOf(context: SetUpContext, job: Parameters<SetUp>[1], { metadata, spec }: V1PersistentVolume): Promise<string> {
  if (spec?.hostPath)
    return (await setUpHostPath(context, { ...job, volume: { name: job.volume.name, hostPath: spec.hostPath } })).hostPath;
  const path = spec?.local?.path;
  if (path === undefined) {
    throw new VolumeError(
      `no volume plugin matched: this node mounts PersistentVolumes of types local, hostPath and csi, and ${metadata?.name} is another`,
    );
  }
  if (!(await context.fs.exists(path))) throw new VolumeError(`path "${path}" does not exist`);
  return path;
}
