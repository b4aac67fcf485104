// Concurrent clients of an API core over a disk with seeded faults, under the virtual clock: one seed, one history, the same each time.

import { type KubeObject, StatusError } from '../../src/api/mod.ts';
import { type ApiCore, createApiCore } from '../../src/apiserver/mod.ts';
import type { RequestContext, ResourceRequest, Result, WatchFrame } from '../../src/apiserver/request.ts';
import { configMaps, namespaces } from '../../src/apiserver/testing/fixture.ts';
import { errorText, type Random, SeededRandom, silentLogger, sleep, VirtualClock } from '../../src/base/mod.ts';
import { turn } from '../../src/base/ports/clock.ts';
import { openMemoryStore, type Store } from '../../src/store/mod.ts';
import { type Faults, type FaultyStore, faultyStore } from './faulty-store.ts';
import { type Attempt, brokenPromises, type History, type Read, type Told, type Watched } from './history.ts';

export interface SeededRounds {
  readonly seed: number;
  readonly writers: number;
  readonly watchers: number;
  /** How many writes are tried. */
  readonly attempts: number;
  readonly faults: Faults;
  /**
   * Compaction takes history that watchers have not seen: one that cannot resume lists anew, and is told the difference as a client
   * works it out. Not every write is told then, but what is told is still in order, and ends with what stands.
   */
  readonly compactsAll: boolean;
}

/** What the run went through besides its history. */
export interface SeededHistory extends History {
  readonly crashes: number;
  readonly compactions: number;
  readonly relists: number;
}

const keysCount = 8;
const settleMaxMs = 600_000;

/** A server from its start to its crash. */
interface Life {
  readonly core: ApiCore;
  readonly store: FaultyStore;
  readonly stop: AbortController;
}

interface Run {
  readonly clock: VirtualClock;
  readonly random: Random;
  readonly disk: Store;
  readonly faults: Faults;
  life: Life | undefined;
  crashes: number;
  compactions: number;
  relists: number;
  /** The clients' own time: it grows by each thing that they see, so that what happens at one instant has an order. */
  ticks: number;
  readonly attempts: Attempt[];
  readonly reads: Read[];
  readonly watched: (Watched & { told: Told[]; revision: number })[];
  readonly attemptsMax: number;
  readonly compactsAll: boolean;
  watching: boolean;
}

/** Resolves when the server answers. */
async function startLife(run: Run): Promise<void> {
  const { clock, random, disk, faults } = run;
  const stop = new AbortController();
  const onCrash = () => {
    run.crashes++;
    run.life = undefined;
    stop.abort(new Error('the process is gone'));
  };
  const store = faultyStore({ disk, clock, random: random.child(`disk ${run.crashes}`), faults, onCrash });
  const kinds = [namespaces, configMaps];
  const core = await createApiCore({
    store,
    kinds,
    clock,
    random: random.child(`core ${run.crashes}`),
    log: silentLogger,
    serviceCidr: '10.96.0.0/24',
    sharedStore: false,
    ringLimits: { events: 8, bytes: 4096 },
    signal: stop.signal,
  });
  store.unleash();
  run.life = { core, store, stop };
}

function ask(run: Run, request: ResourceRequest): Promise<Result> {
  const { life, clock, random } = run;
  if (!life) return Promise.reject(new Error('nobody listens'));
  const context: RequestContext = {
    user: { name: 'admin', groups: ['system:masters'] },
    clock,
    random,
    log: silentLogger,
    signal: life.stop.signal,
    userAgent: 'proof/1.0',
    warn: () => {},
  };
  // A request that is under way when the process dies is never answered: its client sees the connection break.
  return new Promise((resolve, reject) => {
    const gone = () => reject(new Error('the connection broke'));
    life.stop.signal.addEventListener('abort', gone, { once: true });
    life.core
      .execute(request, context)
      .then(resolve, reject)
      .finally(() => life.stop.signal.removeEventListener('abort', gone));
  });
}

const target = { kind: configMaps, namespace: 'default' };

