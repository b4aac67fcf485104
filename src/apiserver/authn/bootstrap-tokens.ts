// Bearer tokens `<id>.<secret>` that a Secret of kube-system knows: the user is `system:bootstrap:<id>`.
// Source: https://kubernetes.io/docs/reference/access-authn-authz/bootstrap-tokens/#bootstrap-token-authentication
import { createHash, timingSafeEqual } from 'node:crypto';
import { bootstrapTokenName, bootstrapTokenNamespace, isExpired, readBootstrapToken, type V1Secret } from '../../api/mod.ts';
import type { Clock } from '../../base/mod.ts';
import type { TokenAuthenticator } from './authenticate.ts';

const form = /^([a-z0-9]{6})\.([a-z0-9]{16})$/;

/** Whoever holds such a token is looked up every time: a Secret that goes takes the token with it. */
export function bootstrapTokens(secretOf: (namespace: string, name: string) => V1Secret | undefined, clock: Clock): TokenAuthenticator {
  return {
    authenticate(token) {
      const [, id, secret] = form.exec(token) ?? [];
      const object = id === undefined ? undefined : secretOf(bootstrapTokenNamespace, bootstrapTokenName(id));
      if (!object || object.metadata?.deletionTimestamp !== undefined || secret === undefined) return undefined;
      const known = readBootstrapToken(object);
      if (!known || !timingSafeEqual(digestOf(known.secret), digestOf(secret))) return undefined;
      if (!known.authenticates || !known.groups || isExpired(known, clock.nowMs())) return undefined;
      return { name: `system:bootstrap:${known.id}`, groups: known.groups };
    },
  };
}

const digestOf = (text: string): Buffer => createHash('sha256').update(text).digest();
