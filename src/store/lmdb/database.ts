// The LMDB file: opening it safely, reading records, committing batches. The only file that knows the native library.
import { join } from 'node:path';
import { type Database, open as openNative, type RootDatabase } from 'lmdb';
import { errorText } from '../../base/mod.ts';
import type { FileSystem, OpenFile } from '../../base/ports/fs.ts';
import { type Revision, StoreIoError, StoreOpenError } from '../store.ts';
import type { Expiring } from './expiry.ts';
import {
  DamagedRecordError,
  decodeEntry,
  decodeExpiring,
  decodeMark,
  decodeNumber,
  decodeState,
  type Entry,
  encodeExpiring,
  encodeExpiry,
  encodeKey,
  encodeMark,
  encodeNumber,
  encodeState,
  formatMarker,
  isRecordSound,
  type StoreState,
  sumOf,
} from './layout.ts';
import { metaBytes, pageSize, readMeta, StructureError } from './pages.ts';
import { checkStructure, readMetas } from './structure.ts';
import { isUpgradable, upgrade } from './upgrade.ts';

export const dataFile = 'data.mdb';
const nativeFiles = new Set([dataFile, 'lock.mdb']);

const formatKey = encodeKey('format');
const stateKey = encodeKey('state');

type Table = Database<Buffer, Buffer>;
/** A sound record in memory that the next read uses anew. */
export interface Borrowed {
  readonly bytes: Buffer;
  readonly length: number;
}
/** `damaged`: its check sum is wrong, and nothing in it is to be believed. */
export type Lost = 'missing' | 'damaged';

/** The changes of one batch. They are on the disk together or not at all. */
export interface Changes {
  putRecord(revision: Revision, record: Buffer): void;
  removeRecord(revision: Revision): void;
  setEntry(key: string, entry: Buffer | undefined): void;
  setState(state: StoreState): void;
  putMark(timeMs: number, revision: Revision): void;
  removeMark(timeMs: number): void;
  putExpiry(expiring: Expiring): void;
  removeExpiry(expiring: Expiring): void;
}

/** Throws {@link StoreOpenError} unless the directory is empty, or holds a store that this version can read. */
export async function openDatabase(
  dir: string,
  fs: FileSystem,
  ours: (name: string) => boolean,
  { readOnly = false }: { readonly readOnly?: boolean } = {},
): Promise<LmdbFile> {
  await checkFiles(dir, fs, ours);
  const damaged = (what: string) => `Cannot open the store in "${dir}": ${what}. ${restoreHint}`;
  let file: LmdbFile | undefined;
  try {
    const check = async () => {
      await checkFiles(dir, fs, ours);
      await checkPages(dir, fs);
    };
    if (!readOnly) await checkPages(dir, fs);
    file = new LmdbFile(() => (readOnly ? openBeside(dir, fs) : openRoot(dir, false)), check);
    if (!readOnly) await fs.chmod(join(dir, dataFile), 0o600); // It holds Secrets, and the directory may be somebody else's making.
    await file.checkFormat(dir, readOnly);
    return file;
  } catch (error) {
    await file?.close();
    if (error instanceof StoreOpenError) throw error;
    if (refusal.test(errorText(error)))
      throw new StoreOpenError(`Cannot open the store in "${dir}": the disk refuses. Make room, or make it writable.`, { cause: error });
    const what =
      error instanceof StructureError ? `the pages of ${dataFile} are damaged (${error.message})` : `the file ${dataFile} is damaged`;
    throw new StoreOpenError(damaged(what), { cause: error });
  }
}

/** For reading beside a process that writes: no page of the snapshot is used anew while the pages are looked at. */
function openBeside(dir: string, fs: FileSystem): RootDatabase<Buffer, Buffer> {
  withPages(dir, fs, readMetas);
  const root = openRoot(dir, true);
  const snapshot = root.useReadTransaction();
  try {
    withPages(dir, fs, checkStructure);
    snapshot.done();
    return root;
  } catch (error) {
    snapshot.done();
    void root.close();
    throw error;
  }
}

