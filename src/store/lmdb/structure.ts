// Whether the pages of an LMDB file hang together: walked before the library sees the file, which trusts every byte and takes the process with it.
//
// Every page that the newest snapshot reaches is looked at: its kind and bounds, the order of its keys, the counts that the trees' heads give, and
// that no page is used twice or is used and free. What the values say is not looked at: their records have check sums.
import type { OpenFile } from '../../base/ports/fs.ts';
import {
  checkHead,
  headBytes,
  isLong,
  isTree,
  type Meta,
  metaBytes,
  newestMeta,
  newNode,
  none,
  overflowPage,
  pageSize,
  readMeta,
  readNode,
  readPageNumber,
  readTree,
  readTreePage,
  StructureError,
  type Tree,
  type TreePage,
  treeBytes,
} from './pages.ts';

/** LMDB goes no deeper. */
const depthMax = 32;
const windowMaxBytes = 64 * 1024;
/** How often the meta pages are read again when they do not agree: somebody may be writing one of them. */
const metaAttempts = 5;

/** Throws {@link StructureError}. Gives how many pages are in use. */
export function checkStructure(file: OpenFile): number {
  return new Walk(file, readMetas(file)).run();
}

/** The meta page that counts. Throws {@link StructureError}. */
export function readMetas(file: OpenFile): Meta {
  for (let attempt = 1; ; attempt++) {
    const [first, second] = [0, pageSize].map((offset) => {
      const bytes = Buffer.alloc(metaBytes);
      return file.readInto(bytes, offset) === metaBytes ? readMeta(bytes) : undefined;
    });
    try {
      if (!first || !second) throw new StructureError('a meta page is missing');
      return newestMeta(first, second);
    } catch (error) {
      if (attempt === metaAttempts) throw error;
    }
  }
}

/** What is known of a tree while it is walked. */
interface Walked {
  readonly name: string;
  readonly tree: Tree;
  /** Keys are numbers, in the machine's order of bytes. */
  readonly numeric: boolean;
  branchPages: number;
  leafPages: number;
  overflowPages: number;
  entries: number;
  /** The last key seen. */
  last: Buffer | undefined;
  /** The next key is not below this one: the page above says so. */
  floor: Buffer | undefined;
}

interface Place {
  /** Counted from the root of the main tree: which buffer holds the page. */
  readonly level: number;
  /** Counted from the tree's root, which is at 1. */
  readonly depth: number;
  readonly visit: Visit;
}

class Walk {
  readonly #file: OpenFile;
  readonly #meta: Meta;
  /** A bit for each page that has been met. */
  readonly #met: Uint8Array;
  /** A page for each level, so that a page is there still while those below it are read. */
  readonly #pages: Buffer[] = [];
  /** What was read of the file where the last long value begins, and how much of it counts. */
  readonly #window = Buffer.alloc(windowMaxBytes);
  #windowAt = 0;
  #windowBytes = 0;
  #used = 0;

  constructor(file: OpenFile, meta: Meta) {
    this.#file = file;
    this.#meta = meta;
    if (!(meta.lastPage < 2 ** 40)) throw new StructureError('a meta page has an impossible size');
    this.#met = new Uint8Array((meta.lastPage >> 3) + 1);
  }

