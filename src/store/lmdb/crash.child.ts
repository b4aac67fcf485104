// The process that the crash tests start: it writes to a store and says on standard output what was acknowledged.
import { silentLogger } from '../../base/mod.ts';
import { systemClock } from '../../base/ports/clock.ts';
import { systemFiles } from '../../base/ports/fs.ts';
import { openLmdbStore, type Store, StoreIoError } from '../mod.ts';

const [mode = '', dir = '', round = '0'] = process.argv.slice(2);
// Writes to a pipe are done when the call returns: what has been said survives the kill.
const say = (fact: unknown) => process.stdout.write(`${JSON.stringify(fact)}\n`);

/** A value that shows whether it is whole: a label, and padding that depends on it. */
function paddedValue(label: string): Uint8Array {
  return new TextEncoder().encode(`${label}|${label.repeat(200)}`.slice(0, 1500).padEnd(1500, '.'));
}

async function writeForever(store: Store, writer: number): Promise<never> {
  for (let i = 0; ; i++) {
    const key = `/w${writer}/r${round}-${i}`;
    const made = await store.write({ do: 'create', key, value: paddedValue(`${key}#1`) });
    say({ key, revision: made.revision, label: `${key}#1` });
    const changed = await store.write({ do: 'update', key, value: paddedValue(`${key}#2`), ifRevision: made.revision });
    say({ key, revision: changed.revision, label: `${key}#2` });
    if (i % 3 > 0) continue;
    const gone = await store.write({ do: 'delete', key, ifRevision: changed.revision });
    say({ key, revision: gone.revision, label: undefined });
  }
}

/** Writes until the disk refuses, and says what the store shows then; makes room, and writes on. */
async function fill(store: Store): Promise<void> {
  const seen: string[] = [];
  const stop = new AbortController();
  const watching = (async () => {
    for await (const event of store.watch('/', 0, stop.signal)) if (event.type !== 'progress') seen.push(event.key);
  })();
  let refused: { key: string; error: unknown } | undefined;
  let count = 0;
  for (; !refused && count < 10_000; count++) {
    const key = `/k${count}`;
    await store.write({ do: 'create', key, value: paddedValue(key) }).catch((error: unknown) => {
      refused = { key, error };
    });
  }
  const key = refused?.key ?? '';
  const io = refused?.error instanceof StoreIoError;
  say({ key, io, visible: (await store.read(key)) !== undefined, watched: seen.includes(key), revision: await store.revision(), count });
  await store.compact(await store.revision()).catch(() => {});
  // What fits into pages that are there already must go through.
  const again = await store.write({ do: 'delete', key: '/k0', ifRevision: 1 }).then(
    (stored) => stored.revision,
    (error: unknown) => String(error),
  );
  say({ again });
  stop.abort();
  await watching;
  await store.close();
}

const store = await openLmdbStore({ dir, clock: systemClock, fs: systemFiles, log: silentLogger });
say({ pid: process.pid });
if (mode === 'fill') await fill(store);
else await Promise.all(Array.from({ length: 8 }, (_, writer) => writeForever(store, writer)));
