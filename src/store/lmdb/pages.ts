// The bytes of LMDB's pages, as the version in node_modules writes them: meta pages, tree pages, nodes. Reads, and judges what one page alone can tell.
//
// Numbers are little-endian. A page begins with 24 bytes: page number (8), transaction (8), padding (2), flags (2), and the bounds of
// its free space (2, 2), counted from the end of these 24; on the first page of a long value the last four say how many pages it has.

export const pageSize = 8192;
export const headBytes = 24;
const bodyBytes = pageSize - headBytes;
export const nodeBytes = 8;
export const none = -1;

export const branchPage = 1;
export const leafPage = 2;
export const overflowPage = 4;
/** Node flags: the value is on pages of its own; the value is a tree. */
export const isLong = 1;
export const isTree = 2;

/** One sentence's part: what is wrong, and where. */
export class StructureError extends Error {
  override readonly name = 'StructureError';
}

export interface Tree {
  readonly flags: number;
  readonly depth: number;
  readonly branchPages: number;
  readonly leafPages: number;
  readonly overflowPages: number;
  readonly entries: number;
  /** {@link none} for an empty tree. */
  readonly root: number;
}

export interface Meta {
  readonly pageSize: number;
  readonly free: Tree;
  readonly main: Tree;
  readonly lastPage: number;
  readonly transaction: number;
}

export const treeBytes = 48;
const metaMagic = 0xbeefc0de;
export const metaBytes = 160;
/** Of the tree of free pages: its keys are numbers, and nothing else is unusual. The other bits are settings of the process that wrote it. */
const freeFlagsMask = 0x7f;
const freeFlags = 0x08;

/** The 48 bytes that say where a tree is. */
export function readTree(bytes: Buffer, at: number): Tree {
  return {
    flags: bytes.readUInt16LE(at + 4),
    depth: bytes.readUInt16LE(at + 6),
    branchPages: readPageNumber(bytes, at + 8),
    leafPages: readPageNumber(bytes, at + 16),
    overflowPages: readPageNumber(bytes, at + 24),
    entries: readPageNumber(bytes, at + 32),
    root: readPageNumber(bytes, at + 40),
  };
}

/** A number of eight bytes; {@link none} for the largest, which LMDB uses for no page. Infinity for one that cannot be. */
export function readPageNumber(bytes: Buffer, at: number): number {
  const high = bytes.readUInt32LE(at + 4);
  const low = bytes.readUInt32LE(at);
  if (high > 0xffff) return high === 0xffffffff && low === 0xffffffff ? none : Number.POSITIVE_INFINITY;
  return high * 2 ** 32 + low;
}

/** Undefined when it is not a meta page at all. */
export function readMeta(bytes: Buffer): Meta | undefined {
  if (bytes.length < metaBytes || bytes.readUInt32LE(headBytes) !== metaMagic) return undefined;
  return {
    pageSize: bytes.readUInt32LE(48),
    free: readTree(bytes, 48),
    main: readTree(bytes, 96),
    lastPage: readPageNumber(bytes, 144),
    transaction: readPageNumber(bytes, 152),
  };
}

/**
 * Which of the two meta pages counts. Transaction N writes page N % 2, so that they are of two transactions in a row; a new file and a copy have an
 * empty first one. All else is damage: the pages have no sum of their own, and taking the wrong one would lose the last transaction.
 */
export function newestMeta(first: Meta, second: Meta): Meta {
  for (const meta of [first, second]) {
    if (meta.pageSize !== pageSize) throw new StructureError(`its page size is ${meta.pageSize}, not ${pageSize}`);
    if ((meta.free.flags & freeFlagsMask) !== freeFlags || meta.main.flags !== 0) throw new StructureError('a meta page has unknown flags');
    if (!Number.isSafeInteger(meta.transaction)) throw new StructureError('a meta page has an impossible transaction');
  }
  const isNew = (meta: Meta): boolean => meta.transaction === 0 && meta.lastPage === 1 && meta.main.root === none;
  if (isNew(first) && (isNew(second) || second.transaction % 2 === 1)) return isNew(second) ? first : second;
  const isInTurn = first.transaction % 2 === 0 && Math.abs(first.transaction - second.transaction) === 1;
  if (!isInTurn) throw new StructureError(`the meta pages are of transactions ${first.transaction} and ${second.transaction}`);
  return first.transaction > second.transaction ? first : second;
}

export interface TreePage {
  readonly isLeaf: boolean;
  readonly count: number;
}

/** The head of a page of a tree, once it has been found sound. */
export function readTreePage(bytes: Buffer, number: number, transaction: number): TreePage {
  const flags = bytes.readUInt16LE(18);
  checkHead(bytes, number, transaction);
  if (flags !== leafPage && flags !== branchPage) throw new StructureError(`page ${number} is not a page of a tree`);
  const lower = bytes.readUInt16LE(20);
  const upper = bytes.readUInt16LE(22);
  const isLeaf = flags === leafPage;
  const count = lower >> 1;
  if (lower % 2 !== 0 || lower > upper || upper > bodyBytes || count < (isLeaf ? 1 : 2)) {
    throw new StructureError(`page ${number} has impossible bounds`);
  }
  return { isLeaf, count };
}

/** Page number and transaction at the head of any page but the meta pages. A transaction to come would make LMDB write where it must not. */
export function checkHead(bytes: Buffer, number: number, transaction: number): void {
  if (readPageNumber(bytes, 0) !== number) throw new StructureError(`page ${number} says that it is another page`);
  if (!(readPageNumber(bytes, 8) <= transaction)) throw new StructureError(`page ${number} is of a transaction to come`);
}

/** A node of a page. One object is filled again and again. */
export interface Node {
  keyFrom: number;
  keyTo: number;
  /** Of a leaf. */
  flags: number;
  /** Of a leaf: the size of the value, wherever it is. */
  valueBytes: number;
  /** Of a branch. */
  child: number;
  /** What the node takes of the page. */
  size: number;
}

export const newNode = (): Node => ({ keyFrom: 0, keyTo: 0, flags: 0, valueBytes: 0, child: 0, size: 0 });

export function readNode(bytes: Buffer, page: number, { isLeaf }: TreePage, index: number, into: Node): void {
  const from = bytes.readUInt16LE(headBytes + 2 * index);
  const at = headBytes + from;
  const upper = bytes.readUInt16LE(22);
  if (from % 2 !== 0 || from < upper || from + nodeBytes > bodyBytes) throw new StructureError(`page ${page} has a node outside of itself`);
  const low = bytes.readUInt32LE(at);
  into.flags = bytes.readUInt16LE(at + 4);
  into.keyFrom = at + nodeBytes;
  into.keyTo = into.keyFrom + bytes.readUInt16LE(at + 6);
  if (isLeaf) {
    if (into.flags !== 0 && into.flags !== isLong && into.flags !== isTree)
      throw new StructureError(`page ${page} has a node of unknown kind`);
    into.valueBytes = low;
    into.size = into.keyTo + (into.flags === isLong ? 24 : low) - at;
  } else {
    into.child = low + into.flags * 2 ** 32;
    into.size = into.keyTo - at;
  }
  into.size += into.size % 2;
  if (from + into.size > bodyBytes) throw new StructureError(`page ${page} has a node that leaves it`);
}
