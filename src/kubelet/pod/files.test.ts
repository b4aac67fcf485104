import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { systemFiles as fs } from '../../base/ports/fs.ts';
import { createPodFiles, type PodFiles } from './files.ts';
import { podLabels, terminationPolicyAnnotation } from './labels.ts';
import { aRun } from './plan.fake.ts';

let dir = '';
let files: PodFiles;
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'minke-files-'));
  files = createPodFiles({ fs, podsDirectory: join(dir, 'pods'), logsDirectory: join(dir, 'logs') });
});
afterEach(() => rm(dir, { recursive: true }));

const id = { uid: 'u1', name: 'web', namespace: 'ns' };
const pod = { metadata: id, spec: { containers: [] } };
const run = (policy: string, exitCode = 1) => {
  const ended = aRun('app', 'exited', { exitCode });
  return { ...ended, labels: { ...ended.labels, ...podLabels(id) }, annotations: { [terminationPolicyAnnotation]: policy } };
};
const prepare = () => files.prepareContainer(pod, { name: 'app' }, { attempt: 0, podIPs: ['10.0.0.2'], clusterDomain: undefined });

test('a container gets its hosts file and a file for its last words', async () => {
  const mounts = await prepare();
  expect(mounts.map((one) => one.containerPath)).toEqual(['/dev/termination-log', '/etc/hosts']);
  const [message, hosts] = mounts.map((one) => one.hostPath);
  expect((await fs.stat(message ?? ''))?.mode).toBe(0o666);
  expect(await fs.readText(hosts ?? '')).toContain('10.0.0.2\tweb\n');
  const inode = (await fs.stat(hosts ?? ''))?.inode;
  await prepare();
  expect((await fs.stat(hosts ?? ''))?.inode).toBe(inode);
});

test('its last words are read, at most 4 KiB', async () => {
  const [message] = await prepare();
  await fs.writeInto(message?.hostPath ?? '', `bye${'.'.repeat(5000)}`);
  const text = await files.terminationMessage(run('File'));
  expect(text.startsWith('bye.')).toBe(true);
  expect(text).toHaveLength(4096);
});

test('or the end of its log, when it failed without a word and the pod wants that', async () => {
  await prepare();
  const line = (text: string) => `2026-01-01T00:00:00.1Z stdout F ${text}\n`;
  await fs.write(join(dir, 'logs/ns_web_u1/app/0.log'), line('one') + line('two words'));
  expect(await files.terminationMessage(run('FallbackToLogsOnError'))).toBe('one\ntwo words\n');
  // Tagged P: the line goes on, or the container has ended within it.
  await fs.write(join(dir, 'logs/ns_web_u1/app/0.log'), line('one') + line('DO').replace(' F ', ' P ') + line('NE').replace(' F ', ' P '));
  expect(await files.terminationMessage(run('FallbackToLogsOnError'))).toBe('one\nDONE');
  expect(await files.terminationMessage(run('FallbackToLogsOnError', 0))).toBe('');
  expect(await files.terminationMessage(run('File'))).toBe('');
});

test('nothing is left of a pod that is gone', async () => {
  await files.prepareSandbox(pod);
  await prepare();
  expect(await files.list()).toEqual(['u1']);
  await files.remove(id);
  expect(await files.list()).toEqual([]);
  expect(await fs.list(join(dir, 'logs'))).toEqual([]);
});
