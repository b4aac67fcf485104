// Backups of a durable store: a compact copy of one snapshot, made while the store is in use, with a check sum at its end.
//
// The file is LMDB's, followed by a trailer of fixed size: a line of JSON, padded. LMDB does not look beyond its last page, so that
// a backup is restored by copying it.
import { createHash } from 'node:crypto';
import { basename, dirname, join } from 'node:path';
import type { FileSystem } from '../../base/ports/fs.ts';
import { StoreOpenError } from '../store.ts';
import { dataFile, type LmdbFile } from './database.ts';

const trailerBytes = 512;
const chunkBytes = 4 * 1024 * 1024;
const format = 'minke-store-backup';
const version = 1;

interface Trailer {
  readonly format: string;
  readonly version: number;
  readonly bytes: number;
  /** Hexadecimal, of the bytes before the trailer. */
  readonly sha256: string;
}

/** Throws {@link StoreOpenError} when `path` is taken, and FileError. Gives the size. */
export async function writeBackup(file: LmdbFile, path: string, fs: FileSystem): Promise<number> {
  if (await fs.exists(path)) throw new StoreOpenError(`Cannot write a backup to "${path}": it exists. Name another file.`);
  const temporary = join(dirname(path), `.${basename(path)}.part`);
  await fs.remove(temporary);
  await fs.mkdir(temporary, { mode: 0o700 });
  try {
    await file.copyTo(temporary);
    const copy = join(temporary, dataFile);
    await fs.chmod(copy, 0o600);
    const bytes = (await fs.stat(copy))?.sizeBytes ?? 0;
    const trailer: Trailer = { format, version, bytes, sha256: await sumOf(copy, bytes, fs) };
    await fs.append(copy, `${JSON.stringify(trailer).padEnd(trailerBytes - 1)}\n`);
    await fs.sync?.(copy);
    await fs.rename(copy, path);
    await fs.sync?.(dirname(path));
    return bytes + trailerBytes;
  } finally {
    await fs.remove(temporary);
  }
}

/** Throws {@link StoreOpenError} unless `path` is a whole backup and `dir` holds no store. */
export async function restoreBackup(path: string, dir: string, fs: FileSystem): Promise<void> {
  const target = join(dir, dataFile);
  const standing = (await fs.list(dir))[0];
  if (standing) throw new StoreOpenError(`Cannot restore into "${dir}": it holds "${standing.name}". Name an empty or new --data-dir.`);
  await verifyBackup(path, fs);
  await fs.mkdir(dir, { mode: 0o700 });
  const temporary = join(dir, `${dataFile}.part`);
  try {
    await fs.copy(path, temporary);
    await fs.chmod(temporary, 0o600);
    // The copy, and not the file it was made of, is what will be used.
    await verifyBackup(temporary, fs);
    await fs.sync?.(temporary);
    await fs.rename(temporary, target);
    await fs.sync?.(dir);
  } catch (error) {
    await fs.remove(temporary);
    throw error;
  }
}

async function verifyBackup(path: string, fs: FileSystem): Promise<void> {
  const refuse = (what: string): never => {
    throw new StoreOpenError(`Cannot restore "${path}": ${what}.`);
  };
  const stat = await fs.stat(path);
  if (stat?.kind !== 'file') return refuse('there is no such file');
  const bytes = stat.sizeBytes - trailerBytes;
  const trailer = bytes < 0 ? undefined : parseTrailer(await fs.readAt(path, bytes, trailerBytes));
  if (!trailer) return refuse('it is not a backup of a store, or it is cut short');
  if (trailer.version !== version) return refuse(`it is a backup of version ${trailer.version}, and this Minke reads version ${version}`);
  if (trailer.bytes !== bytes) return refuse(`it has ${bytes} bytes and should have ${trailer.bytes}`);
  if ((await sumOf(path, bytes, fs)) !== trailer.sha256) refuse('its check sum is wrong: the file is damaged');
}

function parseTrailer(bytes: Uint8Array | undefined): Trailer | undefined {
  try {
    const trailer = JSON.parse(Buffer.from(bytes ?? []).toString('utf8')) as Partial<Trailer> | null;
    return trailer?.format === format ? (trailer as Trailer) : undefined;
  } catch {
    return undefined;
  }
}

async function sumOf(path: string, bytes: number, fs: FileSystem): Promise<string> {
  const hash = createHash('sha256');
  for (let at = 0; at < bytes; at += chunkBytes) {
    hash.update((await fs.readAt(path, at, Math.min(chunkBytes, bytes - at))) ?? new Uint8Array());
  }
  return hash.digest('hex');
}
