// What concurrent clients saw of a server, and one checker for each promise. Pure: a history in, the broken promises out, in words.

/** One write as its client saw it. Times are of one clock. */
export interface Attempt {
  readonly client: string;
  readonly key: string;
  readonly do: 'create' | 'update' | 'delete';
  /** Different for each attempt. */
  readonly value: string;
  /** The revision that an update or delete asked for; undefined for none. */
  readonly ifRevision: number | undefined;
  readonly startMs: number;
  readonly endMs: number;
  /** Acknowledged at a revision, refused by the compare, or without an answer: then it may have happened or not. */
  readonly outcome: { readonly is: 'done'; readonly revision: number } | { readonly is: 'refused' } | { readonly is: 'unknown' };
}

/** What a watcher was told, over all its connections, in the order of arrival. */
export type Told =
  | {
      readonly is: 'event';
      readonly type: 'ADDED' | 'MODIFIED' | 'DELETED';
      readonly key: string;
      readonly revision: number;
      readonly value: string;
    }
  | { readonly is: 'bookmark'; readonly revision: number };

/** One read of a key. Undefined: it was not there. */
export interface Read {
  readonly client: string;
  readonly key: string;
  readonly startMs: number;
  readonly revision: number | undefined;
}

export interface Watched {
  readonly watcher: string;
  readonly told: readonly Told[];
}

export interface History {
  readonly attempts: readonly Attempt[];
  readonly reads: readonly Read[];
  readonly watched: readonly Watched[];
  /** What stood at the end. */
  readonly standing: ReadonlyMap<string, { readonly revision: number; readonly value: string }>;
}

type Event = Told & { readonly is: 'event' };
const eventsOf = ({ told }: Watched): Event[] => told.filter((one): one is Event => one.is === 'event');

/** Each watcher's revisions only grow. */
export const ordered = ({ watched }: History): string[] =>
  watched.flatMap(({ watcher, ...rest }) =>
    eventsOf({ watcher, ...rest }).flatMap((event, at, all) => {
      const before = all[at - 1];
      return before && before.revision > event.revision ? [`${watcher} was told ${event.revision} after ${before.revision}`] : [];
    }),
  );

/** No watcher is told one revision twice. */
export const unique = ({ watched }: History): string[] =>
  watched.flatMap((one) => {
    const seen = new Set<number>();
    return eventsOf(one).flatMap(({ revision }) => {
      const again = seen.has(revision);
      seen.add(revision);
      return again ? [`${one.watcher} was told ${revision} twice`] : [];
    });
  });

/** Every watcher is told every acknowledged write, and all are told the same. */
export function reliable({ attempts, watched }: History): string[] {
  const problems: string[] = [];
  const toldAt = new Map<number, Event>();
  for (const one of watched) {
    for (const event of eventsOf(one)) {
      const other = toldAt.get(event.revision);
      if (!other) toldAt.set(event.revision, event);
      else if (other.key !== event.key || other.value !== event.value || other.type !== event.type)
        problems.push(`${one.watcher} was told ${describe(event)}, another ${describe(other)}`);
    }
  }
  for (const one of watched) {
    const own = new Set(eventsOf(one).map(({ revision }) => revision));
    for (const event of toldAt.values()) if (!own.has(event.revision)) problems.push(`${one.watcher} was not told ${describe(event)}`);
  }
  for (const { client, key, value, outcome, do: what } of attempts) {
    if (outcome.is !== 'done') continue;
    const event = toldAt.get(outcome.revision);
    if (!event) problems.push(`nobody was told the ${what} of ${key} by ${client}, acknowledged at ${outcome.revision}`);
    else if (event.key !== key || (what !== 'delete' && event.value !== value))
      problems.push(
        `the ${what} of ${key} by ${client} was acknowledged at ${outcome.revision}, where watchers were told ${describe(event)}`,
      );
  }
  return problems;
}

const describe = ({ type, key, revision, value }: Event): string => `${type} ${key}=${value} at ${revision}`;

/** After a bookmark nothing comes that is not newer. */
export const bookmarkTrue = ({ watched }: History): string[] =>
  watched.flatMap(({ watcher, told }) => {
    let bookmark = 0;
    return told.flatMap((one) => {
      if (one.is === 'bookmark') {
        bookmark = Math.max(bookmark, one.revision);
        return [];
      }
      return one.revision <= bookmark ? [`${watcher} was told ${describe(one)} after a bookmark at ${bookmark}`] : [];
    });
  });