async function write(run: Run, client: string, random: Random): Promise<void> {
  const known = new Map<string, number | 'absent'>();
  for (let n = 0; run.attempts.length < run.attemptsMax; n++) {
    const key = `k${random.below(keysCount)}`;
    try {
      const at = known.get(key) ?? (await read(run, client, key));
      const after = await writeOnce(run, { client, key, random, value: `${client}-${n}`, at });
      if (after === undefined) known.delete(key);
      else known.set(key, after);
    } catch {
      known.clear();
    }
    await sleep(run.clock, random.below(20));
  }
}

async function read(run: Run, client: string, key: string): Promise<number | 'absent'> {
  const startMs = ++run.ticks;
  const answer = await ask(run, { ...target, verb: 'get', name: key }).catch((error: unknown) => {
    if (error instanceof StatusError && error.status.code === 404) return undefined;
    throw error;
  });
  const revision = answer && revisionOf(answer);
  run.reads.push({ client, key, startMs, revision });
  return revision ?? 'absent';
}

const revisionOf = (answer: Result): number =>
  answer.as === 'object' ? Number(answer.entry.object.metadata?.resourceVersion) : Number.NaN;

interface Writing {
  readonly client: string;
  readonly key: string;
  readonly value: string;
  readonly random: Random;
  readonly at: number | 'absent';
}

/** Gives what is known of the key afterwards. Throws when its fate is unknown. */
async function writeOnce(run: Run, { client, key, value, random, at }: Writing): Promise<number | 'absent' | undefined> {
  const what = at === 'absent' ? 'create' : random.below(8) === 0 ? 'delete' : 'update';
  const ifRevision = at === 'absent' || random.below(5) === 0 ? undefined : at;
  const precondition = ifRevision === undefined ? {} : { resourceVersion: String(ifRevision) };
  const object = {
    apiVersion: 'v1',
    kind: 'ConfigMap',
    metadata: { name: key, namespace: 'default', ...precondition },
    data: { v: value },
  };
  const options = { apiVersion: 'v1', kind: 'DeleteOptions', preconditions: precondition };
  const startMs = ++run.ticks;
  const said = (outcome: Attempt['outcome']) =>
    run.attempts.push({ client, key, do: what, value, ifRevision, startMs, endMs: ++run.ticks, outcome });
  try {
    const body = { as: 'object', object: what === 'delete' ? options : object } as const;
    const answer = await ask(run, { ...target, verb: what, ...(what === 'create' ? {} : { name: key }), body });
    // A delete's answer does not say at which revision it happened.
    if (what === 'delete') return 'absent';
    const revision = revisionOf(answer);
    said({ is: 'done', revision });
    return revision;
  } catch (error) {
    const refused = error instanceof StatusError && error.status.code !== undefined && error.status.code < 500;
    said({ is: refused ? 'refused' : 'unknown' });
    if (!refused) throw error;
    return undefined;
  }
}

/** Watches until it is stopped, each time from where it was, and writes down all that it is told. */
async function watch(run: Run, own: Run['watched'][number], random: Random): Promise<void> {
  while (run.watching) {
    try {
      const query = { allowWatchBookmarks: true, resourceVersion: String(own.revision) } as never;
      const answer = await ask(run, { ...target, verb: 'watch', query });
      if (answer.as !== 'watch') throw new Error(`a watch was answered with a ${answer.as}`);
      const { life } = run;
      for await (const frames of answer.frames) {
        if (life !== run.life || !run.watching) break;
        for (const frame of frames) note(own, frame);
        if (random.below(40) === 0) break;
        if (random.below(10) === 0) await sleep(run.clock, random.below(200));
      }
    } catch (error) {
      if (error instanceof WatchError) throw error;
      if (error instanceof ExpiredError && !run.compactsAll) throw new WatchError(`${own.watcher}, from ${own.revision}: ${error.message}`);
      if (error instanceof ExpiredError) await listAnew(run, own).catch(() => {}); // A server that is gone is asked again.
    }
    await sleep(run.clock, 1 + random.below(50));
  }
}

