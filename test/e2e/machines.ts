// Several machines for tests: network namespaces on a bridge of their own. Their files and processes are everybody's.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Output, root, run } from './harness.ts';

export interface TestMachine {
  readonly namespace: string;
  readonly address: string;
  /** Empty on a network of IPv4 alone. */
  readonly address6: string;
  readonly dataDir: string;
  /** Runs a program in the machine's network, and nowhere else. */
  in(command: string, ...args: string[]): Promise<Output>;
  minke(...args: string[]): Promise<Output>;
}

export interface TestNetwork {
  readonly machines: readonly [TestMachine, TestMachine];
  /** `10.209.7.0/24` */
  readonly cidr: string;
  readonly cidr6: string;
  make(): Promise<void>;
  /** Stops and cleans both machines' clusters, and takes everything away. Gives what cleaning said. */
  remove(): Promise<readonly Output[]>;
}

export async function must(output: Promise<Output>): Promise<string> {
  const { code, stdout, stderr } = await output;
  if (code !== 0) throw new Error(`Ended with ${code}:\n${stdout}${stderr}`);
  return stdout;
}
const ip = (...args: string[]) => must(run('ip', args));

/** `letter` tells apart the networks of test files that run at once; `second` is that of the network's addresses. */
export function testNetwork(letter: string, { second, ipv6 }: { readonly second: number; readonly ipv6: boolean }): TestNetwork {
  const tag = (process.pid % 4096).toString(16).padStart(3, '0');
  const bridge = `e2e${letter}${tag}b`;
  const network = `10.${second}.${process.pid % 250}`;
  const network6 = `fd00:${second}:${process.pid % 250}:`;
  const machine = (index: number): TestMachine => {
    const namespace = `e2e${letter}${tag}n${index}`;
    const dataDir = mkdtempSync(join(tmpdir(), 'minke-e2e-machine-'));
    const inside = (command: string, ...args: string[]) => run('nsenter', [`--net=/run/netns/${namespace}`, command, ...args]);
    return {
      namespace,
      address: `${network}.1${index}`,
      address6: ipv6 ? `${network6}:1${index}` : '',
      dataDir,
      in: inside,
      minke: (...args) => inside(process.execPath, join(root, 'bin/minke'), ...args, '--data-dir', dataDir),
    };
  };
  const machines = [machine(1), machine(2)] as const;
  return {
    machines,
    cidr: `${network}.0/24`,
    cidr6: `${network6}:/64`,
    async make() {
      await ip('link', 'add', bridge, 'type', 'bridge');
      await ip('addr', 'add', `${network}.1/24`, 'dev', bridge);
      if (ipv6) await ip('addr', 'add', `${network6}:1/64`, 'dev', bridge, 'nodad');
      await ip('link', 'set', bridge, 'up');
      for (const { namespace, address, address6 } of machines) {
        const cable = `e2e${letter}v${namespace.slice(4)}`;
        await ip('netns', 'add', namespace);
        await ip('link', 'add', cable, 'type', 'veth', 'peer', 'name', 'eth0', 'netns', namespace);
        await ip('link', 'set', cable, 'master', bridge, 'up');
        await ip('-n', namespace, 'addr', 'add', `${address}/24`, 'dev', 'eth0');
        if (ipv6) await ip('-n', namespace, 'addr', 'add', `${address6}/64`, 'dev', 'eth0', 'nodad');
        for (const link of ['lo', 'eth0']) await ip('-n', namespace, 'link', 'set', link, 'up');
        await ip('-n', namespace, 'route', 'add', 'default', 'via', `${network}.1`);
        if (ipv6) await ip('-n', namespace, 'route', 'add', 'default', 'via', `${network6}:1`);
      }
    },
    async remove() {
      const ended: Output[] = [];
      for (const one of [...machines].reverse()) {
        ended.push(await one.minke('down', '--clean'));
        await run('ip', ['netns', 'del', one.namespace]);
        rmSync(one.dataDir, { recursive: true, force: true });
      }
      await run('ip', ['link', 'del', bridge]);
      return ended;
    },
  };
}

export interface WebOptions {
  /** Sent before `httpd`, to `sh -c`. Default nothing. */
  readonly first?: string;
  /** `8080`, or `"[::]:8080"` for both families. */
  readonly listen: string;
  /** Of the container, besides its name, image, command and NODE. */
  readonly container: { readonly env: readonly object[] } & Readonly<Record<string, unknown>>;
  readonly volumes?: readonly object[];
}

/** A DaemonSet whose pods answer with the name of their node. */
export const webDaemonSet = (image: string, { first = '', listen, container, volumes = [] }: WebOptions) => ({
  apiVersion: 'apps/v1',
  kind: 'DaemonSet',
  metadata: { name: 'web' },
  spec: {
    selector: { matchLabels: { app: 'web' } },
    template: {
      metadata: { labels: { app: 'web' } },
      spec: {
        terminationGracePeriodSeconds: 1,
        containers: [
          {
            ...container,
            name: 'web',
            image,
            command: ['sh', '-c', `mkdir /www; echo $NODE > /www/index.html; ${first}exec httpd -f -p ${listen} -h /www`],
            env: [{ name: 'NODE', valueFrom: { fieldRef: { fieldPath: 'spec.nodeName' } } }, ...container.env],
          },
        ],
        volumes,
      },
    },
  },
});
