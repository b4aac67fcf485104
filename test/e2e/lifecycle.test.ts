// A cluster's life on a machine: start, stop, adoption, sudden deaths, faults of the surroundings, and removal without a trace.
import { execFileSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { eventually, freePort, minke, root, run, startTestCluster, type TestCluster } from './harness.ts';

const example = (name: string) => join(root, 'examples', name);
const pidOf = (file: string): number => Number(readFileSync(file, 'utf8').split(' ')[0]);
const isRunning = (pid: number): boolean => {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
};

describe('a cluster on this machine', () => {
  let cluster: TestCluster;
  beforeAll(async () => {
    cluster = await startTestCluster();
    await cluster.kubectl('apply', '-f', example('web-pod.yaml'));
    await cluster.kubectl('wait', '--for=condition=Ready', 'pod/web', '--timeout=60s');
  });
  afterAll(() => cluster?.destroy());
  const containerOf = (pod: string) =>
    cluster.kubectl(
      'get',
      'pod',
      pod,
      '-o',
      'jsonpath={.status.containerStatuses[0].containerID} {.status.containerStatuses[0].restartCount} {.status.podIP}',
    );

  test('says how long each step took, and what to do next', () => {
    for (const word of [
      '✓ API server (',
      '✓ container runtime, images and pod network (',
      '✓ node ready (',
      'kubeconfig',
      'kubectl apply -f examples/deployment.yaml',
    ]) {
      expect(cluster.up.stdout).toContain(word);
    }
  });

  test('status tells where it answers', async () => {
    const status = await cluster.minke('status');
    expect(status.code).toBe(0);
    expect(status.stdout).toContain(`https://127.0.0.1:${cluster.port} (ready)`);
  });

  test('credentials are for their owner alone, and the token works', async () => {
    for (const file of ['admin.kubeconfig', 'admin.token', 'pki/ca.key'])
      expect(statSync(join(cluster.dataDir, file)).mode & 0o777).toBe(0o600);
    const token = readFileSync(join(cluster.dataDir, 'admin.token'), 'utf8').trim();
    const withToken = await cluster.tryKubectl([
      '--kubeconfig=/dev/null',
      `--server=https://127.0.0.1:${cluster.port}`,
      `--certificate-authority=${join(cluster.dataDir, 'pki/ca.crt')}`,
      `--token=${token}`,
      'get',
      'nodes',
      '-o',
      'name',
    ]);
    expect(withToken.stdout).toMatch(/^node\//);
    const without = await cluster.tryKubectl([
      '--kubeconfig=/dev/null',
      `--server=https://127.0.0.1:${cluster.port}`,
      '--insecure-skip-tls-verify',
      '--token=wrong',
      'get',
      'nodes',
    ]);
    expect(without.code).not.toBe(0);
    expect(without.stderr).toMatch(/Unauthorized|logged in/);
  });

  test('containers go on while Minke is stopped, and the next start adopts them', async () => {
    const before = await containerOf('web');
    await cluster.restart();
    await cluster.kubectl('wait', '--for=condition=Ready', 'pod/web', '--timeout=30s');
    expect(await containerOf('web')).toBe(before);
    expect(await cluster.kubectl('exec', 'web', '--', 'cat', '/www/index.html')).toBe('hello from a pod\n');
  });

  test('kill -9 of Minke loses nothing that was acknowledged, and restarts nothing', async () => {
    const before = await containerOf('web');
    for (let i = 0; i < 20; i++) await cluster.kubectl('create', 'configmap', `kept-${i}`, `--from-literal=n=${i}`);
    process.kill(pidOf(join(cluster.dataDir, 'minke.pid')), 'SIGKILL');
    const again = await cluster.minke('up', '--detach', '--port', String(cluster.port));
    expect(again.stderr).toBe('');
    expect((await cluster.kubectl('get', 'configmaps', '-o', 'name')).match(/kept-/g)).toHaveLength(20);
    await cluster.kubectl('wait', '--for=condition=Ready', 'pod/web', '--timeout=30s');
    expect(await containerOf('web')).toBe(before);
  });

  test('kill -9 of containerd: it is started again, and the pods go on', async () => {
    const before = await containerOf('web');
    const { id } = JSON.parse(readFileSync(join(cluster.dataDir, 'minke.json'), 'utf8')) as { id: string };
    const record = join('/run/minke', id, 'containerd.json');
    const pid = (JSON.parse(readFileSync(record, 'utf8')) as { pid: number }).pid;
    process.kill(pid, 'SIGKILL');
    await eventually(
      async () => (JSON.parse(readFileSync(record, 'utf8')) as { pid: number }).pid,
      (now) => now !== pid && isRunning(now),
    );
    expect(
      await eventually(
        () => cluster.kubectl('exec', 'web', '--', 'cat', '/www/index.html'),
        (text) => text !== '',
      ),
    ).toBe('hello from a pod\n');
    expect(await containerOf('web')).toBe(before);
    await cluster.kubectl('run', 'after', '--image=minke.local/tools:latest', '--command', '--', 'sleep', '1000');
    await cluster.kubectl('wait', '--for=condition=Ready', 'pod/after', '--timeout=60s');
  });

  test('a second Minke on the same data dir is refused', async () => {
    const second = await minke('up', '--data-dir', cluster.dataDir, '--port', String(await freePort()));
    expect(second.code).toBe(1);
    expect(second.stderr).toMatch(
      /^error: .* is in use by another Minke \(process \d+, https:\/\/127\.0\.0\.1:\d+\)\. Stop it with `minke down/,
    );
  });

  test('a second cluster lives beside the first, pods included', async () => {
    const other = await startTestCluster();
    try {
      await other.kubectl('apply', '-f', example('web-pod.yaml'));
      await other.kubectl('wait', '--for=condition=Ready', 'pod/web', '--timeout=60s');
      const [mine, theirs] = await Promise.all([containerOf('web'), other.kubectl('get', 'pod', 'web', '-o', 'jsonpath={.status.podIP}')]);
      expect(mine.split(' ')[2]).not.toBe(theirs);
      expect(execFileSync('wget', ['-qO-', `http://${theirs}:8080/`]).toString()).toBe('hello from a pod\n');
    } finally {
      await other.destroy();
    }
    expect(await cluster.kubectl('exec', 'web', '--', 'cat', '/www/index.html')).toBe('hello from a pod\n');
  });

  test('down --clean leaves nothing behind', async () => {
    const { id } = JSON.parse(readFileSync(join(cluster.dataDir, 'minke.json'), 'utf8')) as { id: string };
    const down = await cluster.minke('down', '--clean');
    expect(down.code, down.stdout + down.stderr).toBe(0);
    expect(existsSync(cluster.dataDir)).toBe(false);
    expect(existsSync(join('/run/minke', id))).toBe(false);
    const traces = [
      (await run('ip', ['-o', 'link'])).stdout,
      (await run('nft', ['list', 'tables'])).stdout,
      readFileSync('/proc/self/mountinfo', 'utf8'),
      (await run('find', ['/sys/fs/cgroup', '-maxdepth', '2', '-name', 'minke-*'])).stdout,
      (await run('ps', ['-eo', 'args'])).stdout,
    ].join('\n');
    expect(traces).not.toContain(id);
    expect(traces).not.toContain(cluster.dataDir);
  });
});

describe('without a real node', () => {
  test('--no-node is the control plane alone: pods wait for a node', async () => {
    const cluster = await startTestCluster('--no-node');
    try {
      await cluster.kubectl('apply', '-f', example('deployment.yaml'));
      const text = await eventually(
        () => cluster.kubectl('get', 'events'),
        (events) => events.includes('FailedScheduling'),
      );
      expect(text).toContain('no nodes available to schedule pods');
      expect((await cluster.kubectl('get', 'nodes')).trim()).toBe('');
    } finally {
      await cluster.destroy();
    }
  });

  test('--simulate gives nodes that run pods, as a user without root', async () => {
    const home = mkdtempSync(join(tmpdir(), 'minke-user-'));
    const port = await freePort();
    execFileSync('chown', ['nobody', home]);
    const asNobody = (...words: string[]) =>
      run(
        'setpriv',
        [
          '--reuid=65534',
          '--regid=65534',
          '--clear-groups',
          process.execPath,
          join(root, 'bin/minke'),
          ...words,
          '--data-dir',
          join(home, 'data'),
        ],
        { env: { HOME: home } },
      );
    try {
      const up = await asNobody('up', '--simulate', '3', '--port', String(port), '--detach');
      expect(up.code, up.stderr).toBe(0);
      const kubectl = (...words: string[]) => run('kubectl', ['--kubeconfig', join(home, 'data/admin.kubeconfig'), ...words]);
      await kubectl('apply', '-f', example('deployment.yaml'));
      expect((await kubectl('rollout', 'status', 'deployment/hello', '--timeout=60s')).stdout).toContain('successfully rolled out');
      expect((await kubectl('get', 'nodes')).stdout.match(/sim-\d\s+Ready/g)).toHaveLength(3);
      expect((await kubectl('logs', 'deployment/hello')).stdout).toMatch(/^simulated container httpd started/);
      expect((await kubectl('exec', 'deployment/hello', '--', 'ls')).stderr).toMatch(/the node "sim-\d" is simulated/);
    } finally {
      await asNobody('down', '--clean');
      rmSync(home, { recursive: true, force: true });
    }
  });
});

describe('what the surroundings do not allow is said in one sentence', () => {
  async function refused(...flags: string[]): Promise<string> {
    const done = await minke('up', ...flags);
    expect(done.code).toBe(1);
    expect(done.stderr.trim().split('\n')).toHaveLength(1);
    return done.stderr.trim();
  }

  test('a port in use', async () => {
    const server = createServer().listen(0, '127.0.0.1');
    await new Promise((resolve) => server.once('listening', resolve));
    const address = server.address();
    const port = typeof address === 'object' && address ? address.port : 0;
    const dataDir = join(tmpdir(), `minke-none-${port}`);
    try {
      expect(await refused('--no-node', '--data-dir', dataDir, '--port', String(port))).toBe(
        `error: Cannot listen on 127.0.0.1:${port}: another program uses it. Choose another port with --port.`,
      );
      expect(existsSync(dataDir)).toBe(false);
    } finally {
      server.close();
    }
  });

  test('a foreign data dir, and a damaged one', async () => {
    const dataDir = mkdtempSync(join(tmpdir(), 'minke-foreign-'));
    try {
      writeFileSync(join(dataDir, 'thesis.txt'), 'mine');
      expect(await refused('--no-node', '--data-dir', dataDir)).toContain('holds "thesis.txt" but no minke.json');
      rmSync(join(dataDir, 'thesis.txt'));
      writeFileSync(join(dataDir, 'minke.json'), '{');
      expect(await refused('--no-node', '--data-dir', dataDir)).toContain('it is damaged (not JSON)');
    } finally {
      rmSync(dataDir, { recursive: true });
    }
  });

  test('a damaged store', async () => {
    const cluster = await startTestCluster('--no-node');
    try {
      await cluster.minke('down');
      writeFileSync(join(cluster.dataDir, 'store/data.mdb'), 'garbage');
      const again = await cluster.minke('up', '--no-node', '--detach');
      expect(again.code).toBe(1);
      expect(again.stderr).toMatch(/^error: .*store.*\n$/);
    } finally {
      await cluster.destroy();
    }
  });

  test('no root', async () => {
    const done = await run('setpriv', [
      '--reuid=65534',
      '--regid=65534',
      '--clear-groups',
      process.execPath,
      join(root, 'bin/minke'),
      'up',
      '--data-dir',
      '/tmp/minke-nobody',
    ]);
    expect(done.code).toBe(1);
    expect(done.stderr).toBe('error: A node needs root: run as root, or start without a real node by --no-node or --simulate N.\n');
    expect(existsSync('/tmp/minke-nobody')).toBe(false);
  });

  test('a flag that does not exist', async () => {
    expect(await refused('--prot', '1')).toBe("error: minke up: Unknown option '--prot'. See `minke help up`.");
  });
});
