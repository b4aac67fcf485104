// A second machine: two network namespaces on a bridge of their own stand for two machines, one with the server, one with a node that joins.
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { eventually, findKubectl, run } from './harness.ts';
import { must, type TestMachine, testNetwork, webDaemonSet } from './machines.ts';

const network = testNetwork('a', { second: 209, ipv6: false });
const { machines } = network;
const [server, second] = machines;
const port = 6443;
const image = 'minke.local/tools:latest';
const kubeconfig = join(server.dataDir, 'admin.kubeconfig');

const tryKubectl = (args: readonly string[], input?: string) =>
  run(findKubectl(), args, { env: { KUBECONFIG: kubeconfig }, ...(input === undefined ? {} : { input }) });
const kubectl = (...args: string[]) => must(tryKubectl(args));
const apply = (...items: object[]) => must(tryKubectl(['apply', '-f', '-'], JSON.stringify({ apiVersion: 'v1', kind: 'List', items })));

let token = '';
const join2 = (withToken: string) =>
  second.minke('agent', '--detach', '--server', `https://${server.address}:${port}`, '--token', withToken, '--node-name', 'second');

beforeAll(async () => {
  await network.make();
  await must(server.minke('up', '--detach', '--bind-address', server.address));
  token = (await must(server.minke('token', 'create'))).split('\n')[0] ?? '';
}, 60_000);

afterAll(async () => {
  const ended = await network.remove();
  expect(ended.map(({ code, stderr }) => [code, stderr])).toEqual([
    [0, ''],
    [0, ''],
  ]);
}, 60_000);

const nodeNames = async () => (await kubectl('get', 'nodes', '-o', 'jsonpath={.items[*].metadata.name}')).split(' ');
const podOn = async (node: string) => {
  const fields = '{.items[0].metadata.name} {.items[0].status.podIP} {.items[0].status.containerStatuses[0].containerID}';
  const text = await kubectl('get', 'pods', '-l', 'app=web', '--field-selector', `spec.nodeName=${node}`, '-o', `jsonpath=${fields}`);
  const [name = '', address = '', containerId = ''] = text.split(' ');
  return { name, address, containerId };
};
const ask = (host: string, port: number) => `printf 'GET / HTTP/1.0\\r\\n\\r\\n' | nc -w 2 ${host} ${port} | tail -n 1`;
const inPod = async (name: string, script: string) => (await kubectl('exec', name, '--', 'sh', '-c', script)).trim();
const onHost = async (one: TestMachine, host: string, port: number) =>
  (await one.in('curl', '-s', '-m', '3', `http://${host}:${port}/`)).stdout.trim();

const web = webDaemonSet(image, {
  first: 'echo $GREETING from $NODE; ',
  listen: '8080',
  container: {
    env: [{ name: 'GREETING', valueFrom: { configMapKeyRef: { name: 'words', key: 'greeting' } } }],
    readinessProbe: { httpGet: { path: '/', port: 8080 }, periodSeconds: 1 },
    volumeMounts: [{ name: 'words', mountPath: '/words' }],
  },
  volumes: [{ name: 'words', configMap: { name: 'words' } }],
});
const words = (greeting: string) => ({ apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'words' }, data: { greeting } });

const linksOf = async (one: TestMachine) =>
  (await must(one.in('ip', '-br', 'link'))).split('\n').flatMap((line) => line.split(/[\s@]/)[0] || []);
/** Where routes to other nodes' pods lead. */
const waysOf = async (one: TestMachine) =>
  (await must(one.in('ip', 'route', 'show', 'proto', '109'))).split('\n').flatMap((line) => /via \S+/.exec(line)?.[0] ?? []);

