// What every controller is made of: caches that wake keys, a work queue, a reconcile, an event recorder; and one stop.
import { hasReason, type KubeObject, type ResourceType } from '../../api/mod.ts';
import { type Clock, errorText, type Logger, type Random } from '../../base/mod.ts';
import {
  type Again,
  type ChangeHandler,
  type Client,
  createEventRecorder,
  createWorkQueue,
  type EventRecorder,
  type Informer,
  type Informers,
  type WorkQueue,
  type WorkQueueMetrics,
} from '../../client/mod.ts';

/** A resource that the server serves. Without `verbs` it has all of them, as in KindDefinition. */
export interface ServedKind extends ResourceType {
  readonly verbs?: readonly string[];
}

/** The kinds that users define, as they come and go. */
export interface CustomKinds {
  /** Those that are served now. */
  list(): readonly ServedKind[];
  /** Is first called with every kind that is served. Returns what removes the handler. */
  onChange(handler: CustomKindHandler): () => void;
}

export interface CustomKindHandler {
  readonly added: (kind: ServedKind) => void;
  readonly removed: (kind: ServedKind) => void;
}

export interface ControllerContext {
  readonly client: Client;
  readonly informers: Informers;
  /** Every resource there is: for those that work on all kinds. */
  readonly kinds: readonly ServedKind[];
  /** Those that users define, which come and go. Absent: there are none. */
  readonly customKinds?: CustomKinds | undefined;
  /** Where the queues count. Default: nowhere. */
  readonly queueMetrics?: WorkQueueMetrics | undefined;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
  readonly signal: AbortSignal;
}

/**
 * Makes the world as the key's object wants it, from caches. Level-triggered and idempotent. Throwing brings the key back
 * after its back-off. `key` is a CacheKey.
 */
export type Reconcile = (key: string, signal: AbortSignal) => Promise<Again>;

export const done: Again = { again: 'never' };
export const againAfter = (ms: number): Again => ({ again: 'afterMs', ms });

export interface ControllerOptions {
  /** Names it in logs; also the component of its events unless `component` is given. */
  readonly name: string;
  readonly component?: string;
  /** Keys worked on at once. Default 4. */
  readonly workers?: number;
  /** The caches that `reconcile` reads: no work starts before they are filled. */
  readonly caches: readonly Informer<never>[];
  readonly reconcile: Reconcile;
}

export interface Controller {
  readonly queue: WorkQueue;
  readonly events: EventRecorder;
  /** Like the informer's `onChange`; the handler goes when the controller stops. Returns what removes it before that. */
  on<T extends KubeObject>(informer: Informer<T>, handler: ChangeHandler<T>): () => void;
  /** Resolves when the signal has fired and everything has ended. */
  readonly stopped: Promise<void>;
}

/** Ends what follows a kind that is no more. */
export function forget(handlers: Map<ServedKind, () => void>, kind: ServedKind): void {
  handlers.get(kind)?.();
  handlers.delete(kind);
}

/** A cache of any type, for {@link ControllerOptions.caches}. */
export const cache = <T extends KubeObject>(informer: Informer<T>): Informer<never> => informer as unknown as Informer<never>;

export function startController(context: ControllerContext, options: ControllerOptions): Controller {
  const { clock, signal } = context;
  const { name, component = name, workers = 4, reconcile } = options;
  const log = context.log.with({ controller: name });
  const handlers = new Set<() => void>();
  const events = createEventRecorder({ ...context, log, random: context.random.child(`events of ${name}`), component });

  const queue = createWorkQueue({
    name,
    clock,
    log,
    signal,
    workers,
    metrics: context.queueMetrics,
    ready: Promise.all(options.caches.map((informer) => informer.synced)),
    work: async (key, stop) => {
      try {
        return await reconcile(key, stop);
      } catch (error) {
        // The cache was behind: the next try, with a newer one, is the ordinary course.
        const level = stop.aborted || hasReason(error, 'Conflict', 'NotFound') ? 'debug' : 'warn';
        log[level]('Reconcile failed; will retry', { key, error: errorText(error) });
        throw error;
      }
    },
  });

  return {
    queue,
    events,
    on(informer, handler) {
      const off = informer.onChange(handler);
      handlers.add(off);
      return () => {
        handlers.delete(off);
        off();
      };
    },
    stopped: queue.stopped.then(() => {
      for (const off of handlers) off();
      return events.stopped;
    }),
  };
}
