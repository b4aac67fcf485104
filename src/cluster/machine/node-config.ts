// What a node is told by files: --kubelet-config, upstream's KubeletConfiguration; --registry-config, where images come
// from; --image-credential-provider-config, programs that give credentials for them.
import { join } from 'node:path';
import { loadYaml } from '../../api/codec/mod.ts';
import type { FileSystem } from '../../base/ports/fs.ts';
import type { Registry } from '../../kubelet/containerd/mod.ts';
import type { CredentialProvider, KubeletSettings } from '../../kubelet/mod.ts';
import { MachineError } from './data-dir.ts';

/** The files' paths. */
export interface NodeFiles {
  readonly kubeletConfig?: string | undefined;
  readonly registryConfig?: string | undefined;
  readonly credentialProviderConfig?: string | undefined;
  /** Where the providers' programs are. */
  readonly credentialProviderDir?: string | undefined;
}

export interface NodeConfig {
  readonly settings?: KubeletSettings | undefined;
  /** Undefined: as containerd's files say. */
  readonly registries?: readonly Registry[] | undefined;
  readonly credentialProviders?: CredentialPrograms | undefined;
}

export interface CredentialPrograms {
  readonly providers: readonly CredentialProvider[];
  readonly directory: string;
}

/** Throws {@link MachineError} that names the flag, the field, its value, and what is wanted. */
export async function readNodeConfig(fs: FileSystem, files: NodeFiles): Promise<NodeConfig> {
  const { kubeletConfig, registryConfig } = files;
  const settings = async (path: string) => {
    const { readKubeletConfiguration } = await import('../../kubelet/mod.ts');
    return readDocument(fs, { flag: '--kubelet-config', path }, readKubeletConfiguration);
  };
  const registries = async (path: string) => {
    const { readRegistries } = await import('../../kubelet/containerd/mod.ts');
    return readDocument(fs, { flag: '--registry-config', path }, readRegistries);
  };
  return {
    settings: kubeletConfig === undefined ? undefined : await settings(kubeletConfig),
    registries: registryConfig === undefined ? undefined : await registries(registryConfig),
    credentialProviders: await readCredentialPrograms(fs, files),
  };
}

async function readCredentialPrograms(fs: FileSystem, files: NodeFiles): Promise<CredentialPrograms | undefined> {
  const { credentialProviderConfig: path, credentialProviderDir: directory } = files;
  const [flag, other] = ['--image-credential-provider-config', '--image-credential-provider-bin-dir'];
  if (path === undefined && directory === undefined) return undefined;
  if (path === undefined) throw new MachineError(`${flag}: needed together with ${other}.`);
  if (directory === undefined) throw new MachineError(`${other}: needed together with ${flag}.`);
  const { readCredentialProviders } = await import('../../kubelet/mod.ts');
  const providers = await readDocument(fs, { flag, path }, readCredentialProviders);
  for (const [i, { name }] of providers.entries()) {
    const program = join(directory, name);
    const stat = await fs.stat(program);
    if (stat?.kind === 'file' && (stat.mode & 0o111) !== 0) continue;
    throw new MachineError(`${flag}: ${path}: providers[${i}].name: Invalid value: "${name}": ${program} must be a program.`);
  }
  return { providers, directory };
}

async function readDocument<T>(
  fs: FileSystem,
  { flag, path }: { readonly flag: string; readonly path: string },
  read: (value: unknown) => T,
): Promise<T> {
  const text = await fs.readText(path);
  if (text === undefined) throw new MachineError(`${flag}: ${path} does not exist.`);
  const { parseYamlDocuments } = await loadYaml();
  try {
    return read(parseYamlDocuments(text)[0]);
  } catch (error) {
    throw new MachineError(`${flag}: ${path}: ${error instanceof Error ? error.message : String(error)}`, { cause: error });
  }
}
