// Who may use the kubelet's port: a client certificate or a token says who it is, the API server whether it may.
// Source: https://kubernetes.io/docs/reference/access-authn-authz/kubelet-authn-authz/
import { subjectaccessreviews, tokenreviews, type V1UserInfo } from '../../api/mod.ts';
import { type Clock, errorText } from '../../base/mod.ts';
import type { HttpServerRequest } from '../../base/ports/http-server.ts';
import type { Client, UserInfo } from '../../client/mod.ts';
import type { Route } from './routes.ts';
import { StreamError } from './streams/serve-stream.ts';

export interface KubeletAccess {
  /** Throws {@link StreamError}: 401 for somebody unknown, 403 for who may not, 500 when the API server does not answer. */
  check(request: Pick<HttpServerRequest, 'method' | 'headers' | 'peerCertificate'>, route: Route): Promise<UserInfo>;
}

export interface KubeletAccessOptions {
  readonly nodeName: string;
  /** Acts as the node. */
  readonly client: Pick<Client, 'create'>;
  readonly clock: Clock;
}

/** Source: the kubelet's configuration: `authentication.webhook.cacheTTL`, `authorization.webhook.cacheAuthorizedTTL` and `-UnauthorizedTTL`. */
const tokenKeptMs = 120_000;
const allowedKeptMs = 300_000;
const refusedKeptMs = 30_000;
/** Answers that are remembered at once. */
const keptMax = 1024;

const authenticated = 'system:authenticated';
/** The cluster's owners, the API server among them: nobody need be asked about them. */
const owners = 'system:masters';

const verbs: Readonly<Record<string, string>> = { POST: 'create', GET: 'get', PUT: 'update', PATCH: 'patch', DELETE: 'delete' };

/** Of the node, any of which allows it: what is sensitive has a name of its own, all else is `proxy`. */
export function subresourcesOf(route: Route): readonly string[] {
  switch (route.to) {
    case 'stats':
      return ['stats'];
    case 'metrics':
      return ['metrics'];
    case 'nodeLogs':
      return ['log'];
    case 'healthz':
    case 'configz':
      return [route.to, 'proxy'];
    case 'pods':
    case 'runningPods':
      return ['pods', 'proxy'];
    default:
      return ['proxy'];
  }
}

export function createKubeletAccess(options: KubeletAccessOptions): KubeletAccess {
  const { clock, nodeName } = options;
  const tokens = createKept<UserInfo | undefined>(clock, (user) => (user ? tokenKeptMs : refusedKeptMs));
  const decisions = createKept<boolean>(clock, (allowed) => (allowed ? allowedKeptMs : refusedKeptMs));

  async function userOf({ headers, peerCertificate: peer }: Pick<HttpServerRequest, 'headers' | 'peerCertificate'>) {
    if (peer?.verified && peer.commonName !== '' && clock.nowMs() <= peer.notAfterMs) {
      return { name: peer.commonName, groups: [...peer.organizations, authenticated] };
    }
    const { authorization } = headers;
    const token = typeof authorization === 'string' ? /^bearer +(\S+)$/i.exec(authorization)?.[1] : undefined;
    return token === undefined ? undefined : tokens.of(token, () => review(options, token));
  }

  return {
    async check(request, route) {
      const user = await userOf(request).catch((error: unknown) => Promise.reject(unanswered('who sent the request', error)));
      if (!user) throw new StreamError(401, 'Unauthorized');
      if (user.groups.includes(owners)) return user;
      const verb = verbs[request.method] ?? '';
      const subresources = subresourcesOf(route);
      for (const subresource of subresources) {
        const key = JSON.stringify([user, verb, subresource]);
        const ask = () => isAllowed(options, user, { verb, subresource });
        if (await decisions.of(key, ask).catch((error: unknown) => Promise.reject(unanswered('what the user may do', error)))) return user;
      }
      throw new StreamError(
        403,
        `Forbidden (user=${user.name}, verb=${verb}, resource=nodes, subresource(s)=[${subresources.join(' ')}], name=${nodeName})`,
      );
    },
  };
}

const unanswered = (what: string, error: unknown) => new StreamError(500, `the API server did not say ${what}: ${errorText(error)}`);

/** Undefined for a token that is nobody's. */
async function review({ client }: KubeletAccessOptions, token: string): Promise<UserInfo | undefined> {
  const { status } = await client.create(tokenreviews, { spec: { token } });
  return status?.authenticated && status.user ? userInfoOf(status.user) : undefined;
}

const userInfoOf = ({ username = '', uid, groups = [], extra }: V1UserInfo): UserInfo => ({
  name: username,
  groups,
  ...(uid === undefined ? {} : { uid }),
  ...(extra === undefined ? {} : { extra }),
});

async function isAllowed(
  { client, nodeName }: KubeletAccessOptions,
  { name: user, groups, uid, extra }: UserInfo,
  { verb, subresource }: { readonly verb: string; readonly subresource: string },
): Promise<boolean> {
  const resourceAttributes = { verb, group: '', version: 'v1', resource: 'nodes', subresource, name: nodeName };
  const who = {
    user,
    groups: [...groups],
    ...(uid === undefined ? {} : { uid }),
    ...(extra === undefined ? {} : { extra: extra as Record<string, string[]> }),
  };
  const { status } = await client.create(subjectaccessreviews, { spec: { ...who, resourceAttributes } });
  return status?.allowed === true;
}

interface Kept<T> {
  of(key: string, ask: () => Promise<T>): Promise<T>;
}

/** Answers for a while, the oldest forgotten first. Errors are nobody's answer but that of who asked. */
function createKept<T>(clock: Clock, keptMs: (answer: T) => number): Kept<T> {
  const known = new Map<string, { readonly answer: T; readonly untilMs: number }>();
  return {
    async of(key, ask) {
      const found = known.get(key);
      if (found && clock.nowMs() < found.untilMs) return found.answer;
      const answer = await ask();
      known.delete(key);
      known.set(key, { answer, untilMs: clock.nowMs() + keptMs(answer) });
      const [oldest] = known.keys();
      if (known.size > keptMax && oldest !== undefined) known.delete(oldest);
      return answer;
    },
  };
}
