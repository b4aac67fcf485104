// Two machines with addresses of both families, and a cluster whose pods and services have both, too.
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { eventually, findKubectl, run } from './harness.ts';
import { must, type TestMachine, testNetwork, webDaemonSet } from './machines.ts';

const network = testNetwork('d', { second: 210, ipv6: true });
const { machines } = network;
const [server, second] = machines;
const port = 6443;
const image = 'minke.local/tools:latest';
const kubeconfig = join(server.dataDir, 'admin.kubeconfig');
const tryKubectl = (args: readonly string[], input?: string) =>
  run('nsenter', [`--net=/run/netns/${server.namespace}`, findKubectl(), ...args], {
    env: { KUBECONFIG: kubeconfig },
    ...(input === undefined ? {} : { input }),
  });
const kubectl = (...args: string[]) => must(tryKubectl(args));
const apply = (...items: object[]) => must(tryKubectl(['apply', '-f', '-'], JSON.stringify({ apiVersion: 'v1', kind: 'List', items })));
const field = async (resource: string, path: string) =>
  (await kubectl('get', ...resource.split(' '), '-o', `jsonpath={${path}}`)).trim().split(/[ ,]+/);

const fieldEnv = (name: string, fieldPath: string) => ({ name, valueFrom: { fieldRef: { fieldPath } } });
const web = webDaemonSet(image, {
  listen: '"[::]:8080"',
  container: {
    env: [fieldEnv('IPS', 'status.podIPs'), fieldEnv('HOSTS', 'status.hostIPs')],
    ports: [{ name: 'http', containerPort: 8080, hostPort: 8181 }],
    readinessProbe: { tcpSocket: { port: 'http' }, periodSeconds: 1 },
  },
});
const service = (name: string, spec: object) => ({
  apiVersion: 'v1',
  kind: 'Service',
  metadata: { name },
  spec: { selector: { app: 'web' }, ports: [{ name: 'http', port: 80, targetPort: 'http' }], ...spec },
});
const services = [
  service('both', {
    type: 'LoadBalancer',
    ipFamilyPolicy: 'RequireDualStack',
    ports: [{ name: 'http', port: 80, targetPort: 'http', nodePort: 30_080 }],
    externalIPs: ['203.0.113.5', '2001:db8::5'],
  }),
  service('six', { ipFamilies: ['IPv6'], sessionAffinity: 'ClientIP' }),
  service('local', { ipFamilyPolicy: 'PreferDualStack', internalTrafficPolicy: 'Local' }),
  service('head', { clusterIP: 'None', ipFamilyPolicy: 'PreferDualStack' }),
  service('one', {}),
];

interface WebPod {
  readonly name: string;
  readonly ips: readonly string[];
}
const podOn = async (node: string): Promise<WebPod> => {
  const [name = '', ...ips] = await field(
    `pods -l app=web --field-selector spec.nodeName=${node}`,
    '.items[0].metadata.name} {.items[0].status.podIPs[*].ip',
  );
  return { name, ips };
};
const bracketed = (host: string) => (host.includes(':') ? `[${host}]` : host);
/** Who answers; where curl fails, its exit code: 7 is "refused". */
const onHost = async (one: TestMachine, host: string, at = 80) => {
  const { code, stdout } = await one.in('curl', '-gs', '-m', '3', `http://${bracketed(host)}:${at}/`);
  return code === 0 ? stdout.trim() : `failed with ${code}`;
};
const asking = (host: string, at: number) => `printf 'GET / HTTP/1.0\\r\\n\\r\\n' | nc -w 1 ${host} ${at} | tail -n 1`;
const inPod = async (pod: WebPod, script: string) => (await kubectl('exec', pod.name, '--', 'sh', '-c', script)).trim();
/** Everyone who answers, in several tries of each of the pods and machines. */
async function answering(host: string, at: number, pods: readonly WebPod[], from: readonly TestMachine[]): Promise<readonly string[]> {
  const found = new Set<string>();
  for (const pod of pods) {
    const all = await inPod(pod, `for i in 1 2 3 4 5 6 7; do ${asking(host, at)}; done`);
    for (const line of all.split('\n')) found.add(line);
  }
  for (const one of from) for (let i = 0; i < 7; i++) found.add(await onHost(one, host, at));
  return [...found].sort();
}