/** What is told of each key is a life: added, modified, deleted, added again; and it ends as the key stands. */
export function wholeLives({ watched, standing }: History): string[] {
  return watched.flatMap((one) => {
    const alive = new Map<string, Event>();
    const problems: string[] = [];
    for (const event of eventsOf(one)) {
      const is = alive.has(event.key);
      if (is === (event.type === 'ADDED'))
        problems.push(`${one.watcher} was told ${describe(event)} of a key that was ${is ? '' : 'not '}there`);
      if (event.type === 'DELETED') alive.delete(event.key);
      else alive.set(event.key, event);
    }
    for (const key of new Set([...alive.keys(), ...standing.keys()])) {
      const [told, stands] = [alive.get(key), standing.get(key)];
      if (told?.revision !== stands?.revision || told?.value !== stands?.value)
        problems.push(
          `${one.watcher} knows ${key} as ${told?.value} at ${told?.revision}; it stands as ${stands?.value} at ${stands?.revision}`,
        );
    }
    return problems;
  });
}

/**
 * Compare-and-swap is linearizable: the writes of a key form one chain in which each acknowledged update or delete follows directly on the revision
 * that it asked for, and a write that began after another was acknowledged comes after it.
 */
export function linearizable({ attempts, watched }: History): string[] {
  const problems: string[] = [];
  const chains = chainsOf(watched);
  const done = attempts.filter(({ outcome }) => outcome.is === 'done').map((attempt) => ({ ...attempt, revision: revisionOf(attempt) }));
  for (const { key, client, ifRevision, revision, do: what } of done) {
    const chain = chains.get(key) ?? [];
    const before = chain[chain.indexOf(revision) - 1];
    if (ifRevision !== undefined && before !== ifRevision)
      problems.push(
        `the ${what} of ${key} by ${client} asked for ${ifRevision} and was acknowledged at ${revision}, which follows on ${before}`,
      );
  }
  const byEnd = [...done].sort((a, b) => a.endMs - b.endMs);
  let newest = 0;
  let at = 0;
  for (const attempt of [...done].sort((a, b) => a.startMs - b.startMs)) {
    for (let ended = byEnd[at]; ended && ended.endMs < attempt.startMs; ended = byEnd[++at]) newest = Math.max(newest, ended.revision);
    if (attempt.revision <= newest)
      problems.push(
        `the ${attempt.do} of ${attempt.key} by ${attempt.client} began after ${newest} was acknowledged, and came before it, at ${attempt.revision}`,
      );
  }
  return problems;
}

const revisionOf = ({ outcome }: Attempt): number => (outcome.is === 'done' ? outcome.revision : 0);

/** The revisions of each key, in order, as watchers were told. */
function chainsOf(watched: readonly Watched[]): ReadonlyMap<string, readonly number[]> {
  const chains = new Map<string, number[]>();
  for (const { key, revision } of watched[0] ? eventsOf(watched[0]) : []) {
    const chain = chains.get(key);
    if (chain) chain.push(revision);
    else chains.set(key, [revision]);
  }
  return chains;
}

/** A write without an answer happened once or not at all; one that was refused never happened. */
export function atMostOnce({ attempts, watched }: History): string[] {
  const told = new Map<string, number>();
  for (const event of watched[0] ? eventsOf(watched[0]) : []) {
    if (event.type !== 'DELETED') told.set(`${event.key}=${event.value}`, (told.get(`${event.key}=${event.value}`) ?? 0) + 1);
  }
  return attempts.flatMap(({ client, key, value, outcome, do: what }) => {
    if (what === 'delete') return [];
    const times = told.get(`${key}=${value}`) ?? 0;
    const most = outcome.is === 'refused' ? 0 : 1;
    return times > most ? [`the ${what} of ${key}=${value} by ${client}, ${outcome.is}, happened ${times} times`] : [];
  });
}

/** A read sees every write that was acknowledged before it began, or what came after that. */
export function freshReads({ attempts, reads, watched }: History): string[] {
  const chains = chainsOf(watched);
  const byEnd = attempts.filter(({ outcome }) => outcome.is === 'done').sort((a, b) => a.endMs - b.endMs);
  const newest = new Map<string, number>();
  let at = 0;
  return [...reads]
    .sort((a, b) => a.startMs - b.startMs)
    .flatMap(({ client, key, startMs, revision }) => {
      for (let ended = byEnd[at]; ended && ended.endMs < startMs; ended = byEnd[++at])
        newest.set(ended.key, Math.max(newest.get(ended.key) ?? 0, revisionOf(ended)));
      const acknowledged = newest.get(key) ?? 0;
      // What is not there was deleted at that revision or later, unless it never was.
      const seen = revision ?? chains.get(key)?.at(-1) ?? 0;
      return seen < acknowledged ? [`${client} read ${key} at ${revision ?? 'nothing'} after ${acknowledged} was acknowledged`] : [];
    });
}

/** Every promise with its checker. */
export const checkers = { ordered, unique, reliable, bookmarkTrue, wholeLives, linearizable, atMostOnce, freshReads } as const;

/** All that is broken, at most `max` lines a promise. */
export const brokenPromises = (history: History, max = 5): string[] =>
  Object.entries(checkers).flatMap(([promise, check]) =>
    check(history)
      .slice(0, max)
      .map((problem) => `${promise}: ${problem}`),
  );
