// The part of etcd's API v3 that the store uses, by field number: the same in every version since 3.4.
// Source: etcd's rpc.proto and kv.proto. Fields that Minke neither sends nor reads are left out.
import {
  bool,
  bytes,
  type DecodedOf,
  type EncodableOf,
  field,
  int32,
  int64,
  type Message,
  message,
  repeated,
  string,
} from '../../base/protobuf/mod.ts';

const header = message({ revision: field(3, int64) });
export const keyValue = message({
  key: field(1, bytes),
  createRevision: field(2, int64),
  modRevision: field(3, int64),
  version: field(4, int64),
  value: field(5, bytes),
});
export type KeyValue = NonNullable<DecodedOf<typeof keyValue>>;

export const rangeRequest = message({
  key: field(1, bytes),
  rangeEnd: field(2, bytes),
  limit: field(3, int64),
  revision: field(4, int64),
  keysOnly: field(8, bool),
  countOnly: field(9, bool),
});
const rangeResponse = message({ header: field(1, header), kvs: repeated(2, keyValue), more: field(3, bool), count: field(4, int64) });

const putRequest = message({ key: field(1, bytes), value: field(2, bytes), lease: field(3, int64) });
const putResponse = message({ header: field(1, header) });
const deleteRequest = message({ key: field(1, bytes), prevKv: field(3, bool) });
const deleteResponse = message({ header: field(1, header), deleted: field(2, int64), prevKvs: repeated(3, keyValue) });

/** One of them is given. */
const requestOp = message({ range: field(1, rangeRequest), put: field(2, putRequest), delete: field(3, deleteRequest) });
const responseOp = message({ range: field(1, rangeResponse), put: field(2, putResponse), delete: field(3, deleteResponse) });
export const compareTargets = { version: 0, modRevision: 2 } as const;
/** Says that the target is equal to the one number that is given; none is 0. */
const compare = message({ target: field(2, int32), key: field(3, bytes), version: field(4, int64), modRevision: field(6, int64) });
const txnRequest = message({ compare: repeated(1, compare), success: repeated(2, requestOp), failure: repeated(3, requestOp) });
const txnResponse = message({ header: field(1, header), succeeded: field(2, bool), responses: repeated(3, responseOp) });
export type TxnRequest = EncodableOf<typeof txnRequest>;
export type TxnResponse = DecodedOf<typeof txnResponse>;

const compactionRequest = message({ revision: field(1, int64) });
const compactionResponse = message({ header: field(1, header) });
const leaseGrantRequest = message({ ttl: field(1, int64), id: field(2, int64) });
const leaseGrantResponse = message({ header: field(1, header), id: field(2, int64), ttl: field(3, int64), error: field(4, string) });

const watchCreate = message({
  key: field(1, bytes),
  rangeEnd: field(2, bytes),
  startRevision: field(3, int64),
  prevKv: field(6, bool),
});
export const watchRequest = message({ create: field(1, watchCreate) });
export const eventTypes = { put: 0, delete: 1 } as const;
const event = message({ type: field(1, int32), kv: field(2, keyValue), prevKv: field(3, keyValue) });
export type EtcdEvent = NonNullable<DecodedOf<typeof event>>;
export const watchResponse = message({
  header: field(1, header),
  created: field(3, bool),
  canceled: field(4, bool),
  compactRevision: field(5, int64),
  cancelReason: field(6, string),
  events: repeated(11, event),
});

// biome-ignore lint/suspicious/noExplicitAny: any two messages; the types are inferred from the method.
type AnyMessage = Message<any>;

export interface Method<Q extends AnyMessage, R extends AnyMessage> {
  readonly path: string;
  readonly request: Q;
  readonly response: R;
}

export const methods = {
  range: { path: '/etcdserverpb.KV/Range', request: rangeRequest, response: rangeResponse },
  txn: { path: '/etcdserverpb.KV/Txn', request: txnRequest, response: txnResponse },
  compact: { path: '/etcdserverpb.KV/Compact', request: compactionRequest, response: compactionResponse },
  leaseGrant: { path: '/etcdserverpb.Lease/LeaseGrant', request: leaseGrantRequest, response: leaseGrantResponse },
} as const;
export const watchPath = '/etcdserverpb.Watch/Watch';
