// Defaults of volumes.
import type { V1Volume } from '../generated/types.gen.ts';
import type { Draft } from '../meta/object.ts';
import { defaultPullPolicy } from './image-reference.ts';

/** 0644. */
const defaultFileMode = 0o644;
const tokenExpirationSeconds = 3600;

export function setVolumeDefaults(volume: Draft<V1Volume>): void {
  // A volume that names no source is an emptyDir.
  if (Object.keys(volume).every((key) => key === 'name' || volume[key as keyof V1Volume] === undefined)) volume.emptyDir = {};
  if (volume.hostPath) volume.hostPath.type ??= '';
  if (volume.secret) volume.secret.defaultMode ??= defaultFileMode;
  if (volume.configMap) volume.configMap.defaultMode ??= defaultFileMode;
  if (volume.downwardAPI) {
    volume.downwardAPI.defaultMode ??= defaultFileMode;
    setItemDefaults(volume.downwardAPI.items);
  }
  if (volume.image) volume.image.pullPolicy ??= defaultPullPolicy(volume.image.reference ?? '');
  if (volume.ephemeral?.volumeClaimTemplate?.spec) volume.ephemeral.volumeClaimTemplate.spec.volumeMode ??= 'Filesystem';
  if (volume.projected) {
    volume.projected.defaultMode ??= defaultFileMode;
    for (const source of volume.projected.sources ?? []) {
      if (source.serviceAccountToken) source.serviceAccountToken.expirationSeconds ??= tokenExpirationSeconds;
      setItemDefaults(source.downwardAPI?.items);
    }
  }
}

type DownwardItems = Draft<NonNullable<NonNullable<V1Volume['downwardAPI']>['items']>>;

function setItemDefaults(items: DownwardItems | undefined): void {
  for (const item of items ?? []) {
    if (item.fieldRef) item.fieldRef.apiVersion ??= 'v1';
    if (item.resourceFieldRef) item.resourceFieldRef.divisor ??= '0';
  }
}
