// The process that the damage tests start: makes a store, damages copies of its file, and says what became of each. A death says which copy it was.
import { join } from 'node:path';
import { SeededRandom, silentLogger } from '../../base/mod.ts';
import { systemClock } from '../../base/ports/clock.ts';
import { systemFiles as fs } from '../../base/ports/fs.ts';
import { CompactedError, checkLmdbStore, openLmdbStore, type Store, type StoreEvent, StoreOpenError } from '../mod.ts';
import { pageSize } from './pages.ts';

type Change = Exclude<StoreEvent, { type: 'progress' }>;

const [root = '', first = '1', count = '1'] = process.argv.slice(2);
const say = (fact: unknown) => process.stdout.write(`${JSON.stringify(fact)}\n`);
const openAt = (dir: string): Promise<Store> => openLmdbStore({ dir, clock: systemClock, fs, log: silentLogger, retentionBytes: 2 ** 30 });
const never = new AbortController().signal;

function padded(label: string, size: number): Uint8Array {
  return new TextEncoder().encode(`${label}|`.padEnd(size, label));
}

/** Values within pages and on pages of their own, trees of several levels, history, keys that expire, free pages. */
async function makeStore(dir: string): Promise<void> {
  const random = new SeededRandom(7);
  const standing = new Map<string, number>();
  for (let life = 0; life < 3; life++) {
    const store = await openAt(dir);
    for (let round = 0; round < 8; round++) {
      const keys = new Set(
        Array.from({ length: 40 }, () => `/registry/core/things/namespace-${random.below(5)}/a-rather-long-name-${random.below(200)}`),
      );
      await Promise.all(
        [...keys].map(async (key) => {
          const at = standing.get(key);
          const value = padded(`${key}@${life}.${round}`, [60, 60, 700, 3_000, 9_000, 30_000][random.below(6)] ?? 0);
          if (at !== undefined && random.below(4) === 0) {
            await store.write({ do: 'delete', key, ifRevision: at });
            standing.delete(key);
            return;
          }
          const ttlSeconds = random.below(3) === 0 ? 1e6 : undefined;
          const op = at === undefined ? ({ do: 'create' } as const) : ({ do: 'update', ifRevision: at } as const);
          standing.set(key, (await store.write({ ...op, key, value, ttlSeconds })).revision);
        }),
      );
    }
    if (life === 1) await store.compact((await store.revision()) - 200);
    await store.close();
  }
}

interface Truth {
  readonly items: ReadonlyMap<string, { readonly revision: number; readonly value: Uint8Array }>;
  readonly history: readonly Change[];
  readonly compacted: number;
  readonly revision: number;
}

async function readHistory(store: Store, after: number, until: number): Promise<Change[]> {
  const events: Change[] = [];
  if (after === until) return events;
  for await (const event of store.watch('/', after, never)) {
    if (event.type !== 'progress') events.push(event);
    if (event.revision >= until) break;
  }
  return events;
}

async function truthOf(dir: string): Promise<Truth> {
  const store = await openAt(dir);
  const { items, revision } = await store.list('/');
  let compacted = 0;
  const history = await readHistory(store, 0, revision).catch((error: unknown) => {
    if (!(error instanceof CompactedError)) throw error;
    compacted = error.oldest;
    return readHistory(store, compacted, revision);
  });
  await store.close();
  return { items: new Map(items.map((item) => [item.key, item])), history, compacted, revision };
}

/** Damages the file somewhere, most often within a page of a tree. Gives what was done. */
async function damage(path: string, random: SeededRandom): Promise<string> {
  const content = Buffer.from((await fs.read(path)) ?? []);
  const { what, length } = damageBytes(content, random);
  await fs.write(path, content.subarray(0, length));
  return what;
}

function damageBytes(content: Buffer, random: SeededRandom): { readonly what: string; readonly length: number } {
  const { length } = content;
  const pages = length / pageSize;
  const treePages = Array.from({ length: pages }, (_, page) => page).filter(
    (page) => page < 2 || [1, 2].includes(content.readUInt16LE(page * pageSize + 18)),
  );
  const page = random.below(3) === 0 ? random.below(pages) : (treePages[random.below(treePages.length)] ?? 0);
  // Heads and tables of nodes are at the beginning of a page.
  const at = page * pageSize + random.below(random.below(2) === 0 ? 200 : pageSize);
  const kind = random.below(10);
  if (kind < 5) {
    content[at] = (content[at] as number) ^ (1 << random.below(8));
    return { what: `flipped a bit of byte ${at} (page ${page})`, length };
  }
  if (kind < 7) {
    const many = Math.min(1 + random.below(64), length - at);
    for (let i = 0; i < many; i++) content[at + i] = random.below(256);
    return { what: `noise of ${many} bytes at ${at} (page ${page})`, length };
  }
  if (kind === 7) {
    content.fill(random.below(2) === 0 ? 0 : 0xff, page * pageSize, (page + 1) * pageSize);
    return { what: `page ${page} wiped`, length };
  }
  if (kind === 8) {
    const other = treePages[random.below(treePages.length)] ?? 0;
    content.copy(content, page * pageSize, other * pageSize, (other + 1) * pageSize);
    return { what: `page ${other} over page ${page}`, length };
  }
  const left = random.below(length);
  return { what: `cut to ${left} bytes`, length: left };
}