// overlappingSync off: a commit is synced before it counts. eventTurnBatching off: groups are formed here, and the library's
// own would make a promise that nobody holds and whose rejection ends the process when the disk is full.
const openRoot = (path: string, readOnly: boolean): RootDatabase<Buffer, Buffer> =>
  openNative<Buffer, Buffer>({
    path,
    noSubdir: false,
    encoding: 'binary',
    keyEncoding: 'binary',
    overlappingSync: false,
    eventTurnBatching: false,
    cache: false,
    maxDbs: 8,
    pageSize,
    readOnly,
  });

/** The operating system's words, in English always: the library asks for them without a locale. */
const refusal = /No space left|Read-only file system|Disk quota exceeded|Permission denied|Input\/output error|File too large/;

const foreignFile = (dir: string): StoreOpenError =>
  new StoreOpenError(`Cannot open the store in "${dir}": its LMDB file is not Minke's. Name another --data-dir.`);

const restoreHint = 'Restore the directory from a backup, or name another --data-dir.';

/** The native library crashes the process on a file that is not LMDB's, or is cut short: look before it does. */
async function checkFiles(dir: string, fs: FileSystem, ours: (name: string) => boolean): Promise<void> {
  const names = (await fs.list(dir)).map((entry) => entry.name).filter((name) => !ours(name));
  const stat = await fs.stat(join(dir, dataFile));
  const foreign = names.filter((name) => !nativeFiles.has(name));
  if (foreign.length > 0 && !stat) {
    const some = foreign.slice(0, 3).join(', ');
    throw new StoreOpenError(`Cannot make a store in "${dir}": it holds other files (${some}). Name an empty or new --data-dir.`);
  }
  if (!stat || stat.sizeBytes === 0) return;
  const damage = await findDamage(join(dir, dataFile), stat.sizeBytes, fs);
  if (damage === 'foreign') throw foreignFile(dir);
  if (damage) throw new StoreOpenError(`Cannot open the store in "${dir}": the file ${dataFile} ${damage}. ${restoreHint}`);
}

/** How the meta pages say that the file is not whole. What lies within them is for {@link checkStructure}. */
async function findDamage(path: string, sizeBytes: number, fs: FileSystem): Promise<string | undefined> {
  const meta = async (offset: number) => readMeta(Buffer.from((await fs.readAt(path, offset, metaBytes)) ?? []));
  const first = await meta(0);
  if (!first) return 'is not an LMDB file';
  const second = await meta(first.pageSize);
  if (first.pageSize !== pageSize && second?.pageSize === first.pageSize) return 'foreign';
  const newest = second && second.transaction > first.transaction ? second : first;
  const needed = (newest.lastPage + 1) * newest.pageSize;
  return sizeBytes < needed ? `is cut short (${sizeBytes} bytes of ${needed})` : undefined;
}

/** Throws {@link StructureError}. A file that is not there, or empty, is sound. */
async function checkPages(dir: string, fs: FileSystem): Promise<void> {
  if (((await fs.stat(join(dir, dataFile)))?.sizeBytes ?? 0) > 0) withPages(dir, fs, checkStructure);
}

function withPages(dir: string, fs: FileSystem, look: (file: OpenFile) => unknown): void {
  const file = fs.openToRead(join(dir, dataFile));
  try {
    look(file);
  } finally {
    file.close();
  }
}

/** The library's errors carry a promise of the error beneath them. Left alone, its rejection would end the process. */
async function nativeCause(error: unknown): Promise<unknown> {
  if (!(error instanceof Error && 'commitError' in error)) return error;
  const cause: unknown = await Promise.resolve(error.commitError).then(
    () => error,
    (beneath: unknown) => beneath,
  );
  // LMDB says this also of a write that came short, as the last one before a disk is full does.
  const isIoError = cause instanceof Error && 'code' in cause && cause.code === ioErrorCode;
  return isIoError ? new Error('Input/output error, or no space left on the device', { cause }) : cause;
}

const ioErrorCode = 5;

/** The library's handles, which a failure of the disk can make unusable. */
interface Handles {
  readonly root: RootDatabase<Buffer, Buffer>;
  readonly log: Table;
  readonly keys: Table;
  readonly marks: Table;
  /** Undefined where an older version has left none, and none may be made. */
  readonly expiry: Table | undefined;
  readonly meta: Table;
}

