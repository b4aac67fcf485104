// The reflector: keeps one cache equal to the server's state of one resource, by list and watch, through every fault.
import { type KubeObject, type Persisted, type ResourceType, StatusError } from '../api/mod.ts';
import { Backoff, type Clock, childController, errorText, type Logger, type Random, StoppedError, sleep } from '../base/mod.ts';
import type { CacheWriter } from './cache.ts';
import type { Client } from './client.ts';

/** A watch is asked to end after this long plus as much again at random, so that watches do not all end at once. */
const watchSecondsMin = 300;
/** How long after its time a watch that has not ended is taken for dead (a connection that fell silent). */
const watchGraceMs = 30_000;
/** A watch that lived this long, or brought anything, was healthy: the next trouble starts with the shortest delay again. */
const healthyMs = 10_000;
const retry = { baseMs: 200, maxMs: 30_000, jitter: 1 };

export interface ReflectorOptions<T extends KubeObject> {
  readonly client: Client;
  readonly type: ResourceType<T>;
  readonly writer: CacheWriter<T>;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
  readonly signal: AbortSignal;
  /** The first list is in the cache. */
  readonly onSynced: () => void;
}

/** Where to go on. After `list` the revision is that of the list, then of the last event or bookmark. */
type Position = { readonly at: 'list' } | { readonly at: 'watch'; readonly resourceVersion: string };

/** Runs until the signal fires. */
export async function runReflector<T extends KubeObject>(options: ReflectorOptions<T>): Promise<void> {
  const { clock, log, signal } = options;
  const backoff = new Backoff(retry, options.random);
  let position: Position = { at: 'list' };
  while (!signal.aborted) {
    try {
      const from: string = position.at === 'list' ? await listInto(options) : position.resourceVersion;
      position = { at: 'watch', resourceVersion: from };
      const watched = await watchFrom(options, from);
      if (watched.healthy) backoff.reset();
      position = { at: 'watch', resourceVersion: watched.resourceVersion };
      if (watched.error !== undefined) throw watched.error;
      if (!watched.healthy) await pause(clock, backoff.nextMs(), signal);
    } catch (error) {
      if (signal.aborted) return;
      if (isExpired(error)) position = { at: 'list' };
      const delayMs = backoff.nextMs();
      log.debug('List or watch broke off; will retry', { at: position.at, delayMs, error: errorText(error) });
      await pause(clock, delayMs, signal);
    }
  }
}

/** Gives the revision of the list. */
async function listInto<T extends KubeObject>(options: ReflectorOptions<T>): Promise<string> {
  const { client, type, signal, writer, onSynced } = options;
  const list = await client.list(type, { signal });
  writer.replaceAll(list.items);
  onSynced();
  return list.metadata.resourceVersion ?? '';
}

interface Watched {
  readonly resourceVersion: string;
  readonly healthy: boolean;
  readonly error: unknown;
}

async function watchFrom<T extends KubeObject>(options: ReflectorOptions<T>, from: string): Promise<Watched> {
  const { client, type, clock, random, signal, writer } = options;
  const timeoutSeconds = watchSecondsMin + random.below(watchSecondsMin);
  const { controller, unlink } = childController(signal);
  const watchdog = clock.after(timeoutSeconds * 1000 + watchGraceMs, () => controller.abort(new StoppedError('watch fell silent')));
  const startMs = clock.monotonicMs();
  let resourceVersion = from;
  let events = 0;
  let failure: unknown;
  try {
    const watch = client.watch(type, { resourceVersion, allowWatchBookmarks: true, timeoutSeconds, signal: controller.signal });
    for await (const event of watch) {
      // What arrives after the stop would reach handlers whose owners have gone.
      if (signal.aborted) break;
      events++;
      if (event.type === 'DELETED') writer.remove(event.object);
      else if (event.type !== 'BOOKMARK') writer.apply(event.object);
      resourceVersion = (event.object as Persisted<KubeObject>).metadata.resourceVersion;
    }
  } catch (error) {
    failure = error;
  } finally {
    watchdog.cancel();
    unlink();
    controller.abort(new StoppedError('watch ended'));
  }
  return { resourceVersion, healthy: events > 0 || clock.monotonicMs() - startMs >= healthyMs, error: failure };
}

/** 410 with reason Expired or Gone: the history from there on is no longer kept. */
const isExpired = (error: unknown): boolean => error instanceof StatusError && (error.code === 410 || error.reason === 'Expired');

async function pause(clock: Clock, ms: number, signal: AbortSignal): Promise<void> {
  try {
    await sleep(clock, ms, signal);
  } catch (error) {
    if (!signal.aborted) throw error;
  }
}
