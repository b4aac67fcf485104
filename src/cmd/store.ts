// `minke store`: looks whether a cluster's store is sound, backs it up while it is used, restores a backup.
import { FileError } from '../base/ports/fs.ts';
import { clusterPaths, findHolder, MachineError, type MachinePorts } from '../cluster/machine/mod.ts';
import { backupLmdbStore, checkLmdbStore, restoreLmdbStore, StoreOpenError } from '../store/mod.ts';
import { CommandError } from './flags.ts';

export type StoreCommand =
  | { readonly do: 'storeCheck'; readonly dataDir: string }
  | { readonly do: 'storeBackup'; readonly dataDir: string; readonly file: string }
  | { readonly do: 'storeRestore'; readonly dataDir: string; readonly file: string };

/** Gives the exit code. Throws {@link CommandError}. */
export async function store(command: StoreCommand, ports: MachinePorts, out: (text: string) => void): Promise<number> {
  try {
    return await run(command, ports, out);
  } catch (error) {
    if (error instanceof StoreOpenError || error instanceof MachineError || error instanceof FileError) {
      throw new CommandError(error.message, { cause: error });
    }
    throw error;
  }
}

async function run(command: StoreCommand, ports: MachinePorts, out: (text: string) => void): Promise<number> {
  const { fs, processes } = ports;
  const { dataDir } = command;
  const { store: dir } = clusterPaths(dataDir);
  switch (command.do) {
    case 'storeCheck': {
      const { revision, keys, records, problems } = await checkLmdbStore(dir, fs);
      for (const problem of problems) out(`✗ ${problem}\n`);
      if (problems.length === 0) out(`✓ The store is sound: revision ${revision}, ${keys} keys, ${records} records.\n`);
      return problems.length === 0 ? 0 : 1;
    }
    case 'storeBackup': {
      const bytes = await backupLmdbStore(dir, command.file, fs);
      out(`✓ Backup written: ${command.file}, ${bytes} bytes.\n`);
      return 0;
    }
    case 'storeRestore': {
      const holder = await findHolder({ fs, processes, dataDir });
      if (holder) throw new CommandError(`Cannot restore: Minke runs in ${dataDir} (process ${holder.pid}). Name an empty --data-dir.`);
      await restoreLmdbStore(command.file, dir, fs);
      out(`✓ Restored into ${dataDir}. Start it with: minke up --data-dir ${dataDir}\n`);
      return 0;
    }
  }
}
