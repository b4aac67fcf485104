// Calls to an etcd cluster over gRPC: several endpoints of which one is used, a deadline for each attempt, and the next endpoint
// when it fails. The gRPC library is loaded with the first call.
import type { Buffer } from 'node:buffer';
import type * as Grpc from '@grpc/grpc-js';
import { errorText, onAbort, sleep } from '../../base/mod.ts';
import type * as GrpcPort from '../../base/ports/grpc.ts';
import type { DecodedOf, EncodableOf, Message } from '../../base/protobuf/mod.ts';
import { ClosedError, StoreIoError } from '../store.ts';
import { type Method, watchPath, watchRequest, watchResponse } from './messages.ts';
import type { EtcdStoreOptions } from './options.ts';
import { Slots } from './slots.ts';

/**
 * A first attempt that takes longer goes to the next endpoint: a proposal that went down with its leader would be waited for
 * 7 s. Each further attempt has twice the time, for servers that are only slow.
 */
const attemptMs = 1_500;
const attemptMaxMs = 5_000;
const callsMax = 64;
/** Then the caller learns that it failed. Elections take one to two seconds. */
const callMs = 10_000;
const retryPauseMs = 50;
/** etcd refuses clients that ping more often than every 5 s. */
const keepaliveMs = 6_000;
const keepaliveTimeoutMs = 2_000;

export type ConnectionOptions = Pick<EtcdStoreOptions, 'endpoints' | 'tls' | 'clock' | 'log'>;

// biome-ignore lint/suspicious/noExplicitAny: any two messages; the types are inferred from the method.
type AnyMessage = Message<any>;
type Request<M> = M extends Method<infer Q, AnyMessage> ? EncodableOf<Q> : never;
type Response<M> = M extends Method<AnyMessage, infer R> ? DecodedOf<R> : never;
export type WatchResponse = DecodedOf<typeof watchResponse>;

/** etcd's answer to a call that it refuses. */
export class EtcdError extends Error {
  override readonly name = 'EtcdError';
  /** gRPC's status code. */
  readonly code: number;
  constructor(code: number, message: string, cause?: unknown) {
    super(message, { cause });
    this.code = code;
  }
}

export const codes = {
  invalidArgument: 3,
  deadlineExceeded: 4,
  notFound: 5,
  resourceExhausted: 8,
  outOfRange: 11,
  internal: 13,
  unavailable: 14,
};

export interface CallOptions {
  /** Called when an attempt failed whose effect is not known, before the next one. */
  readonly onRetry?: () => void;
  readonly signal?: AbortSignal | undefined;
}

/** One watch on a stream of its own. Backpressure reaches the server: what is not read is not fetched. */
export interface WatchStream extends AsyncIterable<WatchResponse> {
  close(): void;
}

interface Attempt {
  /** Which endpoint. */
  readonly at: number;
  readonly ms: number;
  readonly signal: AbortSignal | undefined;
}

interface Loaded {
  readonly grpc: typeof Grpc;
  readonly clients: readonly Grpc.Client[];
}

export class EtcdConnection {
  readonly #options: ConnectionOptions;
  readonly #closing = new AbortController();
  readonly #slots = new Slots(callsMax);
  #loading: Promise<Loaded> | undefined;
  #loaded: Loaded | undefined;
  /** Which endpoint is used. */
  #current = 0;

  constructor(options: ConnectionOptions) {
    this.#options = options;
  }

  /** Tries one endpoint after the other. Throws {@link EtcdError} when etcd refuses, {@link StoreIoError} when none answers. */
  call<M extends Method<AnyMessage, AnyMessage>>(method: M, request: Request<M>, options: CallOptions = {}): Promise<Response<M>> {
    return this.#slots.run(() => this.#call(method, request, options));
  }

