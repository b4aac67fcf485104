// Calls webhooks by URL or by service: JSON posted over TLS on kept-alive connections, with a deadline and a bound on the answer.
// Source: https://kubernetes.io/docs/reference/access-authn-authz/extensible-admission-controllers/#contacting-the-webhook
import { StatusError, type V1Status } from '../../api/mod.ts';
import { type Clock, DeadlineError, errorText, raceAbort, withDeadline } from '../../base/mod.ts';
import type { HttpClient, HttpResponse } from '../../base/ports/http-client.ts';
import { answeredError } from './answered-error.ts';

/** Where a webhook is, as configurations of admission webhooks and conversions say it: exactly one of `url` and `service`. */
export interface WebhookTarget {
  /** `https://host:port/path` */
  readonly url?: string | undefined;
  readonly service?: ServiceReference | undefined;
  /** PEM certificates in base64 that sign the server. Default: the machine's own list. */
  readonly caBundle?: string | undefined;
}

export interface ServiceReference {
  readonly namespace: string;
  readonly name: string;
  readonly path?: string | undefined;
  /** Default 443. */
  readonly port?: number | undefined;
}

export interface WebhookRequest {
  /** JSON. */
  readonly body: string;
  /** Milliseconds for everything, until the last byte of the answer. The server is told, in whole seconds. */
  readonly timeoutMs: number;
  /** The caller's own. */
  readonly signal: AbortSignal;
  /** Default {@link answerBytesMaxDefault}. */
  readonly answerBytesMax?: number;
}

export interface WebhookClient {
  /** The bytes of a 2xx answer. Throws {@link WebhookError} or the signal's reason. */
  post(target: WebhookTarget, request: WebhookRequest): Promise<Uint8Array>;
  /** Drops every connection. */
  close(): void;
}

/** A webhook could not be reached, or did not answer with success. The message is `Post "https://...": why`, or what the server said. */
export class WebhookError extends Error {
  override readonly name = 'WebhookError';
  /** What the server answered, where it answered with a failure. */
  readonly status: StatusError | undefined;
  constructor(message: string, cause: unknown) {
    super(message, { cause });
    this.status = cause instanceof StatusError ? cause : undefined;
  }
}

/** Where a service's port is answered just now. Throws an Error that says why nowhere. */
export type ResolveService = (service: { readonly namespace: string; readonly name: string; readonly port: number }) => ServiceAddress;

export interface ServiceAddress {
  readonly host: string;
  readonly port: number;
}

export interface WebhookClientOptions {
  /** Asked for once, on the first call. */
  readonly http: () => HttpClient | Promise<HttpClient>;
  readonly resolve: ResolveService;
  readonly clock: Clock;
}

/** An answer to an object of 3 MB can hold a patch of its size, in base64. */
export const answerBytesMaxDefault = 8 * 1024 * 1024;
/** Bytes of a failure's text that are read. */
const failureBytesMax = 64 * 1024;
/** A server that restarts leaves connections behind that look alive: this many may turn out to be dead before one is opened anew. */
const staleConnectionsMax = 3;
const httpsPort = 443;

export function createWebhookClient({ http, resolve, clock }: WebhookClientOptions): WebhookClient {
  let made: Promise<HttpClient> | undefined;
  const clientOf = () => {
    made ??= Promise.resolve(http());
    return made;
  };
  return {
    async post(target, request) {
      const { timeoutMs: ms, signal } = request;
      const asked = addressOf(target, ms);
      try {
        const call = { target, request, asked, resolve };
        return await withDeadline({ clock, ms, what: asked.shown, signal }, async (own) =>
          send(await raceAbort(clientOf(), own), call, own),
        );
      } catch (error) {
        if (signal.aborted) throw signal.reason;
        if (error instanceof StatusError) throw new WebhookError(error.message, error);
        throw new WebhookError(`Post ${JSON.stringify(asked.shown)}: ${reasonOf(error)}`, error);
      }
    },
    close() {
      void made?.then((client) => client.close());
    },
  };
}

interface Address {
  /** The URL as errors name it. */
  readonly shown: string;
  readonly path: string;
  /** The name that the certificate of a service must carry. */
  readonly serverName: string | undefined;
}

function addressOf({ url, service }: WebhookTarget, timeoutMs: number): Address {
  const timeout = `timeout=${Math.max(1, Math.ceil(timeoutMs / 1000))}s`;
  if (!service) return { shown: `${url ?? ''}?${timeout}`, path: '', serverName: undefined };
  const serverName = `${service.name}.${service.namespace}.svc`;
  const given = service.path ?? '/';
  const path = `${given.startsWith('/') ? given : `/${given}`}?${timeout}`;
  return { shown: `https://${serverName}:${service.port ?? httpsPort}${path}`, path, serverName };
}