let first = '';
let a: WebPod;
let b: WebPod;
let everyone: readonly string[] = [];

beforeAll(async () => {
  await network.make();
  const ranges = ['--pod-cidr', '10.62.0.0/16,fd00:62::/56', '--service-cidr', '10.162.0.0/20,fd00:162::/112'];
  await must(server.minke('up', '--detach', '--bind-address', '::', ...ranges));
  const [token = ''] = (await must(server.minke('token', 'create'))).split('\n');
  // The node speaks with the API server by IPv6.
  const joined = await second.minke(
    'agent',
    '--detach',
    ...['--server', `https://[${server.address6}]:${port}`, '--token', token, '--node-name', 'second'],
  );
  expect(joined.code, joined.stderr).toBe(0);
  await apply(web, ...services);
  await kubectl('rollout', 'status', 'daemonset/web', '--timeout=60s');
  first = (await field('nodes', '.items[*].metadata.name')).find((name) => name !== 'second') ?? '';
  everyone = [first, 'second'].sort();
  [a, b] = [await podOn(first), await podOn('second')];
}, 120_000);

afterAll(async () => {
  const ended = await network.remove();
  expect(ended.map(({ code, stderr }) => [code, stderr])).toEqual([
    [0, ''],
    [0, ''],
  ]);
}, 60_000);

test('nodes and pods have ranges and addresses of both families, and containers are told', async () => {
  const ranges = await field('nodes', '.items[*].spec.podCIDRs[*]');
  expect(ranges.sort()).toEqual(['10.62.0.0/24', '10.62.1.0/24', 'fd00:62:0:1::/64', 'fd00:62::/64']);
  for (const [node, machine, pod] of [[first, server, a] as const, ['second', second, b] as const]) {
    const own = [machine.address, machine.address6];
    expect(await field(`node ${node}`, '.status.addresses[?(@.type=="InternalIP")].address')).toEqual(own);
    expect(await field(`pod ${pod.name}`, '.status.hostIPs[*].ip')).toEqual(own);
    expect(pod.ips.map((ip) => ip.includes(':'))).toEqual([false, true]);
    expect(await inPod(pod, 'echo $IPS $HOSTS')).toBe(`${pod.ips.join()} ${own.join()}`);
    const hosts = (await inPod(pod, 'cat /etc/hosts')).split('\n').filter((line) => line.endsWith(`\t${pod.name}`));
    expect(hosts).toEqual(pod.ips.map((ip) => `${ip}\t${pod.name}`));
  }
});

test('pods of both nodes reach each other, themselves and the machines by each family', async () => {
  for (const family of [0, 1]) {
    const [toA = '', toB = ''] = [a.ips[family], b.ips[family]];
    expect(await inPod(a, asking(toB, 8080))).toBe('second');
    expect(await inPod(b, asking(toA, 8080))).toBe(first);
    expect(await onHost(server, toB, 8080)).toBe('second');
    expect(await onHost(second, toA, 8080)).toBe(first);
  }
  // By way of its own node a pod gets to the other one, and to what is outside.
  expect(await inPod(a, asking(second.address6, 8181))).toBe('second');
  expect(await inPod(a, `ping -6 -c 1 -W 2 ${second.address6} >/dev/null && echo reached`)).toBe('reached');
});