describe('a second machine', () => {
  let first = '';

  test('does not join by a token of another cluster: it says why, and has asked for nothing', async () => {
    const other = `${token.slice(0, token.lastIndexOf(':') + 1)}${'0'.repeat(64)}`;
    const refused = await join2(other);
    expect(refused.code).toBe(1);
    expect(refused.stderr).toContain('is not the one of this token: its CA is sha256:');
    expect(await kubectl('get', 'csr', '-o', 'name')).toBe('');
  });

  test('joins, and has certificates and a range of its own', async () => {
    const joined = await join2(token);
    expect(joined.code, joined.stderr).toBe(0);
    const names = await nodeNames();
    expect(names).toHaveLength(2);
    first = names.find((name) => name !== 'second') ?? '';
    const fields =
      '{range .items[*]}{.spec.podCIDR} {.status.addresses[0].address} {.status.conditions[?(@.type=="Ready")].status}{"\\n"}{end}';
    const lines = (await kubectl('get', 'nodes', '-o', `jsonpath=${fields}`)).trim().split('\n');
    expect(new Set(lines.map((line) => line.split(' ')[0])).size).toBe(2);
    expect(lines.map((line) => line.split(' ').slice(1).join(' ')).sort()).toEqual([`${server.address} True`, `${second.address} True`]);
  });

  test('pods of both nodes reach each other and services; logs and exec go through the server', async () => {
    await apply(words('hello'), web, {
      apiVersion: 'v1',
      kind: 'Service',
      metadata: { name: 'web' },
      spec: { selector: { app: 'web' }, ports: [{ port: 80, targetPort: 8080 }] },
    });
    await kubectl('rollout', 'status', 'daemonset/web', '--timeout=30s');
    const [a, b] = [await podOn(first), await podOn('second')];
    expect(await inPod(a.name, ask(b.address, 8080))).toBe('second');
    expect(await inPod(b.name, ask(a.address, 8080))).toBe(first);
    expect(await kubectl('logs', b.name)).toBe('hello from second\n');
    const serviceIp = await kubectl('get', 'service', 'web', '-o', 'jsonpath={.spec.clusterIP}');
    for (const [pod, on] of [
      [a, server],
      [b, second],
    ] as const) {
      const answers = new Set((await inPod(pod.name, `for i in 1 2 3 4 5 6 7 8 9 10 11 12; do ${ask('web', 80)}; done`)).split('\n'));
      for (let i = 0; i < 12; i++) answers.add(await onHost(on, serviceIp, 80));
      expect([...answers].sort()).toEqual([first, 'second'].sort());
    }
    // Packets of a pod fit into the tunnel, on either side.
    expect(await inPod(a.name, 'cat /sys/class/net/eth0/mtu')).toBe('1450');
    expect(await inPod(b.name, 'cat /sys/class/net/eth0/mtu')).toBe('1450');
    expect(await inPod(b.name, 'echo | nc -w 2 kubernetes.default 443 && echo reached')).toBe('reached');
    await apply(words('good day'));
    await eventually(
      () => inPod(b.name, 'cat /words/greeting'),
      (text) => text === 'good day',
      90_000,
    );
  }, 120_000);

  test('a policy of the second node’s pods knows pods of the first', async () => {
    const [a, b] = [await podOn(first), await podOn('second')];
    const reaches = () => inPod(a.name, `${ask(b.address, 8080)} || true`);
    const policy = (from: object[]) => ({
      apiVersion: 'networking.k8s.io/v1',
      kind: 'NetworkPolicy',
      metadata: { name: 'web' },
      spec: { podSelector: { matchLabels: { app: 'web' } }, ingress: [{ from }] },
    });
    await apply(policy([{ podSelector: { matchLabels: { app: 'nobody' } } }]));
    await eventually(reaches, (text) => text === '');
    await apply(policy([{ podSelector: { matchLabels: { app: 'web' } } }]));
    await eventually(reaches, (text) => text === 'second');
    await kubectl('delete', 'networkpolicy', 'web');
  }, 60_000);

  test('starts again without a token, and goes on while the server is away', async () => {
    const before = await podOn('second');
    await must(second.minke('down'));
    await must(second.minke('agent', '--detach'));
    expect(await podOn('second')).toEqual(before);
    await must(server.minke('down'));
    expect(await onHost(server, before.address, 8080)).toBe('second');
    await must(server.minke('up', '--detach'));
    await eventually(
      () => kubectl('get', 'node', 'second', '-o', 'jsonpath={.status.conditions[?(@.type=="Ready")].status}'),
      (text) => text === 'True',
    );
    expect(await podOn('second')).toEqual(before);
    expect(await kubectl('logs', before.name, '--tail=1')).toBe('hello from second\n');
  }, 60_000);

  test('by plain routes pods reach each other just so, and the tunnel is gone', async () => {
    for (const one of [second, server]) await must(one.minke('down'));
    await must(server.minke('up', '--detach', '--pod-network', 'routes'));
    await must(second.minke('agent', '--detach'));
    const [a, b] = [await podOn(first), await podOn('second')];
    await eventually(
      () => inPod(a.name, `${ask(b.address, 8080)} || true`),
      (text) => text === 'second',
    );
    expect(await inPod(b.name, ask(a.address, 8080))).toBe(first);
    expect(await waysOf(second)).toEqual([`via ${server.address}`]);
    expect(await waysOf(server)).toEqual([`via ${second.address}`]);
    for (const one of machines) expect(await linksOf(one)).not.toContainEqual(expect.stringMatching(/vx$/));
  }, 60_000);

  test('leaves, and neither machine keeps anything of it', async () => {
    await must(second.minke('down', '--clean'));
    expect(await nodeNames()).toEqual([first]);
    expect((await linksOf(second)).sort()).toEqual(['eth0', 'lo']);
    expect(await must(second.in('nft', 'list', 'tables'))).toBe('');
    const routes = (await must(second.in('ip', '-br', 'route'))).trim().split('\n');
    expect(routes.map((line) => line.split(' ')[0])).toEqual(['default', network.cidr]);
    await eventually(
      () => waysOf(server),
      (ways) => ways.length === 0,
    );
  });
});
