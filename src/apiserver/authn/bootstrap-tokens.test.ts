import { expect, test } from 'vitest';
import type { V1Secret } from '../../api/mod.ts';
import { bootstrapTokens } from './bootstrap-tokens.ts';

const good = {
  'token-id': 'abcdef',
  'token-secret': '0123456789abcdef',
  'usage-bootstrap-authentication': 'true',
  'auth-extra-groups': 'system:bootstrappers:b, system:bootstrappers:a',
  expiration: '1970-01-01T00:00:02Z',
};
const secretOf = (data: Record<string, string>, more: Partial<V1Secret> = {}): V1Secret => ({
  metadata: { name: 'bootstrap-token-abcdef', namespace: 'kube-system' },
  type: 'bootstrap.kubernetes.io/token',
  data: Object.fromEntries(Object.entries(data).map(([key, value]) => [key, Buffer.from(value).toString('base64')])),
  ...more,
});
const ask = (secret: V1Secret, token = 'abcdef.0123456789abcdef') =>
  bootstrapTokens((namespace, name) => (`${namespace}/${name}` === 'kube-system/bootstrap-token-abcdef' ? secret : undefined), {
    nowMs: () => 1_000,
  } as Parameters<typeof bootstrapTokens>[1]).authenticate(token);

test('a bearer is the user of the token, in its groups', () => {
  expect(ask(secretOf(good))).toEqual({
    name: 'system:bootstrap:abcdef',
    groups: ['system:bootstrappers', 'system:bootstrappers:a', 'system:bootstrappers:b'],
  });
});

test.each<[string, V1Secret, string?]>([
  ['another secret', secretOf(good), 'abcdef.0123456789abcdeg'],
  ['another token', secretOf(good), 'bbcdef.0123456789abcdef'],
  ['no such token', secretOf(good), 'abcdef'],
  ['another id in it', secretOf({ ...good, 'token-id': 'bbcdef' })],
  ['over', secretOf({ ...good, expiration: '1970-01-01T00:00:01Z' })],
  ['an end that cannot be read', secretOf({ ...good, expiration: 'soon' })],
  ['for signing alone', secretOf({ ...good, 'usage-bootstrap-authentication': 'false' })],
  ['a group of owners', secretOf({ ...good, 'auth-extra-groups': 'system:masters' })],
  ['of another type', secretOf(good, { type: 'Opaque' })],
  ['being deleted', secretOf(good, { metadata: { name: 'bootstrap-token-abcdef', deletionTimestamp: '1970-01-01T00:00:00Z' } })],
])('nobody: %s', (_what, secret, token) => {
  expect(ask(secret, token)).toBeUndefined();
});
