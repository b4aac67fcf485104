// The pure parts of images: names, documents, archives, minke.json.
import { Buffer } from 'node:buffer';
import { createHash } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import { systemFiles } from '../../base/ports/fs.ts';
import type { TarEntry } from '../../base/ports/tar.ts';
import { describeArchive } from './archive.ts';
import { imageLayout, nameProblem, wholeName } from './image-config.ts';
import { parseImageFile } from './image-file.ts';
import { pauseContent, toolsContent } from './local-images.ts';

test.each([
  ['web', 'docker.io/library/web:latest'],
  ['me/web:2', 'docker.io/me/web:2'],
  ['minke.local/web', 'minke.local/web:latest'],
  ['localhost/web', 'localhost/web:latest'],
  ['localhost:5000/a/b:c', 'localhost:5000/a/b:c'],
  ['localhost:5000/a', 'localhost:5000/a:latest'],
  ['web@sha256:0a', 'docker.io/library/web@sha256:0a'],
])('the whole name of %s is %s', (name, expected) => {
  expect(wholeName(name)).toBe(expected);
});

test.each(['a', 'a/b', 'minke.local/web:1', 'localhost:5000/x_y/z-1.2:V_1.0-rc'])('%s is a name', (name) => {
  expect(nameProblem(name)).toBeUndefined();
});

test.each(['', 'Web', 'a b', 'a:', '/a', 'a//b', 'a:b:c', '-a', `a:${'x'.repeat(129)}`])('%j is no name', (name) => {
  expect(nameProblem(name)).toContain('is not an image name');
});

describe('imageLayout', () => {
  const layer = { path: '/tmp/layer.tar', sha256: 'ab'.repeat(32), sizeBytes: 1024 };
  const entries = imageLayout({
    name: 'minke.local/web:1',
    layer,
    architecture: 'amd64',
    config: { entrypoint: ['/web'], exposedPorts: ['80', '53/udp'], env: ['A=b'], user: '7', workingDir: '/srv' },
  });
  const blobs = new Map(entries.map((entry) => [entry.name, entry]));
  const json = (name: string) => {
    const entry = blobs.get(name);
    if (entry?.kind !== 'file' || !(entry.content instanceof Uint8Array)) throw new Error(`no document ${name}`);
    return JSON.parse(Buffer.from(entry.content).toString());
  };
  const blobPath = (digest: string) => `blobs/${digest.replace(':', '/')}`;

  test('every blob has the name and size that refer to it', () => {
    for (const [name, entry] of blobs) {
      if (entry.kind !== 'file' || !name.startsWith('blobs/') || !(entry.content instanceof Uint8Array)) continue;
      expect(name).toBe(`blobs/sha256/${createHash('sha256').update(entry.content).digest('hex')}`);
    }
    const manifest = json(blobPath(json('index.json').manifests[0].digest));
    expect(blobs.get(blobPath(manifest.layers[0].digest))).toMatchObject({ content: { path: '/tmp/layer.tar', sizeBytes: 1024 } });
    expect(manifest.layers[0].size).toBe(1024);
  });

  test('the configuration says how to run it', () => {
    const manifest = json(blobPath(json('index.json').manifests[0].digest));
    const config = json(blobPath(manifest.config.digest));
    expect(config).toMatchObject({ os: 'linux', architecture: 'amd64', rootfs: { type: 'layers', diff_ids: [`sha256:${layer.sha256}`] } });
    expect(config.config).toEqual({
      User: '7',
      ExposedPorts: { '80/tcp': {}, '53/udp': {} },
      Env: ['A=b'],
      Entrypoint: ['/web'],
      WorkingDir: '/srv',
    });
  });

  test('its own index is read back by the import', () => {
    expect(describeArchive(new Map([['index.json', JSON.stringify(json('index.json'))]]))).toEqual({
      ok: true,
      format: 'oci',
      names: ['minke.local/web:1'],
    });
  });
});

