// emptyDir: a directory that lives as long as the pod, on disk or in memory.
import { wholeUnits } from '../container/amounts.ts';
import type { SetUp } from './context.ts';

export const setUpEmptyDir: SetUp = async ({ fs, mounts }, { pod, volume, path }) => {
  const { medium = '', sizeLimit } = volume.emptyDir ?? {};
  if (!(await fs.exists(path))) await fs.mkdir(path);
  if (medium === 'Memory' && !(await mounts.below(path)).includes(path)) {
    const sizeBytes = sizeLimit ? wholeUnits(sizeLimit) : undefined;
    await mounts.tmpfs(path, { mode: 0o777, ...(sizeBytes ? { sizeBytes } : {}) });
  }
  const fsGroup = pod.spec?.securityContext?.fsGroup;
  const stat = await fs.stat(path);
  const mode = fsGroup === undefined ? 0o777 : 0o2777;
  if (fsGroup !== undefined && stat?.gid !== fsGroup) await fs.chown(path, stat?.uid ?? 0, fsGroup);
  if (stat?.mode !== mode) await fs.chmod(path, mode);
  return { hostPath: path };
};
