// downwardAPI: a pod's own fields and resources as files.
import type { V1DownwardAPIVolumeFile, V1Pod } from '../../api/mod.ts';
import { fieldValue, type RunningFacts, resourceValue } from '../container/fields.ts';
import { writePayload } from './api-volume.ts';
import type { SetUp } from './context.ts';
import { checkPath, defaultFileMode, type Payload, VolumeError } from './payload.ts';

export const setUpDownwardApi: SetUp = async (context, job) => {
  const { items = [], defaultMode = defaultFileMode } = job.volume.downwardAPI ?? {};
  await writePayload(context, job, downwardPayload(items, { pod: job.pod, facts: job.facts, mode: defaultMode }));
  return { hostPath: job.path };
};

export function downwardPayload(
  items: readonly V1DownwardAPIVolumeFile[],
  from: { readonly pod: V1Pod; readonly facts: RunningFacts; readonly mode: number },
): Payload {
  const payload: Payload = new Map();
  for (const item of items) {
    const text = fileText(item, from);
    payload.set(checkPath(item.path), { data: new Uint8Array(Buffer.from(text, 'utf8')), mode: item.mode ?? from.mode });
  }
  return payload;
}

function fileText(item: V1DownwardAPIVolumeFile, { pod, facts }: { readonly pod: V1Pod; readonly facts: RunningFacts }): string {
  if (item.fieldRef) {
    const value = fieldValue(item.fieldRef.fieldPath, pod, facts);
    if (value === undefined) throw new VolumeError(`unsupported fieldPath: ${item.fieldRef.fieldPath}`);
    return value;
  }
  const ref = item.resourceFieldRef;
  const containers = [...(pod.spec?.initContainers ?? []), ...(pod.spec?.containers ?? [])];
  const container = containers.find((one) => one.name === ref?.containerName);
  const value = ref && container ? resourceValue(ref, container, facts.allocatable) : undefined;
  if (value === undefined) throw new VolumeError(`invalid downward API file "${item.path}"`);
  return value;
}
