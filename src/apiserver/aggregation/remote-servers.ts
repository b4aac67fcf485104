// How aggregated servers are reached: a ready endpoint of their service, by TLS that proves both sides, and the headers that say who asks.
import type { Clock } from '../../base/mod.ts';
import type { CertifiedKey } from '../../base/ports/certificates.ts';
import type { HttpClient, HttpRequest } from '../../base/ports/http-client.ts';
import type { UserInfo } from '../../client/mod.ts';
import { headersFor } from '../authn/request-header.ts';
import { type Backend, type BackendRequest, dialTimeoutMs, originOf } from '../proxy/backend.ts';
import type { ResolveService } from '../webhooks/client.ts';
import type { RemoteApi } from './api-services.ts';

export interface RemoteServersOptions {
  readonly resolve: ResolveService;
  readonly clock: Clock;
  readonly createClient: (options: { clock: Clock; tls: { cert?: string; key?: string; insecure: boolean } }) => HttpClient;
  /** Proves that the server speaks for its users. */
  readonly certificate: CertifiedKey | undefined;
}

export interface RemoteServers {
  /** An endpoint of the service, drawn at random. Throws an Error that says why there is none. */
  backend(remote: RemoteApi): Backend;
  /** The whole body of a 200; undefined for a 304. Throws an Error with the status otherwise. */
  get(remote: RemoteApi, ask: GetDocument): Promise<{ readonly bytes: Uint8Array; readonly etag: string | undefined } | undefined>;
  setCertificate(certificate: CertifiedKey): void;
  close(): void;
}

export interface GetDocument {
  readonly path: string;
  readonly accept?: string;
  readonly etag?: string | undefined;
  readonly signal: AbortSignal;
}

/** Until the head of a document's answer has come. */
export const documentTimeoutMs = 5_000;
const documentBytesMax = 32 * 1024 * 1024;
/** Who asks for documents: it may read them whatever the aggregated server's rules are. */
const aggregatorUser: UserInfo = { name: 'system:kube-aggregator', groups: ['system:masters'] };

export function createRemoteServers(options: RemoteServersOptions): RemoteServers {
  const { resolve, clock, createClient } = options;
  const tlsOf = (certificate: CertifiedKey | undefined, insecure: boolean) =>
    certificate ? { cert: certificate.certificatePem, key: certificate.keyPem, insecure } : { insecure };
  const clients = [false, true].map((insecure) => createClient({ clock, tls: tlsOf(options.certificate, insecure) }));
  const clientOf = (remote: RemoteApi): HttpClient => clients[remote.insecure ? 1 : 0] as HttpClient;
  const backend = (remote: RemoteApi): Backend => {
    const { host, port } = resolve(remote.service);
    const origin = originOf('https', host, port);
    const client = clientOf(remote);
    const tls = { serverName: remote.serverName, ...(remote.ca === undefined ? {} : { ca: remote.ca }) };
    const of = ({ target, ...request }: BackendRequest): HttpRequest => ({
      ...{ headTimeoutMs: 'none', connectTimeoutMs: dialTimeoutMs },
      ...request,
      ...{ url: `${origin}/`, target, tls },
    });
    return { origin, request: async (request) => client.request(of(request)), upgrade: async (request) => client.upgrade(of(request)) };
  };
  return {
    backend,
    async get(remote, { path, accept = 'application/json', etag, signal }) {
      const headers = {
        accept,
        host: hostOf(remote),
        ...headersFor(aggregatorUser),
        ...(etag === undefined ? {} : { 'if-none-match': etag }),
      };
      const answer = await backend(remote).request({ method: 'GET', target: path, headers, signal, headTimeoutMs: documentTimeoutMs });
      if (answer.status !== 200) {
        await readAll(answer.body);
        if (answer.status === 304) return undefined;
        throw new Error(`bad status from https://${hostOf(remote)}${path}: ${answer.status}`);
      }
      const sent = answer.headers.etag;
      return { bytes: await readAll(answer.body), etag: typeof sent === 'string' ? sent : undefined };
    },
    setCertificate(certificate) {
      for (const [i, client] of clients.entries()) client.setTls(tlsOf(certificate, i === 1));
    },
    close() {
      for (const client of clients) client.close();
    },
  };
}

/** What the server is called in requests to it. */
export const hostOf = ({ serverName, service }: RemoteApi): string => `${serverName}:${service.port}`;

async function readAll(body: AsyncIterable<Uint8Array>): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of body) {
    chunks.push(chunk);
    size += chunk.length;
    if (size > documentBytesMax) throw new Error(`the document is larger than ${documentBytesMax} bytes`);
  }
  return Buffer.concat(chunks);
}
