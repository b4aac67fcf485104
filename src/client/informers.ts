// The informers of one process: makes, shares and stops one reflector and one cache a resource.
import { setMaxListeners } from 'node:events';
import type { KubeObject, ResourceType } from '../api/mod.ts';
import { type Clock, errorText, type Logger, onAbort, type Random, StoppedError, Tasks } from '../base/mod.ts';
import { createCache } from './cache.ts';
import type { Client } from './client.ts';
import type { Informer, Informers } from './informer.ts';
import { runReflector } from './reflector.ts';

export interface InformersOptions {
  readonly client: Client;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
  readonly signal: AbortSignal;
}

export interface OwnedInformers extends Informers {
  /** Resolves when the signal has fired and every watch has ended. */
  readonly stopped: Promise<void>;
}

const nameOf = (type: ResourceType): string => `${type.resource}.${type.version}.${type.group}`;

/** `synced` rejects with StoppedError when the signal fires before the first list. */
export function createInformers(options: InformersOptions): OwnedInformers {
  const { signal, log } = options;
  // Each informer listens to it: many listeners are no leak.
  setMaxListeners(0, signal);
  const tasks = new Tasks(log);
  const running = new Map<string, { informer: Informer<KubeObject>; stop: () => void }>();
  const stopped = new Promise<void>((resolve) => {
    onAbort(signal, () => resolve());
  }).then(() => tasks.settled());

  function start<T extends KubeObject>(type: ResourceType<T>, name: string): Informer<T> {
    const own = new AbortController();
    const unlink = onAbort(signal, (reason) => own.abort(reason));
    const { informer, run } = createInformer({ ...options, signal: own.signal, log: log.with({ resource: name }) }, type);
    running.set(name, {
      informer: informer as unknown as Informer<KubeObject>,
      stop: () => {
        unlink();
        own.abort(new StoppedError(`informer of ${name}`));
      },
    });
    tasks.run(`reflector of ${name}`, own.signal, run);
    return informer;
  }

  return {
    of<T extends KubeObject>(type: ResourceType<T>) {
      const name = nameOf(type);
      const known = running.get(name);
      return known ? (known.informer as unknown as Informer<T>) : start(type, name);
    },
    release(type) {
      const name = nameOf(type);
      running.get(name)?.stop();
      running.delete(name);
    },
    async synced() {
      await Promise.all([...running.values()].map(({ informer }) => informer.synced));
    },
    stopped,
  };
}

/** One informer whose reflector its owner runs. */
function createInformer<T extends KubeObject>(
  options: InformersOptions,
  type: ResourceType<T>,
): { informer: Informer<T>; run: () => Promise<void> } {
  const { signal, log } = options;
  const { reader, writer } = createCache<T>({
    onHandlerError: (error) => log.error('Change handler failed', { error: errorText(error) }),
  });
  let hasSynced = false;
  let onSynced = () => {};
  const synced = new Promise<void>((resolve, reject) => {
    const off = onAbort(signal, (reason) => reject(reason));
    onSynced = () => {
      hasSynced = true;
      off();
      resolve();
    };
  });
  // Whoever waits for it sees the rejection; that nobody waits is no error.
  synced.catch(() => {});
  const informer: Informer<T> = {
    ...reader,
    type,
    synced,
    get hasSynced() {
      return hasSynced;
    },
  };
  return { informer, run: () => runReflector({ ...options, type, writer, onSynced }) };
}
