// The machine as the cluster's wiring sees it: every port in one value, so that a test can give others.
import type { Clock, Random } from '../../base/mod.ts';
import type { FileSystem } from '../../base/ports/fs.ts';
import type { Machine } from '../../base/ports/machine.ts';
import type { Processes } from '../../base/ports/process.ts';

export interface MachinePorts {
  readonly clock: Clock;
  readonly random: Random;
  readonly fs: FileSystem;
  readonly processes: Processes;
  readonly machine: Machine;
  readonly isRoot: boolean;
  /** This process. */
  readonly pid: number;
}
