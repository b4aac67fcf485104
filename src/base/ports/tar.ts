// Tar archives (POSIX ustar with pax headers): written the same way every time, streamed to and from files.
import { createHash } from 'node:crypto';
import { type FileHandle, open } from 'node:fs/promises';

const blockBytes = 512;
const chunkBytes = 1024 * 1024;
/** Beyond it an archive's list of entries is not read further: no honest image has as many. */
const entriesMax = 1_000_000;
/** The largest size that ustar's 11 octal digits hold. */
const ustarSizeMax = 0o77777777777;

export type TarContent = Uint8Array | { readonly path: string; readonly sizeBytes: number };

/** `name` is relative, without a leading "./"; directories need no trailing slash. Times are the epoch, so that equal content gives equal bytes. */
export type TarEntry = { readonly name: string; readonly mode: number; readonly uid?: number; readonly gid?: number } & (
  | { readonly kind: 'file'; readonly content: TarContent }
  | { readonly kind: 'directory' }
  | { readonly kind: 'link'; readonly target: string }
);

export interface TarSummary {
  /** Of the whole archive, in hexadecimal. */
  readonly sha256: string;
  readonly sizeBytes: number;
}

export interface Archives {
  /** Writes a new archive; `path` must not exist. */
  write(path: string, entries: Iterable<TarEntry> | AsyncIterable<TarEntry>): Promise<TarSummary>;
  /** The content of the regular files with these names, where they are there. Only headers are read of all others. Rejects with {@link TarError}. */
  read(path: string, wanted: (name: string) => boolean, maxBytes: number): Promise<ReadonlyMap<string, Uint8Array>>;
}

/** The file is not a tar archive, or is damaged. */
export class TarError extends Error {
  override readonly name = 'TarError';
}

export const systemArchives: Archives = {
  async write(path, entries) {
    const file = await open(path, 'wx', 0o600);
    try {
      const sink = new Sink(file);
      for await (const entry of entries) await writeEntry(sink, entry);
      await sink.write(new Uint8Array(2 * blockBytes));
      return sink.summary();
    } finally {
      await file.close();
    }
  },
  async read(path, wanted, maxBytes) {
    const file = await open(path, 'r');
    try {
      return await readEntries(file, wanted, maxBytes);
    } finally {
      await file.close();
    }
  },
};

class Sink {
  readonly #file: FileHandle;
  readonly #hash = createHash('sha256');
  #sizeBytes = 0;

  constructor(file: FileHandle) {
    this.#file = file;
  }

  async write(part: Uint8Array): Promise<void> {
    this.#hash.update(part);
    this.#sizeBytes += part.length;
    await this.#file.writeFile(part);
  }

  summary(): TarSummary {
    return { sha256: this.#hash.digest('hex'), sizeBytes: this.#sizeBytes };
  }
}

async function writeEntry(sink: Sink, entry: TarEntry): Promise<void> {
  await sink.write(tarHeader(entry));
  if (entry.kind !== 'file') return;
  if (entry.content instanceof Uint8Array) await sink.write(entry.content);
  else await copyInto(sink, entry.content.path, entry.content.sizeBytes);
  const over = sizeOf(entry) % blockBytes;
  if (over > 0) await sink.write(new Uint8Array(blockBytes - over));
}

async function copyInto(sink: Sink, path: string, sizeBytes: number): Promise<void> {
  const file = await open(path, 'r');
  try {
    let left = sizeBytes;
    while (left > 0) {
      const { bytesRead, buffer } = await file.read(Buffer.allocUnsafe(Math.min(chunkBytes, left)));
      if (bytesRead === 0) throw new TarError(`Cannot pack "${path}": it has become shorter than ${sizeBytes} bytes`);
      await sink.write(buffer.subarray(0, bytesRead));
      left -= bytesRead;
    }
  } finally {
    await file.close();
  }
}

function sizeOf(entry: TarEntry): number {
  if (entry.kind !== 'file') return 0;
  return entry.content instanceof Uint8Array ? entry.content.length : entry.content.sizeBytes;
}

/** The header blocks of an entry: a pax header first when a name or size does not fit in ustar's fields. */
export function tarHeader(entry: TarEntry): Uint8Array {
  const name = entry.kind === 'directory' ? `${entry.name}/` : entry.name;
  const target = entry.kind === 'link' ? entry.target : '';
  const size = sizeOf(entry);
  const pax: string[] = [];
  if (Buffer.byteLength(name) > 100) pax.push(paxRecord('path', name));
  if (Buffer.byteLength(target) > 100) pax.push(paxRecord('linkpath', target));
  if (size > ustarSizeMax) pax.push(paxRecord('size', String(size)));
  const type = { file: '0', link: '2', directory: '5' }[entry.kind];
  const own = ustarBlock({
    name,
    target,
    size: Math.min(size, ustarSizeMax),
    mode: entry.mode,
    uid: entry.uid ?? 0,
    gid: entry.gid ?? 0,
    type,
  });
  if (pax.length === 0) return own;
  const records = Buffer.from(pax.join(''), 'utf8');
  const head = ustarBlock({ name: 'PaxHeaders/entry', target: '', size: records.length, mode: 0o644, uid: 0, gid: 0, type: 'x' });
  const padding = Buffer.alloc((blockBytes - (records.length % blockBytes)) % blockBytes);
  return Buffer.concat([head, records, padding, own]);
}

/** `<length> key=value\n`, where the length counts itself. */
function paxRecord(key: string, value: string): string {
  const rest = ` ${key}=${value}\n`;
  const bytes = Buffer.byteLength(rest);
  let length = bytes + String(bytes).length;
  if (String(length).length > String(bytes).length) length = bytes + String(length).length;
  return `${length}${rest}`;
}

interface UstarFields {
  readonly name: string;
  readonly target: string;
  readonly size: number;
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  readonly type: string;
}

function ustarBlock(fields: UstarFields): Buffer {
  const block = Buffer.alloc(blockBytes);
  // A name that is cut here is whole in the pax header.
  Buffer.from(fields.name, 'utf8').copy(block, 0, 0, 100);
  const octal = (value: number, at: number, width: number) => block.write(`${value.toString(8).padStart(width - 1, '0')}\0`, at, 'latin1');
  octal(fields.mode & 0o7777, 100, 8);
  octal(fields.uid, 108, 8);
  octal(fields.gid, 116, 8);
  octal(fields.size, 124, 12);
  octal(0, 136, 12);
  block.write('        ', 148, 'latin1');
  block.write(fields.type, 156, 'latin1');
  Buffer.from(fields.target, 'utf8').copy(block, 157, 0, 100);
  block.write('ustar\x0000', 257, 'latin1');
  const sum = block.reduce((total, byte) => total + byte, 0);
  block.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148, 'latin1');
  return block;
}

