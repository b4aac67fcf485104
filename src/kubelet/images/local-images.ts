// The images that every cluster has without a registry: the pause container, and a box of tools.
import { createHash } from 'node:crypto';
import type { FileSystem } from '../../base/ports/fs.ts';
import type { TarEntry } from '../../base/ports/tar.ts';
import type { BuildConfig } from './image-config.ts';

export const pauseImage = 'minke.local/pause:1';
export const toolsImage = 'minke.local/tools:latest';

export interface LocalImage {
  readonly name: string;
  readonly config: BuildConfig;
  readonly entries: readonly TarEntry[];
}

const directory = (name: string, mode = 0o755): TarEntry => ({ kind: 'directory', name, mode });
const text = (name: string, content: string): TarEntry => ({ kind: 'file', name, mode: 0o644, content: Buffer.from(content, 'utf8') });

/** catatonit, static in Debian: as process 1 of a pod it takes in orphans and waits for the end. */
export async function pauseContent(fs: FileSystem, catatonit: string): Promise<LocalImage> {
  return {
    name: pauseImage,
    config: { entrypoint: ['/catatonit', '-P'], user: '65535:65535' },
    entries: [{ kind: 'file', name: 'catatonit', mode: 0o755, content: await program(fs, catatonit) }],
  };
}

/** busybox with a link for each of its applets, and the files that programs look for. `applets` is the output of `busybox --list`. */
export async function toolsContent(fs: FileSystem, busybox: string, applets: readonly string[]): Promise<LocalImage> {
  const names = [...new Set(applets)].filter((name) => /^[\w[.+-]+$/.test(name) && name !== 'busybox').sort();
  const content = await program(fs, busybox);
  const links = names.map((name): TarEntry => ({ kind: 'link', name: `bin/${name}`, mode: 0o777, target: 'busybox' }));
  return {
    name: toolsImage,
    config: {
      cmd: ['sh'],
      env: ['PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin'],
      labels: { 'minke.local/busybox': short(content) },
    },
    entries: [
      directory('bin'),
      { kind: 'file', name: 'bin/busybox', mode: 0o755, content },
      ...links,
      directory('dev'),
      directory('etc'),
      text('etc/group', 'root:x:0:\nwww-data:x:33:\nnogroup:x:65534:\n'),
      text('etc/nsswitch.conf', 'hosts: files dns\n'),
      text(
        'etc/passwd',
        'root:x:0:0:root:/root:/bin/sh\nwww-data:x:33:33:www-data:/var/www:/bin/false\nnobody:x:65534:65534:nobody:/home:/bin/false\n',
      ),
      directory('home'),
      directory('proc'),
      directory('root', 0o700),
      directory('run'),
      directory('sys'),
      directory('tmp', 0o1777),
      directory('usr'),
      { kind: 'link', name: 'usr/bin', mode: 0o777, target: '../bin' },
      { kind: 'link', name: 'usr/sbin', mode: 0o777, target: '../bin' },
      { kind: 'link', name: 'sbin', mode: 0o777, target: 'bin' },
      directory('var'),
      directory('var/tmp', 0o1777),
      directory('var/www'),
    ],
  };
}

async function program(fs: FileSystem, path: string): Promise<Uint8Array> {
  const content = await fs.read(path);
  if (!content) throw new Error(`Cannot build a local image: "${path}" is not there`);
  return content;
}

function short(content: Uint8Array): string {
  return createHash('sha256').update(content).digest('hex').slice(0, 12);
}