function handlesOf(root: RootDatabase<Buffer, Buffer>): Handles {
  const table = (name: string): Table => root.openDB<Buffer, Buffer>({ name, encoding: 'binary', keyEncoding: 'binary', cache: false });
  return { root, log: table('log'), keys: table('keys'), marks: table('marks'), expiry: table('expiry'), meta: table('meta') };
}

/** Undefined for a damaged record. */
function soundOr<T>(onDamage: ((problem: string) => void) | undefined, read: () => T): T | undefined {
  try {
    return read();
  } catch (error) {
    if (!(error instanceof DamagedRecordError)) throw error;
    onDamage?.(error.message);
    return undefined;
  }
}

export class LmdbFile {
  readonly #connect: () => RootDatabase<Buffer, Buffer>;
  readonly #check: () => Promise<void>;
  /** Undefined while it is being opened anew. */
  #handles: Handles | undefined;
  /** To be called within a transaction only, where puts and removals are done at once or throw. */
  readonly #changes: Changes = {
    // Appending fills each page; putting would leave every page behind the newest half empty.
    putRecord: (revision, record) => this.#open.log.putSync(encodeNumber(revision), record, { append: true }),
    removeRecord: (revision) => void this.#open.log.remove(encodeNumber(revision)),
    setEntry: (key, entry) => void (entry ? this.#open.keys.put(encodeKey(key), entry) : this.#open.keys.remove(encodeKey(key))),
    setState: (state) => void this.#open.meta.put(stateKey, encodeState(state)),
    putMark: (timeMs, revision) => void this.#open.marks.put(encodeNumber(timeMs), encodeMark(timeMs, revision)),
    removeMark: (timeMs) => void this.#open.marks.remove(encodeNumber(timeMs)),
    putExpiry: ({ timeMs, revision, key }) =>
      void this.#open.expiry?.put(encodeExpiry(timeMs, revision), encodeExpiring(timeMs, revision, key)),
    removeExpiry: ({ timeMs, revision }) => void this.#open.expiry?.remove(encodeExpiry(timeMs, revision)),
  };

  /** `check` looks at the file before it is opened again: it throws where the library would crash the process. */
  constructor(connect: () => RootDatabase<Buffer, Buffer>, check: () => Promise<void>) {
    this.#connect = connect;
    this.#check = check;
    const root = connect();
    try {
      this.#handles = handlesOf(root);
    } catch (error) {
      void root.close();
      throw error;
    }
  }

  get #open(): Handles {
    if (!this.#handles) throw new StoreIoError('Cannot use the store: it is being opened anew after a failure of the disk');
    return this.#handles;
  }

  /**
   * Closes the file and opens it again, and throws what stands against that; may be called again then. The library uses no file any more of
   * which it could not write the meta page: a read fails, and a second write never ends.
   */
  async reopen(): Promise<void> {
    const handles = this.#handles;
    this.#handles = undefined;
    await handles?.root.close();
    await this.#check();
    const root = this.#connect();
    try {
      this.#handles = handlesOf(root);
    } catch (error) {
      await root.close();
      throw error;
    }
  }

