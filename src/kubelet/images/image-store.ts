// Images without a registry: import archives, build from a directory, and make sure of the cluster's own.
import { join } from 'node:path';
import { type Clock, type Random, sleep } from '../../base/mod.ts';
import type { FileSystem } from '../../base/ports/fs.ts';
import type { Processes } from '../../base/ports/process.ts';
import type { Archives } from '../../base/ports/tar.ts';
import type { ContainerRuntime, Image } from '../cri/runtime.ts';
import { archiveDocuments, describeArchive } from './archive.ts';
import { directoryEntries, withArchive } from './build.ts';
import { type BuildConfig, nameProblem, wholeName } from './image-config.ts';
import { parseImageFile } from './image-file.ts';
import { type LocalImage, pauseContent, pauseImage, toolsContent, toolsImage } from './local-images.ts';

const importMs = 15 * 60_000;
const programMs = 10_000;
/** CRI learns of an image from an event: a moment after the import. */
const visibleMs = 10_000;
const visiblePollMs = 5;
/** Of manifest.json and index.json. */
const documentMaxBytes = 16 * 1024 * 1024;
/** In the root of a directory that is built: how the image is run. It does not become part of it. */
export const imageFileName = 'minke.json';

export interface ImageStoreOptions {
  readonly fs: FileSystem;
  readonly archives: Archives;
  readonly processes: Processes;
  readonly clock: Clock;
  readonly random: Random;
  readonly runtime: Pick<ContainerRuntime, 'imageStatus' | 'listImages'>;
  readonly socketPath: string;
  readonly snapshotter: 'overlayfs' | 'native';
  readonly programs: { readonly ctr: string; readonly busybox: string; readonly catatonit: string };
  readonly scratchDir: string;
  /** Go's name: `amd64` (see `architectureOf`). */
  readonly architecture: string;
}

/** The image cannot be imported or built. The message says why and what helps. */
export class ImageError extends Error {
  override readonly name = 'ImageError';
}

export interface ImageStore {
  /** Imports a docker or OCI archive; gives the names of the images in it. Rejects with {@link ImageError}. */
  importImage(file: string): Promise<readonly string[]>;
  listImages(): Promise<readonly Image[]>;
  /** Builds and imports an image of a root file system. `config` wins over the directory's own minke.json. Gives the whole name. */
  buildImage(request: { readonly rootfsDir: string; readonly name: string; readonly config?: BuildConfig }): Promise<string>;
  /** Builds and imports the pause image and the tools where they are missing; gives the names of those it made. */
  ensureLocalImages(): Promise<readonly string[]>;
}

export function createImageStore(options: ImageStoreOptions): ImageStore {
  const { fs, runtime, processes, programs } = options;
  return {
    importImage: (file) => importArchive(options, file),
    listImages: () => runtime.listImages(),
    async buildImage({ rootfsDir, name, config }) {
      const problem = nameProblem(name);
      if (problem) throw new ImageError(`Cannot build the image: ${problem}`);
      if ((await fs.stat(rootfsDir))?.kind !== 'directory')
        throw new ImageError(`Cannot build the image: "${rootfsDir}" is not a directory`);
      const own = await readImageFile(fs, rootfsDir);
      const image = {
        name: wholeName(name),
        config: { ...own, ...config },
        entries: directoryEntries(fs, rootfsDir, (path) => path === imageFileName),
      };
      await withArchive(options, image, (path) => importArchive(options, path));
      return image.name;
    },
    async ensureLocalImages() {
      const [pause, tools] = await Promise.all([runtime.imageStatus(pauseImage), runtime.imageStatus(toolsImage)]);
      const missing: Promise<LocalImage>[] = [];
      if (!pause) missing.push(pauseContent(fs, programs.catatonit));
      if (!tools) missing.push(appletsOf(processes, programs.busybox).then((applets) => toolsContent(fs, programs.busybox, applets)));
      const images = await Promise.all(missing);
      await Promise.all(images.map((image) => withArchive(options, image, (path) => importArchive(options, path))));
      return images.map(({ name }) => name);
    },
  };
}

async function appletsOf(processes: Processes, busybox: string): Promise<readonly string[]> {
  const { stdout } = await processes.run(busybox, ['--list'], { deadlineMs: programMs });
  return stdout.split('\n').filter(Boolean);
}

async function readImageFile(fs: FileSystem, directory: string): Promise<BuildConfig> {
  const path = join(directory, imageFileName);
  const text = await fs.readText(path);
  if (text === undefined) return {};
  const parsed = parseImageFile(text);
  if (!parsed.ok) throw new ImageError(`Cannot build the image: "${path}" ${parsed.problem}`);
  return parsed.config;
}

async function importArchive(options: ImageStoreOptions, file: string): Promise<readonly string[]> {
  const names = await namesIn(options, file);
  const { processes, programs, socketPath, snapshotter } = options;
  const args = ['--address', socketPath, '--namespace', 'k8s.io', 'images', 'import', '--snapshotter', snapshotter, file];
  const { code, stderr } = await processes.run(programs.ctr, args, { deadlineMs: importMs });
  if (code !== 0) throw new ImageError(`Cannot import "${file}": ${lastLine(stderr)}`);
  for (const name of names) await untilVisible(options, name, file);
  return names;
}

async function namesIn({ fs, archives }: ImageStoreOptions, file: string): Promise<readonly string[]> {
  if ((await fs.stat(file))?.kind !== 'file') throw new ImageError(`Cannot import "${file}": there is no such file`);
  try {
    const found = await archives.read(file, (name) => archiveDocuments.includes(name), documentMaxBytes);
    const content = describeArchive(new Map([...found].map(([name, bytes]) => [name, Buffer.from(bytes).toString('utf8')])));
    if (content.ok) return content.names;
    throw new ImageError(`Cannot import "${file}": ${content.problem}`);
  } catch (error) {
    if (!(error instanceof Error && error.name === 'TarError')) throw error;
    throw new ImageError(`Cannot import "${file}": ${error.message}; a compressed archive must be unpacked first (gunzip)`, {
      cause: error,
    });
  }
}

async function untilVisible({ runtime, clock }: ImageStoreOptions, name: string, file: string): Promise<void> {
  const untilMs = clock.monotonicMs() + visibleMs;
  while (!(await runtime.imageStatus(name))) {
    if (clock.monotonicMs() > untilMs)
      throw new ImageError(`Cannot import "${file}": containerd took it but does not list "${name}" (an image for another architecture?)`);
    await sleep(clock, visiblePollMs);
  }
}

function lastLine(text: string): string {
  return (
    text
      .trimEnd()
      .split('\n')
      .at(-1)
      ?.replace(/^ctr: /, '') ?? ''
  );
}