async function readEntries(
  file: FileHandle,
  wanted: (name: string) => boolean,
  maxBytes: number,
): Promise<ReadonlyMap<string, Uint8Array>> {
  const found = new Map<string, Uint8Array>();
  let override: { name?: string; size?: number } = {};
  let at = 0;
  for (let count = 0; count < entriesMax; count++) {
    const header = await readAt(file, at, blockBytes);
    if (header.length < blockBytes || header.every((byte) => byte === 0)) {
      if (count === 0) throw new TarError('it holds no tar archive');
      return found;
    }
    const parsed = parseTarHeader(header);
    const size = override.size ?? parsed.size;
    const name = override.name ?? parsed.name;
    at += blockBytes;
    const body = () => {
      if (size > maxBytes) throw new TarError(`its entry "${name}" has ${size} bytes, more than ${maxBytes}`);
      return readAt(file, at, size);
    };
    if (parsed.type === 'x') override = parsePax((await body()).toString('utf8'));
    else if (parsed.type === 'L') override = { name: (await body()).toString('utf8').replace(/\0.*$/s, '') };
    else {
      const clean = name.replace(/^(\.\/)+/, '');
      if ((parsed.type === '0' || parsed.type === '\0') && wanted(clean)) found.set(clean, await body());
      override = {};
    }
    at += Math.ceil(size / blockBytes) * blockBytes;
  }
  throw new TarError(`it has more than ${entriesMax} entries`);
}

async function readAt(file: FileHandle, at: number, length: number): Promise<Buffer> {
  const buffer = Buffer.alloc(length);
  let filled = 0;
  while (filled < length) {
    const { bytesRead } = await file.read(buffer, filled, length - filled, at + filled);
    if (bytesRead === 0) break;
    filled += bytesRead;
  }
  return buffer.subarray(0, filled);
}

/** Checks the sum, so that any other file is refused at its first block. */
export function parseTarHeader(header: Uint8Array): { readonly name: string; readonly size: number; readonly type: string } {
  const block = Buffer.from(header);
  const text = (at: number, length: number) => block.toString('utf8', at, at + length).replace(/\0.*$/s, '');
  const octal = (at: number, length: number) => Number.parseInt(text(at, length).trim() || '0', 8);
  const stored = octal(148, 8);
  const sum = block.reduce((total, byte, i) => total + (i >= 148 && i < 156 ? 32 : byte), 0);
  if (sum !== stored) throw new TarError('it is not a tar archive, or it is damaged');
  const isBase256 = ((block[124] ?? 0) & 0x80) !== 0;
  const size = isBase256 ? Number(block.readBigUInt64BE(128)) : octal(124, 12);
  const prefix = text(257, 5) === 'ustar' ? text(345, 155) : '';
  const name = text(0, 100);
  return { name: prefix === '' ? name : `${prefix}/${name}`, size, type: block.toString('latin1', 156, 157) };
}

function parsePax(text: string): { name?: string; size?: number } {
  const found: { name?: string; size?: number } = {};
  for (const record of text.split('\n')) {
    const [, key, value] = /^\d+ ([^=]+)=(.*)$/s.exec(record) ?? [];
    if (key === 'path' && value !== undefined) found.name = value;
    if (key === 'size' && value !== undefined) found.size = Number(value);
  }
  return found;
}
