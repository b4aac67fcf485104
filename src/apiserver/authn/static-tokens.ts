// Bearer tokens from a fixed list, compared in constant time.
import { createHash, timingSafeEqual } from 'node:crypto';
import type { UserInfo } from '../../client/mod.ts';
import type { TokenAuthenticator } from './authenticate.ts';

export interface StaticToken {
  readonly token: string;
  readonly user: UserInfo;
}

/** Every token of the list is compared on every call, by its hash: the time taken tells nothing about any of them. */
export function staticTokens(list: readonly StaticToken[]): TokenAuthenticator {
  const known = list.map(({ token, user }) => ({ digest: digestOf(token), user }));
  return {
    authenticate(token) {
      const digest = digestOf(token);
      let found: UserInfo | undefined;
      for (const one of known) if (timingSafeEqual(one.digest, digest)) found = one.user;
      return found;
    },
  };
}

const digestOf = (token: string): Buffer => createHash('sha256').update(token).digest();
