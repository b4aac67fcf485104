// Encryption beneath the store: each provider's form, rotation, what cannot be read, and the contract on top.
import { describe, expect, test } from 'vitest';
import { SeededRandom } from '../../base/mod.ts';
import { systemClock } from '../../base/ports/clock.ts';
import { etcdRecord } from '../etcd-record.suite.ts';
import { openMemoryStore } from '../memory/memory-store.ts';
import { bytes, storeContract, takeChanges, text } from '../store.suite.ts';
import { encryptedStore, type Rules } from './encrypted-store.ts';
import { aescbc, aesgcm, identity, type Provider, secretbox } from './providers.ts';
import { openBox, sealBox } from './secretbox.ts';

const random = new SeededRandom(1);
const secret = (name: string, fill: number) => ({ name, secret: Buffer.alloc(32, fill) });
const makers = { aesgcm, aescbc, secretbox };
/** A rule for what lies under /s/. */
const only =
  (...providers: Provider[]): Rules =>
  (key) =>
    key.startsWith('/s/') ? providers : undefined;

const all: Rules = () => [aesgcm(secret('k', 1), random)];
storeContract('encrypted memory', async (options) => encryptedStore(openMemoryStore(options), all));
etcdRecord('encrypted memory', { open: async (options) => encryptedStore(openMemoryStore({ ...options, clock: systemClock }), all) });

describe.each(['aesgcm', 'aescbc', 'secretbox'] as const)('%s', (name) => {
  const make = (key: ReturnType<typeof secret>) => makers[name](key, random);

  test('the disk holds the prefix and not the text; what no rule names stays as it is', async () => {
    const disk = openMemoryStore();
    const store = encryptedStore(disk, only(make(secret('key1', 1)), identity));
    for (const value of ['', 'a', 'x'.repeat(64), 'precious'.repeat(1000)]) {
      const key = `/s/${value.length}`;
      await store.write({ do: 'create', key, value: bytes(value) });
      const stored = Buffer.from((await disk.read(key))?.value ?? []).toString('latin1');
      expect(stored.startsWith(`k8s:enc:${name}:v1:key1:`)).toBe(true);
      expect(stored).not.toContain('precious');
      expect(text((await store.read(key))?.value ?? bytes('missing'))).toBe(value);
      expect(store.isStale?.(key, (await store.read(key))?.revision ?? 0)).toBe(false);
    }
    await store.write({ do: 'create', key: '/c/plain', value: bytes('seen') });
    expect(text((await disk.read('/c/plain'))?.value ?? bytes(''))).toBe('seen');
  });

  test('rotation: old keys and plain text are read and stale, until they are written again', async () => {
    const disk = openMemoryStore();
    await encryptedStore(disk, only(make(secret('old', 1)))).write({ do: 'create', key: '/s/a', value: bytes('a') });
    await disk.write({ do: 'create', key: '/s/b', value: bytes('b') });
    const store = encryptedStore(disk, only(make(secret('new', 2)), make(secret('old', 1)), identity));
    const { items } = await store.list('/s/');
    expect(items.map(({ value }) => text(value))).toEqual(['a', 'b']);
    expect(items.map(({ key, revision }) => store.isStale?.(key, revision))).toEqual([true, true]);
    const { revision } = await store.write({ do: 'update', key: '/s/a', value: bytes('a'), ifRevision: 1 });
    expect(store.isStale?.('/s/a', revision)).toBe(false);
    expect(Buffer.from((await disk.read('/s/a'))?.value ?? []).toString('latin1')).toContain(':new:');
    const changes = await takeChanges(store.watch('/s/', 0, new AbortController().signal), 3);
    expect(changes.map((event) => event.type === 'put' && [text(event.value), event.previous && text(event.previous.value)])).toEqual([
      ['a', undefined],
      ['b', undefined],
      ['a', 'a'],
    ]);
  });

  test('what cannot be read says why, is not lost, and does not hide the rest', async () => {
    const disk = openMemoryStore();
    const first = encryptedStore(disk, only(make(secret('key1', 1))));
    await first.write({ do: 'create', key: '/s/a', value: bytes('a') });
    const before = await disk.read('/s/a');
    const wrongKey = encryptedStore(disk, only(make(secret('key1', 9))));
    const otherName = encryptedStore(disk, only(make(secret('key2', 1))));
    const none = encryptedStore(disk, () => undefined);
    const problems = await Promise.all([wrongKey, otherName, none].map(async (store) => (await store.list('/s/')).items[0]?.unreadable));
    const words = {
      aesgcm: 'cipher: message authentication failed',
      aescbc: '',
      secretbox: 'output array was not large enough for encryption',
    };
    if (name !== 'aescbc') expect(problems[0]).toBe(`unable to transform key "/s/a": ${words[name]}`);
    const family = name === 'secretbox' ? 'Secretbox' : 'AES';
    expect(problems[1]).toBe(`unable to transform key "/s/a": no matching key was found for the provided ${family} transformer`);
    expect(problems[2]).toBe('unable to transform key "/s/a": identity transformer tried to read encrypted data');
    expect(await disk.read('/s/a')).toEqual(before);
  });
});

test('aesgcm: a value that is moved to another key is not accepted', async () => {
  const disk = openMemoryStore();
  const store = encryptedStore(disk, only(aesgcm(secret('k', 1), random)));
  await store.write({ do: 'create', key: '/s/a', value: bytes('a') });
  await disk.write({ do: 'create', key: '/s/b', value: (await disk.read('/s/a'))?.value ?? bytes('') });
  expect((await store.read('/s/b'))?.unreadable).toBe('unable to transform key "/s/b": cipher: message authentication failed');
});

test("secretbox is NaCl's: the box of its paper", () => {
  const hex = (words: string) => Buffer.from(words.replaceAll(/\s/g, ''), 'hex');
  const key = hex('1b27556473e985d462cd51197a9a46c76009549eac6474f206c4ee0844f68389');
  const nonce = hex('69696ee955b62b73cd62bda875fc73d68219e0036b7a0b37');
  const message = hex(`be075fc53c81f2d5cf141316ebeb0c7b5228c52a4c62cbd44b66849b64244ffce5ecbaaf33bd751a1ac728d45e6c6129
    6cdc3c01233561f41db66cce314adb310e3be8250c46f06dceea3a7fa1348057e2f6556ad6b1318a024a838f21af1fde048977eb48f59ffd4924ca1c6090
    2e52f0a089bc76897040e082f937763848645e0705`);
  const box = hex(`f3ffc7703f9400e52a7dfb4b3d3305d98e993b9f48681273c29650ba32fc76ce48332ea7164d96a4476fb8c531a1186ac0dfc17c98dce87b
    4da7f011ec48c97271d2c20f9b928fe2270d6fb863d51738b48eeee314a7cc8ab932164548e526ae90224368517acfeabd6bb3732bc0e9da99832b61ca01
    b6de56244a9e88d5f9b37973f622a43d14a6599b1f654cb45a74e355a5`);
  expect(sealBox(message, nonce, key).equals(box)).toBe(true);
  expect(openBox(box, nonce, key)?.equals(message)).toBe(true);
  expect(openBox(Buffer.concat([box.subarray(0, -1), Buffer.from([0])]), nonce, key)).toBeUndefined();
});
