// Priority and fairness: a bound on what is under way, shared out by priority levels, so that a flood of one user leaves room for nodes, leader
// election and everybody else. Flow schemas and levels are read from the watch cache when they have changed.
// Source: https://kubernetes.io/docs/concepts/cluster-administration/flow-control/
import { type GroupVersionResource, tooManyRequests, type V1FlowSchema, type V1PriorityLevelConfiguration } from '../../api/mod.ts';
import type { Clock, Metrics } from '../../base/mod.ts';
import { requestTimeoutMs } from '../http/deadline.ts';
import type { EdgeResponse } from '../http/exchange.ts';
import type { RequestInfo } from '../http/request-info.ts';
import type { Answer, Exchange, Step } from '../pipeline.ts';
import type { ResourceCache } from '../watch-cache/mod.ts';
import { type FlowSchema, flowSchemasOf } from './classify.ts';
import { defaultLevels, defaultSchemas, mandatoryNames } from './default-objects.ts';
import { limitsOf } from './limits.ts';
import { createFlowMetrics, type FlowMetrics, noFlowMetrics } from './metrics.ts';
import { PriorityLevel, RejectedError, type Release } from './priority-level.ts';
import { Turns } from './turns.ts';

/** Requests under way at one time, of all levels together: as upstream, 400 that read and 200 that write. */
export const defaultSeats = 600;
/** A request waits for its turn no longer than this part of the time that it may take. */
const waitPart = 1 / 4;
const listedPerSeat = 100;
const seatsMax = 10;

export interface FairnessOptions {
  readonly clock: Clock;
  readonly metrics?: Metrics | undefined;
  /** Seats of all levels together. Default {@link defaultSeats}. */
  readonly seats?: number | undefined;
  /** Where the objects are; undefined for kinds that are not served: the defaults hold then. */
  readonly find?: ((of: GroupVersionResource) => { readonly cache: ResourceCache } | undefined) | undefined;
}

interface Level {
  readonly uid: string;
  readonly seats: PriorityLevel;
}

/** Where a request belongs. */
interface Place {
  readonly schema: FlowSchema;
  readonly level: Level;
}

/** The step of the pipeline. */
export function createFairness(options: FairnessOptions): Step {
  const fairness = new Fairness(options);
  return (exchange, next) => fairness.run(exchange, next);
}

class Fairness {
  readonly #options: FairnessOptions;
  readonly #metrics: FlowMetrics;
  readonly #source: { readonly schemas: ResourceCache | undefined; readonly levels: ResourceCache | undefined };
  readonly #levels = new Map<string, Level>();
  readonly #turns: Turns;
  #schemas: readonly FlowSchema[] = [];
  /** The last changes that the above are made of; undefined where a kind is not served. */
  #seen: { readonly schemas: number | undefined; readonly levels: number | undefined } | undefined;

  constructor(options: FairnessOptions) {
    this.#options = options;
    this.#turns = new Turns(options.clock);
    const cacheOf = (resource: string) => options.find?.({ group: 'flowcontrol.apiserver.k8s.io', version: 'v1', resource })?.cache;
    this.#source = { schemas: cacheOf('flowschemas'), levels: cacheOf('prioritylevelconfigurations') };
    this.#metrics = options.metrics ? createFlowMetrics(options.metrics, () => this.#each()) : noFlowMetrics;
  }

  run(exchange: Exchange, next: () => Answer): Answer {
    const { user, info } = exchange;
    // A watch takes a seat until it has begun. Streams of containers go on for as long as somebody looks at them, and cost little here.
    if (exchange.longRunning && info.as === 'resource' && info.verb !== 'watch') return next();
    this.#refresh();
    const schema = this.#schemas.find((one) => one.matches(user, info));
    const level = schema && this.#levels.get(schema.level);
    // The catch-all matches everybody who has been authenticated; who is left is let in to be refused.
    if (!schema || !level) return next();
    return this.#seated(exchange, next, { schema, level });
  }