  /** Brings up what an earlier version wrote. */
  async checkFormat(dir: string, readOnly: boolean): Promise<void> {
    const format = this.#open.meta.get(formatKey)?.toString('latin1');
    if (format === formatMarker) return;
    if (isUpgradable(format)) {
      if (!readOnly) return upgrade(this.#open, format, (change) => this.commit(change));
      throw new StoreOpenError(
        `The store in "${dir}" is of an earlier version, without check sums. Start Minke with it once: that adds them.`,
      );
    }
    if (format !== undefined) {
      throw new StoreOpenError(
        `Cannot open the store in "${dir}": its format is ${format}, and this version of Minke reads ${formatMarker}. Use the version that wrote it.`,
      );
    }
    if (this.#hasForeignTables()) {
      throw foreignFile(dir);
    }
    await this.commit((changes) => {
      this.#open.meta.put(formatKey, encodeKey(formatMarker));
      changes.setState({ revision: 0, compacted: 0, historyBytes: 0, keys: 0, keysSum: 0 });
    });
  }

  state(): StoreState {
    const bytes = this.#open.meta.get(stateKey);
    if (!bytes) throw new DamagedRecordError('the state record is missing');
    return decodeState(bytes);
  }

  /** Every key with where it stands and the check sum of that, in ascending order. Throws {@link DamagedRecordError} at the first that cannot be read, unless told what to do. */
  forEachEntry(visit: (key: string, entry: Entry, sum: number) => void, onDamage?: (problem: string) => void): void {
    for (const { key: name, value } of this.#open.keys.getRange({ start: Buffer.from([0]) })) {
      const key = name.toString('latin1');
      try {
        visit(key, decodeEntry(key, value), sumOf(value));
      } catch (error) {
        if (!onDamage || !(error instanceof DamagedRecordError)) throw error;
        onDamage(error.message);
      }
    }
  }

  /** Every record of the log, in ascending order of revisions. */
  forEachRecord(visit: (revision: Revision, bytes: Buffer) => void): void {
    for (const { key, value } of this.#open.log.getRange({ start: encodeNumber(0) })) visit(decodeNumber(key), value);
  }

  /** Writes a compact copy of the present snapshot into an empty directory, beside whoever writes. */
  async copyTo(dir: string): Promise<void> {
    await this.#open.root.backup(dir, true);
  }

  borrowRecord(revision: Revision): Borrowed | Lost {
    const bytes = this.#open.log.getBinaryFast(encodeNumber(revision));
    if (!bytes) return 'missing';
    const { length } = bytes;
    return isRecordSound(revision, bytes, length) ? { bytes, length } : 'damaged';
  }

  /** The newest mark at or before `timeMs`. A damaged one is passed over: an older one keeps more. */
  markAt(timeMs: number): { timeMs: number; revision: Revision } | undefined {
    for (const { key, value } of this.#open.marks.getRange({ start: encodeNumber(timeMs), reverse: true })) {
      const at = decodeNumber(key);
      const revision = soundOr(undefined, () => decodeMark(at, value));
      if (revision !== undefined) return { timeMs: at, revision };
    }
    return undefined;
  }

  newestMark(): { timeMs: number; revision: Revision } | undefined {
    return this.markAt(Number.MAX_SAFE_INTEGER);
  }

  /** The times of the marks up to `timeMs`, oldest first. */
  marksUpTo(timeMs: number, limit: number): number[] {
    const range = this.#open.marks.getRange({ start: encodeNumber(0), end: encodeNumber(timeMs + 1), limit });
    return [...range].map(({ key }) => decodeNumber(key));
  }

  checkMarks(onDamage: (problem: string) => void): void {
    for (const { key, value } of this.#open.marks.getRange({ start: encodeNumber(0) })) {
      const timeMs = decodeNumber(key);
      soundOr(onDamage, () => decodeMark(timeMs, value));
    }
  }

  /** Those that expire first, at or before `untilMs`, in order. A damaged one is passed over: its key stays. */
  expiring(untilMs: number, limit: number, onDamage: (problem: string) => void = () => {}): Expiring[] {
    const found: Expiring[] = [];
    for (const { key: place, value } of this.#open.expiry?.getRange({ start: encodeNumber(0), end: encodeNumber(untilMs + 1) }) ?? []) {
      if (found.length >= limit) break;
      const [timeMs, revision] = [decodeNumber(place), decodeNumber(place.subarray(8))];
      const key = soundOr(onDamage, () => decodeExpiring(timeMs, revision, value));
      if (key !== undefined) found.push({ timeMs, revision, key });
    }
    return found;
  }

  /**
   * Resolves when all changes are durable; throws {@link StoreIoError} when none is. A child transaction, because it alone is
   * rolled back when a change fails half way, and because its promise means the sync (that of `batch` may resolve before).
   */
  async commit(change: (changes: Changes) => void): Promise<void> {
    const { root } = this.#open;
    try {
      await root.childTransaction(() => change(this.#changes));
    } catch (error) {
      throw new StoreIoError('Cannot write to the store', { cause: await nativeCause(error) });
    } finally {
      root.resetReadTxn();
    }
  }

  async close(): Promise<void> {
    await this.#handles?.root.close();
  }

  /** True when the file holds named tables beside ours, or plain records. */
  #hasForeignTables(): boolean {
    const own = new Set(['log', 'keys', 'marks', 'expiry', 'meta']);
    for (const key of this.#open.root.getKeys({ start: Buffer.from([0]) })) {
      if (!own.has(key.toString('latin1').replace(/\0$/, ''))) return true;
    }
    return false;
  }
}
