// Volumes that outlive their pods, with real containers: data stays, follows the claim, and goes with it.
import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { eventually, startTestCluster, type TestCluster } from './harness.ts';

const image = 'minke.local/tools:latest';
let cluster: TestCluster;
beforeAll(async () => {
  cluster = await startTestCluster();
});
afterAll(() => cluster?.destroy());

async function apply(...objects: object[]): Promise<void> {
  const input = JSON.stringify({ apiVersion: 'v1', kind: 'List', items: objects });
  const done = await cluster.tryKubectl(['apply', '-f', '-'], { input });
  if (done.code !== 0) throw new Error(done.stderr);
}
const claim = (name: string, more: object = {}) => ({
  apiVersion: 'v1',
  kind: 'PersistentVolumeClaim',
  metadata: { name },
  spec: { accessModes: ['ReadWriteOnce'], resources: { requests: { storage: '64Mi' } }, ...more },
});
interface Shape {
  readonly volume: object;
  readonly command: string;
  readonly mount?: object;
  readonly spec?: object;
}
const pod = (name: string, { volume, command, mount = {}, spec = {} }: Shape) => ({
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: { name },
  spec: {
    restartPolicy: 'Never',
    terminationGracePeriodSeconds: 1,
    containers: [{ name: 'c', image, command: ['sh', '-c', command], volumeMounts: [{ name: 'data', mountPath: '/data', ...mount }] }],
    volumes: [{ name: 'data', ...volume }],
    ...spec,
  },
});
const using = (claimName: string, more: object = {}) => ({ persistentVolumeClaim: { claimName, ...more } });
const get = (what: string, path: string) => cluster.kubectl('get', ...what.split(' '), '-o', `jsonpath={${path}}`);
const succeeded = (name: string) => cluster.kubectl('wait', '--for=jsonpath={.status.phase}=Succeeded', `pod/${name}`, '--timeout=30s');
const directoryOf = async (claimName: string) => {
  const volume = await get(`pvc ${claimName}`, '.spec.volumeName');
  return join(cluster.dataDir, 'volumes', volume);
};

describe('a claim of the default class', () => {
  test('keeps what a pod wrote for the next one', async () => {
    expect(await cluster.kubectl('get', 'storageclass')).toMatch(
      /local-path \(default\)\s+minke\.dev\/local-path\s+Delete\s+WaitForFirstConsumer\s+true/,
    );
    await apply(claim('kept'), pod('writer', { volume: using('kept'), command: 'echo precious > /data/file && stat -c %a /data' }));
    await succeeded('writer');
    expect(await cluster.kubectl('logs', 'writer')).toBe('777\n');
    await cluster.kubectl('delete', 'pod', 'writer');
    await apply(
      pod('reader', { volume: using('kept', { readOnly: true }), command: 'cat /data/file; touch /data/x 2>/dev/null || echo refused' }),
    );
    await succeeded('reader');
    expect(await cluster.kubectl('logs', 'reader')).toBe('precious\nrefused\n');
    expect(await cluster.kubectl('get', 'pvc', 'kept')).toMatch(/kept\s+Bound\s+pvc-\S+\s+64Mi\s+RWO\s+local-path/);
  });

  test('grows when it is asked to', async () => {
    await cluster.kubectl('patch', 'pvc', 'kept', '-p', '{"spec":{"resources":{"requests":{"storage":"128Mi"}}}}');
    await eventually(
      () => get('pvc kept', '.status.capacity.storage'),
      (text) => text === '128Mi',
    );
  });

  test('goes only when no pod uses it any more, and the directory with it', async () => {
    const directory = await directoryOf('kept');
    expect(statSync(directory).mode & 0o777).toBe(0o777);
    await cluster.kubectl('delete', 'pvc', 'kept', '--wait=false');
    expect(await cluster.kubectl('get', 'pvc', 'kept')).toContain('Terminating');
    expect(existsSync(join(directory, 'file'))).toBe(true);
    await cluster.kubectl('delete', 'pod', 'reader');
    await cluster.kubectl('wait', '--for=delete', 'pvc/kept', '--timeout=20s');
    await eventually(
      async () => readdirSync(join(cluster.dataDir, 'volumes')),
      (names) => names.length === 0,
    );
    await eventually(
      () => cluster.kubectl('get', 'pv', '-o', 'name'),
      (text) => text === '',
    );
  });
});

test('subPath and fsGroup: a part of the volume, written by somebody who is not root', async () => {
  const spec = { securityContext: { runAsUser: 1000, runAsGroup: 1000, fsGroup: 2000 } };
  const command = 'echo mine > /data/file && stat -c %g:%a /data /data/file';
  await apply(claim('shared'), pod('user', { volume: using('shared'), command, mount: { subPath: 'a/b' }, spec }));
  await succeeded('user');
  expect(await cluster.kubectl('logs', 'user')).toBe('2000:2777\n2000:644\n');
  const directory = await directoryOf('shared');
  expect(existsSync(join(directory, 'a/b/file'))).toBe(true);
});

