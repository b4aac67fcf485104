// Remembers for a short while who a token stands for, so that not every request asks elsewhere. Keeps hashes, never tokens.
import { createHash } from 'node:crypto';
import type { Clock } from '../../base/mod.ts';
import type { UserInfo } from '../../client/mod.ts';
import type { TokenAuthenticator } from './authenticate.ts';

export interface TokenCacheOptions {
  readonly clock: Clock;
  /** Milliseconds for which a token that is known is not asked about again. */
  readonly knownMs: number;
  /** And one that is unknown. */
  readonly unknownMs: number;
}

/** Answers remembered, those used last. */
const rememberedMax = 4096;

interface Remembered {
  readonly user: UserInfo | undefined;
  readonly untilMs: number;
}

/** Those who ask about the same token at the same time share one question. A failure is remembered by nobody. */
export function cachedTokens(authenticator: TokenAuthenticator, { clock, knownMs, unknownMs }: TokenCacheOptions): TokenAuthenticator {
  const remembered = new Map<string, Remembered>();
  const asking = new Map<string, Promise<UserInfo | undefined>>();
  const ask = async (digest: string, token: string): Promise<UserInfo | undefined> => {
    const user = await authenticator.authenticate(token);
    const forMs = user ? knownMs : unknownMs;
    if (forMs > 0) remembered.set(digest, { user, untilMs: clock.monotonicMs() + forMs });
    if (remembered.size > rememberedMax) remembered.delete(remembered.keys().next().value ?? digest);
    return user;
  };
  return {
    authenticate(token) {
      const digest = createHash('sha256').update(token).digest('base64');
      const known = remembered.get(digest);
      if (known && known.untilMs > clock.monotonicMs()) return known.user;
      if (known) remembered.delete(digest);
      const before = asking.get(digest);
      if (before) return before;
      const asked = ask(digest, token).finally(() => asking.delete(digest));
      asking.set(digest, asked);
      return asked;
    },
  };
}
