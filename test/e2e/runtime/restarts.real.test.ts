// Containers outlive Minke and containerd; a clean-up leaves nothing, even of what was ended by force.
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { systemFiles } from '../../../src/base/ports/fs.ts';
import { systemProcesses } from '../../../src/base/ports/process.ts';
import { removeShimSockets } from '../../../src/kubelet/containerd/clean.ts';
import { readRecord } from '../../../src/kubelet/containerd/containerd.ts';
import { mountsBelow, parseMountInfo } from '../../../src/kubelet/containerd/mod.ts';
import type { RuntimeEvent } from '../../../src/kubelet/cri/mod.ts';
import { containerConfig, createNode, type Node, sandboxConfig, traces, until } from './harness.ts';

describe('restarts', () => {
  let node: Node;
  let before: Awaited<ReturnType<typeof traces>>;

  beforeAll(async () => {
    before = await traces();
    node = await createNode();
  });

  afterAll(async () => {
    await node?.clean();
    expect(await traces()).toEqual(before);
  });

  const recordOf = async () => {
    const record = await readRecord(systemFiles, node.paths.record);
    if (!record) throw new Error('containerd left no record');
    return record;
  };

  test('a second start adopts the running containerd and its containers', async () => {
    const first = await node.start();
    expect(first.containerd.adopted).toBe(false);
    await first.images.ensureLocalImages();
    const config = sandboxConfig(node, 'lasting');
    const sandbox = await first.runtime.runSandbox(config);
    const container = await first.runtime.createContainer(sandbox, containerConfig('main', ['sleep', '1000']), config);
    await first.runtime.startContainer(container);
    const { pid } = await recordOf();
    await first.stop();
    await expect(first.runtime.version()).rejects.toMatchObject({ code: 'unavailable' });

    const second = await node.start();
    expect(second.containerd.adopted).toBe(true);
    expect((await recordOf()).pid).toBe(pid);
    expect(await second.runtime.containerStatus(container)).toMatchObject({ state: 'running', sandboxId: sandbox });
    await second.stop();
  });

  test('a killed containerd is started again, its containers go on, and followers are told of the gap', async () => {
    const { runtime, stop } = await node.start();
    const events: RuntimeEvent[] = [];
    const stopEvents = new AbortController();
    const following = (async () => {
      for await (const event of runtime.events(stopEvents.signal)) events.push(event);
    })();
    await until('the subscription', 5_000, () => events.length === 1);
    const [container] = await runtime.listContainers();
    const startedAtMs = (await runtime.containerStatus(container?.id ?? '')).startedAtMs;
    const killed = await recordOf();
    systemProcesses.kill(killed, 'SIGKILL');
    const startMs = performance.now();
    await until('containerd again', 10_000, async () => (await recordOf()).pid !== killed.pid && runtime.version().catch(() => undefined));
    console.log(`containerd answered ${Math.round(performance.now() - startMs)} ms after it was killed`);
    expect(await runtime.containerStatus(container?.id ?? '')).toMatchObject({ state: 'running', startedAtMs });
    await until('news of the gap', 5_000, () => events.filter(({ type }) => type === 'unknown').length >= 2);
    stopEvents.abort();
    await following;
    await stop();
  });

  test('a record that was lost does not make a second containerd', async () => {
    const lost = await recordOf();
    await systemFiles.remove(node.paths.record);
    const { containerd, runtime, stop } = await node.start();
    expect(containerd.adopted).toBe(false);
    expect(systemProcesses.isRunning(lost)).toBe(false);
    expect((await runtime.listContainers()).map(({ state }) => state)).toEqual(['running']);
    await stop();
  });

  test('two clusters live side by side, and cleaning one leaves the other alone', async () => {
    const other = await createNode();
    expect(other.podCidr).not.toBe(node.podCidr);
    const { runtime, images, stop } = await other.start();
    await images.ensureLocalImages();
    await runtime.runSandbox(sandboxConfig(other, 'neighbour'));
    const lasting = await recordOf();
    await stop();
    await other.clean();
    expect(systemProcesses.isRunning(lasting)).toBe(true);
  });

  test('after a boot the old pods are listed as ended, can be removed, and new ones run', async () => {
    // What a boot does: no process, nothing in /run, no interfaces. The data directory stays.
    systemProcesses.kill(await recordOf(), 'SIGKILL');
    const ofNode = (argv: readonly string[]) =>
      argv.some((word) => word.includes(node.paths.run)) || argv.join(' ') === 'sleep 1000' || argv[0] === '/catatonit';
    await until('the end of all processes', 10_000, () => {
      const left = systemProcesses.list().filter(({ argv }) => ofNode(argv));
      for (const process of left) systemProcesses.kill(process, 'SIGKILL');
      return left.length === 0;
    });
    for (const path of mountsBelow(parseMountInfo((await systemFiles.readText('/proc/self/mountinfo')) ?? ''), [node.paths.run])) {
      await systemProcesses.run('umount', ['-l', path], { deadlineMs: 5_000 });
    }
    await removeShimSockets(systemFiles, node.paths);
    await systemFiles.remove(node.paths.run);
    await node.network.remove();

    await node.network.setUp({ podCidr: node.podCidr, confDir: node.paths.cniConf, leasesDir: node.paths.cniLeases });
    const { runtime, stop } = await node.start();
    const old = await runtime.listSandboxes();
    expect(old.map(({ state }) => state)).toEqual(['notReady']);
    expect((await runtime.listContainers()).map(({ state }) => state)).toEqual(['exited']);
    for (const { id } of old) {
      await runtime.stopSandbox(id);
      await runtime.removeSandbox(id);
    }
    expect([...(await runtime.listSandboxes()), ...(await runtime.listContainers())]).toEqual([]);
    const config = sandboxConfig(node, 'lasting');
    const sandbox = await runtime.runSandbox(config);
    const container = await runtime.createContainer(sandbox, containerConfig('main', ['sleep', '1000']), config);
    await runtime.startContainer(container);
    expect((await runtime.sandboxStatus(sandbox)).ips).toEqual([node.podCidr.replace(/0\/24$/, '2')]);
    await stop();
  });

  test('cleaning up works when containerd and its containers are running but containerd has been killed', async () => {
    systemProcesses.kill(await recordOf(), 'SIGKILL');
    await node.clean();
    expect(await traces()).toEqual(before);
  });
});
