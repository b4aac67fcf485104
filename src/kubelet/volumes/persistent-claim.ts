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
} from '../../api/mod.ts';
import type { Client, ObjectKey } from '../../client/mod.ts';
import type { ClaimSource, SetUp, VolumeContext } from './context.ts';
import { setGroup } from './group.ts';
import { setUpHostPath } from './host-path.ts';
import { VolumeError } from './payload.ts';

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
  const { pod, volume, path } = job;
  const name = claimNameOf(pod, volume) ?? '';
  const claim = await claimFor(context, pod.metadata?.namespace ?? '', name);
  const problem = volume.ephemeral ? ephemeralClaimProblem(pod, claim) : undefined;
  if (problem !== undefined) throw new VolumeError(problem);
  const bound = await volumeFor(context, claim);
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
};

async function claimFor({ claims }: VolumeContext, namespace: string, name: string): Promise<V1PersistentVolumeClaim> {
  const failed = (why: string) => new VolumeError(`error processing PVC ${namespace}/${name}: ${why}`);
  const claim = await claims?.claim(namespace, name);
  if (!claim) throw failed(`failed to fetch PVC from API server: persistentvolumeclaims "${name}" not found`);
  if (claim.metadata?.deletionTimestamp !== undefined) throw failed('PVC is being deleted');
  if (!isClaimBound(claim) || claim.status?.phase !== 'Bound') throw failed('PVC is not bound');
  return claim;
}

async function volumeFor({ claims }: VolumeContext, claim: V1PersistentVolumeClaim): Promise<V1PersistentVolume> {
  const name = claim.spec?.volumeName ?? '';
  const volume = await claims?.volume(name);
  if (!volume) throw new VolumeError(`failed to fetch PV ${name} from API server: persistentvolumes "${name}" not found`);
  if (!volume.spec?.claimRef?.uid || !isVolumeFor(volume, claim)) {
    throw new VolumeError(`PV ${name} claimRef UID does not match the one of PVC ${claim.metadata?.namespace}/${claim.metadata?.name}`);
  }
  if (volume.spec.volumeMode === 'Block') {
    throw new VolumeError(`PV ${name} has volumeMode Block, and this node mounts only volumes of volumeMode Filesystem`);
  }
  return volume;
}

async function pathOf(context: VolumeContext, job: Parameters<SetUp>[1], { metadata, spec }: V1PersistentVolume): Promise<string> {
  if (spec?.hostPath)
    return (await setUpHostPath(context, { ...job, volume: { name: job.volume.name, hostPath: spec.hostPath } })).hostPath;
  const path = spec?.local?.path;
  if (path === undefined) {
    throw new VolumeError(
      `no volume plugin matched: this node mounts PersistentVolumes of types local and hostPath, and ${metadata?.name} is another`,
    );
  }
  if (!(await context.fs.exists(path))) throw new VolumeError(`path "${path}" does not exist`);
  return path;
}
