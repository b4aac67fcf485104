// What a node is told by files: --kubelet-config, upstream's KubeletConfiguration; --registry-config, where images come from.
import { loadYaml } from '../../api/codec/mod.ts';
import type { FileSystem } from '../../base/ports/fs.ts';
import type { Registry } from '../../kubelet/containerd/mod.ts';
import type { KubeletSettings } from '../../kubelet/mod.ts';
import { MachineError } from './data-dir.ts';

/** The files' paths. */
export interface NodeFiles {
  readonly kubeletConfig?: string | undefined;
  readonly registryConfig?: string | undefined;
}

export interface NodeConfig {
  readonly settings?: KubeletSettings | undefined;
  /** Undefined: as containerd's files say. */
  readonly registries?: readonly Registry[] | undefined;
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
  };
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
