// configMap: the keys of a config map as files, updated while the pod runs.
import type { V1ConfigMapProjection } from '../../api/mod.ts';
import { writePayload } from './api-volume.ts';
import type { SetUp, VolumeContext } from './context.ts';
import { configMapContent, defaultFileMode, type Payload, pickItems, VolumeError } from './payload.ts';

export const setUpConfigMap: SetUp = async (context, job) => {
  const source = job.volume.configMap ?? {};
  const payload = configMapPayload(context, { ...source, namespace: job.pod.metadata?.namespace ?? '', mode: source.defaultMode });
  await writePayload(context, job, payload);
  return { hostPath: job.path };
};

export function configMapPayload(
  context: Pick<VolumeContext, 'references'>,
  source: V1ConfigMapProjection & { readonly namespace: string; readonly mode: number | undefined },
): Payload {
  const { name = '', namespace, items, optional = false, mode = defaultFileMode } = source;
  const object = context.references.configMap(`${namespace}/${name}`);
  if (!object && !optional) throw new VolumeError(`configmap "${name}" not found`);
  return pickItems(object ? configMapContent(object) : new Map(), { items, mode, optional, what: 'configmap' });
}