interface Call {
  readonly target: WebhookTarget;
  readonly request: WebhookRequest;
  readonly asked: Address;
  readonly resolve: ResolveService;
}

async function send(client: HttpClient, call: Call, signal: AbortSignal): Promise<Uint8Array> {
  const { request } = call;
  const response = await retried(() => dial(client, call, signal));
  if (response.status >= 200 && response.status < 300) return response.readAll(request.answerBytesMax ?? answerBytesMaxDefault);
  throw await failure(response);
}

async function dial(client: HttpClient, { target, request, asked, resolve }: Call, signal: AbortSignal): Promise<HttpResponse> {
  const { service, caBundle } = target;
  const headers = { 'content-type': 'application/json', accept: 'application/json, */*' };
  const common = { method: 'POST', body: request.body, signal, headTimeoutMs: request.timeoutMs };
  const ca = caBundle ? { ca: Buffer.from(caBundle, 'base64').toString('utf8') } : {};
  if (!service) return client.request({ ...common, url: asked.shown, headers, tls: ca });
  const port = service.port ?? httpsPort;
  const at = resolve({ namespace: service.namespace, name: service.name, port });
  const { serverName } = asked;
  return client.request({
    ...common,
    url: `https://${at.host.includes(':') ? `[${at.host}]` : at.host}:${at.port}${asked.path}`,
    headers: { ...headers, host: `${serverName}:${port}` },
    tls: { ...ca, serverName },
  });
}

/** Webhooks are called again at will: a call that met a connection which its server had just closed is made anew. */
async function retried<T>(run: () => Promise<T>): Promise<T> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await run();
    } catch (error) {
      if (codeOf(error) !== 'ECONNRESET_REUSED' || attempt > staleConnectionsMax) throw error;
    }
  }
}

async function failure(response: HttpResponse): Promise<StatusError> {
  let text = '';
  try {
    text = Buffer.from(await response.readAll(failureBytesMax)).toString('utf8');
  } catch {
    response.discard();
  }
  return statusIn(text) ?? answeredError(response.status, text.trim());
}

/** A webhook may answer with a Status, as API servers do. */
function statusIn(text: string): StatusError | undefined {
  if (!text.startsWith('{')) return undefined;
  try {
    const status = JSON.parse(text) as V1Status;
    return status.kind === 'Status' && status.apiVersion === 'v1' && status.status === 'Failure' ? StatusError.from(status) : undefined;
  } catch {
    return undefined;
  }
}

const codeOf = (error: unknown): string => (error as { code?: unknown } | undefined)?.code?.toString() ?? '';

const unknownAuthority = 'tls: failed to verify certificate: x509: certificate signed by unknown authority';
const reasons: Readonly<Record<string, string>> = {
  ECONNREFUSED: 'connect: connection refused',
  ECONNRESET: 'EOF',
  ECONNRESET_REUSED: 'EOF',
  EHOSTUNREACH: 'connect: no route to host',
  ENETUNREACH: 'connect: network is unreachable',
  ENOTFOUND: 'no such host',
  EMSGSIZE: 'the answer is too large',
  CERT_HAS_EXPIRED: 'tls: failed to verify certificate: x509: certificate has expired or is not yet valid',
  CERT_NOT_YET_VALID: 'tls: failed to verify certificate: x509: certificate has expired or is not yet valid',
  DEPTH_ZERO_SELF_SIGNED_CERT: unknownAuthority,
  SELF_SIGNED_CERT_IN_CHAIN: unknownAuthority,
  UNABLE_TO_GET_ISSUER_CERT: unknownAuthority,
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: unknownAuthority,
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: unknownAuthority,
};

/** Why a call failed, in upstream's words where it has words for it. */
function reasonOf(error: unknown): string {
  if (error instanceof DeadlineError) return 'context deadline exceeded';
  const { cause } = error as { readonly cause?: unknown };
  const known = reasons[codeOf(error)] ?? reasons[codeOf(cause)];
  if (known === undefined) return errorText(cause ?? error);
  const { address, port, hostname } = (cause ?? {}) as { readonly address?: string; readonly port?: number; readonly hostname?: string };
  if (address !== undefined && known.startsWith('connect:')) return `dial tcp ${address}:${port}: ${known}`;
  return hostname !== undefined && known === 'no such host' ? `dial tcp: lookup ${hostname}: ${known}` : known;
}