test('a part of a volume is there again for a container that is started again, and none is left when the pod goes', async () => {
  const command = 'cat /data; sleep 0.3; test -e /all/again || { touch /all/again; exit 1; }';
  const container = {
    name: 'c',
    image,
    command: ['sh', '-c', command],
    volumeMounts: [
      { name: 'data', mountPath: '/data', subPath: 'dir/file' },
      { name: 'data', mountPath: '/all' },
    ],
  };
  const maker = { name: 'make', image, command: ['sh', '-c', 'mkdir -p /all/dir; echo part > /all/dir/file'] };
  const initContainers = [{ ...maker, volumeMounts: [{ name: 'data', mountPath: '/all' }] }];
  const spec = { containers: [container], initContainers, restartPolicy: 'OnFailure' };
  await apply(pod('parts', { volume: { emptyDir: {} }, command, spec }));
  await succeeded('parts');
  expect(await cluster.kubectl('logs', 'parts')).toBe('part\n');
  expect(await get('pod parts', '.status.containerStatuses[0].restartCount')).toBe('1');
  await cluster.kubectl('delete', 'pod', 'parts');
  expect(readFileSync('/proc/self/mountinfo', 'utf8').includes(join(cluster.dataDir, 'kubelet/pods'))).toBe(false);
});

test('ReadWriteOncePod: of pods that were put on the node past the scheduler, one has the volume', async () => {
  const nodeName = await cluster.kubectl('get', 'nodes', '-o', 'jsonpath={.items[0].metadata.name}');
  const sole = (name: string, spec: object = {}) => pod(name, { volume: using('sole'), command: 'sleep 100', spec });
  await apply(claim('sole', { accessModes: ['ReadWriteOncePod'] }), sole('first'));
  await cluster.kubectl('wait', '--for=condition=Ready', 'pod/first', '--timeout=30s');
  await apply(sole('second', { nodeName }));
  const volume = await get('pvc sole', '.spec.volumeName');
  const why = `MountVolume.SetUp failed for volume "${volume}" : volume uses the ReadWriteOncePod access mode and is already in use by another pod`;
  await eventually(
    () => cluster.kubectl('get', 'events', '--field-selector=involvedObject.name=second', '-o', 'jsonpath={.items[*].message}'),
    (text) => text.includes(why),
  );
  await cluster.kubectl('delete', 'pod', 'first');
  await cluster.kubectl('wait', '--for=condition=Ready', 'pod/second', '--timeout=30s');
  await cluster.kubectl('delete', 'pod/second', 'pvc/sole');
});

test('a container that swaps a directory for a link all the time gets nothing from outside of its volume, and makes nothing there', async () => {
  const outside = join(cluster.dataDir, 'outside');
  mkdirSync(join(outside, 'there'), { recursive: true });
  writeFileSync(join(outside, 'there/secret'), 'secret\n');
  const all = { name: 'data', mountPath: '/all' };
  const swap = `cd /all; mkdir -p a/there; while true; do mv a b; ln -s ${outside} a; rm a; mv b a; done`;
  const racer = { name: 'racer', image, command: ['sh', '-c', swap], volumeMounts: [all] };
  const command = 'ls -R /made /there; cat /there/secret';
  const parts = [
    { name: 'data', mountPath: '/made', subPath: 'a/new/er' },
    { name: 'data', mountPath: '/there', subPath: 'a/there' },
  ];
  const lookers = Array.from({ length: 12 }, (_, i) => `l${i}`);
  const containers = [racer, ...lookers.map((name) => ({ name, image, command: ['sh', '-c', command], volumeMounts: parts }))];
  await apply(pod('racing', { volume: { emptyDir: {} }, command: '', spec: { containers } }));
  // Each has been tried: it ran with what was the volume's own, or was refused.
  interface Status {
    readonly state?: { readonly terminated?: object; readonly waiting?: { readonly reason?: string } };
  }
  await eventually(
    async () => JSON.parse(await cluster.kubectl('get', 'pod', 'racing', '-o', 'json')).status.containerStatuses as Status[],
    (found) =>
      found.filter(({ state }) => state?.terminated ?? state?.waiting?.reason?.startsWith('CreateContainer')).length === lookers.length,
  );
  for (const name of lookers) expect((await cluster.tryKubectl(['logs', 'racing', '-c', name])).stdout).not.toMatch(/^secret/m);
  await cluster.kubectl('delete', 'pod', 'racing');
  expect([readdirSync(outside), readdirSync(join(outside, 'there'))]).toEqual([['there'], ['secret']]);
});

