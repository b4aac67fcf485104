// `minke image`: images without a registry.
import { resolve } from 'node:path';
import { errorText } from '../base/mod.ts';
import { MachineError, type MachinePorts, openImages } from '../cluster/machine/mod.ts';
import type { Command } from './args.ts';
import { CommandError } from './flags.ts';

export type ImageCommand = Extract<Command, { readonly do: 'imageImport' | 'imageList' | 'imageBuild' }>;

/** Throws {@link CommandError}. */
export async function image(command: ImageCommand, ports: MachinePorts, out: (text: string) => void): Promise<void> {
  let opened: Awaited<ReturnType<typeof openImages>> | undefined;
  try {
    opened = await openImages(ports, command.dataDir);
    const { images } = opened;
    switch (command.do) {
      case 'imageImport':
        for (const name of await images.importImage(resolve(command.file))) out(`${name}\n`);
        return;
      case 'imageBuild':
        return out(`${await images.buildImage({ rootfsDir: resolve(command.dir), name: command.tag })}\n`);
      case 'imageList':
        for (const line of table((await images.listImages()).flatMap(rowsOf))) out(`${line}\n`);
    }
  } catch (error) {
    throw new CommandError(error instanceof MachineError ? error.message : errorText(error), { cause: error });
  } finally {
    opened?.close();
  }
}

function rowsOf(of: { readonly id: string; readonly repoTags: readonly string[]; readonly sizeBytes: number }): string[][] {
  const id = of.id.replace(/^sha256:/, '').slice(0, 12);
  const size = `${(of.sizeBytes / 1e6).toFixed(1)} MB`;
  return (of.repoTags.length > 0 ? of.repoTags : ['<none>']).map((name) => [name, id, size]);
}

/** Columns as wide as their widest cell, two blanks between them. */
function table(rows: readonly (readonly string[])[]): string[] {
  const all = [['NAME', 'ID', 'SIZE'], ...rows];
  const widths = [0, 1, 2].map((column) => Math.max(...all.map((row) => row[column]?.length ?? 0)));
  return all.map((row) =>
    row
      .map((cell, column) => cell.padEnd(widths[column] ?? 0))
      .join('  ')
      .trimEnd(),
  );
}
