// What a node and its pods use, as whoever measures tells it to the server that shows it as NodeMetrics and PodMetrics.

export interface UsageFigures {
  readonly atMs: number;
  /** Billionths of a cpu; undefined when it is not known yet. */
  readonly nanoCores: number | undefined;
  /** Over how long that was taken; absent when nobody says. */
  readonly windowMs?: number;
  readonly workingSetBytes: number;
}

export interface PodUsage {
  readonly namespace: string;
  readonly name: string;
  readonly uid: string;
  readonly containers: readonly { readonly name: string; readonly usage: UsageFigures }[];
}

export interface NodeUsage {
  readonly usage: UsageFigures;
  readonly pods: readonly PodUsage[];
}
