// The programs that a node needs, where they are, and which Debian package brings the ones that are missing.
import { join } from 'node:path';
import type { FileSystem } from '../../base/ports/fs.ts';

/** Debian keeps some of these in sbin, which is often not on a user's PATH. */
export const programDirs = ['/usr/local/sbin', '/usr/local/bin', '/usr/sbin', '/usr/bin', '/sbin', '/bin'];
const cniDirs = ['/usr/lib/cni', '/opt/cni/bin', '/usr/libexec/cni'];
const cniPlugins = ['bridge', 'host-local', 'loopback'];

/** Program by Debian (and Ubuntu) package. */
const wanted = [
  { program: 'containerd', package: 'containerd' },
  { program: 'ctr', package: 'containerd' },
  { program: 'runc', package: 'runc' },
  { program: 'nft', package: 'nftables' },
  { program: 'ip', package: 'iproute2' },
  { program: 'bridge', package: 'iproute2' },
  { program: 'busybox', package: 'busybox-static' },
  { program: 'catatonit', package: 'catatonit' },
] as const;

export type ProgramName = (typeof wanted)[number]['program'];

export interface NodePrograms {
  /** Where each program is. */
  readonly paths: Readonly<Record<ProgramName, string>>;
  readonly cniBinDir: string;
}

export type ProgramSearch =
  | { readonly complete: true; readonly programs: NodePrograms }
  | { readonly complete: false; readonly missing: readonly string[]; readonly packages: readonly string[]; readonly message: string };

/** Looks for everything at once, so that one message names it all. */
export async function findPrograms(fs: FileSystem): Promise<ProgramSearch> {
  const paths = new Map<ProgramName, string>();
  for (const { program } of wanted) {
    const path = await firstExisting(
      fs,
      programDirs.map((directory) => join(directory, program)),
    );
    if (path !== undefined) paths.set(program, path);
  }
  const cniBinDir = await findCniDir(fs);
  const lacking = [
    ...wanted.filter(({ program }) => !paths.has(program)),
    ...(cniBinDir === undefined
      ? [{ program: 'the CNI plugins bridge, host-local and loopback', package: 'containernetworking-plugins' }]
      : []),
  ];
  if (lacking.length === 0 && cniBinDir !== undefined) {
    return { complete: true, programs: { paths: Object.fromEntries(paths) as Record<ProgramName, string>, cniBinDir } };
  }
  const missing = lacking.map(({ program }) => program);
  const packages = [...new Set(lacking.map((entry) => entry.package))];
  return { complete: false, missing, packages, message: missingMessage(missing, packages) };
}

export function missingMessage(missing: readonly string[], packages: readonly string[]): string {
  return `A node needs ${listed(missing)}, which this machine lacks: run "apt-get install ${packages.join(' ')}"`;
}

function listed(words: readonly string[]): string {
  return words.length < 2 ? words.join('') : `${words.slice(0, -1).join(', ')} and ${words.at(-1)}`;
}

async function findCniDir(fs: FileSystem): Promise<string | undefined> {
  for (const directory of cniDirs) {
    const found = await Promise.all(cniPlugins.map((plugin) => fs.exists(join(directory, plugin))));
    if (found.every(Boolean)) return directory;
  }
  return undefined;
}

async function firstExisting(fs: FileSystem, paths: readonly string[]): Promise<string | undefined> {
  for (const path of paths) if (await fs.exists(path)) return path;
  return undefined;
}