  async #call<M extends Method<AnyMessage, AnyMessage>>(method: M, request: Request<M>, options: CallOptions): Promise<Response<M>> {
    const { clock, endpoints } = this.#options;
    const untilMs = clock.monotonicMs() + callMs;
    const bytes = method.request.encode(request);
    for (let ms = endpoints.length > 1 ? attemptMs : attemptMaxMs; ; ms = Math.min(2 * ms, attemptMaxMs)) {
      const at = this.#current;
      try {
        return await this.#attempt(method, bytes, { at, ms, signal: options.signal });
      } catch (error) {
        if (this.#closing.signal.aborted) throw new ClosedError('The store has been closed');
        options.signal?.throwIfAborted();
        if (!(error instanceof EtcdError) || !isPassing(error)) throw error;
        this.leave(at, error);
        options.onRetry?.();
        if (clock.monotonicMs() >= untilMs) throw this.#unreachable(error);
      }
      await sleep(clock, retryPauseMs, this.#closing.signal).catch(() => {});
    }
  }

  /** The endpoint in use, for {@link leave}. */
  get current(): number {
    return this.#current;
  }

  /** Uses the next endpoint from now on, unless that has happened already. */
  leave(endpoint: number, why: unknown): void {
    if (endpoint !== this.#current) return;
    const { endpoints, log } = this.#options;
    this.#current = (endpoint + 1) % endpoints.length;
    log.debug('etcd endpoint left', { from: endpoints[endpoint], to: endpoints[this.#current], error: errorText(why) });
  }

  /** Opens a watch at the endpoint in use. It ends with {@link EtcdError} when that fails, or loses its leader. */
  async watch(create: EncodableOf<typeof watchRequest>['create'], signal: AbortSignal): Promise<WatchStream> {
    const { grpc, clients } = await this.#load();
    const metadata = new grpc.Metadata();
    // A member that is cut off from the others would be silent for ever.
    metadata.set('hasleader', 'true');
    const stream = (clients[this.#current] as Grpc.Client).makeBidiStreamRequest(
      watchPath,
      (value: EncodableOf<typeof watchRequest>) => watchRequest.encode(value),
      (bytes: Buffer) => watchResponse.decode(bytes),
      metadata,
    );
    const off = onAbort(signal, () => stream.cancel());
    const close = () => {
      off();
      stream.cancel();
    };
    // One that is cancelled fails, also when nobody reads it any more.
    stream.on('error', () => {});
    stream.write({ create });
    return { close, [Symbol.asyncIterator]: () => responses(stream, close) };
  }

  close(): void {
    this.#closing.abort(new ClosedError('The store has been closed'));
    for (const client of this.#loaded?.clients ?? []) client.close();
  }

  async #attempt<M extends Method<AnyMessage, AnyMessage>>(method: M, bytes: Buffer, { at, ms, signal }: Attempt) {
    const { clients, grpc } = await this.#load();
    this.#closing.signal.throwIfAborted();
    return new Promise<Response<M>>((resolve, reject) => {
      const call = (clients[at] as Grpc.Client).makeUnaryRequest(
        method.path,
        (encoded: Buffer) => encoded,
        (answer: Buffer) => method.response.decode(answer) as Response<M>,
        bytes,
        new grpc.Metadata(),
        { deadline: this.#options.clock.nowMs() + ms },
        (error, value) => {
          off();
          if (error || value === undefined) reject(toEtcdError(error));
          else resolve(value);
        },
      );
      const off = onAbort(signal, () => call.cancel());
    });
  }

  #load(): Promise<Loaded> {
    this.#loading ??= import('../../base/ports/grpc.ts').then((port) => {
      const clients = this.#options.endpoints.map((endpoint) => this.#client(port, endpoint));
      this.#loaded = { grpc: port.grpc, clients };
      return this.#loaded;
    });
    return this.#loading;
  }

  #client({ grpc, tlsOptions }: typeof GrpcPort, endpoint: string): Grpc.Client {
    const { tls = {} } = this.#options;
    const { protocol, host, hostname } = new URL(endpoint);
    const plain = () => ({ credentials: grpc.credentials.createInsecure(), options: {} });
    const { credentials, options } = protocol === 'https:' ? tlsOptions(hostname, tls) : plain();
    return new grpc.Client(host, credentials, {
      ...options,
      'grpc.max_receive_message_length': -1,
      'grpc.max_send_message_length': -1,
      'grpc.initial_reconnect_backoff_ms': 100,
      'grpc.max_reconnect_backoff_ms': 1_000,
      'grpc.keepalive_time_ms': keepaliveMs,
      'grpc.keepalive_timeout_ms': keepaliveTimeoutMs,
      'grpc.use_local_subchannel_pool': 1,
      'grpc.enable_http_proxy': 0,
      'grpc.enable_retries': 0,
      'grpc.enable_channelz': 0,
    });
  }

  #unreachable(cause: EtcdError): StoreIoError {
    return new StoreIoError(`No etcd server answers (${this.#options.endpoints.join(', ')}): ${cause.message}`, { cause });
  }
}

async function* responses(stream: AsyncIterable<WatchResponse>, close: () => void): AsyncGenerator<WatchResponse> {
  try {
    for await (const response of stream) yield response;
  } catch (error) {
    throw toEtcdError(error);
  } finally {
    close();
  }
}

/** True when the same call may well succeed elsewhere or later. */
function isPassing({ code, message }: EtcdError): boolean {
  if (code === codes.resourceExhausted) return message.includes('too many requests');
  // INTERNAL and CANCELLED are what gRPC makes of a connection that breaks within a call.
  return code === codes.unavailable || code === codes.deadlineExceeded || code === codes.internal || code === 1;
}

function toEtcdError(error: unknown): EtcdError {
  const { code, details } = (error ?? {}) as { code?: unknown; details?: unknown };
  const text = typeof details === 'string' && details !== '' ? details : errorText(error);
  return new EtcdError(typeof code === 'number' ? code : codes.internal, text, error);
}
