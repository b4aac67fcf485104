// image: what an image holds, mounted read-only. It is mounted when the first container that wants it starts, which is when the
// image is pulled and its errors are told; taking the pod down unmounts it.
import { join } from 'node:path';
import type { FileSystem } from '../../base/ports/fs.ts';
import type { Mounts } from '../../base/ports/mounts.ts';
import { StartError } from '../container/errors.ts';
import type { ImageViews } from '../cri/image-views.ts';
import type { SetUp } from './context.ts';

export const imageVolumeFolder = 'kubernetes.io~image';

export const setUpImageVolume: SetUp = async (_, { path }) => ({ hostPath: path });

export interface ImageVolumePorts {
  readonly fs: FileSystem;
  readonly mounts: Mounts;
  readonly views: ImageViews;
}

const viewKey = (uid: string, volume: string): string => `minke-image-volume-${uid}-${volume}`;

/** Mounts the image at `path`, unless it is mounted there already. */
export async function mountImage(
  { fs, mounts, views }: ImageVolumePorts,
  of: { readonly uid: string; readonly volume: string; readonly imageId: string; readonly path: string },
): Promise<void> {
  if ((await mounts.below(of.path)).includes(of.path)) return;
  await fs.mkdir(of.path, { mode: 0o755 });
  const { type, source, options } = await views.open(viewKey(of.uid, of.volume), of.imageId);
  await mounts.mount(of.path, { type, source, options: options.includes('ro') ? options : [...options, 'ro'] });
}

/** Gives back the snapshots behind the image volumes of a pod, which are unmounted. `volumes`: the directory of its volumes. */
export async function closeImages(
  { fs, views }: Pick<ImageVolumePorts, 'fs' | 'views'>,
  of: { readonly uid: string; readonly volumes: string },
): Promise<void> {
  for (const { name } of await fs.list(join(of.volumes, imageVolumeFolder))) await views.close(viewKey(of.uid, name));
}

/** Of a part of an image that is not there: nothing can be made in it. */
export const missingPart = (subPath: string, reference: string): StartError =>
  new StartError('CreateContainerError', `subPath "${subPath}" does not exist in image "${reference}"`);
