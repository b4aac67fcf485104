// Rounds of kill -9 against a real API server: writers and watchers go on over all of them, and what they saw is checked as one history.
import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parse } from 'yaml';
import { type Random, SeededRandom } from '../../src/base/mod.ts';
import { freePort, root } from '../e2e/harness.ts';
import { type Answer, Connection, type Credentials } from './connection.ts';
import type { Attempt, History, Read, Told, Watched } from './history.ts';

export interface KillRounds {
  readonly rounds: number;
  /** No round begins after so long. Default: all of them. */
  readonly maxMs?: number | undefined;
  readonly seed: number;
  readonly writers: number;
  readonly watchers: number;
  /** Flags of `minke apiserver` besides the data dir and the port. */
  readonly flags?: readonly string[];
}

const collection = '/api/v1/namespaces/proof/configmaps';
const keysCount = 40;
const readyMaxMs = 120_000;
const pause = (ms: number) => new Promise<void>((resolve) => setTimeout(resolve, ms));

interface ConfigMap {
  readonly metadata: { readonly name: string; readonly resourceVersion: string };
  readonly data?: { readonly v?: string };
}
const revisionOf = (object: ConfigMap): number => Number(object.metadata.resourceVersion);

/** A server that is started again after each kill, on the same data. */
class Server {
  readonly dir = mkdtempSync(join(tmpdir(), 'minke-proof-'));
  readonly #flags: readonly string[];
  #child: ChildProcess | undefined;
  port = 0;

  constructor(flags: readonly string[]) {
    this.#flags = flags;
  }

  /** Resolves when it answers. */
  async start(): Promise<void> {
    this.port ||= await freePort();
    const words = ['apiserver', '--data-dir', this.dir, `--secure-port=${this.port}`, ...this.#flags];
    const child = spawn(process.execPath, [join(root, 'bin/minke'), ...words], { stdio: ['ignore', 'ignore', 'pipe'] });
    this.#child = child;
    let said = '';
    child.stderr.on('data', (part) => {
      said += part;
    });
    const end = Date.now() + readyMaxMs;
    for (;;) {
      if (child.exitCode !== null) throw new Error(`the server ended with ${child.exitCode}: ${said}`);
      if (Date.now() > end) throw new Error(`the server was not ready after ${readyMaxMs} ms`);
      if (await this.#isReady()) return;
      await pause(10);
    }
  }

  async #isReady(): Promise<boolean> {
    try {
      const connection = new Connection(this.credentials());
      const { status } = await connection.ask('GET', '/readyz');
      connection.close();
      return status === 200;
    } catch {
      return false; // Neither its certificates nor its port are there yet.
    }
  }

  credentials(): Credentials {
    const config = parse(readFileSync(join(this.dir, 'admin.kubeconfig'), 'utf8'));
    const decoded = (text: string) => Buffer.from(text, 'base64').toString('utf8');
    const { 'client-certificate-data': cert, 'client-key-data': key } = config.users[0].user;
    return {
      port: this.port,
      ca: decoded(config.clusters[0].cluster['certificate-authority-data']),
      cert: decoded(cert),
      key: decoded(key),
    };
  }

  async kill(signal: 'SIGKILL' | 'SIGTERM' = 'SIGKILL'): Promise<void> {
    const child = this.#child;
    if (!child || child.exitCode !== null || child.signalCode !== null) return;
    const ended = new Promise((resolve) => child.once('exit', resolve));
    child.kill(signal);
    await ended;
  }

  remove(): void {
    rmSync(this.dir, { recursive: true, force: true });
  }
}

/** What all clients share. */
interface Proof {
  readonly server: Server;
  readonly attempts: Attempt[];
  readonly reads: Read[];
  /** Writers end when it is false, watchers when that is. */
  writing: boolean;
  watching: boolean;
}

/** Writes at random until it is stopped: creates, updates and deletes, with and without a revision. */
async function write(proof: Proof, client: string, random: Random): Promise<void> {
  const connection = new Connection(proof.server.credentials());
  /** What it believes of each key; undefined where it must look. */
  const known = new Map<string, number | 'absent' | undefined>();
  for (let n = 0; proof.writing; n++) {
    const key = `k${random.below(keysCount)}`;
    try {
      if (known.get(key) === undefined) known.set(key, await read(proof, connection, client, key));
      else
        known.set(
          key,
          await writeOnce(proof, connection, { client, key, random, value: `${client}-${n}`, at: known.get(key) as number | 'absent' }),
        );
    } catch {
      known.clear();
      await pause(5); // The server is down.
    }
  }
  connection.close();
}

async function read({ reads }: Proof, connection: Connection, client: string, key: string): Promise<number | 'absent'> {
  const startMs = performance.now();
  const { status, body } = await connection.ask('GET', `${collection}/${key}`);
  if (status !== 200 && status !== 404) throw new Error(`GET ${key}: ${status}`);
  const revision = status === 200 ? revisionOf(body as ConfigMap) : undefined;
  reads.push({ client, key, startMs, revision });
  return revision ?? 'absent';
}

interface Writing {
  readonly client: string;
  readonly key: string;
  readonly value: string;
  readonly random: Random;
  readonly at: number | 'absent';
}

/** Gives what is known of the key afterwards. Throws when no answer came. */
async function writeOnce({ attempts }: Proof, connection: Connection, { client, key, value, random, at }: Writing) {
  const what = at === 'absent' ? 'create' : random.below(10) === 0 ? 'delete' : 'update';
  const ifRevision = what === 'create' || random.below(5) === 0 ? undefined : (at as number);
  const precondition = ifRevision === undefined ? {} : { resourceVersion: String(ifRevision) };
  const object = { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: key, ...precondition }, data: { v: value } };
  const startMs = performance.now();
  const said = (outcome: Attempt['outcome']) =>
    attempts.push({ client, key, do: what, value, ifRevision, startMs, endMs: performance.now(), outcome });
  let answer: Answer;
  try {
    if (what === 'create') answer = await connection.ask('POST', collection, object);
    else if (what === 'update') answer = await connection.ask('PUT', `${collection}/${key}`, object);
    else
      answer = await connection.ask('DELETE', `${collection}/${key}`, {
        apiVersion: 'v1',
        kind: 'DeleteOptions',
        preconditions: precondition,
      });
  } catch (error) {
    said({ is: 'unknown' });
    throw error;
  }
  if (answer.status >= 500) {
    said({ is: 'unknown' });
    throw new Error(`${what} ${key}: ${answer.status}`);
  }
  if (answer.status >= 400) {
    said({ is: 'refused' });
    return undefined;
  }
  // A delete's answer does not say at which revision it happened.
  if (what === 'delete') return 'absent' as const;
  const revision = revisionOf(answer.body as ConfigMap);
  said({ is: 'done', revision });
  return revision;
}