test('services of every kind are reached by both families, from pods and from both machines', async () => {
  const ips = await field('service both', '.spec.clusterIPs[*]');
  const balanced = await field('service both', '.status.loadBalancer.ingress[*].ip');
  expect([...ips, ...balanced].map((ip) => ip.includes(':'))).toEqual([false, true, false, true]);
  for (const ip of [...ips, ...balanced, '203.0.113.5', '2001:db8::5'])
    expect([ip, await answering(ip, 80, [a, b], machines)]).toEqual([ip, everyone]);
  for (const ip of [server.address, server.address6]) {
    expect([ip, await answering(ip, 30_080, [b], [server, second])]).toEqual([ip, everyone]);
    expect([ip, await onHost(second, ip, 8181)]).toEqual([ip, first]);
  }
  // The loopback address of IPv6 serves no node ports, as everywhere; that of IPv4 does, wherever its pods are.
  expect(await onHost(server, '::1', 30_080)).toBe('failed with 7');
  expect(await answering('127.0.0.1', 30_080, [], [server])).toEqual(everyone);
  expect(await answering('127.0.0.1', 30_080, [], [second])).toEqual(everyone);
  expect(await onHost(server, 'fd00:162::fff0')).toBe('failed with 7');
}, 60_000);

test('nobody else gets to what a machine serves on its loopback', async () => {
  // A neighbor that sends such addresses out, where any other machine keeps them to itself.
  await must(second.in('ip', 'route', 'del', 'local', '127.0.0.0/8', 'dev', 'lo', 'table', 'local'));
  await must(second.in('ip', 'route', 'add', '127.7.0.0/16', 'via', server.address));
  const { code } = await second.in('curl', '-ks', '-m', '2', `https://127.7.0.1:${port}/version`);
  await must(second.in('ip', 'route', 'add', 'local', '127.0.0.0/8', 'dev', 'lo', 'table', 'local'));
  expect(code).toBe(28);
  expect((await server.in('curl', '-ks', '-m', '2', `https://127.7.0.1:${port}/version`)).code).toBe(0);
});

test('affinity and the policy Local hold for both', async () => {
  const [six = ''] = await field('service six', '.spec.clusterIPs[*]');
  expect(six).toContain(':');
  for (const [pod, on] of [[a, server] as const, [b, second] as const]) {
    expect(await answering(six, 80, [pod], [])).toHaveLength(1);
    expect(await answering(six, 80, [], [on])).toHaveLength(1);
  }
  for (const ip of await field('service local', '.spec.clusterIPs[*]')) {
    expect([ip, await answering(ip, 80, [a], [server])]).toEqual([ip, [first]]);
    expect([ip, await answering(ip, 80, [b], [second])]).toEqual([ip, ['second']]);
  }
});

test('names lead to both families, there and back, asked by each', async () => {
  const dns = await field('service -n kube-system kube-dns', '.spec.clusterIPs[*]');
  const ips = await field('service both', '.spec.clusterIPs[*]');
  for (const pod of [a, b]) {
    for (const at of dns) {
      const found = await inPod(
        pod,
        `nslookup both.default.svc.cluster.local ${at}; nslookup -type=aaaa head.default.svc.cluster.local ${at}`,
      );
      for (const ip of [...ips, a.ips[1], b.ips[1]]) expect(found).toContain(`Address: ${ip}`);
    }
    expect(await inPod(pod, `nslookup ${ips[1]}`)).toContain('both.default.svc.cluster.local');
  }
});

test('a service gains the second family, and gives it back', async () => {
  const patch = (spec: object) => kubectl('patch', 'service', 'one', '--type=merge', '-p', JSON.stringify({ spec }));
  const types = async () => (await field('endpointslices -l kubernetes.io/service-name=one', '.items[*].addressType')).sort();
  expect(await types()).toEqual(['IPv4']);
  await patch({ ipFamilyPolicy: 'PreferDualStack' });
  const [four = '', six = ''] = await field('service one', '.spec.clusterIPs[*]');
  await eventually(types, (found) => found.join() === 'IPv4,IPv6');
  await eventually(
    () => onHost(server, six),
    (answer) => everyone.includes(answer),
  );
  await patch({ ipFamilyPolicy: 'SingleStack' });
  expect(await field('service one', '.spec.clusterIPs[*]')).toEqual([four]);
  await eventually(
    () => onHost(server, six),
    (answer) => answer === 'failed with 7',
  );
  await eventually(types, (found) => found.join() === 'IPv4');
});

