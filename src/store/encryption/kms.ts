// KMS v2: values are encrypted with keys of this server's own, made of a seed that a plugin outside encrypts; with the plugin gone the seed is lost.
// Source: https://kubernetes.io/docs/tasks/administer-cluster/kms-provider/ and KEP-3299
import { Buffer } from 'node:buffer';
import { createCipheriv, createDecipheriv, createHash, createHmac } from 'node:crypto';
import { type Clock, errorText, type Logger, sleep } from '../../base/mod.ts';
import { bytes, type DecodedOf, field, int32, message, repeated, string } from '../../base/protobuf/mod.ts';
import type { Provider, RandomBytes } from './providers.ts';

/** A value as it is stored, after its prefix. */
const stored = message({
  data: field(1, bytes),
  keyId: field(2, string),
  source: field(3, bytes),
  annotations: repeated(4, message({ key: field(1, string), value: field(2, bytes) })),
  sourceType: field(5, int32),
});
type Source = Pick<DecodedOf<typeof stored>, 'keyId' | 'source' | 'annotations' | 'sourceType'>;

/** What the source of the key is: the key of each value itself (of older servers), or a seed of which each value's key is made. */
const keyItself = 0;
const seedOfKeys = 1;

const seedBytes = 32;
const infoBytes = 32;
const nonceBytes = 12;
const tagBytes = 16;
const pollMs = 60_000;
const pollAgainMs = 10_000;
/** As upstream: with the plugin away for longer, nothing new is written. */
const writableMs = 180_000;
const keyIdBytesMax = 1024;
const sourceBytesMax = 1024;
const annotationsBytesMax = 32 * 1024;
/** Seeds of this and of earlier servers: each start makes one. */
const seedsMax = 1000;
const decryptTries = 3;
const decryptAgainMs = 500;

export interface KmsAnnotation {
  readonly key: string;
  readonly value: Uint8Array;
}

/** The plugin. Every call has a deadline of its own. */
export interface KmsService {
  status(): Promise<{ readonly version: string; readonly healthz: string; readonly keyId: string }>;
  encrypt(
    plaintext: Uint8Array,
  ): Promise<{ readonly ciphertext: Uint8Array; readonly keyId: string; readonly annotations: readonly KmsAnnotation[] }>;
  decrypt(of: {
    readonly ciphertext: Uint8Array;
    readonly keyId: string;
    readonly annotations: readonly KmsAnnotation[];
  }): Promise<Uint8Array>;
}

export interface KmsOptions {
  readonly name: string;
  readonly service: KmsService;
  readonly clock: Clock;
  readonly random: RandomBytes;
  readonly log: Logger;
}

export interface KmsProvider extends Provider {
  /** Asks the plugin for the first time. Rejects when it does not answer, or answers what is none. */
  begin(): Promise<void>;
  /** Asks it once a minute, until the signal fires. */
  follow(signal: AbortSignal): Promise<void>;
  /** Throws what is wrong with the plugin. */
  check(): void;
}

interface Writing {
  readonly seed: Buffer;
  readonly source: Source;
  /** The plugin's key by its status, when the seed was made. */
  readonly keyId: string;
  readonly untilMs: number;
}

export function kmsProvider(options: KmsOptions): KmsProvider {
  const { name, service, clock, random } = options;
  const prefix = Buffer.from(`k8s:enc:kms:v2:${name}:`);
  const seeds = createSeeds(options);
  /** One for all values of a key. */
  const byKeyId = new Map<string, () => boolean>();
  let writing: Writing | undefined;
  let trouble: string | undefined = 'the plugin has not been asked yet';

  const look = async (): Promise<void> => {
    try {
      const { keyId } = checkedStatus(await service.status());
      const untilMs = clock.nowMs() + writableMs;
      if (writing?.keyId === keyId) writing = { ...writing, untilMs };
      else {
        const seed = random.bytes(seedBytes);
        const made = checkedSource(await service.encrypt(seed));
        writing = { seed: Buffer.from(seed), source: made, keyId, untilMs };
        seeds.remember(idOf(made), writing.seed);
        options.log.info('A new key encrypts what is stored', { provider: name, keyId });
      }
      trouble = undefined;
    } catch (error) {
      trouble = errorText(error);
      throw error;
    }
  };

  return {
    prefix,
    family: Buffer.from('k8s:enc:kms:v2:'),
    encrypt(value, key) {
      if (!writing || writing.untilMs < clock.nowMs())
        throw new Error(`KMS provider "${name}": the plugin has not answered for ${writableMs / 60_000} minutes: ${trouble ?? ''}`);
      const data = sealed(value, key, { seed: writing.seed, random });
      return Buffer.concat([prefix, stored.encode({ ...writing.source, data })]);
    },
    decrypt(value, key) {
      const of = stored.decode(value);
      const seed = seeds.get(idOf(of));
      if (!seed) throw new Error(`failed to decrypt DEK, error: the KMS plugin of provider "${name}" has not decrypted it`);
      return opened(of, key, seed);
    },
    staleness(value) {
      const { keyId, sourceType } = stored.decode(value);
      if (sourceType !== seedOfKeys) return () => true;
      const is = byKeyId.get(keyId) ?? (() => writing !== undefined && keyId !== writing.source.keyId);
      byKeyId.set(keyId, is);
      return is;
    },
    ready: (value) => seeds.ready(stored.decode(value)),
    begin: look,
    async follow(signal) {
      while (!signal.aborted) {
        await sleep(clock, trouble === undefined ? pollMs : pollAgainMs, signal);
        await look().catch((error: unknown) => options.log.warn('KMS plugin is not well', { provider: name, error: errorText(error) }));
      }
    },
    check() {
      if (trouble !== undefined) throw new Error(trouble);
    },
  };
}

