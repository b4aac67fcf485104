// What a part of the benchmark is given.
import type { Report } from './report.ts';

export interface PartContext {
  readonly report: Report;
  /** Says why something was not measured. */
  readonly skip: (what: string, why: string) => void;
  /** A new directory's path for a cluster; taken away, with all that the cluster left, when the part has ended or failed. */
  readonly clusterDir: () => string;
  /** A directory for anything else. */
  readonly scratchDir: string;
}

export interface Part {
  readonly name: string;
  readonly about: string;
  /** It takes minutes, and runs when it is asked for by name. */
  readonly onlyByName?: true;
  readonly run: (context: PartContext) => Promise<void>;
}
