import { createHash, X509Certificate } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import { createAuthority } from '../../base/ports/certificates.ts';
import { bearerOf, formatJoinToken, isPinned, parseJoinToken, publicKeyHash } from './join-token.ts';

const caHash = 'ab'.repeat(32);

test('what is printed is read back', () => {
  const token = { id: 'abcdef', secret: '0123456789abcdef', caHash };
  expect(formatJoinToken(token)).toBe(`abcdef.0123456789abcdef::sha256:${caHash}`);
  expect(parseJoinToken(formatJoinToken(token))).toEqual(token);
  expect(parseJoinToken(` ${formatJoinToken(token)}\n`.replace('abab', 'ABAB'))).toEqual(token);
  expect(bearerOf(token)).toBe('abcdef.0123456789abcdef');
});

describe('what is no join token', () => {
  test.each([
    '',
    'abcdef.0123456789abcdef',
    `abcdef.0123456789abcdef::sha256:${caHash}0`,
    `abcdef.0123456789abcde::sha256:${caHash}`,
    `Abcdef.0123456789abcdef::sha256:${caHash}`,
    `abcdef.0123456789abcdef::sha512:${caHash}`,
    `abcdef.0123456789abcdef:sha256:${caHash}`,
  ])('%s', (text) => expect(parseJoinToken(text)).toBeUndefined());
});

test('a pin is of the public key, in PEM and in DER', async () => {
  const spec = { notBeforeMs: 0, notAfterMs: 1e12 };
  const [own, other] = await Promise.all([createAuthority({ commonName: 'a', ...spec }), createAuthority({ commonName: 'a', ...spec })]);
  const certificate = new X509Certificate(own.certificatePem);
  const hash = createHash('sha256')
    .update(certificate.publicKey.export({ type: 'spki', format: 'der' }))
    .digest('hex');
  expect(publicKeyHash(own.certificatePem)).toBe(hash);
  expect(isPinned({ caHash: hash }, certificate.raw)).toBe(true);
  expect(isPinned({ caHash: hash }, other.certificatePem)).toBe(false);
});
