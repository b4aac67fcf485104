// Directories that the kernel makes content for: cgroups can only be removed as directories, never file by file.
import { rmdir } from 'node:fs/promises';

/** `busy`: something is in it, or uses it. Any other failure rejects. */
export type RemoveDirectory = (path: string) => Promise<'removed' | 'absent' | 'busy'>;

/** The real machine's. */
export const removeEmptyDirectory: RemoveDirectory = async (path) => {
  try {
    await rmdir(path);
    return 'removed';
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code;
    if (code === 'ENOENT') return 'absent';
    if (code === 'EBUSY' || code === 'ENOTEMPTY') return 'busy';
    throw error;
  }
};
