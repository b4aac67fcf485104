// JWTs of a local issuer: who they make of whom, keys that change, and what is refused.
import { createHmac, generateKeyPairSync, type KeyObject, sign } from 'node:crypto';
import { beforeEach, describe, expect, test } from 'vitest';
import { silentLogger, VirtualClock } from '../../../base/mod.ts';
import { turn } from '../../../base/ports/clock.ts';
import { readAuthenticationConfig } from './config.ts';
import { configOfFlags, createJwtAuthenticator } from './jwt-authenticator.ts';

const issuer = 'https://issuer.example.com/realm';
const refuse = (what: string): never => {
  throw new Error(what);
};
const newKey = (type: 'ec' | 'rsa' = 'ec') =>
  type === 'ec' ? generateKeyPairSync('ec', { namedCurve: 'P-256' }) : generateKeyPairSync('rsa', { modulusLength: 2048 });
const keys = { a: newKey(), b: newKey(), rsa: newKey('rsa') };
const jwk = (kid: keyof typeof keys) => ({ ...keys[kid].publicKey.export({ format: 'jwk' }), kid, use: 'sig' });

const part = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url');
function tokenOf(claims: object, { kid = 'a', alg = 'ES256', key = keys.a.privateKey as KeyObject | string } = {}): string {
  const signed = `${part({ alg, kid })}.${part({ iss: issuer, aud: 'minke', sub: 'jane', exp: clock.nowMs() / 1000 + 600, ...claims })}`;
  const data = Buffer.from(signed);
  const signature =
    typeof key === 'string'
      ? createHmac('sha256', key).update(data).digest()
      : sign('sha256', data, alg === 'ES256' ? { key, dsaEncoding: 'ieee-p1363' } : { key });
  return `${signed}.${signature.toString('base64url')}`;
}

let clock: VirtualClock;
let published: object[];
let fetched: string[];
beforeEach(() => {
  clock = new VirtualClock({ settle: turn });
  published = [jwk('a')];
  fetched = [];
});
const fetchJson = async (url: string) => {
  fetched.push(url);
  if (url === `${issuer}/.well-known/openid-configuration`) return { issuer, jwks_uri: 'https://issuer.example.com/keys' };
  return { keys: published };
};
const jwt = (more: object = {}) => ({
  issuer: { url: issuer, audiences: ['minke'] },
  claimMappings: { username: { claim: 'sub', prefix: 'oidc:' }, groups: { claim: 'groups', prefix: '' } },
  ...more,
});
const read = (...items: object[]) =>
  readAuthenticationConfig(
    { apiVersion: 'apiserver.config.k8s.io/v1', kind: 'AuthenticationConfiguration', jwt: items },
    'https://kubernetes.default.svc.cluster.local',
    refuse,
  );
function authenticatorOf(of: object) {
  const [config] = read(of).jwt;
  if (!config) throw new Error('no issuer');
  return createJwtAuthenticator({ config, fetchJson, clock, log: silentLogger });
}

describe('tokens', () => {
  test.each<[string, () => string, object | undefined]>([
    ['a user with groups', () => tokenOf({ groups: ['a', 'b'] }), { name: 'oidc:jane', groups: ['a', 'b'] }],
    ['one group', () => tokenOf({ groups: 'a' }), { name: 'oidc:jane', groups: ['a'] }],
    ['several audiences', () => tokenOf({ aud: ['x', 'minke'] }), { name: 'oidc:jane', groups: [] }],
    ['another audience', () => tokenOf({ aud: 'x' }), undefined],
    ['another issuer', () => tokenOf({ iss: 'https://example.com' }), undefined],
    ['over', () => tokenOf({ exp: clock.nowMs() / 1000 }), undefined],
    ['without an end', () => tokenOf({ exp: undefined }), undefined],
    ['not yet', () => tokenOf({ nbf: clock.nowMs() / 1000 + 3600 }), undefined],
    ['without a name', () => tokenOf({ sub: '' }), undefined],
    ['groups that are none', () => tokenOf({ groups: [1] }), undefined],
    ['signed by another key', () => tokenOf({}, { key: keys.b.privateKey }), undefined],
    ['signed with the public key as a password', () => tokenOf({}, { alg: 'HS256', key: JSON.stringify(jwk('a')) }), undefined],
    ['not signed', () => `${part({ alg: 'none' })}.${part({ iss: issuer, aud: 'minke', sub: 'jane', exp: 1e12 })}.AA`, undefined],
    ['an algorithm that is not the key’s', () => tokenOf({}, { alg: 'RS256' }), undefined],
    ['no token', () => 'a.b.c', undefined],
  ])('%s', async (_what, token, want) => {
    expect(await authenticatorOf(jwt()).authenticate(token())).toEqual(want);
  });

  test('are over when they are over, also those that were known', async () => {
    const authenticator = authenticatorOf(jwt());
    const token = tokenOf({ exp: clock.nowMs() / 1000 + 5 });
    expect(await authenticator.authenticate(token)).toBeDefined();
    await clock.advance(6_000);
    expect(await authenticator.authenticate(token)).toBeUndefined();
  });
});

