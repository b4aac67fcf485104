import { generateKeyPairSync } from 'node:crypto';
import { expect, test } from 'vitest';
import { generateSigningKeyPem, openSigningKey } from './signing-key.ts';

const rsa = generateKeyPairSync('rsa', { modulusLength: 2048 }).privateKey.export({ type: 'pkcs8', format: 'pem' }).toString();
const data = Buffer.from('text');

test.each([
  ['a new key', generateSigningKeyPem(), 'ES256', 'EC', 64],
  ['an RSA key', rsa, 'RS256', 'RSA', 256],
])('%s signs, and knows what it has signed', (_name, pem, algorithm, type, length) => {
  const key = openSigningKey(pem);
  const signature = key.sign(data);
  expect([key.algorithm, key.jwk.kty, key.jwk.kid, signature.length]).toEqual([algorithm, type, key.keyId, length]);
  expect(key.verify(data, signature)).toBe(true);
  expect(key.verify(Buffer.from('other'), signature)).toBe(false);
  expect(key.verify(data, new Uint8Array(length))).toBe(false);
  expect(key.verify(data, new Uint8Array(3))).toBe(false);
  expect(Object.keys(key.jwk)).not.toContain('d');
  expect(openSigningKey(pem).keyId).toBe(key.keyId);
});

test('keys of other kinds are refused', () => {
  const other = generateKeyPairSync('ed25519').privateKey.export({ type: 'pkcs8', format: 'pem' }).toString();
  expect(() => openSigningKey(other)).toThrow('Cannot sign with this key: wanted a P-256 or an RSA key, got ed25519');
});