/** Watches until it is stopped, each time from where it was, and writes down all that it is told. */
async function watch(proof: Proof, told: Told[], random: Random, from: number): Promise<void> {
  let revision = from;
  while (proof.watching) {
    const connection = new Connection(proof.server.credentials());
    const query = `watch=1&allowWatchBookmarks=true&timeoutSeconds=${1 + random.below(3)}&resourceVersion=${revision}`;
    try {
      for await (const line of connection.lines(`${collection}?${query}`, () => !proof.watching)) {
        const { type, object } = JSON.parse(line) as { type: string; object: ConfigMap };
        if (type === 'ERROR') throw new WatchError(`a watch from ${revision} ended with ${JSON.stringify(object)}`);
        revision = revisionOf(object);
        if (type === 'BOOKMARK') told.push({ is: 'bookmark', revision });
        else told.push({ is: 'event', type: type as 'ADDED', key: object.metadata.name, revision, value: object.data?.v ?? '' });
      }
    } catch (error) {
      if (error instanceof WatchError) throw error;
      await pause(5); // The server is down, or its answer was cut off.
    } finally {
      connection.close();
    }
  }
}

/** A watch that could not go on from where it was. */
class WatchError extends Error {
  override readonly name = 'WatchError';
}

/** Runs the rounds, and gives everything that clients saw. Throws when the server does not start, or a watcher cannot resume. */
export async function killRounds({
  rounds,
  maxMs = Number.POSITIVE_INFINITY,
  seed,
  writers,
  watchers,
  flags = [],
}: KillRounds): Promise<History & { readonly rounds: number }> {
  const random = new SeededRandom(seed);
  const server = new Server(flags);
  const proof: Proof = { server, attempts: [], reads: [], writing: true, watching: true };
  const watched = Array.from({ length: watchers }, (_, i) => ({ watcher: `watcher ${i}`, told: [] as Told[] }));
  let failure: unknown;
  let round = 0;
  const endMs = performance.now() + maxMs;
  const caught = (running: Promise<void>) =>
    running.catch((error) => {
      failure ??= error;
    });
  try {
    await server.start();
    const from = await prepare(server);
    const watching = watched.map(({ told }, i) => caught(watch(proof, told, random.child(`watcher ${i}`), from)));
    const writing = Array.from({ length: writers }, (_, i) => caught(write(proof, `writer ${i}`, random.child(`writer ${i}`))));
    for (; round < rounds && performance.now() < endMs && failure === undefined; round++) {
      // After so many writes more: a slow machine has slow rounds, not empty ones.
      const enough = proof.attempts.length + 20 + random.below(200);
      while (proof.attempts.length < enough && failure === undefined) await pause(1);
      await server.kill();
      await server.start();
    }
    proof.writing = false;
    await Promise.all(writing);
    const standing = await settle(server, watched, () => failure !== undefined);
    proof.watching = false;
    await Promise.all(watching);
    if (failure !== undefined) throw failure;
    return { attempts: proof.attempts, reads: proof.reads, watched, standing, rounds: round };
  } finally {
    proof.writing = false;
    proof.watching = false;
    await server.kill('SIGTERM');
    server.remove();
  }
}

/** Makes the namespace. Gives the revision from which to watch. */
async function prepare(server: Server): Promise<number> {
  const connection = new Connection(server.credentials());
  await connection.ask('POST', '/api/v1/namespaces', { apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'proof' } });
  const { body } = await connection.ask('GET', collection);
  connection.close();
  return revisionOf(body as ConfigMap);
}

/** Makes one last write, waits until every watcher has been told of it, and gives what stands. */
async function settle(server: Server, watched: readonly Watched[], failed: () => boolean): Promise<History['standing']> {
  const connection = new Connection(server.credentials());
  const last = { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'last' }, data: { v: 'last' } };
  const { status, body } = await connection.ask('POST', collection, last);
  if (status !== 201) throw new Error(`the last write was answered with ${status}`);
  const revision = revisionOf(body as ConfigMap);
  const end = Date.now() + readyMaxMs;
  while (!failed() && watched.some(({ told }) => (told.at(-1)?.revision ?? 0) < revision)) {
    if (Date.now() > end) throw new Error(`watchers were not told of the last write, at ${revision}, within ${readyMaxMs} ms`);
    await pause(20);
  }
  const list = (await connection.ask('GET', collection)).body as { readonly items: readonly ConfigMap[] };
  connection.close();
  return new Map(list.items.map((item) => [item.metadata.name, { revision: revisionOf(item), value: item.data?.v ?? '' }]));
}
