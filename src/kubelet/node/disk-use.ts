// What the runtime has on the disk: what containers have written beside their volumes, and the images.
import { type Clock, errorText, type Logger } from '../../base/mod.ts';
import type { FileSystem, FileSystemSpace } from '../../base/ports/fs.ts';
import type { ContainerRuntime, FileSystemUse } from '../cri/runtime.ts';

/** Looks nearer than this are the same look: the runtime itself looks far less often. */
const freshMs = 5000;
const callDeadlineMs = 10_000;

export interface ImageSpace {
  /** Of the file system that has them. */
  readonly space: FileSystemSpace;
  readonly use: FileSystemUse;
}

export interface DiskUse {
  /** Writable layers by container id. Never rejects: what the runtime does not tell is absent. */
  layers(): Promise<ReadonlyMap<string, FileSystemUse>>;
  /** Undefined when the runtime does not tell. Never rejects. */
  images(): Promise<ImageSpace | undefined>;
}

export interface DiskUseOptions {
  readonly runtime: Pick<ContainerRuntime, 'listContainerStats' | 'imageFsInfo'>;
  readonly fs: Pick<FileSystem, 'space'>;
  readonly clock: Clock;
  readonly log: Logger;
  readonly signal: AbortSignal;
}

export function createDiskUse({ runtime, fs, clock, log, signal }: DiskUseOptions): DiskUse {
  const call = { signal, deadlineMs: callDeadlineMs };
  const orNothing = async <T>(what: string, work: Promise<T>): Promise<T | undefined> => {
    try {
      return await work;
    } catch (error) {
      if (!signal.aborted) log.info('The runtime does not tell what it has on the disk', { what, error: errorText(error) });
      return undefined;
    }
  };
  async function layers(): Promise<ReadonlyMap<string, FileSystemUse>> {
    const stats = (await orNothing('containers', runtime.listContainerStats(call))) ?? [];
    return new Map(stats.flatMap(({ id, writableLayer }) => (writableLayer ? [[id, writableLayer] as const] : [])));
  }
  async function images(): Promise<ImageSpace | undefined> {
    const use = await orNothing('images', runtime.imageFsInfo(call));
    if (!use || use.mountpoint === '') return undefined;
    const space = await orNothing('images', Promise.resolve(fs.space?.(use.mountpoint)));
    return space && { space, use };
  }
  return { layers: shared(clock, layers), images: shared(clock, images) };
}

/** One look for all who ask within a while. */
function shared<T>(clock: Clock, look: () => Promise<T>): () => Promise<T> {
  let latest: { readonly atMs: number; readonly value: Promise<T> } | undefined;
  return () => {
    if (latest && clock.monotonicMs() - latest.atMs < freshMs) return latest.value;
    latest = { atMs: clock.monotonicMs(), value: look() };
    return latest.value;
  };
}
