// hostPath: a file or directory of the machine, checked against the type that the volume asks for.
import type { FileKind, FileStat } from '../../base/ports/fs.ts';
import type { SetUp } from './context.ts';
import { VolumeError } from './payload.ts';

const wantedKinds: Readonly<Record<string, { readonly kinds: readonly FileKind[]; readonly noun: string }>> = {
  DirectoryOrCreate: { kinds: ['directory'], noun: 'a directory' },
  Directory: { kinds: ['directory'], noun: 'a directory' },
  FileOrCreate: { kinds: ['file'], noun: 'a file' },
  File: { kinds: ['file'], noun: 'a file' },
  Socket: { kinds: ['socket'], noun: 'a socket file' },
  CharDevice: { kinds: ['other'], noun: 'a character device' },
  BlockDevice: { kinds: ['other'], noun: 'a block device' },
};

export const setUpHostPath: SetUp = async ({ fs }, { volume }) => {
  const { path = '', type = '' } = volume.hostPath ?? {};
  const wanted = wantedKinds[type];
  if (!wanted) return { hostPath: path };
  let stat: FileStat | undefined = await fs.stat(path);
  if (!stat && type === 'DirectoryOrCreate') await fs.mkdir(path, { mode: 0o755 });
  else if (!stat && type === 'FileOrCreate') await fs.create(path, '', { mode: 0o644 });
  stat ??= await fs.stat(path);
  if (!stat || !wanted.kinds.includes(stat.kind)) throw new VolumeError(`hostPath type check failed: ${path} is not ${wanted.noun}`);
  return { hostPath: path };
};
