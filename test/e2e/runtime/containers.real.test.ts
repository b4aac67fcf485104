// A container from its image to its end, on the real runtime and network.
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { systemClock } from '../../../src/base/ports/clock.ts';
import { removeEmptyDirectory } from '../../../src/base/ports/directories.ts';
import { systemFiles } from '../../../src/base/ports/fs.ts';
import { systemProcesses } from '../../../src/base/ports/process.ts';
import { createCgroupRemover, nodeFacts } from '../../../src/kubelet/containerd/mod.ts';
import { type ContainerRuntime, RuntimeError, type RuntimeEvent } from '../../../src/kubelet/cri/mod.ts';
import { pauseImage, toolsImage } from '../../../src/kubelet/images/mod.ts';
import { containerConfig, createNode, type Node, sandboxConfig, traces, until } from './harness.ts';

const web = ['sh', '-c', 'mkdir -p /www; echo hello > /www/index.html; exec httpd -f -p 8080 -h /www'];

describe('containers', () => {
  let node: Node;
  let started: Awaited<ReturnType<Node['start']>>;
  let runtime: ContainerRuntime;
  let before: Awaited<ReturnType<typeof traces>>;

  beforeAll(async () => {
    before = await traces();
    node = await createNode();
    started = await node.start();
    runtime = started.runtime;
    await started.images.ensureLocalImages();
  });

  afterAll(async () => {
    await started?.stop();
    await node?.clean();
    expect(await traces()).toEqual(before);
  });

  async function runPod(name: string, command: readonly string[], more: Parameters<typeof sandboxConfig>[2] = {}) {
    const config = sandboxConfig(node, name, more);
    const sandbox = await runtime.runSandbox(config);
    const container = await runtime.createContainer(sandbox, containerConfig('main', command), config);
    await runtime.startContainer(container);
    const { ips } = await runtime.sandboxStatus(sandbox);
    return { sandbox, container, ip: ips[0] ?? '', config };
  }

  async function remove({ sandbox, container }: { sandbox: string; container: string }) {
    await runtime.stopContainer(container, 0);
    await runtime.removeContainer(container);
    await runtime.stopSandbox(sandbox);
    await runtime.removeSandbox(sandbox);
  }

  const get = async (url: string) => (await fetch(url, { signal: AbortSignal.timeout(1_000) })).text();

  test('the local images are there, and are not built a second time', async () => {
    const names = (await runtime.listImages()).flatMap(({ repoTags }) => repoTags);
    expect(names).toEqual(expect.arrayContaining([pauseImage, toolsImage]));
    expect(await started.images.ensureLocalImages()).toEqual([]);
    expect(await runtime.imageStatus('minke.local/none:1')).toBeUndefined();
    expect((await runtime.imageStatus(pauseImage))?.uid).toBe(65535);
  });

  test('a web server answers at its address, logs, runs commands, and tells of its start and end', async () => {
    const events: RuntimeEvent[] = [];
    const stopEvents = new AbortController();
    const following = (async () => {
      for await (const event of runtime.events(stopEvents.signal)) events.push(event);
    })();
    await until('the subscription', 5_000, () => events.length > 0);
    const pod = await runPod('web', ['sh', '-c', `echo out; echo err >&2; ${web[2]}`]);
    const { sandbox, container } = pod;
    expect(await until('an answer', 5_000, () => get(`http://${pod.ip}:8080/`).catch(() => undefined))).toBe('hello\n');

    const log = (await readFile(join(node.dataDir, 'logs/web/main.log'), 'utf8')).trim().split('\n');
    expect(log.map((line) => line.split(' ').slice(1).join(' ')).sort()).toEqual(['stderr F err', 'stdout F out']);

    const done = await runtime.execSync(container, ['sh', '-c', 'hostname; echo no >&2; exit 3'], 5);
    expect({ ...done, stdout: Buffer.from(done.stdout).toString(), stderr: Buffer.from(done.stderr).toString() }).toEqual({
      stdout: 'web\n',
      stderr: 'no\n',
      exitCode: 3,
    });
    await expect(runtime.execSync(container, ['sleep', '30'], 1)).rejects.toMatchObject({ code: 'deadlineExceeded' });
    expect(await runtime.exec(container, { command: ['sh'], tty: true, stdin: true, stdout: true, stderr: false })).toMatch(
      /^http:\/\/127\.0\.0\.1:\d+\/exec\//,
    );

    const status = await runtime.containerStatus(container);
    expect(status).toMatchObject({ state: 'running', sandboxId: sandbox, image: toolsImage, finishedAtMs: 0, exitCode: 0 });
    expect(Math.abs(Date.now() - status.startedAtMs)).toBeLessThan(60_000);

    await runtime.stopContainer(container, 1);
    expect(await runtime.containerStatus(container)).toMatchObject({ state: 'exited', exitCode: 137 });
    await remove(pod);
    await until('the end of the sandbox', 5_000, () =>
      events.some(({ type, sandboxId, containerId }) => type === 'deleted' && sandboxId === sandbox && containerId === undefined),
    );
    const of = (id: string | undefined) =>
      events.filter((event) => event.sandboxId === sandbox && event.containerId === id).map(({ type }) => type);
    expect(of(container)).toEqual(['started', 'stopped', 'deleted']);
    expect(of(undefined)).toEqual(['started', 'stopped', 'deleted']);
    stopEvents.abort();
    await following;
  });

  test('pods reach each other by address', async () => {
    const server = await runPod('server', web);
    const client = await runPod('client', ['sleep', '1000']);
    const fetched = await until('an answer', 5_000, async () => {
      const { stdout, exitCode } = await runtime.execSync(client.container, ['wget', '-qO-', `http://${server.ip}:8080/`], 5);
      return exitCode === 0 && Buffer.from(stdout).toString();
    });
    expect(fetched).toBe('hello\n');
    await Promise.all([remove(server), remove(client)]);
  });

  test('a host port leads to its pod, on every address of the host, until the pod has gone; it has one owner', async () => {
    const portMappings = [{ protocol: 'TCP', containerPort: 8080, hostPort: 18_473, hostIp: '' }] as const;
    const pod = await runPod('ported', web, { portMappings });
    const gateway = pod.ip.replace(/\d+$/, '1');
    for (const host of ['127.0.0.1', gateway]) {
      expect(await until(`an answer at ${host}`, 5_000, () => get(`http://${host}:18473/`).catch(() => undefined))).toBe('hello\n');
    }
    await expect(runtime.runSandbox(sandboxConfig(node, 'second', { portMappings }))).rejects.toThrow(RuntimeError);
    await remove(pod);
    await expect(get('http://127.0.0.1:18473/')).rejects.toThrow('fetch failed');
    for (const { id } of await runtime.listSandboxes()) await runtime.removeSandbox(id);
    expect(await runtime.listSandboxes()).toEqual([]);
  });

  test('limits arrive in the cgroup below the cluster’s own', async () => {
    const config = sandboxConfig(node, 'limited');
    const sandbox = await runtime.runSandbox(config);
    const more = {
      resources: { memoryLimitBytes: 64 * 1024 * 1024, cpuShares: 512, cpuPeriod: 100_000, cpuQuota: 50_000, oomScoreAdj: 900 },
    };
    const container = await runtime.createContainer(sandbox, containerConfig('main', ['sleep', '1000'], more), config);
    await runtime.startContainer(container);
    const read =
      'cat /sys/fs/cgroup/memory/memory.limit_in_bytes 2>/dev/null || cat /sys/fs/cgroup/memory.max; cat /proc/1/oom_score_adj; cat /proc/1/cgroup';
    const lines = Buffer.from((await runtime.execSync(container, ['sh', '-c', read], 5)).stdout)
      .toString()
      .split('\n');
    expect(lines.slice(0, 2)).toEqual([String(64 * 1024 * 1024), '900']);
    await remove({ sandbox, container });

    const groups = () => systemProcesses.run('find', ['/sys/fs/cgroup', '-name', 'pod-limited'], { deadlineMs: 5_000 });
    expect((await groups()).stdout).toContain(`/minke-${node.clusterId}/kubepods/pod-limited`);
    const layout = (await nodeFacts(systemFiles)).cgroups;
    const removeCgroup = createCgroupRemover({
      clusterId: node.clusterId,
      layout,
      fs: systemFiles,
      removeDirectory: removeEmptyDirectory,
      clock: systemClock,
    });
    await removeCgroup('/kubepods/pod-limited');
    await removeCgroup('/kubepods/pod-limited');
    expect((await groups()).stdout).toBe('');
  });

  test('a container that needs too much memory ends as OOMKilled', async () => {
    const config = sandboxConfig(node, 'hungry');
    const sandbox = await runtime.runSandbox(config);
    const eat = ['sh', '-c', 'x=a; while true; do x="$x$x"; done'];
    const container = await runtime.createContainer(
      sandbox,
      containerConfig('main', eat, { resources: { memoryLimitBytes: 16 * 1024 * 1024 } }),
      config,
    );
    await runtime.startContainer(container);
    const ended = await until('the end', 20_000, async () => {
      const status = await runtime.containerStatus(container);
      return status.state === 'exited' && status;
    });
    expect(ended).toMatchObject({ reason: 'OOMKilled', exitCode: 137 });
    await remove({ sandbox, container });
  });

  test('what is not there is not found; stopping and removing it succeeds', async () => {
    await expect(runtime.containerStatus('none')).rejects.toMatchObject({ code: 'notFound' });
    await expect(runtime.sandboxStatus('none')).rejects.toMatchObject({ code: 'notFound' });
    await runtime.stopContainer('none', 1);
    await runtime.removeContainer('none');
    await runtime.stopSandbox('none');
    await runtime.removeSandbox('none');
    await runtime.removeImage('minke.local/none:1');
  });

  test('setting up a container takes a fraction of a second', async () => {
    const timesMs: number[] = [];
    for (let i = 0; i < 10; i++) {
      const startMs = performance.now();
      const pod = await runPod(`timed-${i}`, ['sleep', '1000']);
      timesMs.push(performance.now() - startMs);
      await remove(pod);
    }
    const median = timesMs.sort((a, b) => a - b)[5] ?? 0;
    console.log(
      `runSandbox + createContainer + startContainer: median ${median.toFixed(0)} ms of ${timesMs.map((ms) => ms.toFixed(0)).join(' ')}`,
    );
    expect(median).toBeLessThan(1_000);
  });
});