interface Seeds {
  get(id: string): Buffer | undefined;
  remember(id: string, seed: Buffer): void;
  /** Has the plugin decrypt a seed that is not known; undefined where it is. Never rejects. */
  ready(source: Source): Promise<void> | undefined;
}

function createSeeds({ name, service, clock, log }: KmsOptions): Seeds {
  const seeds = new Map<string, Buffer>();
  const opening = new Map<string, Promise<void>>();
  const remember = (id: string, seed: Buffer): void => {
    const [oldest] = seeds.keys();
    if (seeds.size >= seedsMax && oldest !== undefined) seeds.delete(oldest);
    seeds.set(id, seed);
  };
  const open = async ({ source: ciphertext, keyId, annotations }: Source, id: string): Promise<void> => {
    for (let attempt = 1; ; attempt++) {
      try {
        return remember(id, Buffer.from(await service.decrypt({ ciphertext, keyId, annotations })));
      } catch (error) {
        log.warn('A key cannot be decrypted by its KMS plugin', { provider: name, keyId, error: errorText(error) });
        // Whoever reads the value is told.
        if (attempt === decryptTries) return;
        await sleep(clock, decryptAgainMs);
      }
    }
  };
  return {
    get: (id) => seeds.get(id),
    remember,
    ready({ source, keyId, annotations, sourceType }) {
      const of: Source = { source, keyId, annotations, sourceType };
      const id = idOf(of);
      if (seeds.has(id)) return undefined;
      const known = opening.get(id) ?? open(of, id).finally(() => opening.delete(id));
      opening.set(id, known);
      return known;
    },
  };
}

/** Two sources that differ in anything are not one. */
function idOf({ source, keyId, annotations, sourceType }: Source): string {
  const hash = createHash('sha256').update(`${sourceType} ${keyId.length} ${keyId} ${source.length} `).update(source);
  for (const { key, value } of annotations) hash.update(` ${key.length} ${key} ${value.length} `).update(value);
  return hash.digest('base64');
}

/** The key of one value: HKDF's expansion of the seed, with SHA-256. */
const keyOfValue = (seed: Buffer, info: Uint8Array): Buffer => createHmac('sha256', seed).update(info).update(Buffer.of(1)).digest();

function sealed(value: Uint8Array, key: string, { seed, random }: { readonly seed: Buffer; readonly random: RandomBytes }): Buffer {
  const [info, nonce] = [random.bytes(infoBytes), random.bytes(nonceBytes)];
  const cipher = createCipheriv('aes-256-gcm', keyOfValue(seed, info), nonce).setAAD(Buffer.from(key));
  return Buffer.concat([info, nonce, cipher.update(value), cipher.final(), cipher.getAuthTag()]);
}

function opened({ data, sourceType }: DecodedOf<typeof stored>, key: string, seed: Buffer): Buffer {
  const own = sourceType === keyItself ? 0 : infoBytes;
  if (data.length < own + nonceBytes + tagBytes) throw new Error('the stored data was shorter than the required size');
  const secret = own === 0 ? seed : keyOfValue(seed, data.subarray(0, own));
  const end = data.length - tagBytes;
  const decipher = createDecipheriv('aes-256-gcm', secret, data.subarray(own, own + nonceBytes))
    .setAAD(Buffer.from(key))
    .setAuthTag(data.subarray(end));
  const text = decipher.update(data.subarray(own + nonceBytes, end));
  try {
    return Buffer.concat([text, decipher.final()]);
  } catch {
    throw new Error('cipher: message authentication failed');
  }
}

function checkedStatus(status: Awaited<ReturnType<KmsService['status']>>): typeof status {
  const { version, healthz, keyId } = status;
  if (healthz !== 'ok') throw new Error(`got unexpected healthz status: ${healthz}`);
  if (version !== 'v2' && version !== 'v2beta1') throw new Error(`expected KMSv2 API version v2, got ${version}`);
  return { version, healthz, keyId: checkedKeyId(keyId) };
}

function checkedKeyId(keyId: string): string {
  if (keyId === '') throw new Error('keyID is empty');
  if (Buffer.byteLength(keyId) > keyIdBytesMax)
    throw new Error(`keyID is ${Buffer.byteLength(keyId)} bytes, wants at most ${keyIdBytesMax}`);
  return keyId;
}

const domainName = /^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)+$/;

function checkedSource({ ciphertext, keyId, annotations }: Awaited<ReturnType<KmsService['encrypt']>>): Source {
  if (ciphertext.length === 0) throw new Error('encrypted DEK source is empty');
  if (ciphertext.length > sourceBytesMax)
    throw new Error(`encrypted DEK source is ${ciphertext.length} bytes, wants at most ${sourceBytesMax}`);
  const wrong = annotations.find(({ key }) => !domainName.test(key));
  if (wrong) throw new Error(`annotation "${wrong.key}" is no fully qualified domain name`);
  const size = annotations.reduce((sum, { key, value }) => sum + Buffer.byteLength(key) + value.length, 0);
  if (size > annotationsBytesMax) throw new Error(`annotations have ${size} bytes, want at most ${annotationsBytesMax}`);
  return { source: ciphertext, keyId: checkedKeyId(keyId), annotations: [...annotations], sourceType: seedOfKeys };
}
