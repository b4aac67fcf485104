// A gRPC channel to a unix socket: deadlines on every call, status codes as errors, quick reconnecting.
// The gRPC library is loaded at the first call, so that a control plane without nodes does not pay for it.
import type { Buffer } from 'node:buffer';
import type * as Grpc from '@grpc/grpc-js';
import { BoundedQueue, type Clock, onAbort } from '../../base/mod.ts';
import type { Message } from '../../base/protobuf/mod.ts';
import type { Method } from './messages.ts';
import { RuntimeError } from './runtime.ts';

/** Lists of all containers of a full node, and the output of an exec, fit in. */
const messageMaxBytes = 16 * 1024 * 1024;
const reconnectMinMs = 100;
const reconnectMaxMs = 1_000;
/** Messages of a stream that wait for their reader; a slower reader loses the stream and starts again. */
const streamQueueMax = 4_096;

export interface ChannelOptions {
  readonly socketPath: string;
  readonly clock: Clock;
  /** What calls reject with, of gRPC's own error. Default: {@link RuntimeError}. */
  readonly errorOf?: (what: string, error: unknown) => Error;
}

// biome-ignore lint/suspicious/noExplicitAny: any two messages; the types are inferred from the method.
type AnyMessage = Message<any>;
type RequestOf<M> = M extends Method<infer Q, AnyMessage> ? (Q extends AnyMessage ? Parameters<Q['encode']>[0] : never) : never;
type ResponseOf<M> = M extends Method<AnyMessage, infer R> ? (R extends AnyMessage ? ReturnType<R['decode']> : never) : never;

export interface UnaryOptions {
  readonly deadlineMs: number;
  readonly signal?: AbortSignal | undefined;
  readonly headers?: Readonly<Record<string, string>>;
}

/** One stream of a service that only answers. */
export interface StreamRequest {
  readonly path: string;
  readonly body: Buffer;
  readonly headers: Readonly<Record<string, string>>;
  readonly signal: AbortSignal;
}

export interface Channel {
  /** Rejects with what `errorOf` makes; before a call was made, with {@link RuntimeError}. */
  unary<M extends Method<AnyMessage, AnyMessage>>(method: M, request: RequestOf<M>, options: UnaryOptions): Promise<ResponseOf<M>>;
  /** Messages as bytes until the server ends it, `signal` fires (both end the iteration), or it breaks (rejects with {@link RuntimeError}). */
  stream(request: StreamRequest): Promise<AsyncIterable<Buffer>>;
  /** Ends every call that is under way, with `unavailable`. No call may follow. */
  close(): void;
}

const channelOptions: Grpc.ClientOptions = {
  'grpc.max_receive_message_length': messageMaxBytes,
  'grpc.max_send_message_length': messageMaxBytes,
  'grpc.initial_reconnect_backoff_ms': reconnectMinMs,
  'grpc.max_reconnect_backoff_ms': reconnectMaxMs,
  // A channel of our own: another cluster's may have the same address again after a restart.
  'grpc.use_local_subchannel_pool': 1,
  'grpc.enable_http_proxy': 0,
  'grpc.enable_retries': 0,
  'grpc.enable_channelz': 0,
};

type Loaded = { readonly grpc: typeof Grpc; readonly client: Grpc.Client };

export function openChannel(options: ChannelOptions): Channel {
  const { socketPath, clock, errorOf = toRuntimeError } = options;
  let loading: Promise<Loaded> | undefined;
  let client: Grpc.Client | undefined;
  let closed = false;

  const load = (): Promise<Loaded> => {
    loading ??= import('../../base/ports/grpc.ts').then(({ grpc }) => {
      client = new grpc.Client(`unix://${socketPath}`, grpc.credentials.createInsecure(), channelOptions);
      return { grpc, client };
    });
    return loading;
  };

  return {
    async unary(method, request, { deadlineMs, signal, headers = {} }) {
      const name = method.path.slice(method.path.lastIndexOf('/') + 1);
      if (closed) throw new RuntimeError('unavailable', `Cannot call ${name}: the connection to ${socketPath} is closed`);
      if (signal?.aborted) throw new RuntimeError('unknown', `${name} was stopped before it began`, signal.reason);
      const { grpc, client } = await load();
      return new Promise((resolve, reject) => {
        const call = client.makeUnaryRequest(
          method.path,
          (value: typeof request) => method.request.encode(value),
          (bytes: Buffer) => method.response.decode(bytes) as ResponseOf<typeof method>,
          request,
          metadataOf(grpc, headers),
          { deadline: clock.nowMs() + deadlineMs },
          (error, value) => {
            off();
            if (error || value === undefined) reject(errorOf(name, error));
            else resolve(value);
          },
        );
        const off = onAbort(signal, () => call.cancel());
      });
    },

    async stream({ path, body, headers, signal }) {
      if (closed) throw new RuntimeError('unavailable', `Cannot call ${path}: the connection to ${socketPath} is closed`);
      const { grpc, client } = await load();
      const identity = (bytes: Buffer) => bytes;
      const call = client.makeServerStreamRequest(path, identity, identity, body, metadataOf(grpc, headers), {});
      const queue = new BoundedQueue<Buffer>(streamQueueMax);
      call.on('data', (bytes: Buffer) => {
        if (queue.push(bytes)) return;
        queue.fail(new RuntimeError('unavailable', `The stream ${path} was read too slowly: more than ${streamQueueMax} messages waited`));
        call.cancel();
      });
      call.on('end', () => queue.close());
      call.on('error', (error: Error) => (signal.aborted ? queue.close() : queue.fail(toRuntimeError(path, error))));
      const off = onAbort(signal, () => {
        queue.close();
        call.cancel();
      });
      return readAll(queue, () => {
        off();
        call.cancel();
      });
    },

    close() {
      closed = true;
      client?.close();
    },
  };
}

function metadataOf(grpc: typeof Grpc, headers: Readonly<Record<string, string>>): Grpc.Metadata {
  const metadata = new grpc.Metadata();
  for (const [key, value] of Object.entries(headers)) metadata.set(key, value);
  return metadata;
}

async function* readAll(queue: BoundedQueue<Buffer>, done: () => void): AsyncGenerator<Buffer> {
  try {
    yield* queue;
  } finally {
    done();
  }
}

/** gRPC's numbers of the codes that the kubelet tells apart. https://grpc.io/docs/guides/status-codes/ */
const codes: Readonly<Record<number, RuntimeError['code']>> = {
  3: 'invalidArgument',
  4: 'deadlineExceeded',
  5: 'notFound',
  12: 'unimplemented',
  14: 'unavailable',
};

/** The runtime's own words are the message: they end up in events and conditions as upstream shows them. */
export function toRuntimeError(what: string, error: unknown): RuntimeError {
  if (error instanceof RuntimeError) return error;
  const { code, details } = (error ?? {}) as { code?: unknown; details?: unknown };
  const kind = (typeof code === 'number' ? codes[code] : undefined) ?? 'unknown';
  // gRPC's own error says the same once more: as a cause it would only double the text.
  if (typeof details === 'string' && details !== '') return new RuntimeError(kind, details);
  return new RuntimeError(kind, `${what} failed`, error ?? undefined);
}
