// What the durable store is opened with. Apart from the code that loads the native library, so that naming it loads nothing.
import type { Clock, Logger } from '../../base/mod.ts';
import type { FileSystem } from '../../base/ports/fs.ts';

export interface LmdbStoreOptions {
  /** The directory that belongs to the store alone. Made (0700) when it does not exist. */
  readonly dir: string;
  readonly clock: Clock;
  readonly fs: FileSystem;
  readonly log: Logger;
  /** How long superseded values are kept, in milliseconds. Default one hour. */
  readonly retentionMs?: number | undefined;
  /** How many bytes of superseded values are kept. Default 1 GiB. */
  readonly retentionBytes?: number | undefined;
  /** How often retention is looked at, in milliseconds. Default a sixtieth of `retentionMs`, at least a second. */
  readonly retentionCheckMs?: number | undefined;
  /** How many events a watch may leave unread. Default 10,000. */
  readonly watchQueueMax?: number | undefined;
}
