import { describe, expect, test } from 'vitest';
import { edgeRequest } from '../core.fake.ts';
import { authenticate, isAnonymousPath, withoutTokenProtocol } from './authenticate.ts';
import { readImpersonation } from './impersonate.ts';
import { staticTokens } from './static-tokens.ts';

const tokens = [
  staticTokens([
    { token: 'one', user: { name: 'first', groups: [] } },
    { token: 'two', user: { name: 'second', groups: ['g'] } },
  ]),
  { authenticate: async (token: string) => (token === 'later' ? { name: 'robot', groups: ['system:authenticated'] } : undefined) },
];
const who = async (headers: Record<string, string>, more = {}) =>
  authenticate({ request: edgeRequest('GET', '/', { headers, ...more }), path: '/api', nowMs: 0, tokens });

describe('authenticate()', () => {
  test.each([
    ['a token of the list', { authorization: 'Bearer two' }, 'second', ['g', 'system:authenticated']],
    ['the scheme in any case', { authorization: 'bearer  one' }, 'first', ['system:authenticated']],
    ['a token that a later authenticator knows', { authorization: 'Bearer later' }, 'robot', ['system:authenticated']],
    [
      'a token in a subprotocol',
      { 'sec-websocket-protocol': `x, base64url.bearer.authorization.k8s.io.${Buffer.from('one').toString('base64url')}` },
      'first',
      ['system:authenticated'],
    ],
  ])('%s', async (_name, headers, name, groups) => {
    expect(await who(headers as unknown as Record<string, string>)).toEqual({ name, groups });
  });

  test.each([{}, { authorization: 'Basic one' }, { authorization: 'Bearer' }, { authorization: 'Bearer three' }])(
    '%j is a 401',
    async (headers) => {
      await expect(who(headers as Record<string, string>)).rejects.toMatchObject({ code: 401, reason: 'Unauthorized' });
    },
  );

  test('a token that was right before is right again, and makes no other one right', async () => {
    for (let time = 0; time < 2; time++) {
      expect((await who({ authorization: 'Bearer one' })).name).toBe('first');
      expect((await who({ authorization: 'Bearer two' })).name).toBe('second');
      await expect(who({ authorization: 'Bearer on' })).rejects.toMatchObject({ code: 401 });
      await expect(who({ authorization: 'Bearer onee' })).rejects.toMatchObject({ code: 401 });
    }
  });

  test('a certificate goes before a token, and tells which it was', async () => {
    const peerCertificate = { verified: true, commonName: 'jane', organizations: ['dev'], notAfterMs: 1, fingerprint: 'AB:CD' };
    expect(await who({ authorization: 'Bearer one' }, { peerCertificate })).toEqual({
      name: 'jane',
      groups: ['dev', 'system:authenticated'],
      extra: { 'authentication.kubernetes.io/credential-id': ['X509SHA256=abcd'] },
    });
    expect((await who({ authorization: 'Bearer one' }, { peerCertificate: { ...peerCertificate, verified: false } })).name).toBe('first');
    expect((await who({ authorization: 'Bearer one' }, { peerCertificate: { ...peerCertificate, commonName: '' } })).name).toBe('first');
  });
});

test.each([
  ['/healthz', true],
  ['/livez/ping', true],
  ['/readyz', true],
  ['/version', true],
  ['/version/more', false],
  ['/healthzz', false],
  ['/', false],
  ['/metrics', false],
  ['/openapi/v2', false],
])('anonymous at %s: %s', (path, wanted) => {
  expect(isAnonymousPath(path)).toBe(wanted);
});

test('withoutTokenProtocol() leaves the others in order', () => {
  expect(withoutTokenProtocol('a, base64url.bearer.authorization.k8s.io.xyz,b')).toBe('a, b');
});

describe('readImpersonation()', () => {
  test.each([
    ['nobody', {}, undefined],
    ['a user', { 'impersonate-user': 'jane' }, { name: 'jane', groups: ['system:authenticated'] }],
    ['the anonymous user', { 'impersonate-user': 'system:anonymous' }, { name: 'system:anonymous', groups: ['system:unauthenticated'] }],
    [
      'a service account',
      { 'impersonate-user': 'system:serviceaccount:ns:sa' },
      { name: 'system:serviceaccount:ns:sa', groups: ['system:serviceaccounts', 'system:serviceaccounts:ns', 'system:authenticated'] },
    ],
    [
      'with groups',
      { 'impersonate-user': 'jane', 'impersonate-group': ['a', 'b, c'] },
      { name: 'jane', groups: ['a', 'b, c', 'system:authenticated'] },
    ],
    [
      'with uid and extra',
      { 'impersonate-user': 'jane', 'impersonate-uid': '7', 'impersonate-extra-acme.com%2fproject': 'x' },
      { name: 'jane', groups: ['system:authenticated'], uid: '7', extra: { 'acme.com/project': ['x'] } },
    ],
  ])('%s', (_name, headers, user) => {
    expect(readImpersonation({ headers })?.user).toEqual(user);
  });

  test('fields that were joined into one text are told apart', () => {
    const headers = { 'impersonate-user': 'jane', 'impersonate-group': 'a, b, c' };
    const sent: Record<string, readonly string[]> = { 'impersonate-user': ['jane'], 'impersonate-group': ['a', 'b, c'] };
    expect(readImpersonation({ headers, fieldsOf: (name) => sent[name] ?? [] })?.user.groups).toEqual([
      'a',
      'b, c',
      'system:authenticated',
    ]);
  });

  test('what it takes', () => {
    const headers = {
      'impersonate-user': 'system:serviceaccount:ns:sa',
      'impersonate-group': 'a',
      'impersonate-uid': '7',
      'impersonate-extra-k': 'v',
    };
    expect(
      readImpersonation({ headers })?.needs.map(({ group, resource, subresource, namespace, name }) =>
        [group, resource, subresource, namespace, name].join('|'),
      ),
    ).toEqual(['|serviceaccounts||ns|sa', '|groups|||a', 'authentication.k8s.io|uids|||7', 'authentication.k8s.io|userextras|k||v']);
  });
});
