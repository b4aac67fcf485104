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
      readonly size: 'small' | 'large';
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
    };

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

export type ResultOf<J extends Job> = J['do'] extends 'list' ? ListResult : J['do'] extends 'watch' ? WatchResult : RateResult;
