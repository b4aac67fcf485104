// secret: the keys of a secret as files, kept in memory where the machine lets us.
import type { V1SecretProjection } from '../../api/mod.ts';
import { memoryDirectory, writePayload } from './api-volume.ts';
import type { SetUp, VolumeContext } from './context.ts';
import { defaultFileMode, type Payload, pickItems, secretContent, VolumeError } from './payload.ts';

export const setUpSecret: SetUp = async (context, job) => {
  const source = job.volume.secret ?? {};
  const namespace = job.pod.metadata?.namespace ?? '';
  const { secretName: name, items, optional, defaultMode: mode } = source;
  const payload = secretPayload(context, { name, items, optional, namespace, mode });
  await memoryDirectory(context, job.path);
  await writePayload(context, job, payload);
  return { hostPath: job.path };
};

export function secretPayload(
  context: Pick<VolumeContext, 'references'>,
  source: V1SecretProjection & { readonly namespace: string; readonly mode: number | undefined },
): Payload {
  const { name = '', namespace, items, optional = false, mode = defaultFileMode } = source;
  const object = context.references.secret(`${namespace}/${name}`);
  if (!object && !optional) throw new VolumeError(`secret "${name}" not found`);
  return pickItems(object ? secretContent(object) : new Map(), { items, mode, optional, what: 'secret' });
}
