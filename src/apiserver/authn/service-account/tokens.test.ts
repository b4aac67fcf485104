import { describe, expect, test } from 'vitest';
import type { AuthenticationV1TokenRequest, KubeObject, V1Pod } from '../../../api/mod.ts';
import { SeededRandom, VirtualClock } from '../../../base/mod.ts';
import { turn } from '../../../base/ports/clock.ts';
import { generateSigningKeyPem, openSigningKey } from '../../../base/ports/signing-key.ts';
import { createIssuerDocuments } from './documents.ts';
import { readClaims, signToken } from './jwt.ts';
import { requestToken } from './token-request.ts';
import { createServiceAccountTokens } from './tokens.ts';

const issuer = 'https://kubernetes.default.svc.cluster.local';
const key = openSigningKey(generateSigningKeyPem());
const startMs = 1_700_000_000_000;

function start() {
  const objects = new Map<string, KubeObject>();
  const put = (resource: string, object: KubeObject) =>
    objects.set(`${resource}/${object.metadata?.namespace ?? ''}/${object.metadata?.name}`, object);
  put('serviceaccounts', { metadata: { namespace: 'ns', name: 'bot', uid: 'sa-uid' } });
  const pod: V1Pod = {
    metadata: { namespace: 'ns', name: 'web', uid: 'pod-uid' },
    spec: { containers: [], serviceAccountName: 'bot', nodeName: 'n1' },
  };
  put('pods', pod);
  put('pods', { ...pod, metadata: { ...pod.metadata, name: 'other' }, ...{ spec: { containers: [], serviceAccountName: 'default' } } });
  put('secrets', { metadata: { namespace: 'ns', name: 'key', uid: 'secret-uid' } });
  put('nodes', { metadata: { name: 'n1', uid: 'node-uid' } });
  const clock = new VirtualClock({ settle: turn, startMs });
  const lookup = (resource: string, namespace: string | undefined, name: string) => objects.get(`${resource}/${namespace ?? ''}/${name}`);
  const tokens = createServiceAccountTokens({ key, issuer, clock, lookup });
  const ask = (spec: Partial<NonNullable<AuthenticationV1TokenRequest['spec']>> = {}, of = { namespace: 'ns', name: 'bot' }) =>
    requestToken({ tokens, lookup, clock, random: new SeededRandom(1) }, of, { spec: { audiences: [], ...spec } });
  const tokenOf = (spec?: Parameters<typeof ask>[0]) => ask(spec).status?.token ?? '';
  return { objects, put, clock, tokens, ask, tokenOf, lookup };
}

const podRef = { apiVersion: 'v1', kind: 'Pod', name: 'web', uid: 'pod-uid' };

