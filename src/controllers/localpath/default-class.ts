// The storage class of a new cluster: claims that name none get a directory on the node where their pod runs.
import { hasReason, type V1StorageClass } from '../../api/mod.ts';
import { aborted } from '../../base/mod.ts';
import type { ControllerContext } from '../runtime/controller.ts';
import { storageClassType } from '../runtime/resource-types.ts';
import { localPathProvisioner } from './plan.ts';

const localPathClass: V1StorageClass = {
  apiVersion: 'storage.k8s.io/v1',
  kind: 'StorageClass',
  metadata: { name: 'local-path', annotations: { 'storageclass.kubernetes.io/is-default-class': 'true' } },
  provisioner: localPathProvisioner,
  reclaimPolicy: 'Delete',
  volumeBindingMode: 'WaitForFirstConsumer',
  allowVolumeExpansion: true,
};

/** Creates the class once, when there is none of any kind: whoever has made classes of their own has made their choice. */
export async function runDefaultStorageClass({ client, informers, signal }: ControllerContext): Promise<void> {
  const classes = informers.of(storageClassType);
  await Promise.race([classes.synced, aborted(signal)]);
  if (signal.aborted) return;
  if (classes.list().length === 0) {
    try {
      await client.create(storageClassType, localPathClass, { signal });
    } catch (error) {
      if (!hasReason(error, 'AlreadyExists')) throw error;
    }
  }
  await aborted(signal);
}
