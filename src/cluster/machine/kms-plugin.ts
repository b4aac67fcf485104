// A KMS v2 plugin at its unix socket, over gRPC. The library is loaded at the first call.
// Source: k8s.io/kms/apis/v2 (KeyManagementService)
import type { Buffer } from 'node:buffer';
import type * as Grpc from '@grpc/grpc-js';
import type { Clock, Random } from '../../base/mod.ts';
import { bytes, field, type Message, message, repeated, string } from '../../base/protobuf/mod.ts';
import type { KmsService } from '../../store/mod.ts';

const annotation = message({ key: field(1, string), value: field(2, bytes) });
/** The messages of the service, for its plugin in a test as well. */
export const kmsMessages = {
  Status: { request: message({}), response: message({ version: field(1, string), healthz: field(2, string), keyId: field(3, string) }) },
  Encrypt: {
    request: message({ plaintext: field(1, bytes), uid: field(2, string) }),
    response: message({ ciphertext: field(1, bytes), keyId: field(2, string), annotations: repeated(3, annotation) }),
  },
  Decrypt: {
    request: message({
      ciphertext: field(1, bytes),
      uid: field(2, string),
      keyId: field(3, string),
      annotations: repeated(4, annotation),
    }),
    response: message({ plaintext: field(1, bytes) }),
  },
} as const;

export interface KmsPluginOptions {
  readonly socketPath: string;
  readonly timeoutMs: number;
  readonly clock: Clock;
  readonly random: Pick<Random, 'uuid'>;
}

export interface KmsPlugin extends KmsService {
  close(): void;
}

const clientOptions: Grpc.ClientOptions = {
  'grpc.initial_reconnect_backoff_ms': 100,
  'grpc.max_reconnect_backoff_ms': 1_000,
  'grpc.use_local_subchannel_pool': 1,
  'grpc.enable_http_proxy': 0,
  'grpc.enable_channelz': 0,
};

export function connectKmsPlugin({ socketPath, timeoutMs, clock, random }: KmsPluginOptions): KmsPlugin {
  let loading: Promise<{ client: Grpc.Client; metadata: Grpc.Metadata }> | undefined;
  let opened: Grpc.Client | undefined;
  const load = () => {
    loading ??= import('../../base/ports/grpc.ts').then(({ grpc }) => {
      opened = new grpc.Client(`unix://${socketPath}`, grpc.credentials.createInsecure(), clientOptions);
      return { client: opened, metadata: new grpc.Metadata() };
    });
    return loading;
  };
  // biome-ignore lint/suspicious/noExplicitAny: any two messages; the callers' types are those of the table.
  const call = async <Q extends Message<any>, R extends Message<any>>(
    name: keyof typeof kmsMessages,
    of: { readonly request: Q; readonly response: R },
    body: Parameters<Q['encode']>[0],
  ): Promise<ReturnType<R['decode']>> => {
    const { client, metadata } = await load();
    return new Promise((resolve, reject) => {
      client.makeUnaryRequest(
        `/v2.KeyManagementService/${name}`,
        (value: typeof body) => of.request.encode(value),
        (answer: Buffer) => of.response.decode(answer) as ReturnType<R['decode']>,
        body,
        metadata,
        { deadline: clock.nowMs() + timeoutMs },
        (error, value) => (error || value === undefined ? reject(error ?? new Error(`${name}: no answer`)) : resolve(value)),
      );
    });
  };
  const { Status, Encrypt, Decrypt } = kmsMessages;
  return {
    status: () => call('Status', Status, {}),
    encrypt: (plaintext) => call('Encrypt', Encrypt, { plaintext, uid: random.uuid() }),
    decrypt: async ({ ciphertext, keyId, annotations }) =>
      (await call('Decrypt', Decrypt, { ciphertext, keyId, annotations: [...annotations], uid: random.uuid() })).plaintext,
    close: () => opened?.close(),
  };
}