describe('requestToken()', () => {
  test('claims of a token that is bound to a pod', () => {
    const { tokenOf, clock } = start();
    const nowS = Math.floor(clock.nowMs() / 1000);
    const claims = readClaims(tokenOf({ boundObjectRef: podRef, expirationSeconds: 700 }));
    expect(claims).toEqual({
      aud: [issuer],
      exp: nowS + 700,
      iat: nowS,
      iss: issuer,
      jti: expect.stringMatching(/^[0-9a-f-]{36}$/),
      'kubernetes.io': {
        namespace: 'ns',
        node: { name: 'n1', uid: 'node-uid' },
        pod: { name: 'web', uid: 'pod-uid' },
        serviceaccount: { name: 'bot', uid: 'sa-uid' },
      },
      nbf: nowS,
      sub: 'system:serviceaccount:ns:bot',
    });
  });

  test('the token that every pod has lives for a year, and says when it should have been renewed', () => {
    const { tokenOf, ask, clock } = start();
    const nowS = Math.floor(clock.nowMs() / 1000);
    const claims = readClaims(tokenOf({ boundObjectRef: podRef, expirationSeconds: 3607 }));
    expect(claims).toMatchObject({ exp: nowS + 365 * 86_400, 'kubernetes.io': { warnafter: nowS + 3607 } });
    expect(Date.parse(ask({ boundObjectRef: podRef, expirationSeconds: 3607 }).status?.expirationTimestamp ?? '') / 1000).toBe(nowS + 3607);
  });

  test('defaults: an hour, for the API server', () => {
    const { ask } = start();
    expect(ask()).toMatchObject({
      kind: 'TokenRequest',
      apiVersion: 'authentication.k8s.io/v1',
      metadata: { name: 'bot', namespace: 'ns' },
      spec: { audiences: [issuer], expirationSeconds: 3600 },
    });
  });

  test.each([
    [
      'too short',
      { expirationSeconds: 599 },
      422,
      'TokenRequest.authentication.k8s.io "" is invalid: spec.expirationSeconds: Invalid value: 599: may not specify a duration less than 10 minutes',
    ],
    [
      'too long',
      { expirationSeconds: 2 ** 32 + 1 },
      422,
      'TokenRequest.authentication.k8s.io "" is invalid: spec.expirationSeconds: Invalid value: 4294967297: may not specify a duration larger than 2^32 seconds',
    ],
    ['no such pod', { boundObjectRef: { ...podRef, name: 'gone' } }, 404, 'pods "gone" not found'],
    ['no such secret', { boundObjectRef: { apiVersion: 'v1', kind: 'Secret', name: 'gone' } }, 404, 'secrets "gone" not found'],
    [
      'a pod of another account',
      { boundObjectRef: { ...podRef, name: 'other' } },
      400,
      'cannot bind token for serviceaccount "bot" to pod running with different serviceaccount name.',
    ],
    [
      'another pod of that name',
      { boundObjectRef: { ...podRef, uid: 'old' } },
      409,
      'Operation cannot be fulfilled on Pod "web": the UID in the bound object reference (old) does not match the UID in record. The object might have been deleted and then recreated',
    ],
    [
      'another kind',
      { boundObjectRef: { apiVersion: 'apps/v1', kind: 'Deployment', name: 'x' } },
      400,
      'cannot bind token to object of type apps/v1, Kind=Deployment',
    ],
  ])('refuses: %s', (_name, spec, code, message) => {
    expect(() => start().ask(spec)).toThrow(expect.objectContaining({ code, message }));
  });

  test('refuses an account that is not there', () => {
    expect(() => start().ask({}, { namespace: 'ns', name: 'gone' })).toThrow('serviceaccounts "gone" not found');
  });
});