  run(): number {
    const { main, free } = this.#meta;
    this.#tree('main', main, false, (page, node) => {
      if (node.flags !== isTree || node.valueBytes !== treeBytes) throw new StructureError('the list of tables holds something else');
      const name = page.toString('latin1', node.keyFrom, node.keyTo).replace(/\0$/, '');
      const tree = readTree(page, node.keyTo);
      if (tree.flags !== 0) throw new StructureError(`the table ${name} has unknown flags`);
      this.#tree(name, tree, false, refuseTree, depthMax);
    });
    const lists: Buffer[] = [];
    this.#tree('free', free, true, (page, node) => {
      if (node.flags === isTree) throw new StructureError('the list of free pages holds a table');
      lists.push(
        node.flags === isLong ? this.#longValue(page, node) : Buffer.from(page.subarray(node.keyTo, node.keyTo + node.valueBytes)),
      );
    });
    const used = this.#used;
    for (const list of lists) this.#freePages(list);
    return used;
  }

  #tree(name: string, tree: Tree, numeric: boolean, visit: Visit, level = 0): void {
    const walked: Walked = {
      name,
      tree,
      numeric,
      branchPages: 0,
      leafPages: 0,
      overflowPages: 0,
      entries: 0,
      last: undefined,
      floor: undefined,
    };
    if (tree.root !== none) this.#page(walked, tree.root, { level, depth: 1, visit });
    for (const count of ['branchPages', 'leafPages', 'overflowPages', 'entries'] as const) {
      if (walked[count] !== tree[count])
        throw new StructureError(`the table ${name} has ${walked[count]} ${count}, and should have ${tree[count]}`);
    }
    if (tree.root === none && tree.depth !== 0) throw new StructureError(`the table ${name} has no root`);
  }

  #page(walked: Walked, number: number, at: Place): void {
    const { level, depth, visit } = at;
    if (depth > depthMax || depth > walked.tree.depth) throw new StructureError(`the table ${walked.name} is deeper than it should be`);
    this.#meet(number);
    this.#pages[level] ??= Buffer.alloc(pageSize);
    const bytes = this.#pages[level] as Buffer;
    this.#read(bytes, number);
    const page = readTreePage(bytes, number, this.#meta.transaction);
    if (page.isLeaf !== (depth === walked.tree.depth))
      throw new StructureError(`page ${number} of the table ${walked.name} is at the wrong depth`);
    if (page.isLeaf) this.#leaf(walked, bytes, number, page, visit);
    else this.#branch(walked, bytes, number, page, { level: level + 1, depth: depth + 1, visit });
  }

  #branch(walked: Walked, bytes: Buffer, number: number, page: TreePage, below: Place): void {
    walked.branchPages++;
    const node = newNode();
    let size = 0;
    for (let index = 0; index < page.count; index++) {
      readNode(bytes, number, page, index, node);
      size += node.size;
      if (index > 0) {
        const key = bytes.subarray(node.keyFrom, node.keyTo);
        if (walked.last && compare(walked, walked.last, key) >= 0) throw disorder(number, walked);
        walked.floor = key;
      }
      this.#page(walked, node.child, below);
    }
    checkSize(bytes, number, size);
  }

  #leaf(walked: Walked, bytes: Buffer, number: number, page: TreePage, visit: Visit): void {
    walked.leafPages++;
    walked.entries += page.count;
    const node = newNode();
    let before: { readonly from: number; readonly to: number } | undefined;
    let size = 0;
    for (let index = 0; index < page.count; index++) {
      readNode(bytes, number, page, index, node);
      size += node.size;
      const { keyFrom: from, keyTo: to } = node;
      if (walked.numeric && to - from !== 8)
        throw new StructureError(`page ${number} of the table ${walked.name} has a key of ${to - from} bytes`);
      if (index === 0) {
        const key = bytes.subarray(from, to);
        if (walked.last && compare(walked, walked.last, key) >= 0) throw disorder(number, walked);
        if (walked.floor && compare(walked, walked.floor, key) > 0) throw disorder(number, walked);
      } else if (
        before &&
        (walked.numeric ? compareNumbers(bytes, before.from, bytes, from) : bytes.compare(bytes, from, to, before.from, before.to)) >= 0
      ) {
        throw disorder(number, walked);
      }
      before = { from, to };
      if (node.flags === isLong) walked.overflowPages += this.#long(bytes, node);
      visit(bytes, node);
    }
    if (before) walked.last = Buffer.from(bytes.subarray(before.from, before.to));
    walked.floor = undefined;
    checkSize(bytes, number, size);
  }

  /** Meets the pages of a long value. Gives how many they are. */
  #long(bytes: Buffer, { keyTo, valueBytes }: Parameters<Visit>[1]): number {
    const first = readPageNumber(bytes, keyTo);
    const pages = readPageNumber(bytes, keyTo + 16);
    if (pages !== Math.floor((headBytes - 1 + valueBytes) / pageSize) + 1)
      throw new StructureError(`the value at page ${first} has the wrong size`);
    for (let number = first; number < first + pages; number++) this.#meet(number);
    const head = this.#readHead(first);
    checkHead(head, first, this.#meta.transaction);
    if (head.readUInt16LE(18) !== overflowPage || head.readUInt32LE(20) !== pages) {
      throw new StructureError(`page ${first} is not the beginning of a long value`);
    }
    return pages;
  }

  #longValue(bytes: Buffer, { keyTo, valueBytes }: Parameters<Visit>[1]): Buffer {
    const value = Buffer.alloc(valueBytes);
    if (this.#file.readInto(value, readPageNumber(bytes, keyTo) * pageSize + headBytes) !== valueBytes)
      throw new StructureError('the file is cut short');
    return value;
  }

  /** A count, and so many numbers: a page; 0 for nothing; or, negative, how many pages begin at the one that follows. */
  #freePages(list: Buffer): void {
    const count = list.length >= 8 ? readPageNumber(list, 0) : Number.POSITIVE_INFINITY;
    if (!(count >= 0 && count <= list.length / 8 - 1)) throw new StructureError('a list of free pages is longer than its place');
    for (let at = 1; at <= count; at++) {
      const entry = list.readBigInt64LE(at * 8);
      if (entry === 0n) continue;
      const pages = entry < 0n ? Number(-entry) : 1;
      if (entry < 0n && ++at > count) throw new StructureError('a list of free pages ends too early');
      const first = readPageNumber(list, at * 8);
      if (!(first + pages - 1 <= this.#meta.lastPage)) throw new StructureError(`page ${first} is said to be free, and does not exist`);
      for (let number = first; number < first + pages; number++) this.#meet(number);
    }
  }

  /** Each page is met once. */
  #meet(number: number): void {
    if (!(number >= 2 && number <= this.#meta.lastPage)) throw new StructureError(`page ${number} is referred to, and does not exist`);
    const bit = 1 << (number & 7);
    const met = this.#met[number >> 3] as number;
    if (met & bit) throw new StructureError(`page ${number} is used twice, or used and free`);
    this.#met[number >> 3] = met | bit;
    this.#used++;
  }

  /** Values that were written together lie one after the other: then one read takes the heads of several. */
  #readHead(number: number): Buffer {
    const ahead = number * pageSize - this.#windowAt;
    if (ahead >= 0 && ahead + headBytes <= this.#windowBytes) return this.#window.subarray(ahead, ahead + headBytes);
    const bytes = ahead > 0 && ahead <= 2 * windowMaxBytes ? windowMaxBytes : headBytes;
    this.#windowAt = number * pageSize;
    this.#windowBytes = this.#file.readInto(this.#window.subarray(0, bytes), this.#windowAt);
    if (this.#windowBytes < headBytes) throw new StructureError(`the file is cut short before page ${number}`);
    return this.#window.subarray(0, headBytes);
  }

  #read(into: Buffer, number: number): void {
    if (this.#file.readInto(into, number * pageSize) !== into.length)
      throw new StructureError(`the file is cut short before page ${number}`);
  }
}

type Visit = (
  page: Buffer,
  node: { readonly keyFrom: number; readonly keyTo: number; readonly flags: number; readonly valueBytes: number },
) => void;

const refuseTree: Visit = (_, node) => {
  if (node.flags === isTree) throw new StructureError('a table holds a table');
};

const disorder = (number: number, { name }: Walked): StructureError =>
  new StructureError(`page ${number} of the table ${name} is out of order`);

/** The nodes fill what is not free, and nothing lies over another. */
function checkSize(bytes: Buffer, number: number, size: number): void {
  if (size !== pageSize - headBytes - bytes.readUInt16LE(22)) throw new StructureError(`the nodes of page ${number} do not fill it`);
}

const compare = ({ numeric }: Walked, a: Buffer, b: Buffer): number => (numeric ? compareNumbers(a, 0, b, 0) : Buffer.compare(a, b));

function compareNumbers(a: Buffer, at: number, b: Buffer, bAt: number): number {
  return readPageNumber(a, at) - readPageNumber(b, bAt);
}
