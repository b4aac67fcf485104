// A disk with seeded faults under one life of a server: delays, refusals, watches that break off, and a crash at each step of a write.
import { type Clock, type Random, sleep } from '../../src/base/mod.ts';
import { SlowWatcherError, type Store, type StoreEvent, StoreIoError, type WriteOp } from '../../src/store/mod.ts';

/** Each is a chance in a thousand. */
export interface Faults {
  /** The disk refuses, and nothing has been written. */
  readonly refuseWrite: number;
  /** The write happens, and its answer is an error all the same (etcd: the connection broke). */
  readonly loseAnswer: number;
  readonly refuseList: number;
  /** Of each event: the watch of the store breaks off before it. */
  readonly breakWatch: number;
  /** Of each write, at each of its steps: before it is written, and before it is acknowledged. */
  readonly crash: number;
  /** The longest wait of a call and of an event, in ms. */
  readonly delayMaxMs: number;
}

export interface FaultyStoreOptions {
  readonly disk: Store;
  readonly clock: Clock;
  readonly random: Random;
  readonly faults: Faults;
  /** Called at most once: the process has died. Nothing of this life reaches the disk any more. */
  readonly onCrash: () => void;
}

/** The store as one life of a server sees it. `die()` ends that life. */
export interface FaultyStore extends Store {
  die(): void;
  /** Faults begin: a server starts on a disk that answers. */
  unleash(): void;
}

class DeadError extends Error {
  override readonly name = 'DeadError';
}

export function faultyStore({ disk, clock, random, faults, onCrash }: FaultyStoreOptions): FaultyStore {
  let alive = true;
  let unleashed = false;
  const happens = (chance: number) => unleashed && random.below(1000) < chance;
  const wait = async () => {
    const delayMs = random.below(faults.delayMaxMs + 1);
    if (delayMs > 0) await sleep(clock, delayMs);
    if (!alive) throw new DeadError('the process is gone');
  };
  const maybeCrash = () => {
    if (!happens(faults.crash)) return;
    alive = false;
    onCrash();
    throw new DeadError('the process is gone');
  };
  const write = async (op: WriteOp) => {
    await wait();
    maybeCrash();
    if (happens(faults.refuseWrite))
      throw new StoreIoError('Cannot write to the store', { cause: new Error('ENOSPC: no space left on device') });
    const stored = await disk.write(op);
    maybeCrash();
    if (happens(faults.loseAnswer)) throw new StoreIoError('Cannot write to the store: no answer came');
    await wait();
    return stored;
  };
  async function* watch(prefix: string, after: number, signal: AbortSignal): AsyncIterable<StoreEvent> {
    for await (const event of disk.watch(prefix, after, signal)) {
      await wait();
      if (happens(faults.breakWatch)) throw new SlowWatcherError(`The watch of "${prefix}" broke off`);
      yield event;
    }
  }
  return {
    write,
    watch,
    async read(key) {
      await wait();
      return disk.read(key);
    },
    async list(prefix, options) {
      await wait();
      if (happens(faults.refuseList)) throw new StoreIoError('Cannot read the store', { cause: new Error('EIO: i/o error') });
      return disk.list(prefix, options);
    },
    async revision() {
      await wait();
      return disk.revision();
    },
    compact: (revision) => disk.compact(revision),
    close: async () => {},
    die() {
      alive = false;
    },
    unleash() {
      unleashed = true;
    },
  };
}
