// kill -9 and a refusing disk, each in a process of its own: what was acknowledged is found again, what failed is not.
import { type ChildProcess, spawn } from 'node:child_process';
import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { silentLogger } from '../../base/mod.ts';
import { systemClock } from '../../base/ports/clock.ts';
import { systemFiles } from '../../base/ports/fs.ts';
import { openLmdbStore, type Store, StoreOpenError } from '../mod.ts';
import { takeChanges, text } from '../store.suite.ts';

const here = dirname(fileURLToPath(import.meta.url));
// Under node_modules, so that the bundle finds the packages it does not contain.
const bundleDir = join(here, `../../../node_modules/.minke-crash-${process.pid}`);
const script = join(bundleDir, 'child.mjs');
let dir = '';

beforeAll(async () => {
  await mkdir(bundleDir, { recursive: true });
  const options = { bundle: true, platform: 'node', format: 'esm', packages: 'external', logLevel: 'error' } as const;
  await build({ ...options, entryPoints: [join(here, 'crash.child.ts')], outfile: script });
  dir = await mkdtemp(join(tmpdir(), 'minke-crash-'));
});
afterAll(async () => {
  await rm(bundleDir, { recursive: true, force: true });
  await rm(dir, { recursive: true, force: true });
});

const openStore = (at: string) => openLmdbStore({ dir: at, clock: systemClock, fs: systemFiles, log: silentLogger });

interface Acknowledged {
  readonly key: string;
  readonly revision: number;
  /** Undefined for a delete. */
  readonly label?: string;
}

/** Starts the child; `facts` grows by what it says, `ended` resolves when all has been read. */
function start(command: string, args: readonly string[]): { child: ChildProcess; facts: Record<string, unknown>[]; ended: Promise<void> } {
  const child = spawn(command, args, { stdio: ['ignore', 'pipe', 'inherit'] });
  const facts: Record<string, unknown>[] = [];
  const ended = (async () => {
    if (!child.stdout) throw new Error('the child has no output');
    // A line cut short by the kill was not acknowledged to anybody.
    for await (const line of createInterface({ input: child.stdout })) if (line.endsWith('}')) facts.push(JSON.parse(line));
  })();
  return { child, facts, ended };
}

async function until(done: () => boolean): Promise<void> {
  while (!done()) await new Promise((resolve) => setTimeout(resolve, 5));
}

/** The label at the front of the value; fails when the rest does not belong to it. */
function labelOf(value: Uint8Array): string {
  const content = text(value);
  const label = content.slice(0, content.indexOf('|'));
  expect(content === `${label}|${label.repeat(200)}`.slice(0, 1500).padEnd(1500, '.'), `the value of ${label} is whole`).toBe(true);
  return label;
}

async function checkAll(store: Store, acknowledged: readonly Acknowledged[]): Promise<void> {
  const revision = await store.revision();
  const history = await takeChanges(store.watch('/', 0, new AbortController().signal), revision);
  expect(history.map((event) => event.revision)).toEqual(Array.from({ length: revision }, (_, i) => i + 1));
  for (const { key, revision: at, label } of acknowledged) {
    const event = history[at - 1];
    expect(event?.key).toBe(key);
    if (label === undefined) expect(event?.type).toBe('delete');
    else expect(event?.type === 'put' && labelOf(event.value)).toBe(label);
  }
  // The index and the history tell the same story.
  const standing = new Map<string, number>();
  for (const event of history) {
    if (event.type === 'put') standing.set(event.key, event.revision);
    else standing.delete(event.key);
  }
  const { items } = await store.list('/');
  expect(new Map(items.map((item) => [item.key, item.revision]))).toEqual(new Map([...standing].sort(([a], [b]) => (a < b ? -1 : 1))));
  for (const item of items) expect(labelOf(item.value).startsWith(`${item.key}#`)).toBe(true);
}

describe('kill -9', () => {
  test('loses no acknowledged write and tears none, round after round', async () => {
    const data = join(dir, 'killed');
    const acknowledged: Acknowledged[] = [];
    for (let round = 0; round < 5; round++) {
      const { child, facts, ended } = start(process.execPath, [script, 'write', data, `${round}`]);
      await until(() => facts.length > 50 + 100 * round);
      const refusal = await openStore(data).catch((error: unknown) => error);
      expect(refusal).toBeInstanceOf(StoreOpenError);
      expect((refusal as Error).message).toContain(`process ${child.pid} uses it`);
      child.kill('SIGKILL');
      await ended;
      acknowledged.push(...(facts.slice(1) as unknown as Acknowledged[]));
      const store = await openStore(data);
      await checkAll(store, acknowledged);
      await store.close();
    }
    expect(acknowledged.length).toBeGreaterThan(1000);
  });
});

describe('a disk that refuses', () => {
  test('fails the write with StoreIoError, shows nothing of it, and lets later ones through', async () => {
    const data = join(dir, 'full');
    // A limit on the size of files refuses as a full disk does, and needs no root. In blocks of 1024 bytes.
    const { child, facts, ended } = start('bash', ['-c', 'ulimit -f 2000; exec "$0" "$@"', process.execPath, script, 'fill', data]);
    const code = new Promise((resolve) => child.once('exit', resolve));
    await ended;
    expect(await code).toBe(0);
    const [, refused, later] = facts;
    expect(refused).toMatchObject({ io: true, visible: false, watched: false });
    const revision = refused?.revision as number;
    expect(revision).toBeGreaterThan(100);
    expect(revision).toBe((refused?.count as number) - 1);
    expect(later).toEqual({ again: revision + 1 });
    const store = await openStore(data);
    expect(await store.revision()).toBe(revision + 1);
    expect((await store.list('/')).items).toHaveLength(revision - 1);
    expect(await store.read(refused?.key as string)).toBeUndefined();
    await store.close();
  });
});
