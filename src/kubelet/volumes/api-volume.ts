// What volumes made from API objects share: a directory in memory where it can be, and its files.

import { writeAtomically } from './atomic-writer.ts';
import type { VolumeContext, VolumeJob } from './context.ts';
import type { Payload } from './payload.ts';

/** Makes the directory and, where the machine lets us, keeps it in memory: secrets should not reach a disk. */
export async function memoryDirectory(context: VolumeContext, path: string): Promise<void> {
  const { fs, mounts } = context;
  if (await fs.exists(path)) return;
  await fs.mkdir(path);
  try {
    await mounts.tmpfs(path, { mode: 0o755 });
  } catch {
    // Without the right to mount, the directory's own permissions have to do.
    await fs.chmod(path, 0o755);
  }
}

export async function writePayload(context: VolumeContext, job: VolumeJob, payload: Payload): Promise<void> {
  await context.fs.mkdir(job.path);
  const fsGroup = job.pod.spec?.securityContext?.fsGroup;
  const { fs, clock, random } = context;
  await writeAtomically({ fs, clock, random, fsGroup }, job.path, payload);
}