describe('authenticate()', () => {
  test('who a token stands for', () => {
    const { tokens, tokenOf } = start();
    expect(tokens.authenticate(tokenOf({ boundObjectRef: podRef }))).toEqual({
      name: 'system:serviceaccount:ns:bot',
      uid: 'sa-uid',
      groups: ['system:serviceaccounts', 'system:serviceaccounts:ns', 'system:authenticated'],
      extra: {
        'authentication.kubernetes.io/credential-id': [expect.stringMatching(/^JTI=/)],
        'authentication.kubernetes.io/node-name': ['n1'],
        'authentication.kubernetes.io/node-uid': ['node-uid'],
        'authentication.kubernetes.io/pod-name': ['web'],
        'authentication.kubernetes.io/pod-uid': ['pod-uid'],
      },
    });
  });

  test.each<[string, Parameters<ReturnType<typeof start>['ask']>[0], (at: ReturnType<typeof start>) => unknown]>([
    ['it has expired', {}, ({ clock }) => clock.advance(3_661_000)],
    ['the account is gone', {}, ({ objects }) => objects.delete('serviceaccounts/ns/bot')],
    [
      'the account is another of that name',
      {},
      ({ put }) => put('serviceaccounts', { metadata: { namespace: 'ns', name: 'bot', uid: 'new' } }),
    ],
    ['the pod is gone', { boundObjectRef: podRef }, ({ objects }) => objects.delete('pods/ns/web')],
    [
      'the pod is another of that name',
      { boundObjectRef: podRef },
      ({ put }) => put('pods', { metadata: { namespace: 'ns', name: 'web', uid: 'new' } }),
    ],
    [
      'the pod has been on its way out for long',
      { boundObjectRef: podRef },
      ({ put }) =>
        put('pods', {
          metadata: { namespace: 'ns', name: 'web', uid: 'pod-uid', deletionTimestamp: new Date(startMs - 61_000).toISOString() },
        }),
    ],
    [
      'the secret is gone',
      { boundObjectRef: { apiVersion: 'v1', kind: 'Secret', name: 'key' } },
      ({ objects }) => objects.delete('secrets/ns/key'),
    ],
    ['the node is gone', { boundObjectRef: { apiVersion: 'v1', kind: 'Node', name: 'n1' } }, ({ objects }) => objects.delete('nodes//n1')],
  ])('a token that was good is good no more when %s', async (_name, spec, change) => {
    const at = start();
    const token = at.tokenOf(spec);
    expect(at.tokens.authenticate(token)).toBeDefined();
    await change(at);
    expect(at.tokens.authenticate(token)).toBeUndefined();
    expect(at.tokens.examine(token)).toHaveProperty('problem');
  });

  test('the node that a pod runs on may go', () => {
    const { objects, tokens, tokenOf } = start();
    const token = tokenOf({ boundObjectRef: podRef });
    objects.delete('nodes//n1');
    expect(tokens.authenticate(token)).toBeDefined();
  });

  test('tokens of other keys, other issuers, for others, and what is no token', () => {
    const { tokens, tokenOf, clock, lookup } = start();
    const good = tokenOf();
    const claims = readClaims(good) ?? {};
    const [head = '', body = '', signature = ''] = good.split('.');
    const foreign = openSigningKey(generateSigningKeyPem());
    const none = `${Buffer.from('{"alg":"none"}').toString('base64url')}.${body}.AA`;
    const changed = `${head}.${Buffer.from(JSON.stringify({ ...claims, exp: 2 ** 40 })).toString('base64url')}.${signature}`;
    const bad = [
      signToken(foreign, claims),
      signToken({ ...foreign, keyId: key.keyId }, claims),
      none,
      changed,
      `${good}x`,
      'a.b.c',
      'a.b',
      '',
    ];
    bad.push(signToken(key, { ...claims, iss: 'https://other' }), signToken(key, { ...claims, sub: 'system:serviceaccount:ns:root' }));
    for (const token of bad) expect(tokens.authenticate(token)).toBeUndefined();
    expect(tokens.authenticate(tokenOf({ audiences: ['vault'] }))).toBeUndefined();
    expect(tokens.examine(tokenOf({ audiences: ['vault'] }))).toMatchObject({ audiences: ['vault'] });
    const renewed = createServiceAccountTokens({ key: foreign, olderKeys: [key], issuer, clock, lookup });
    expect(renewed.authenticate(good)).toBeDefined();
  });
});

test('signatures are remembered, of so many tokens and no more', () => {
  const { tokens: real, lookup, clock } = start();
  let verified = 0;
  const counting = {
    ...key,
    verify: (data: Uint8Array, signature: Uint8Array) => {
      verified++;
      return key.verify(data, signature);
    },
  };
  const tokens = createServiceAccountTokens({ key: counting, issuer, clock, lookup, rememberedMax: 2 });
  const claims = {
    audiences: [issuer],
    issuedAtS: 0,
    notBeforeS: 0,
    expiresAtS: 2 ** 40,
    namespace: 'ns',
    serviceAccount: { name: 'bot', uid: 'sa-uid' },
  };
  const [a = '', b = '', c = ''] = ['a', 'b', 'c'].map((tokenId) => real.issue({ ...claims, tokenId }));
  const checksOf = (token: string) => {
    const before = verified;
    expect(tokens.authenticate(token)).toBeDefined();
    return verified - before;
  };
  expect([a, a, b, a, c, a, b].map(checksOf)).toEqual([1, 0, 1, 0, 1, 0, 1]);
});

test('the documents of the issuer', () => {
  const documents = createIssuerDocuments({ issuer, keys: [key] });
  const read = (path: string) => {
    const body = documents(path)?.body;
    return body?.as === 'bytes' ? (JSON.parse(Buffer.from(body.bytes).toString()) as unknown) : undefined;
  };
  expect(read('/.well-known/openid-configuration')).toEqual({
    issuer,
    jwks_uri: `${issuer}/openid/v1/jwks`,
    response_types_supported: ['id_token'],
    subject_types_supported: ['public'],
    id_token_signing_alg_values_supported: ['ES256'],
  });
  expect(read('/openid/v1/jwks')).toEqual({
    keys: [{ use: 'sig', kid: key.keyId, alg: 'ES256', kty: 'EC', crv: 'P-256', x: expect.any(String), y: expect.any(String) }],
  });
  expect(documents('/openid/v2')).toBeUndefined();
});
