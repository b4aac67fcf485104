// What the store in etcd is opened with. Apart from the code that loads the gRPC library, so that naming it loads nothing.
import type { Clock, Logger } from '../../base/mod.ts';
import type { GrpcTls } from '../../base/ports/grpc.ts';

export interface EtcdStoreOptions {
  /** `https://127.0.0.1:2379`; plain text with `http://`. At least one. */
  readonly endpoints: readonly string[];
  readonly tls?: GrpcTls | undefined;
  /** What keys begin with in etcd: `/registry`. */
  readonly prefix: string;
  /** What keys begin with in the store, in whose place `prefix` stands in etcd. Default nothing. */
  readonly replaces?: string | undefined;
  readonly clock: Clock;
  readonly log: Logger;
  /** How often history is compacted, in milliseconds: what is older than one to two intervals goes. 0: never. Default 5 minutes. */
  readonly compactionIntervalMs?: number | undefined;
  /** How many events a watch may leave unread. Default 10,000. */
  readonly watchQueueMax?: number | undefined;
}