describe('describeArchive', () => {
  const index = (...annotations: object[]) => JSON.stringify({ manifests: annotations.map((entry) => ({ annotations: entry })) });
  test.each([
    [
      'docker’s form',
      { 'manifest.json': '[{"RepoTags":["web:1","me/x"]},{"RepoTags":["web:1"]}]' },
      { ok: true, format: 'docker', names: ['docker.io/library/web:1', 'docker.io/me/x:latest'] },
    ],
    [
      'both, as newer docker writes them',
      {
        'manifest.json': '[]',
        'index.json': index({ 'io.containerd.image.name': 'docker.io/library/web:1', 'org.opencontainers.image.ref.name': '1' }),
      },
      { ok: true, format: 'oci', names: ['docker.io/library/web:1'] },
    ],
    [
      'a bare tag',
      { 'index.json': index({ 'org.opencontainers.image.ref.name': 'latest' }) },
      { ok: false, problem: expect.stringContaining('none of its images has a name') },
    ],
    [
      'an image without tags',
      { 'manifest.json': '[{"RepoTags":null}]' },
      { ok: false, problem: expect.stringContaining('none of its images has a name') },
    ],
    ['broken JSON', { 'index.json': '{' }, { ok: false, problem: expect.stringContaining('cannot be read') }],
    ['neither', {}, { ok: false, problem: expect.stringContaining('neither manifest.json (docker) nor index.json (OCI)') }],
  ])('%s', (_, documents, expected) => {
    expect(describeArchive(new Map(Object.entries(documents)))).toEqual(expected);
  });
});

describe('minke.json', () => {
  test('is the build’s configuration', () => {
    const config = {
      entrypoint: ['/a'],
      cmd: [],
      env: ['A=b=c'],
      exposedPorts: ['80'],
      workingDir: '/',
      user: '1:2',
      labels: { a: 'b' },
      stopSignal: 'SIGINT',
    };
    expect(parseImageFile(JSON.stringify(config))).toEqual({ ok: true, config });
  });

  test.each([
    ['{', 'is not JSON'],
    ['[]', 'must hold one JSON object'],
    ['{"entryPoint":["a"]}', 'has an unknown field "entryPoint": want entrypoint, cmd,'],
    ['{"cmd":"a b"}', 'has a wrong "cmd": want a list of strings'],
    ['{"user":7}', 'has a wrong "user": want a string'],
    ['{"labels":{"a":1}}', 'has wrong "labels"'],
    ['{"env":["A"]}', 'has a wrong "env" entry "A": want NAME=value'],
  ])('%s is refused: %s', (text, problem) => {
    expect(parseImageFile(text)).toEqual({ ok: false, problem: expect.stringContaining(problem) });
  });
});

describe('the local images', () => {
  const fs = { ...systemFiles, read: async (path: string) => (path === '/none' ? undefined : Buffer.from('program')) };
  const names = (entries: readonly TarEntry[]) => entries.map(({ name }) => name);

  test('the pause image is one program that does nothing, without privileges', async () => {
    const { config, entries } = await pauseContent(fs, '/usr/bin/catatonit');
    expect(config).toEqual({ entrypoint: ['/catatonit', '-P'], user: '65535:65535' });
    expect(names(entries)).toEqual(['catatonit']);
  });

  test('the tools have a link for each applet, and what programs look for', async () => {
    const { entries } = await toolsContent(fs, '/bin/busybox', ['sh', '[', '[[', 'httpd', 'busybox', 'sh', '../evil']);
    expect(names(entries).filter((name) => name.startsWith('bin/'))).toEqual(['bin/busybox', 'bin/[', 'bin/[[', 'bin/httpd', 'bin/sh']);
    expect(entries.find(({ name }) => name === 'tmp')?.mode).toBe(0o1777);
    expect(names(entries)).toEqual(expect.arrayContaining(['etc/passwd', 'etc/group', 'home', 'root']));
    expect(new Set(names(entries)).size).toBe(entries.length);
  });

  test('a program that is missing is named', async () => {
    await expect(pauseContent(fs, '/none')).rejects.toThrow('"/none" is not there');
  });
});
