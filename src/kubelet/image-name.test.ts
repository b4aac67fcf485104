import { expect, test } from 'vitest';
import { parseImageName, pullCredentials } from './image-name.ts';

const digest = `sha256:${'a'.repeat(64)}`;
test.each([
  ['busybox', 'docker.io', 'library/busybox', 'busybox:latest'],
  ['busybox:1.36', 'docker.io', 'library/busybox', 'busybox:1.36'],
  ['team/app', 'docker.io', 'team/app', 'team/app:latest'],
  ['localhost:5000/app:v1', 'localhost:5000', 'app', 'localhost:5000/app:v1'],
  ['localhost:5000/app', 'localhost:5000', 'app', 'localhost:5000/app:latest'],
  ['minke.local/tools', 'minke.local', 'tools', 'minke.local/tools:latest'],
  [`r.io/a/b@${digest}`, 'r.io', 'a/b', `r.io/a/b@${digest}`],
])('%s', (text, registry, repository, reference) => {
  expect(parseImageName(text)).toEqual({ registry, repository, reference });
});

test.each(['', 'UPPER', 'a b', 'a:', 'a:b:c', 'a//b', '-a', 'a@sha256:12', `${'a'.repeat(256)}`])('%j is no image name', (text) => {
  expect(parseImageName(text)).toBeUndefined();
});

const base64 = (value: unknown) => Buffer.from(JSON.stringify(value)).toString('base64');
const secretOf = (auths: unknown) => ({ data: { '.dockerconfigjson': base64({ auths }) } });

test('the most specific credentials come first, and only those that fit', () => {
  const name = parseImageName('r.example.com/team/app');
  if (!name) throw new Error('no name');
  const found = pullCredentials(name, [
    secretOf({ 'r.example.com': { username: 'all' }, 'other.example.com': { username: 'no' }, 'r.example.com/team': { username: 'team' } }),
    secretOf({ '*.example.com': { auth: Buffer.from('star:pass:word').toString('base64') } }),
    { data: { '.dockerconfigjson': 'not json' } },
  ]);
  expect(found.map((one) => [one.username, one.password])).toEqual([
    ['team', undefined],
    ['all', undefined],
    ['star', 'pass:word'],
  ]);
});

test("Docker Hub's old key is Docker Hub", () => {
  const name = parseImageName('busybox');
  if (!name) throw new Error('no name');
  expect(pullCredentials(name, [secretOf({ 'https://index.docker.io/v1/': { username: 'me', password: 'p' } })])).toEqual([
    { username: 'me', password: 'p' },
  ]);
});