const same = (a: Uint8Array, b: Uint8Array): boolean => Buffer.compare(a, b) === 0;

/** What is wrong with what the store gives, and whether it said that something is damaged. */
async function judge(store: Store, truth: Truth): Promise<{ wrong: string[]; told: boolean }> {
  const wrong: string[] = [];
  let told = false;
  const { items, revision } = await store.list('/');
  if (revision !== truth.revision) wrong.push(`revision ${revision} and not ${truth.revision}`);
  if (items.length !== truth.items.size) wrong.push(`${items.length} keys and not ${truth.items.size}`);
  for (const { key, value, revision: at, unreadable } of items) {
    const right = truth.items.get(key);
    if (right?.revision !== at) wrong.push(`${key} at ${at} and not ${right?.revision}`);
    else if (unreadable !== undefined) told = true;
    else if (!same(value, right.value)) wrong.push(`${key} has another value`);
  }
  const oldest = await store.list('/', { revision: truth.compacted }).catch((error: unknown) => {
    if (!(error instanceof CompactedError)) throw error;
    told = true;
    return undefined;
  });
  if (oldest && oldest.items.length === 0) wrong.push('nothing stood at the oldest revision');
  try {
    const history = await readHistory(store, truth.compacted, truth.revision);
    for (const [i, event] of history.entries()) {
      const right = truth.history[i];
      const broken = event.type === 'put' ? event.unreadable : event.previous.unreadable;
      if (event.previous?.unreadable !== undefined || broken !== undefined) told = true;
      else if (right?.type === 'put' && event.type === 'put' && !same(right.value, event.value))
        wrong.push(`event ${event.revision} has another value`);
      if (right?.key !== event.key || right.type !== event.type || right.revision !== event.revision)
        wrong.push(`event ${event.revision} is another one`);
    }
  } catch (error) {
    if (!(error instanceof CompactedError)) throw error;
    told = true;
  }
  return { wrong, told };
}

/** Writes over, deletes and creates, compacts, and looks again after a restart. Gives what is wrong. */
async function goOn(store: Store, dir: string, random: SeededRandom): Promise<string[]> {
  const { items } = await store.list('/');
  const expected = new Map(items.map((item) => [item.key, item.unreadable === undefined ? item.value : undefined]));
  await Promise.all(
    items.map(async ({ key, revision }) => {
      const chance = random.below(12);
      if (chance > 1 && items.length > 20) return;
      if (chance === 0) await store.write({ do: 'delete', key, ifRevision: revision });
      else await store.write({ do: 'update', key, value: padded(`${key} anew`, 2_000), ifRevision: revision });
      if (chance === 0) expected.delete(key);
      else expected.set(key, padded(`${key} anew`, 2_000));
    }),
  );
  await store.compact(await store.revision());
  for (let group = 0; group < 3; group++) {
    const made = Array.from({ length: 10 }, (_, i) => ({ key: `/new/${group}-${i}`, value: padded(`${group}-${i}`, 20_000) }));
    await Promise.all(made.map(({ key, value }) => store.write({ do: 'create', key, value })));
    for (const { key, value } of made) expected.set(key, value);
  }
  await store.close();
  const again = await openAt(dir);
  const after = await again.list('/');
  await again.close();
  const wrong = after.items.length === expected.size ? [] : [`${after.items.length} keys after writes, and not ${expected.size}`];
  for (const { key, value, unreadable } of after.items) {
    const right = expected.get(key);
    if (unreadable === undefined && right && !same(value, right)) wrong.push(`${key} has another value after writes`);
    if (unreadable !== undefined && right) wrong.push(`${key} cannot be read after writes`);
  }
  return wrong;
}

async function round(dir: string, truth: Truth, random: SeededRandom): Promise<{ became: string; wrong: readonly string[] }> {
  let store: Store;
  const check = await checkLmdbStore(dir, fs).catch((error: unknown) => {
    if (!(error instanceof StoreOpenError)) throw error;
    return undefined;
  });
  try {
    store = await openAt(dir);
  } catch (error) {
    if (!(error instanceof StoreOpenError)) throw error;
    return { became: 'refused', wrong: check && check.problems.length === 0 ? [`a sound store is refused: ${error.message}`] : [] };
  }
  const { wrong, told } = await judge(store, truth);
  if (told && check?.problems.length === 0) wrong.push('the check found nothing');
  wrong.push(...(await goOn(store, dir, random)));
  return { became: told ? 'told' : check?.problems.length === 0 ? 'untouched' : 'found by the check', wrong };
}

const sound = join(root, 'sound');
await makeStore(sound);
const truth = await truthOf(sound);
for (let seed = Number(first); seed < Number(first) + Number(count); seed++) {
  const random = new SeededRandom(seed);
  const dir = join(root, `copy-${seed}`);
  await fs.mkdir(dir);
  await fs.copy(join(sound, 'data.mdb'), join(dir, 'data.mdb'));
  const what = await damage(join(dir, 'data.mdb'), random);
  await fs.write(join(root, 'last'), `seed ${seed}: ${what}`);
  const { became, wrong } = await round(dir, truth, random).catch((error: unknown) => ({ became: 'failed', wrong: [String(error)] }));
  say({ seed, what, became, wrong });
  await fs.remove(dir);
}
