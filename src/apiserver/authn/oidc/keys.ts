// The keys of an issuer: found by its discovery document, remembered, asked for again when a token names one that is not known.
// Source: https://openid.net/specs/openid-connect-discovery-1_0.html
import type { Clock } from '../../../base/mod.ts';
import { type JwkVerifier, openJwk } from '../../../base/ports/jwk-verifier.ts';

export interface IssuerKeys {
  /** Those with that id, or all where the token names none. Throws when the issuer cannot be asked. */
  find(keyId: string | undefined): Promise<readonly JwkVerifier[]>;
}

export interface IssuerKeysOptions {
  readonly issuerUrl: string;
  readonly discoveryUrl: string | undefined;
  /** The JSON at a URL. Has a deadline of its own, and follows no redirect. */
  readonly fetchJson: (url: string) => Promise<unknown>;
  readonly clock: Clock;
}

/** A hostile token with unknown key ids makes the issuer be asked no more often than this. */
const askAgainMs = 10_000;
/** Keys that the issuer has withdrawn are good no longer than this. */
const freshMs = 60 * 60 * 1000;
const keysMax = 256;

export function createIssuerKeys({ issuerUrl, discoveryUrl, fetchJson, clock }: IssuerKeysOptions): IssuerKeys {
  let known: readonly JwkVerifier[] = [];
  let knownAtMs = Number.NEGATIVE_INFINITY;
  let askedAtMs = Number.NEGATIVE_INFINITY;
  let asking: Promise<void> | undefined;
  const ask = async (): Promise<void> => {
    const at = discoveryUrl ?? `${issuerUrl.replace(/\/$/, '')}/.well-known/openid-configuration`;
    const document = recordOf(await fetchJson(at));
    if (document.issuer !== issuerUrl)
      throw new Error(`oidc: ${at} is of the issuer ${JSON.stringify(document.issuer)}, not of "${issuerUrl}"`);
    const { jwks_uri: url } = document;
    if (typeof url !== 'string' || !url.startsWith('https://')) throw new Error(`oidc: ${at} names no jwks_uri that begins with https://`);
    const { keys } = recordOf(await fetchJson(url));
    known = (Array.isArray(keys) ? keys.slice(0, keysMax) : []).flatMap((jwk) => openJwk(recordOf(jwk)) ?? []);
    knownAtMs = clock.monotonicMs();
  };
  const refresh = (): Promise<void> => {
    if (asking) return asking;
    askedAtMs = clock.monotonicMs();
    asking = ask().finally(() => {
      asking = undefined;
    });
    return asking;
  };
  return {
    async find(keyId) {
      const matching = () => (keyId === undefined ? known : known.filter((key) => key.keyId === keyId));
      const nowMs = clock.monotonicMs();
      const isStale = nowMs - knownAtMs > freshMs;
      if (!isStale && matching().length > 0) return matching();
      if (asking || nowMs - askedAtMs >= askAgainMs) await refresh();
      return clock.monotonicMs() - knownAtMs > freshMs ? [] : matching();
    },
  };
}

const recordOf = (value: unknown): Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Record<string, unknown>) : {};