describe('keys', () => {
  test('are asked for once; a new one is found when a token names it, but not for every stranger', async () => {
    const authenticator = authenticatorOf(jwt());
    const old = tokenOf({});
    await Promise.all([authenticator.authenticate(old), authenticator.authenticate(tokenOf({ groups: ['a'] }))]);
    expect(fetched).toHaveLength(2);
    published = [jwk('b')];
    const next = tokenOf({}, { kid: 'b', key: keys.b.privateKey });
    expect(await authenticator.authenticate(next)).toBeUndefined();
    await clock.advance(10_000);
    expect(await authenticator.authenticate(next)).toMatchObject({ name: 'oidc:jane' });
    expect(await authenticator.authenticate(old)).toBeUndefined();
    for (let i = 0; i < 20; i++) await authenticator.authenticate(tokenOf({}, { kid: `k${i}` }));
    expect(fetched).toHaveLength(4);
  });

  test('that are withdrawn are good for an hour at most', async () => {
    const authenticator = authenticatorOf(jwt());
    await authenticator.authenticate(tokenOf({}));
    published = [];
    await clock.advance(61 * 60_000);
    expect(await authenticator.authenticate(tokenOf({}))).toBeUndefined();
  });

  test('RSA, and the flags', async () => {
    published = [jwk('rsa')];
    const flags = { issuerUrl: issuer, clientId: 'minke', usernameClaim: 'sub', usernamePrefix: undefined, groupsClaim: undefined };
    const config = configOfFlags({ ...flags, groupsPrefix: '', requiredClaims: { hd: 'x' }, algorithms: ['RS256'] }, undefined);
    const { authenticate } = createJwtAuthenticator({ config, fetchJson, clock, log: silentLogger });
    const options = { kid: 'rsa', alg: 'RS256', key: keys.rsa.privateKey };
    expect(await authenticate(tokenOf({ hd: 'x' }, options))).toEqual({ name: `${issuer}#jane`, groups: [] });
    expect(await authenticate(tokenOf({ hd: 'y' }, options))).toBeUndefined();
  });
});

test('expressions map claims and judge them', async () => {
  const authenticator = authenticatorOf({
    issuer: { url: issuer, audiences: ['a', 'minke'], audienceMatchPolicy: 'MatchAny' },
    claimValidationRules: [
      { expression: 'claims.email_verified == true', message: 'who knows' },
      { claim: 'hd', requiredValue: 'example.com' },
    ],
    claimMappings: {
      username: { expression: 'claims.email' },
      groups: { expression: 'claims.roles.map(role, "r:" + role)' },
      uid: { claim: 'sub' },
      extra: [{ key: 'example.com/tenant', valueExpression: 'claims.tenant' }],
    },
    userValidationRules: [{ expression: "!user.username.startsWith('system:')", message: 'reserved' }],
  });
  const claims = { email: 'j@example.com', email_verified: true, hd: 'example.com', roles: ['a', 'b'], tenant: 't' };
  expect(await authenticator.authenticate(tokenOf(claims))).toEqual({
    name: 'j@example.com',
    groups: ['r:a', 'r:b'],
    uid: 'jane',
    extra: { 'example.com/tenant': ['t'] },
  });
  for (const wrong of [{ email_verified: false }, { hd: 'other' }, { email: 'system:admin' }, { roles: 'a' }, { tenant: undefined }])
    expect(await authenticator.authenticate(tokenOf({ ...claims, ...wrong }))).toBeUndefined();
});

test.each<[object, string]>([
  [{ issuer: { url: 'http://x', audiences: ['a'] } }, 'jwt[0].issuer.url: Invalid value: "http://x": URL scheme must be https'],
  [{ issuer: { url: issuer } }, 'jwt[0].issuer.audiences: Required value: at least one audience is required'],
  [{ issuer: { url: issuer, audiences: ['a', 'b'] } }, 'jwt[0].issuer.audienceMatchPolicy: Invalid value'],
  [{ claimMappings: {} }, 'jwt[0].claimMappings.username: Required value: claim or expression is required'],
  [{ claimMappings: { username: { claim: 'sub' } } }, 'jwt[0].claimMappings.username.prefix: Required value'],
  [{ claimMappings: { username: { expression: 'claims.email' } } }, 'claims.email_verified must be used'],
  [{ issuer: { url: 'https://kubernetes.default.svc.cluster.local', audiences: ['a'] } }, 'URL must not overlap with disallowed issuers'],
])('configurations that are none: %j', (more, message) => {
  expect(() => read(jwt(more))).toThrow(message);
});

test('an expression that does not compile is named', () => {
  expect(() => authenticatorOf(jwt({ userValidationRules: [{ expression: 'user.nam == 1' }] }))).toThrow(
    /userValidationRules\[0\].expression: Invalid value.*nam/s,
  );
});
