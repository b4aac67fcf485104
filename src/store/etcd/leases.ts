// Leases for keys that expire. As upstream does it, keys made at about the same time share one, so that thousands of events need few.
// Source: k8s.io/apiserver/pkg/storage/etcd3/lease_manager.go.
import type { Clock } from '../../base/mod.ts';
import type { EtcdConnection } from './connection.ts';
import { methods } from './messages.ts';

/** A lease is used for new keys for so long, and lives as much longer than was asked for; of a short life, a twentieth. */
const reuseSeconds = 60;
const reuseShare = 0.05;
const keysMax = 1_000;

interface Lease {
  readonly id: bigint;
  readonly useUntilMs: number;
  keys: number;
}

export class Leases {
  readonly #connection: EtcdConnection;
  readonly #clock: Clock;
  /** By time to live in seconds. There are as many as flags name: one. */
  readonly #newest = new Map<number, Promise<Lease>>();

  constructor(connection: EtcdConnection, clock: Clock) {
    this.#connection = connection;
    this.#clock = clock;
  }

  /** A lease that ends `ttlSeconds` from now, or a little later. */
  async of(ttlSeconds: number): Promise<bigint> {
    for (;;) {
      const granting = this.#newest.get(ttlSeconds) ?? this.#grant(ttlSeconds);
      const lease = await granting;
      if (lease.keys < keysMax && this.#clock.monotonicMs() < lease.useUntilMs) {
        lease.keys++;
        return lease.id;
      }
      if (this.#newest.get(ttlSeconds) === granting) this.#newest.delete(ttlSeconds);
    }
  }

  #grant(ttlSeconds: number): Promise<Lease> {
    const extraSeconds = Math.min(reuseSeconds, Math.max(1, Math.ceil(ttlSeconds * reuseShare)));
    const useUntilMs = this.#clock.monotonicMs() + extraSeconds * 1000;
    const granting = this.#connection
      .call(methods.leaseGrant, { ttl: ttlSeconds + extraSeconds })
      .then((answer): Lease => ({ id: answer.id, useUntilMs, keys: 0 }));
    this.#newest.set(ttlSeconds, granting);
    granting.catch(() => {
      if (this.#newest.get(ttlSeconds) === granting) this.#newest.delete(ttlSeconds);
    });
    return granting;
  }
}
