// Who stands behind a proxied request: anything that answers requests and upgrades, mostly a host and port.
import { DeadlineError } from '../../base/mod.ts';
import type { HttpClient, HttpHeaders, HttpRequest } from '../../base/ports/http-client.ts';
import type { NodeResponse, NodeUpgradeAnswer } from './node-connection.ts';

/** How long a backend may take until its connection stands, TLS included. Its answer has the time that its client gives it. */
export const dialTimeoutMs = 30_000;

export interface BackendRequest {
  readonly method: string;
  /** Path and query, sent as they are. */
  readonly target: string;
  readonly headers: HttpHeaders;
  readonly body?: HttpRequest['body'];
  readonly signal: AbortSignal;
  /** Milliseconds until the answer's head must have come. Default: none. */
  readonly headTimeoutMs?: number;
}

/** Both throw when the backend cannot be reached. */
export interface Backend {
  /** `http://10.0.0.1:8080`, for messages and for what the backend calls itself in redirects. */
  readonly origin: string;
  request(request: BackendRequest): Promise<NodeResponse>;
  upgrade(request: BackendRequest): Promise<NodeUpgradeAnswer>;
}

/** `http://10.0.0.1:8080`, `https://[fd00::1]:443`. */
export const originOf = (scheme: 'http' | 'https', host: string, port: number): string =>
  `${scheme}://${host.includes(':') ? `[${host}]` : host}:${port}`;

/** A host and port, with the certificates that `client` has. Redirects are answers: nobody follows them. */
export function httpBackend(client: HttpClient, origin: string): Backend {
  const of = ({ target, ...request }: BackendRequest): HttpRequest => ({
    ...{ headTimeoutMs: 'none', connectTimeoutMs: dialTimeoutMs },
    ...request,
    ...{ url: `${origin}/`, target },
  });
  return { origin, request: async (request) => client.request(of(request)), upgrade: async (request) => client.upgrade(of(request)) };
}

export const withHeadTimeout = (backend: Backend, headTimeoutMs: number): Backend => ({
  ...backend,
  request: (request) => backend.request({ ...request, headTimeoutMs }),
});

const dialErrors: Readonly<Record<string, string>> = {
  ECONNREFUSED: 'connect: connection refused',
  EHOSTUNREACH: 'connect: no route to host',
  ENETUNREACH: 'connect: network is unreachable',
  ECONNRESET: 'read: connection reset by peer',
  ETIMEDOUT: 'i/o timeout',
};

/** Why a backend could not be reached, in the words that clients look for. */
export function dialErrorText(origin: string, error: unknown): string {
  const host = origin.slice(origin.indexOf('//') + 2);
  if (error instanceof DeadlineError) return `dial tcp ${host}: i/o timeout`;
  for (let at: unknown = error; at instanceof Error; at = at.cause) {
    const code = (at as { code?: unknown }).code;
    if (typeof code === 'string' && Object.hasOwn(dialErrors, code)) return `dial tcp ${host}: ${dialErrors[code]}`;
  }
  let cause = error;
  while (cause instanceof Error && cause.cause instanceof Error) cause = cause.cause;
  return cause instanceof Error ? cause.message : String(cause);
}
