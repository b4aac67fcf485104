// --scheduler-config: upstream's KubeSchedulerConfiguration, from a file.
import { loadYaml } from '../../api/codec/mod.ts';
import type { FileSystem } from '../../base/ports/fs.ts';
import { readSchedulerConfiguration, type SchedulerConfiguration, withFiles } from '../../scheduler/mod.ts';
import { MachineError } from './data-dir.ts';

const flag = '--scheduler-config';

/** Throws {@link MachineError} that names the field, its value, and what is wanted. */
export async function readSchedulerConfig(fs: FileSystem, path: string): Promise<SchedulerConfiguration> {
  const text = await fs.readText(path);
  if (text === undefined) throw new MachineError(`${flag}: ${path} does not exist.`);
  const { parseYamlDocuments } = await loadYaml();
  try {
    return await withFiles(readSchedulerConfiguration(parseYamlDocuments(text)[0]), (file) => fs.readText(file));
  } catch (error) {
    throw new MachineError(`${flag}: ${path}: ${error instanceof Error ? error.message : String(error)}`, { cause: error });
  }
}
