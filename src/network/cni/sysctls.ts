// Settings of the whole machine that pods need. What they were before is written down, so that the last cluster of the machine puts them back.
import { join } from 'node:path';
import type { FileSystem } from '../../base/ports/fs.ts';

type Before = Readonly<Record<string, string>>;

export interface Sysctls {
  /** Sets one by its path below /proc/sys; false where the kernel has no such setting. */
  set(path: string, value: string): Promise<boolean>;
  /** Puts back what this machine's clusters have changed. */
  restore(): Promise<void>;
  /** Forgets what was before without putting it back. */
  forget(): Promise<void>;
}

export interface SysctlsOptions {
  readonly fs: FileSystem;
  /** All clusters of the machine share it; it must not outlive a boot, as the settings do not. */
  readonly dir: string;
  /** Default `/proc/sys` and `/proc/self/ns/net`. */
  readonly root?: string;
  readonly namespace?: string;
}

/**
 * Each network namespace has its own settings, and so a file of its own, named by its inode. A namespace that comes later may have the same
 * one: whoever finds nothing else of Minke's in it forgets the file first.
 */
export function createSysctls({ fs, dir, root = '/proc/sys', namespace = '/proc/self/ns/net' }: SysctlsOptions): Sysctls {
  const recordOf = async () => join(dir, `sysctls-${/\d+/.exec((await fs.readLink(namespace)) ?? '')?.[0] ?? 'all'}.json`);
  const read = async (record: string): Promise<Before> => {
    try {
      return JSON.parse((await fs.readText(record)) ?? '{}') as Before;
    } catch {
      return {};
    }
  };
  return {
    async set(path, value) {
      const file = join(root, path);
      const before = (await fs.readText(file))?.trim();
      if (before === undefined) return false;
      if (before === value) return true;
      const record = await recordOf();
      const known = await read(record);
      if (known[path] === undefined) {
        await fs.mkdir(dir, { mode: 0o711 });
        await fs.write(record, `${JSON.stringify({ ...known, [path]: before })}\n`, { mode: 0o644 });
      }
      await fs.writeInto(file, value);
      return true;
    },
    async restore() {
      const record = await recordOf();
      // The last first: what a setting needed to be safe was made before it.
      for (const [path, before] of Object.entries(await read(record)).reverse()) {
        const file = join(root, path);
        if ((await fs.readText(file)) !== undefined) await fs.writeInto(file, before);
      }
      await fs.remove(record);
    },
    forget: async () => fs.remove(await recordOf()),
  };
}