  async #seated(exchange: Exchange, next: () => Answer, { schema, level }: Place): Promise<EdgeResponse> {
    const seat = this.#seat(exchange, schema, level);
    const release = seat instanceof Promise ? await seat : seat;
    try {
      const turn = level.seats.limits.exempt ? undefined : this.#turns.enter(schema.level);
      if (turn) await turn;
      const response = await next();
      const headers = {
        ...response.headers,
        'x-kubernetes-pf-flowschema-uid': schema.uid,
        'x-kubernetes-pf-prioritylevel-uid': level.uid,
      };
      return { ...response, headers };
    } finally {
      release();
    }
  }

  /** Throws, or rejects with, 429 when there is no room. */
  #seat({ deadline, info, user }: Exchange, schema: FlowSchema, { seats }: Level): Release | Promise<Release> {
    const startMs = this.#options.clock.monotonicMs();
    const seated = (release: Release): Release => {
      this.#metrics.dispatched(schema, (this.#options.clock.monotonicMs() - startMs) / 1000);
      return release;
    };
    const refused = (error: unknown): never => {
      if (!(error instanceof RejectedError)) throw error;
      this.#metrics.rejected(schema, error.reason);
      throw tooManyRequests('Too many requests, please try again later.', 1);
    };
    try {
      const release = seats.acquire({
        flow: `${schema.name}/${schema.distinguisher(user, info)}`,
        seats: this.#width(info),
        waitMsMax: requestTimeoutMs * waitPart,
        signal: () => deadline.signal,
      });
      return release instanceof Promise ? release.then(seated, refused) : seated(release);
    } catch (error) {
      return refused(error);
    }
  }

  /** A list takes seats by how many objects it goes through; everything else takes one. */
  #width(info: RequestInfo): number {
    if (info.as !== 'resource' || info.verb !== 'list') return 1;
    const found = this.#options.find?.(info);
    if (!found) return 1;
    const limit = Number(info.query.limit ?? 0);
    const listed = limit > 0 ? Math.min(limit, found.cache.size) : found.cache.size;
    return Math.min(seatsMax, Math.max(1, Math.ceil(listed / listedPerSeat)));
  }

  /** Takes over what has changed in the objects. Nearly always this is a comparison of two numbers. */
  #refresh(): void {
    const { schemas, levels } = this.#source;
    const seen = this.#seen;
    if (seen && seen.schemas === schemas?.lastChange && seen.levels === levels?.lastChange) return;
    this.#seen = { schemas: schemas?.lastChange, levels: levels?.lastChange };
    const stored = <T>(cache: ResourceCache | undefined) => (cache?.page({}).entries ?? []).map((entry) => entry.object as T);
    this.#schemas = flowSchemasOf(withDefaults(stored<V1FlowSchema>(schemas), defaultSchemas));
    this.#setLevels(withDefaults(stored<V1PriorityLevelConfiguration>(levels), defaultLevels));
  }

  #setLevels(objects: readonly V1PriorityLevelConfiguration[]): void {
    const limits = limitsOf(objects, this.#options.seats ?? defaultSeats);
    for (const object of objects) {
      const name = object.metadata?.name ?? '';
      const own = limits.get(name);
      if (!own) continue;
      const standing = this.#levels.get(name);
      const seats =
        standing?.seats ?? new PriorityLevel(own, { clock: this.#options.clock, spare: () => this.#spare(), freed: () => this.#lend() });
      standing?.seats.configure(own);
      this.#levels.set(name, { uid: object.metadata?.uid ?? '', seats });
    }
    // Requests of a level that has gone finish by what it was.
    for (const name of this.#levels.keys()) if (!limits.has(name)) this.#levels.delete(name);
  }

  /** Seats that levels would lend, less those that are lent. */
  #spare(): number {
    let spare = 0;
    for (const { seats } of this.#levels.values()) spare += seats.idle - seats.borrowed;
    return spare;
  }

  #lend(): void {
    for (const { seats } of this.#levels.values()) if (seats.waiting > 0) seats.dispatch();
  }

  *#each(): Generator<readonly [string, PriorityLevel]> {
    for (const [name, { seats }] of this.#levels) yield [name, seats];
  }
}

/** What is stored; where a cluster has none yet, or somebody took what must be there, the defaults. */
function withDefaults<T extends V1FlowSchema | V1PriorityLevelConfiguration>(stored: readonly T[], defaults: readonly T[]): readonly T[] {
  const names = new Set(stored.map((object) => object.metadata?.name));
  return [...stored, ...defaults.filter((object) => !names.has(object.metadata?.name) && (stored.length === 0 || isMandatory(object)))];
}

const isMandatory = (object: V1FlowSchema | V1PriorityLevelConfiguration): boolean => mandatoryNames.has(object.metadata?.name ?? '');
