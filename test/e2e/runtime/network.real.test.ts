// The pod network seen from pods: outside by translation, host network, names; and setting it up again under running pods.
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { systemClock } from '../../../src/base/ports/clock.ts';
import { systemFiles } from '../../../src/base/ports/fs.ts';
import { type ProcessId, systemProcesses } from '../../../src/base/ports/process.ts';
import type { ContainerRuntime } from '../../../src/kubelet/cri/mod.ts';
import { chooseRange, createPodNetwork } from '../../../src/network/mod.ts';
import { containerConfig, createNode, type Node, sandboxConfig, traces, until } from './harness.ts';

/** A neighbour of this machine, in a namespace of its own, that knows no way to any pod. */
const outside = { host: '198.18.77.1', neighbour: '198.18.77.2', link: 'mktestout' };

describe('pod network', () => {
  let node: Node;
  let started: Awaited<ReturnType<Node['start']>>;
  let runtime: ContainerRuntime;
  let before: Awaited<ReturnType<typeof traces>>;

  const run = async (command: string, ...args: string[]) => {
    const { code, stdout, stderr } = await systemProcesses.run(command, args, { deadlineMs: 10_000 });
    if (code !== 0) throw new Error(`${command} ${args.join(' ')}: ${stderr}`);
    return stdout;
  };
  let neighbour: ProcessId | undefined;
  const enter = () => ['-t', String(neighbour?.pid), '-n'];
  const inside = (...args: string[]) => run('nsenter', ...enter(), ...args);

  beforeAll(async () => {
    before = await traces();
    node = await createNode();
    started = await node.start();
    runtime = started.runtime;
    await started.images.ensureLocalImages();
  });

  afterAll(async () => {
    await systemProcesses.run('ip', ['link', 'del', outside.link], { deadlineMs: 10_000 });
    if (neighbour) systemProcesses.kill(neighbour, 'SIGKILL');
    await started?.stop();
    await node?.clean();
    expect(await traces()).toEqual(before);
  });

  async function runPod(name: string, command: readonly string[], more: Parameters<typeof sandboxConfig>[2] = {}) {
    const config = sandboxConfig(node, name, more);
    const sandbox = await runtime.runSandbox(config);
    const container = await runtime.createContainer(sandbox, containerConfig('main', command), config);
    await runtime.startContainer(container);
    return { sandbox, container };
  }

  const exec = async (container: string, script: string) => {
    const { stdout, stderr, exitCode } = await runtime.execSync(container, ['sh', '-c', script], 10);
    return { exitCode, output: Buffer.from(stdout).toString() + Buffer.from(stderr).toString() };
  };

  test('a pod reaches a machine outside that knows no way back, under the host’s address', async () => {
    const own = await systemProcesses.startDetached('unshare', ['-n', 'sleep', '1000'], { logFile: '/dev/null' });
    neighbour = own;
    await until('a namespace', 5_000, () => systemProcesses.list().some(({ pid, argv }) => pid === own.pid && argv[0] === 'sleep'));
    await run('ip', 'link', 'add', outside.link, 'type', 'veth', 'peer', 'name', 'eth0', 'netns', String(own.pid));
    await run('ip', 'addr', 'add', `${outside.host}/30`, 'dev', outside.link);
    await run('ip', 'link', 'set', outside.link, 'up');
    await inside('ip', 'addr', 'add', `${outside.neighbour}/30`, 'dev', 'eth0');
    await inside('ip', 'link', 'set', 'eth0', 'up');
    await inside('ip', 'link', 'set', 'lo', 'up');
    const server = await systemProcesses.startDetached(
      'nsenter',
      [...enter(), 'busybox', 'nc', '-ll', '-p', '8088', '-e', '/bin/sh', '-c', 'echo $NCADDR $(busybox netstat -tn | busybox grep 8088)'],
      { logFile: '/dev/null' },
    );
    try {
      const { container } = await runPod('goes-out', ['sleep', '1000']);
      const { output } = await until('an answer', 10_000, async () => {
        const found = await exec(container, `nc -w 2 ${outside.neighbour} 8088 </dev/null`);
        return found.output.includes(outside.neighbour) && found;
      });
      expect(output).toContain(`${outside.host}:`);
      expect(output).not.toContain(node.podCidr.replace(/0\/24$/, ''));
    } finally {
      systemProcesses.kill(server, 'SIGKILL');
    }
  });

  test('a firewall that drops what is forwarded gets an exception, and loses it with the network', async () => {
    const chain = ['ip', 'minke-test-firewall', 'FORWARD'];
    await run('nft', 'add', 'table', 'ip', 'minke-test-firewall');
    try {
      await run('nft', 'add', 'chain', ...chain, '{ type filter hook forward priority 0; policy drop; }');
      const other = createPodNetwork({
        clock: systemClock,
        clusterId: 'firewall-test',
        fs: systemFiles,
        processes: systemProcesses,
        programs: { ip: 'ip', nft: 'nft' },
      });
      const podCidr = chooseRange({ prefix: 24, from: '10.42.0.0', taken: await other.takenRanges() }) ?? '';
      const setUp = () => other.setUp({ podCidr, confDir: `${node.dataDir}/cni`, leasesDir: `${node.dataDir}/leases` });
      await setUp();
      await setUp();
      const rules = (await run('nft', 'list', 'chain', ...chain)).split('\n').filter((line) => line.includes('accept'));
      expect(rules.map((line) => line.trim())).toEqual(
        ['oifname', 'iifname'].map((match) => `${match} "${other.bridge}" accept comment "minke-firewall-test"`),
      );
      await other.remove();
      expect(await run('nft', 'list', 'chain', ...chain)).not.toContain('accept');
    } finally {
      await run('nft', 'delete', 'table', 'ip', 'minke-test-firewall');
    }
  });

  test('a pod on the host’s network has the host’s interfaces and no address of its own', async () => {
    const security = sandboxConfig(node, 'x').security;
    const namespaces = { network: 'node', pid: 'container', ipc: 'pod' } as const;
    const config = sandboxConfig(node, 'on-host', { security: { ...security, namespaces } });
    const sandbox = await runtime.runSandbox(config);
    const plain = containerConfig('main', ['sleep', '1000']);
    const container = await runtime.createContainer(sandbox, { ...plain, security: { ...plain.security, namespaces } }, config);
    await runtime.startContainer(container);
    expect((await runtime.sandboxStatus(sandbox)).ips).toEqual([]);
    expect((await exec(container, 'ip link')).output).toContain(node.network.bridge);
  });

  test('a pod resolves by the name servers that it is given', async () => {
    const dns = { servers: ['10.96.0.10'], searches: ['default.svc.cluster.local'], options: ['ndots:5'] };
    const { container } = await runPod('named', ['sleep', '1000'], { dns });
    expect((await exec(container, 'cat /etc/resolv.conf')).output.trim().split('\n').sort()).toEqual([
      'nameserver 10.96.0.10',
      'options ndots:5',
      'search default.svc.cluster.local',
    ]);
    expect((await exec(container, 'hostname; cat /etc/hosts')).output).toContain('named');
  });

  test('setting the network up again changes nothing for pods that run', async () => {
    const { sandbox, container } = await runPod('stays', ['sleep', '1000'], {
      portMappings: [{ protocol: 'TCP', containerPort: 80, hostPort: 18_474, hostIp: '127.0.0.1' }],
    });
    const gateway = node.podCidr.replace(/0\/24$/, '1');
    const again = await node.network.setUp({ podCidr: node.podCidr, confDir: node.paths.cniConf, leasesDir: node.paths.cniLeases });
    expect(again.gateways).toEqual([gateway]);
    expect((await exec(container, `ping -c 1 -W 2 ${gateway}`)).exitCode).toBe(0);
    expect(await run('nft', 'list', 'map', 'ip', `minke-${node.clusterId}`, 'hostports-by-ip')).toContain(
      `127.0.0.1 . tcp . 18474 comment "${sandbox}"`,
    );
  });
});
