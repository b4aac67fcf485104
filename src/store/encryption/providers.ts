// How values are encrypted: upstream's providers and their form on the disk, `k8s:enc:<provider>:v1:<key name>:<bytes>`.
// Source: k8s.io/apiserver/pkg/storage/value/encrypt.
import { Buffer } from 'node:buffer';
import { createCipheriv, createDecipheriv } from 'node:crypto';
import type { Random } from '../../base/mod.ts';
import { openBox, sealBox } from './secretbox.ts';

/** One key of one provider. */
export interface Provider {
  /** What values that it wrote begin with. */
  readonly prefix: Buffer;
  /** The provider's part of the prefix, which its other keys share. */
  readonly family: Buffer;
  encrypt(value: Uint8Array, key: string): Buffer;
  /** Without the prefix. Throws when the value was not encrypted by this key for this place. */
  decrypt(value: Buffer, key: string): Buffer;
  /** To be awaited before `decrypt` of this value, where the provider has to ask elsewhere for its key. Never rejects. */
  ready?(value: Buffer): Promise<void> | undefined;
  /** Of a value that this provider wrote: whether it would write it with another key by now. Absent: it never would. */
  staleness?(value: Buffer): () => boolean;
}

export interface Secret {
  readonly name: string;
  readonly secret: Uint8Array;
}

/** Where nonces come from. */
export type RandomBytes = Pick<Random, 'bytes'>;

export const encryptedPrefix = Buffer.from('k8s:enc:');
const gcmNonceBytes = 12;
const gcmTagBytes = 16;
const cbcVectorBytes = 16;
const boxNonceBytes = 24;

const familyOf = (provider: string) => Buffer.from(`k8s:enc:${provider}:v1:`);
const prefixOf = (provider: string, { name }: Secret) => Buffer.from(`k8s:enc:${provider}:v1:${name}:`);

/** AES in Galois counter mode; the key's place is authenticated, so that a value cannot be moved. 16, 24 or 32 bytes. */
export function aesgcm(of: Secret, random: RandomBytes): Provider {
  const algorithm = `aes-${(of.secret.length * 8) as 128 | 192 | 256}-gcm` as const;
  const prefix = prefixOf('aesgcm', of);
  return {
    prefix,
    family: familyOf('aesgcm'),
    encrypt(value, key) {
      const nonce = random.bytes(gcmNonceBytes);
      const cipher = createCipheriv(algorithm, of.secret, nonce).setAAD(Buffer.from(key));
      return Buffer.concat([prefix, nonce, cipher.update(value), cipher.final(), cipher.getAuthTag()]);
    },
    decrypt(value, key) {
      if (value.length < gcmNonceBytes + gcmTagBytes) throw new Error('the stored data was shorter than the required size');
      const tag = value.subarray(value.length - gcmTagBytes);
      const decipher = createDecipheriv(algorithm, of.secret, value.subarray(0, gcmNonceBytes)).setAAD(Buffer.from(key)).setAuthTag(tag);
      const text = decipher.update(value.subarray(gcmNonceBytes, value.length - gcmTagBytes));
      try {
        return Buffer.concat([text, decipher.final()]);
      } catch {
        throw new Error('cipher: message authentication failed');
      }
    },
  };
}

/** AES in cipher block chaining mode, which authenticates nothing. 16, 24 or 32 bytes. */
export function aescbc(of: Secret, random: RandomBytes): Provider {
  const algorithm = `aes-${of.secret.length * 8}-cbc`;
  const prefix = prefixOf('aescbc', of);
  return {
    prefix,
    family: familyOf('aescbc'),
    encrypt(value) {
      const vector = random.bytes(cbcVectorBytes);
      const cipher = createCipheriv(algorithm, of.secret, vector);
      return Buffer.concat([prefix, vector, cipher.update(value), cipher.final()]);
    },
    decrypt(value) {
      if (value.length < cbcVectorBytes) throw new Error('the stored data was shorter than the required size');
      const decipher = createDecipheriv(algorithm, of.secret, value.subarray(0, cbcVectorBytes));
      const text = decipher.update(value.subarray(cbcVectorBytes));
      try {
        return Buffer.concat([text, decipher.final()]);
      } catch {
        throw new Error('invalid padding on input');
      }
    },
  };
}

/** XSalsa20 and Poly1305. 32 bytes. */
export function secretbox(of: Secret, random: RandomBytes): Provider {
  const prefix = prefixOf('secretbox', of);
  return {
    prefix,
    family: familyOf('secretbox'),
    encrypt(value) {
      const nonce = random.bytes(boxNonceBytes);
      return Buffer.concat([prefix, nonce, sealBox(value, nonce, of.secret)]);
    },
    decrypt(value) {
      const opened = openBox(value.subarray(boxNonceBytes), value.subarray(0, boxNonceBytes), of.secret);
      if (!opened) throw new Error('output array was not large enough for encryption');
      return opened;
    },
  };
}

/** Values as they are. */
export const identity: Provider = {
  prefix: Buffer.alloc(0),
  family: Buffer.alloc(0),
  encrypt: (value) => Buffer.from(value.buffer, value.byteOffset, value.byteLength),
  decrypt(value) {
    if (value.subarray(0, encryptedPrefix.length).equals(encryptedPrefix)) {
      throw new Error('identity transformer tried to read encrypted data');
    }
    return value;
  },
};
