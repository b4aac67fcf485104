// Service account tokens for projected volumes: asked of the API server, kept until they are due for renewal.
import { formatTime, type ResourceType, timeMs, type V1Pod, type V1ServiceAccount } from '../../api/mod.ts';
import type { Clock } from '../../base/mod.ts';
import type { Client } from '../../client/mod.ts';
import { VolumeError } from './payload.ts';

export interface TokenRequest {
  readonly pod: V1Pod;
  readonly audience: string | undefined;
  readonly expirationSeconds: number;
}

/** Tokens of a pod's service account, bound to the pod. */
export interface TokenSource {
  token(request: TokenRequest): Promise<{ readonly token: string; readonly refreshAtMs: number; readonly expirationTimestamp: string }>;
  /** Forgets the tokens of a pod that is gone. */
  forget(podUid: string): void;
}

const serviceAccounts: ResourceType<V1ServiceAccount> = {
  group: '',
  version: 'v1',
  kind: 'ServiceAccount',
  resource: 'serviceaccounts',
  namespaced: true,
};
/** A token is renewed after this share of its life, or after a day. */
const renewAfter = 0.8;
const renewMaxMs = 24 * 3600_000;

interface Kept {
  readonly token: string;
  readonly refreshAtMs: number;
  readonly expirationTimestamp: string;
}

export function createTokenSource({ client, clock }: { readonly client: Client; readonly clock: Clock }): TokenSource {
  const kept = new Map<string, Map<string, Kept>>();

  async function ask({ pod, audience, expirationSeconds }: TokenRequest): Promise<Kept> {
    const { namespace = '', name = '', uid = '' } = pod.metadata ?? {};
    const answer = (await client.call({
      verb: 'create',
      resource: serviceAccounts,
      namespace,
      name: serviceAccountOf(pod),
      subresource: 'token',
      body: {
        apiVersion: 'authentication.k8s.io/v1',
        kind: 'TokenRequest',
        spec: {
          audiences: audience ? [audience] : [],
          expirationSeconds,
          boundObjectRef: { apiVersion: 'v1', kind: 'Pod', name, uid },
        },
      },
    })) as { readonly status?: { readonly token?: string; readonly expirationTimestamp?: string } };
    const { token, expirationTimestamp } = answer.status ?? {};
    if (!token) throw new VolumeError('the API server gave no service account token');
    const nowMs = clock.nowMs();
    const lifeMs = timeMs(expirationTimestamp, nowMs + expirationSeconds * 1000) - nowMs;
    return {
      token,
      refreshAtMs: nowMs + Math.min(lifeMs * renewAfter, renewMaxMs),
      expirationTimestamp: expirationTimestamp ?? formatTime(nowMs + lifeMs),
    };
  }

  return {
    async token(request) {
      const uid = request.pod.metadata?.uid ?? '';
      const key = `${request.audience ?? ''}/${request.expirationSeconds}`;
      const known = kept.get(uid)?.get(key);
      if (known && known.refreshAtMs > clock.nowMs()) return known;
      const fresh = await ask(request);
      const own = kept.get(uid) ?? new Map<string, Kept>();
      own.set(key, fresh);
      kept.set(uid, own);
      return fresh;
    },
    forget: (uid) => void kept.delete(uid),
  };
}

const serviceAccountOf = (pod: V1Pod): string => pod.spec?.serviceAccountName || 'default';
