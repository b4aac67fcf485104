// Reads a container's log as `kubectl logs` asks for it: the tail, since a time, with timestamps, followed, up to a limit.
import { parseTime } from '../../../api/mod.ts';
import type { GrowingFile } from '../../../base/ports/file-follow.ts';
import { parseLogLine } from './log-line.ts';

const newline = 0x0a;
const blockBytes = 64 * 1024;
/** A line of the file that is longer than this is taken in pieces of this size: no reader holds more. */
const lineMaxBytes = 256 * 1024;
/** After a rotation, and after the container's end: the runtime is done with a file that has not changed for so long. */
const settleMs = 200;
/** While following, how long the kernel's notices are trusted before the file is looked at all the same. */
const followCheckMs = 1_000;

export interface LogQuery {
  readonly follow: boolean;
  readonly timestamps: boolean;
  /** The last so many lines. Undefined: all. */
  readonly tailLines: number | undefined;
  /** Only lines at or after this time, in milliseconds since the epoch. */
  readonly sinceMs: number | undefined;
  readonly limitBytes: number | undefined;
  readonly stream: 'all' | 'stdout' | 'stderr';
}

export interface LogSource {
  readonly file: GrowingFile;
  /** Whether more can come: asked while following, when the end has been reached. */
  readonly isRunning: () => Promise<boolean>;
  /** The file that goes on where `file` ends, once the log was rotated. Closed by the reader. */
  readonly next?: (file: GrowingFile) => Promise<GrowingFile | undefined>;
  readonly signal: AbortSignal;
}

/** Gives the text in chunks. Ends at the end of the file, or when following, after the container has ended or the signal has fired. */
export async function* readLogs(source: LogSource, query: LogQuery): AsyncGenerator<Uint8Array> {
  const { file } = source;
  let left = query.limitBytes ?? Number.POSITIVE_INFINITY;
  const start = query.tailLines === undefined ? 0 : await findTail(file, query.tailLines);
  const lines = new LineSplitter();
  for await (const block of readBlocks(source, start, query.follow)) {
    const parts: Uint8Array[] = [];
    for (const line of lines.split(block)) {
      const part = render(line, query);
      if (part) parts.push(part);
    }
    if (parts.length === 0) continue;
    const text = Buffer.concat(parts);
    yield text.length <= left ? text : text.subarray(0, left);
    left -= text.length;
    if (left <= 0) return;
  }
}

async function* readBlocks(source: LogSource, start: number, follow: boolean): AsyncGenerator<Uint8Array> {
  const { signal, isRunning } = source;
  let { file } = source;
  let next: GrowingFile | undefined;
  let position = start;
  async function* rest(): AsyncGenerator<Uint8Array> {
    for (let block = await file.read(position, blockBytes); block.length > 0; block = await file.read(position, blockBytes)) {
      position += block.length;
      yield block;
      if (signal.aborted) return;
    }
  }
  // What the runtime has under way when a log is rotated, or its container has ended, is written to the old file still.
  async function* settled(): AsyncGenerator<Uint8Array> {
    while (await file.changed(settleMs, signal)) yield* rest();
    yield* rest();
  }
  try {
    while (!signal.aborted) {
      yield* rest();
      if (!follow || signal.aborted) return;
      next = await source.next?.(file);
      if (!next && (await isRunning())) {
        await file.changed(followCheckMs, signal);
        continue;
      }
      yield* settled();
      // The last thing that happened may have been a rotation.
      next ??= await source.next?.(file);
      if (!next) return;
      await leave(source, file);
      [file, next, position] = [next, undefined, 0];
    }
  } finally {
    await leave(source, file);
    await next?.close();
  }
}

/** Closes a file that the reader itself has got. */
async function leave(source: LogSource, file: GrowingFile): Promise<void> {
  if (file !== source.file) await file.close();
}

/** The position at which the last `count` lines begin. A last line without its newline counts. */
async function findTail(file: GrowingFile, count: number): Promise<number> {
  const size = await file.sizeBytes();
  if (count <= 0) return size;
  let found = 0;
  for (let end = size; end > 0; ) {
    const from = Math.max(0, end - blockBytes);
    const block = await file.read(from, end - from);
    for (let i = block.length - 1; i >= 0; i--) {
      // The newline that ends the file ends its last line, and begins none.
      if (block[i] !== newline || from + i === size - 1) continue;
      if (++found === count) return from + i + 1;
    }
    end = from;
  }
  return 0;
}

/** Cuts blocks into lines, keeping what is not whole for the next block. */
class LineSplitter {
  #rest: Uint8Array = new Uint8Array(0);

  *split(block: Uint8Array): Generator<Uint8Array> {
    const data = this.#rest.length === 0 ? block : Buffer.concat([this.#rest, block]);
    let at = 0;
    for (let end = data.indexOf(newline, at); end >= 0; end = data.indexOf(newline, at)) {
      yield data.subarray(at, end);
      at = end + 1;
    }
    this.#rest = data.subarray(at);
    if (this.#rest.length > lineMaxBytes) {
      yield this.#rest;
      this.#rest = new Uint8Array(0);
    }
  }
}

function render(line: Uint8Array, query: LogQuery): Uint8Array | undefined {
  const parsed = parseLogLine(line);
  if (!parsed || (query.stream !== 'all' && parsed.stream !== query.stream)) return undefined;
  if (query.sinceMs !== undefined && (parseTime(parsed.time) ?? 0) < query.sinceMs) return undefined;
  return query.timestamps ? Buffer.concat([Buffer.from(`${parsed.time} `), parsed.text]) : parsed.text;
}