test('mounts go both ways: what a privileged container mounts is there for the host and for another pod', async () => {
  const path = join(cluster.dataDir, 'both-ways');
  const volume = { hostPath: { path, type: 'DirectoryOrCreate' } };
  // As on a node of any cluster: a volume is on a file system whose mounts are told to others.
  mkdirSync(path);
  execFileSync('mount', ['--bind', path, path]);
  try {
    execFileSync('mount', ['--make-rshared', path]);
    const mounting = 'mkdir -p /data/fs && mount -t tmpfs -o size=64k tmpfs /data/fs && echo inside > /data/fs/file && sleep 1000';
    const mountPropagation = 'Bidirectional';
    const maker = pod('mounter', { volume, command: mounting, mount: { mountPropagation } });
    const containers = maker.spec.containers.map((each) => ({ ...each, securityContext: { privileged: true } }));
    await apply(
      pod('onlooker', { volume, command: 'sleep 1000', mount: { mountPropagation: 'HostToContainer' } }),
      pod('stranger', { volume, command: 'sleep 1000' }),
    );
    await cluster.kubectl('wait', '--for=condition=Ready', 'pod/onlooker', 'pod/stranger', '--timeout=30s');
    await apply({ ...maker, spec: { ...maker.spec, containers } });
    const file = join(path, 'fs/file');
    await eventually(
      async () => existsSync(file),
      (there) => there,
    );
    expect(readFileSync(file, 'utf8')).toBe('inside\n');
    expect(await cluster.kubectl('exec', 'onlooker', '--', 'cat', '/data/fs/file')).toBe('inside\n');
    expect((await cluster.tryKubectl(['exec', 'stranger', '--', 'cat', '/data/fs/file'])).stderr).toContain('No such file');
    await cluster.kubectl('delete', 'pod', 'mounter', 'onlooker', 'stranger');
    expect(existsSync(file)).toBe(true);
  } finally {
    // Everything mounted below goes with it.
    execFileSync('umount', ['-R', path]);
  }
});

test('volumes that somebody made: hostPath by class, and kept when the claim goes', async () => {
  const path = join(cluster.dataDir, 'by-hand');
  const volume = {
    apiVersion: 'v1',
    kind: 'PersistentVolume',
    metadata: { name: 'by-hand' },
    spec: {
      capacity: { storage: '1Gi' },
      accessModes: ['ReadWriteOnce'],
      storageClassName: 'manual',
      hostPath: { path, type: 'DirectoryOrCreate' },
    },
  };
  await apply(
    volume,
    claim('manual', { storageClassName: 'manual' }),
    pod('manual', { volume: using('manual'), command: 'echo x > /data/kept' }),
  );
  await succeeded('manual');
  await cluster.kubectl('delete', 'pod/manual', 'pvc/manual');
  await eventually(
    () => get('pv by-hand', '.status.phase'),
    (phase) => phase === 'Released',
  );
  expect(existsSync(join(path, 'kept'))).toBe(true);
});

test('a generic ephemeral volume comes and goes with its pod', async () => {
  const template = { spec: { accessModes: ['ReadWriteOnce'], resources: { requests: { storage: '1Mi' } } } };
  await apply(pod('scratch', { volume: { ephemeral: { volumeClaimTemplate: template } }, command: 'echo x > /data/y && ls /data' }));
  await succeeded('scratch');
  expect(await cluster.kubectl('logs', 'scratch')).toBe('y\n');
  expect(await get('pvc scratch-data', '.status.phase')).toBe('Bound');
  await cluster.kubectl('delete', 'pod', 'scratch');
  await cluster.kubectl('wait', '--for=delete', 'pvc/scratch-data', '--timeout=20s');
});

test('a pod whose claim is not there says so, and runs once it is', async () => {
  await apply(pod('early', { volume: using('late'), command: 'true' }));
  const text = await eventually(
    () => cluster.kubectl('describe', 'pod', 'early'),
    (described) => described.includes('FailedScheduling'),
  );
  expect(text).toContain('0/1 nodes are available: persistentvolumeclaim "late" not found.');
  await apply(claim('late'));
  await succeeded('early');
});

test('a restart of Minke changes nothing for a pod that writes, and its claim goes on', async () => {
  const command = 'i=0; while true; do i=$((i+1)); echo $i > /data/count; sleep 0.1; done';
  await apply(claim('steady'), pod('steady', { volume: using('steady'), command }));
  await cluster.kubectl('wait', '--for=condition=Ready', 'pod/steady', '--timeout=30s');
  const count = async () => Number(await cluster.kubectl('exec', 'steady', '--', 'cat', '/data/count'));
  const before = await eventually(count, (found) => found > 0);
  await cluster.restart();
  await cluster.kubectl('wait', '--for=condition=Ready', 'pod/steady', '--timeout=30s');
  expect(await eventually(count, (found) => found > before)).toBeGreaterThan(before);
  expect(await get('pod steady', '.status.containerStatuses[0].restartCount')).toBe('0');
  await cluster.kubectl('delete', 'pod/steady', 'pvc/steady');
});
