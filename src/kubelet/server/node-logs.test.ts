import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { systemFiles } from '../../base/ports/fs.ts';
import { openNodeLog } from './node-logs.ts';

let root = '';
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'node-logs-'));
  mkdirSync(join(root, 'log/apt'), { recursive: true });
  writeFileSync(join(root, 'log/syslog'), 'x'.repeat(600_000));
  writeFileSync(join(root, 'secret'), 'secret');
  symlinkSync(join(root, 'secret'), join(root, 'log/link'));
  symlinkSync(join(root, 'log/syslog'), join(root, 'log/newest'));
});
afterEach(() => rmSync(root, { recursive: true, force: true }));

async function read(path: string): Promise<string> {
  const { chunks, bytes } = await openNodeLog(systemFiles, join(root, 'log'), path);
  const parts: Uint8Array[] = [];
  for await (const chunk of chunks) parts.push(chunk);
  const all = Buffer.concat(parts);
  expect(all.length).toBe(bytes);
  return all.toString();
}

test('files, and links to them, are sent whole', async () => {
  expect(await read('syslog')).toHaveLength(600_000);
  expect(await read('newest')).toHaveLength(600_000);
});

test('a directory is a page of links', async () => {
  expect(await read('')).toContain(
    '<pre>\n<a href="apt/">apt/</a>\n<a href="link">link</a>\n<a href="newest">newest</a>\n<a href="syslog">syslog</a>\n</pre>',
  );
});

test.each(['gone', 'link', '../secret', 'apt/../../secret', '..'])('%s is not there', (path) =>
  expect(openNodeLog(systemFiles, join(root, 'log'), path)).rejects.toMatchObject({ code: 404 }),
);
