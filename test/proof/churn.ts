// Steady churn of a durable store: whether its file stops growing, however long it goes on.
import { mkdtempSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { SeededRandom, silentLogger } from '../../src/base/mod.ts';
import { systemClock } from '../../src/base/ports/clock.ts';
import { systemFiles } from '../../src/base/ports/fs.ts';
import { openLmdbStore, type Store, type WriteOp } from '../../src/store/mod.ts';

export interface Churn {
  readonly writes: number;
  /** How many keys there are at most. */
  readonly keys: number;
  /** Of history, in bytes. */
  readonly retentionBytes: number;
  readonly seed: number;
}

/** After each twentieth of the writes. */
export interface ChurnSample {
  readonly writes: number;
  readonly fileBytes: number;
  /** What stands: keys and values. */
  readonly standingBytes: number;
}

/** How many writes go on at a time. */
const writersCount = 500;

/** Objects come, change a few times in size and content, and go. */
export async function churn({ writes, keys, retentionBytes, seed }: Churn): Promise<readonly ChurnSample[]> {
  const dir = mkdtempSync(join(tmpdir(), 'minke-churn-'));
  try {
    const store = await openLmdbStore({ dir, clock: systemClock, fs: systemFiles, log: silentLogger, retentionBytes });
    const samples: ChurnSample[] = [];
    const random = new SeededRandom(seed);
    const standing = new Map<string, { readonly revision: number; readonly bytes: number }>();
    for (let done = 0; done < writes; ) {
      const until = Math.min(writes, done + Math.ceil(writes / 20));
      for (; done < until; done += writersCount) await writeSome(store, standing, { keys, random });
      const standingBytes = [...standing.values()].reduce((sum, { bytes }) => sum + bytes, 0);
      samples.push({ writes: done, fileBytes: statSync(join(dir, 'data.mdb')).size, standingBytes });
    }
    await store.close();
    return samples;
  } finally {
    rmSync(dir, { recursive: true, force: true });
  }
}

type Standing = Map<string, { readonly revision: number; readonly bytes: number }>;

async function writeSome(store: Store, standing: Standing, { keys, random }: { keys: number; random: SeededRandom }): Promise<void> {
  const chosen = new Set(Array.from({ length: writersCount }, () => `/registry/core/pods/ns/pod-${random.below(keys)}`));
  await Promise.all(
    [...chosen].map(async (key) => {
      const at = standing.get(key);
      const value = new Uint8Array(500 + random.below(4_000));
      const op: WriteOp = !at
        ? { do: 'create', key, value }
        : random.below(4) === 0
          ? { do: 'delete', key, ifRevision: at.revision }
          : { do: 'update', key, value, ifRevision: at.revision };
      const { revision } = await store.write(op);
      if (op.do === 'delete') standing.delete(key);
      else standing.set(key, { revision, bytes: value.length });
    }),
  );
}

const megabytes = (bytes: number): string => `${(bytes / 2 ** 20).toFixed(0)} MB`;

/** `after 50,000 writes 63 MB, of which 11 MB stand`. */
export const churnLines = (samples: readonly ChurnSample[]): string =>
  samples
    .map(
      ({ writes, fileBytes, standingBytes }) =>
        `after ${writes} writes ${megabytes(fileBytes)}, of which ${megabytes(standingBytes)} stand`,
    )
    .join('\n');

/** How much larger the file is at the end than after a fifth of the writes, when it has long been full: 1 is not at all. */
export function growth(samples: readonly ChurnSample[]): number {
  const [early, late] = [samples[3], samples.at(-1)];
  return early && late ? late.fileBytes / early.fileBytes : Number.NaN;
}