test('policies hold for both families, and blocks of each have exceptions', async () => {
  const policy = (from: object[]) =>
    apply({
      apiVersion: 'networking.k8s.io/v1',
      kind: 'NetworkPolicy',
      metadata: { name: 'web' },
      spec: { podSelector: { matchLabels: { app: 'web' } }, ingress: [{ from }] },
    });
  const client = { name: 'client', image, command: ['sleep', '1000'] };
  await apply({
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name: 'client', labels: { app: 'client' } },
    spec: { terminationGracePeriodSeconds: 0, nodeName: 'second', containers: [client] },
  });
  await kubectl('wait', 'pod/client', '--for=condition=Ready', '--timeout=30s');
  const ips = await field('pod client', '.status.podIPs[*].ip');
  const all = [...a.ips, ...b.ips];
  /** By which addresses the client gets to anybody. */
  const reached = async () => {
    const tries = all.map((ip) => `(${asking(ip, 8080)} | grep -q . && echo ${ip}) &`);
    const found = (await inPod({ name: 'client', ips }, `${tries.join(' ')} wait`)).split('\n');
    return all.filter((ip) => found.includes(ip));
  };
  const expectReached = (wanted: readonly string[]) => eventually(reached, (found) => found.join() === wanted.join());
  const [fours, sixes] = [all.filter((ip) => !ip.includes(':')), all.filter((ip) => ip.includes(':'))];
  await expectReached(all);
  await policy([{ podSelector: { matchLabels: { app: 'nobody' } } }]);
  await expectReached([]);
  await policy([{ podSelector: { matchLabels: { app: 'client' } } }]);
  await expectReached(all);
  await policy([{ ipBlock: { cidr: 'fd00:62::/56', except: ['fd00:62:0:ff::/64'] } }]);
  await expectReached(sixes);
  await policy([{ ipBlock: { cidr: 'fd00:62::/56', except: [`${ips[1]}/128`] } }, { ipBlock: { cidr: '10.62.0.0/16' } }]);
  await expectReached(fours);
  await kubectl('delete', 'networkpolicy', 'web');
  await kubectl('delete', 'pod', 'client', '--wait=false');
}, 90_000);

const linksOf = async (one: TestMachine) =>
  (await must(one.in('ip', '-br', 'link'))).split('\n').flatMap((line) => line.split(/[\s@]/)[0] || []);

test('by plain routes pods reach each other just so', async () => {
  for (const one of [second, server]) await must(one.minke('down'));
  await must(server.minke('up', '--detach', '--pod-network', 'routes'));
  await must(second.minke('agent', '--detach'));
  await eventually(
    () => onHost(server, b.ips[1] ?? '', 8080),
    (answer) => answer === 'second',
  );
  // Each start gives the kubelet another port, which its node tells a moment later.
  await eventually(
    () => inPod(b, asking(a.ips[1] ?? '', 8080)).catch((error: Error) => error.message),
    (answer) => answer === first,
  );
  expect(await must(second.in('ip', '-6', 'route', 'show', 'proto', '109'))).toContain(`via ${server.address6} dev eth0`);
  for (const one of machines) expect(await linksOf(one)).not.toContainEqual(expect.stringMatching(/vx$/));
}, 60_000);

test('leaves, and neither machine keeps anything of it', async () => {
  await must(second.minke('down', '--clean'));
  await must(server.minke('down', '--clean'));
  for (const one of machines) {
    expect((await linksOf(one)).sort()).toEqual(['eth0', 'lo']);
    expect(await must(one.in('nft', 'list', 'tables'))).toBe('');
    const routes = (await must(one.in('ip', '-6', 'route'))).trim().split('\n');
    expect(routes.map((line) => line.split(' ')[0]).sort()).toEqual([network.cidr6, 'default', 'fe80::/64'].sort());
  }
}, 60_000);
