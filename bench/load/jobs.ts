// What the load generator can be asked to do, and what it answers. One job a process: no job meets the garbage of another.
import type { Target } from './connection.ts';

export type Job =
  /** Creates pods `<prefix>-<n>` on so many connections. */
  | {
      readonly do: 'create';
      readonly target: Target;
      readonly path: string;
      readonly connections: number;
      readonly count: number;
      readonly prefix: string;
      /** `huge`: a ConfigMap of 100 KB instead of a pod. */
      readonly size: 'small' | 'large' | 'huge';
    }
  | { readonly do: 'get'; readonly target: Target; readonly path: string; readonly connections: number; readonly count: number }
  /** One request after the other, on one connection. */
  | { readonly do: 'list'; readonly target: Target; readonly path: string; readonly count: number }
  /** Opens watches, then sends `writes` requests, one at a time, and notes when every watcher has seen each. */
  | {
      readonly do: 'watch';
      readonly target: Target;
      readonly watchPath: string;
      readonly watchers: number;
      readonly writePath: string;
      readonly writes: number;
    }
  /** One small request after the other, a millisecond apart, for so long: what others' work adds to them. */
  | { readonly do: 'probe'; readonly target: Target; readonly pid: number; readonly request: PlainRequest; readonly ms: number }
  /** Sends each once. */
  | { readonly do: 'send'; readonly target: Target; readonly requests: readonly PlainRequest[] }
  /** So many watchers connect at once, are sent an event by each of so many writes, and break off together. */
  | {
      readonly do: 'storm';
      readonly target: Target;
      readonly path: string;
      readonly watchers: number;
      readonly writePath: string;
      readonly writes: number;
    }
  /** GETs on so many connections for so long, whatever the answers. */
  | { readonly do: 'flood'; readonly target: Target; readonly path: string; readonly connections: number; readonly ms: number };

export interface PlainRequest {
  readonly method: string;
  readonly path: string;
  readonly body?: string;
}

export interface RateResult {
  readonly perSecond: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  /** CPU seconds of the generator itself a second of the run: at 1 it is the bottleneck. */
  readonly generatorCpu: number;
}

export interface ListResult {
  readonly wholeMs: number;
  readonly firstByteMs: number;
  readonly bytes: number;
}

export interface WatchResult {
  readonly p50Ms: number;
  readonly p99Ms: number;
}

export interface ProbeResult {
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly longestMs: number;
  /** Less what the server's main thread (of process `pid`) and the prober itself waited for a core meanwhile: other load hardly moves it. */
  readonly longestOwnMs: number;
}

export interface FloodResult {
  readonly perSecond: number;
  /** How many were turned away with 429, in parts of 1. */
  readonly refused: number;
}

/** When each phase began, in milliseconds since the epoch; the last of them has ended some time before the answer. */
export interface StormResult {
  readonly connectMs: number;
  readonly writeMs: number;
  readonly breakOffMs: number;
}

/** A turn of a server's event loop. */
export interface Turn {
  /** Milliseconds since the epoch. */
  readonly endMs: number;
  readonly cpuMs: number;
}

interface Results {
  readonly create: RateResult;
  readonly get: RateResult;
  readonly list: ListResult;
  readonly watch: WatchResult;
  readonly probe: ProbeResult;
  readonly send: readonly number[];
  readonly storm: StormResult;
  readonly flood: FloodResult;
}

export type ResultOf<J extends Job> = Results[J['do']];