function note(own: Run['watched'][number], frame: WatchFrame): void {
  if (frame.type === 'ERROR') {
    if (frame.status.code === 410) throw new ExpiredError(frame.status.message);
    throw new Error(frame.status.message);
  }
  if (frame.type === 'BOOKMARK') {
    own.revision = Number(frame.resourceVersion);
    own.told.push({ is: 'bookmark', revision: own.revision });
    return;
  }
  const told = noteOf(frame.type, frame.entry.object);
  own.revision = told.revision;
  own.told.push(told);
}

/** Lists, and tells the difference to what was known as changes. */
async function listAnew(run: Run, own: Run['watched'][number]): Promise<void> {
  const answer = await ask(run, { ...target, verb: 'list' });
  if (answer.as !== 'list') throw new Error(`a list was answered with a ${answer.as}`);
  run.relists++;
  const known = new Map<string, Told & { readonly is: 'event' }>();
  for (const one of own.told) {
    if (one.is === 'event' && one.type === 'DELETED') known.delete(one.key);
    else if (one.is === 'event') known.set(one.key, one);
  }
  const listed = answer.entries.map(({ object }) => noteOf(known.has(object.metadata?.name ?? '') ? 'MODIFIED' : 'ADDED', object));
  const present = new Set(listed.map(({ key }) => key));
  const changed = listed.filter(({ key, revision }) => known.get(key)?.revision !== revision).sort((a, b) => a.revision - b.revision);
  own.revision = Number(answer.resourceVersion);
  const gone = [...known.values()].filter(({ key }) => !present.has(key));
  own.told.push(...changed, ...gone.map((one) => ({ ...one, type: 'DELETED' as const, revision: own.revision })));
}

function noteOf(type: 'ADDED' | 'MODIFIED' | 'DELETED', object: KubeObject): Told & { readonly is: 'event' } {
  const { metadata, data } = object as { metadata?: { name?: string; resourceVersion?: string }; data?: { v?: string } };
  return { is: 'event', type, key: metadata?.name ?? '', revision: Number(metadata?.resourceVersion), value: data?.v ?? '' };
}

/** 410: the history after the asked revision is gone. */
class ExpiredError extends Error {
  override readonly name = 'ExpiredError';
}

/** A watch that could not go on from where it was, although its history is kept. */
class WatchError extends Error {
  override readonly name = 'WatchError';
}

/** Runs one seed, and gives everything that clients saw. Throws when nothing goes on any more, or a watcher cannot resume. */
export async function seededRounds({ seed, writers, watchers, attempts, faults, compactsAll }: SeededRounds): Promise<SeededHistory> {
  const random = new SeededRandom(seed);
  const disk = openMemoryStore();
  const clock = new VirtualClock({ settle: turn });
  const watched = Array.from({ length: watchers }, (_, i) => ({ watcher: `watcher ${i}`, told: [], revision: 0 }));
  const base = {
    compactsAll,
    crashes: 0,
    compactions: 0,
    relists: 0,
    ticks: 0,
    attempts: [],
    reads: [],
    attemptsMax: attempts,
    watching: true,
  };
  const run: Run = { ...base, clock, random, disk, faults, life: undefined, watched };
  let failure: unknown;
  let ended = 0;
  const own = (work: Promise<void>) =>
    void work
      .catch((error: unknown) => {
        failure ??= error;
      })
      .finally(() => ended++);
  own(keepAlive(run));
  await advance(run, () => run.life !== undefined);
  for (const one of watched) one.revision = await disk.revision();
  const chances = random.child('compaction');
  for (const [i, one] of watched.entries()) own(watch(run, one, random.child(`watcher ${i}`)));
  let writing = writers;
  for (let i = 0; i < writers; i++) own(write(run, `writer ${i}`, random.child(`writer ${i}`)).finally(() => writing--));
  while (writing > 0 && failure === undefined) {
    await clock.advance(1 + chances.below(300));
    if (chances.below(compactsAll ? 3 : 10) === 0) await compact(run);
  }
  const last = failure === undefined ? await disk.revision() : 0;
  // Faults go on; the last event must reach everybody all the same.
  await advance(run, () => failure !== undefined || watched.every(({ revision }) => revision >= last));
  run.watching = false;
  run.life?.stop.abort(new Error('the run is over'));
  await advance(run, () => ended > writers + watchers);
  if (failure !== undefined) throw failure;
  const { reads, crashes, compactions, relists } = run;
  return { attempts: run.attempts, reads, watched, standing: await standingOf(disk), crashes, compactions, relists };
}

