// fsGroup: gives a volume that outlives its pods to the pod's group, so that its containers may write there whoever they run as.
// Source: https://kubernetes.io/docs/tasks/configure-pod-container/security-context/
import { join } from 'node:path';
import type { FileSystem } from '../../base/ports/fs.ts';

/** Read and write for the group; directories hand their group down, and may be entered. */
const fileMode = 0o660;
const directoryMode = 0o2770;

export interface GroupOptions {
  readonly group: number;
  /** `OnRootMismatch`: a volume whose root is right already is not walked. Default: every file, each time. */
  readonly policy: string | undefined;
}

/** Links are given to the group themselves, and are not followed: they may lead out of the volume. */
export async function setGroup(fs: FileSystem, root: string, { group, policy }: GroupOptions): Promise<void> {
  if (policy === 'OnRootMismatch') {
    const stat = await fs.stat(root);
    if (stat?.gid === group && (stat.mode & directoryMode) === directoryMode) return;
  }
  const open = [root];
  for (let path = open.pop(); path !== undefined; path = open.pop()) {
    const stat = await fs.linkStat(path);
    if (!stat) continue;
    if (stat.kind === 'directory') for (const entry of await fs.list(path)) open.push(join(path, entry.name));
    if (stat.gid !== group) await fs.chown(path, stat.uid, group);
    const mode = stat.mode | (stat.kind === 'directory' ? directoryMode : fileMode);
    // A change of owner may have taken set-id bits away.
    if (stat.kind !== 'link' && (mode !== stat.mode || stat.gid !== group)) await fs.chmod(path, mode);
  }
}
