// Who asks: front proxy, client certificate, then bearer token, then anonymous where that is allowed.
// Source: https://kubernetes.io/docs/reference/access-authn-authz/authentication/
import { StatusError } from '../../api/mod.ts';
import type { UserInfo } from '../../client/mod.ts';
import { type EdgeRequest, headerOf } from '../http/exchange.ts';
import { authenticateCertificate } from './client-certificate.ts';
import type { RequestHeaderAuthenticator } from './request-header.ts';

/** Tells who a bearer token stands for; undefined when it does not know the token. Service account tokens come as one more of these. */
export interface TokenAuthenticator {
  authenticate(token: string): UserInfo | undefined | Promise<UserInfo | undefined>;
}

export const anonymousUser: UserInfo = Object.freeze({ name: 'system:anonymous', groups: Object.freeze(['system:unauthenticated']) });
const authenticatedGroup = 'system:authenticated';

/** How machines that join find out about the cluster: the authorizer lets them, once there is a role for it. */
const discoveryPath = '/api/v1/namespaces/kube-public/configmaps/cluster-info';
/** The only paths that need no identity (with what lies below the health checks). */
const anonymousPaths: readonly string[] = ['/healthz', '/livez', '/readyz', '/version', discoveryPath];
const healthPaths = anonymousPaths.slice(0, 3);

export const unauthorized = (): StatusError => new StatusError({ code: 401, reason: 'Unauthorized', message: 'Unauthorized' });

export interface AuthenticateOptions {
  readonly request: EdgeRequest;
  readonly path: string;
  readonly nowMs: number;
  readonly tokens: readonly TokenAuthenticator[];
  /** Default: `health`. */
  readonly anonymous?: Anonymous | undefined;
  /** Proxies that speak for others. Default: none does. */
  readonly frontProxy?: RequestHeaderAuthenticator | undefined;
}

/** Where requests without an identity are let through: nowhere, at health and version, at these paths, or wherever the authorizer allows it. */
export type Anonymous = 'nowhere' | 'health' | 'everywhere' | { readonly paths: readonly string[] };

/** A promise where somebody has to be asked. Throws, or rejects with, a StatusError of 401 for a token that nobody knows, and for anonymous requests elsewhere than {@link anonymousPaths}. */
export function authenticate(options: AuthenticateOptions): UserInfo | Promise<UserInfo> {
  const { request, path, nowMs, tokens, anonymous = 'health', frontProxy } = options;
  const byProxy = frontProxy?.authenticate(request, nowMs);
  if (byProxy) return withAuthenticatedGroup(byProxy);
  const { peerCertificate: peer } = request;
  const byCertificate = peer && !frontProxy?.isFrontProxy(peer) ? authenticateCertificate(peer, nowMs) : undefined;
  if (byCertificate) return withAuthenticatedGroup(byCertificate);
  const token = bearerToken(request);
  if (token !== undefined) return authenticateToken(tokens, token);
  if (letsThrough(anonymous, path)) return anonymousUser;
  throw unauthorized();
}

/** The first that knows the token, from the one at `from` on. */
function authenticateToken(tokens: readonly TokenAuthenticator[], token: string, from = 0): UserInfo | Promise<UserInfo> {
  for (let at = from; at < tokens.length; at++) {
    const user = tokens[at]?.authenticate(token);
    if (user instanceof Promise)
      return user.then((known) => (known ? withAuthenticatedGroup(known) : authenticateToken(tokens, token, at + 1)));
    if (user) return withAuthenticatedGroup(user);
  }
  throw unauthorized();
}

function letsThrough(anonymous: Anonymous, path: string): boolean {
  if (typeof anonymous === 'object') return anonymous.paths.includes(path);
  return anonymous === 'everywhere' || (anonymous === 'health' && isAnonymousPath(path));
}

export const isAnonymousPath = (path: string): boolean =>
  anonymousPaths.includes(path) || healthPaths.some((allowed) => path.startsWith(`${allowed}/`));

export const withAuthenticatedGroup = (user: UserInfo): UserInfo =>
  user.groups.includes(authenticatedGroup) ? user : { ...user, groups: [...user.groups, authenticatedGroup] };

/** Browsers cannot set Authorization on a WebSocket: they offer the token as a subprotocol, in base64url. */
const tokenProtocol = 'base64url.bearer.authorization.k8s.io.';

function bearerToken(request: EdgeRequest): string | undefined {
  const header = headerOf(request.headers, 'authorization');
  const [scheme, token] = header?.trim().split(/\s+/, 2) ?? [];
  if (scheme?.toLowerCase() === 'bearer' && token) return token;
  const offered = headerOf(request.headers, 'sec-websocket-protocol');
  const carried = offered
    ?.split(',')
    .map((name) => name.trim())
    .find((name) => name.startsWith(tokenProtocol));
  return carried === undefined ? undefined : Buffer.from(carried.slice(tokenProtocol.length), 'base64url').toString('utf8');
}

/** The offered subprotocols without the one that carries a token: nobody behind authentication sees it. */
export const withoutTokenProtocol = (offered: string): string =>
  offered
    .split(',')
    .map((name) => name.trim())
    .filter((name) => name !== '' && !name.startsWith(tokenProtocol))
    .join(', ');