/** Starts the server again after each crash, until the run is over. */
async function keepAlive(run: Run): Promise<void> {
  while (run.watching) {
    if (!run.life) await startLife(run);
    await sleep(run.clock, 10);
  }
}

/** No progress in ten minutes is a failure, and so are many turns of the event loop in which nothing waits for time. */
async function advance(run: Run, done: () => boolean): Promise<void> {
  const endMs = run.clock.nowMs() + settleMaxMs;
  for (let turns = 0; !(await run.clock.advanceUntil(done, settleMaxMs)); turns++) {
    if (turns > 1000 || run.clock.nowMs() >= endMs) throw new Error('nothing goes on any more');
    await turn();
  }
}

/** Drops the history that every watcher has seen, or all. */
async function compact(run: Run): Promise<void> {
  run.compactions++;
  const newest = await run.disk.revision();
  await run.disk.compact(run.compactsAll ? newest : Math.min(newest, ...run.watched.map(({ revision }) => revision)));
}

async function standingOf(disk: Store): Promise<History['standing']> {
  const { items } = await disk.list('/registry/core/configmaps/default/');
  return new Map(
    items.map(({ key, value, revision }) => {
      const { data } = JSON.parse(new TextDecoder().decode(value)) as { data?: { v?: string } };
      return [key.slice(key.lastIndexOf('/') + 1), { revision, value: data?.v ?? '' }];
    }),
  );
}

/** Different faults for different seeds: a swarm finds more than one storm. */
export function faultsOf(seed: number): Faults {
  const random = new SeededRandom(seed).child('faults');
  const maybe = (most: number) => (random.below(2) === 0 ? 0 : random.below(most + 1));
  return {
    refuseWrite: maybe(200),
    loseAnswer: maybe(100),
    refuseList: maybe(500),
    breakWatch: maybe(100),
    crash: maybe(40),
    delayMaxMs: random.below(30),
  };
}

/** What holds also where compaction takes what watchers have not seen. */
const alwaysTrue: ReadonlySet<string> = new Set(['ordered', 'bookmarkTrue', 'wholeLives']);

/** Runs so many seeds. Throws with the seed at the first broken promise; else gives what they went through in all. */
export async function checkSeeds({ first, count, compactsAll }: { first: number; count: number; compactsAll: boolean }) {
  const seen = { crashes: 0, compactions: 0, relists: 0, done: 0, refused: 0, unknown: 0, events: 0 };
  for (let seed = first; seed < first + count; seed++) {
    const options = { seed, writers: 4, watchers: 3, attempts: 150, faults: faultsOf(seed), compactsAll };
    const history = await seededRounds(options).catch((cause: unknown) => {
      throw new Error(`seed ${seed}, compaction of everything: ${compactsAll}: ${errorText(cause)}`, { cause });
    });
    const broken = brokenPromises(history).filter((line) => !compactsAll || alwaysTrue.has(line.slice(0, line.indexOf(':'))));
    if (broken.length > 0) throw new Error(`seed ${seed}, compaction of everything: ${compactsAll}: ${broken.join('; ')}`);
    seen.crashes += history.crashes;
    seen.compactions += history.compactions;
    seen.relists += history.relists;
    for (const { outcome } of history.attempts) seen[outcome.is]++;
    for (const { told } of history.watched) seen.events += told.length;
  }
  return seen;
}
