// Network policies in the real kernel: who reaches whom among nine pods of three namespaces, while policies come, change and go.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { ipv4, ipv6 } from '../../src/network/addresses/family.ts';
import { readListing } from '../../src/network/nftables/listing.ts';
import { expectedListing, renderDetour, renderDifference, renderTable } from '../../src/network/policy/nftables.ts';
import { PolicyProgram } from '../../src/network/policy/program.ts';
import { eventually, run, startTestCluster, type TestCluster } from './harness.ts';

const image = 'minke.local/tools:latest';
const server = 'mkdir -p /www; hostname > /www/index.html; trap "exit 0" TERM; httpd -f -p 8080 -h /www & httpd -f -p 8081 -h /www & wait';
const namespaces = ['x', 'y', 'z'];
const apps = ['a', 'b', 'c'];
const all = namespaces.flatMap((namespace) => apps.map((app) => `${namespace}/${app}`));

const podOf = (namespace: string, name: string, script = server, more: object = {}) => ({
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: { namespace, name, labels: { app: name } },
  spec: {
    terminationGracePeriodSeconds: 0,
    restartPolicy: 'Never',
    containers: [{ name: 'main', image, command: ['sh', '-c', script], ...more }],
  },
});
const serving = {
  ports: [{ name: 'web', containerPort: 8080 }],
  readinessProbe: { httpGet: { path: '/', port: 'web' }, periodSeconds: 1 },
};
const policy = (namespace: string, name: string, spec: object) => ({
  apiVersion: 'networking.k8s.io/v1',
  kind: 'NetworkPolicy',
  metadata: { namespace, name },
  spec: { podSelector: {}, ...spec },
});

test.each([ipv4, ipv6])(
  'nft takes every kind of rule of $name that is made, one change after the other, and lists what is expected',
  async (family) => {
    const program = new PolicyProgram(family);
    const base = { bridge: 'mkt', hasIpv6: true };
    const [network, listed] = family === ipv4 ? ['10.42.0.', 'inet'] : ['fd00:42::', 'ip6'];
    const pod = (last: number) => {
      const ports = [{ name: 'web', protocol: 'tcp' as const, port: 80 + last }];
      program.setPod(`x/${last}`, { namespace: 'x', labels: { app: `${last % 2}` }, address: `${network}${last}`, ports, isHere: true });
    };
    const peers = [
      { podSelector: { matchLabels: { app: '1' } } },
      { namespaceSelector: {} },
      { ipBlock: { cidr: '10.0.0.0/8', except: ['10.1.0.0/16', '10.255.0.0/16'] } },
      { ipBlock: { cidr: 'fd00::/8', except: ['fd00:1::/64', 'fdff::/16'] } },
      { ipBlock: { cidr: '0.0.0.0/0' } },
      { ipBlock: { cidr: '::/0' } },
    ];
    const ports = [
      { port: 80 },
      { port: 85, endPort: 90 },
      { port: 'web' },
      { protocol: 'UDP' },
      { protocol: 'SCTP', port: 5 },
      { protocol: 'SCTP', port: 'web' },
    ];
    const steps: readonly (() => void)[] = [
      () => program.setPolicy('x/p', { metadata: { namespace: 'x' }, spec: { podSelector: {}, ingress: [{ from: peers, ports }] } }),
      () => [5, 6, 7].map(pod),
      () =>
        program.setPolicy('x/q', { metadata: { namespace: 'x' }, spec: { policyTypes: ['Egress'], egress: [{ to: peers, ports }, {}] } }),
      () => program.setPolicy('x/p', { metadata: { namespace: 'x' }, spec: { podSelector: { matchLabels: { app: '1' } } } }),
      () => program.setPod('x/5', undefined),
      () => program.setPolicy('x/q', undefined),
      () => program.setPolicy('x/p', undefined),
    ];
    const texts = [renderTable(family, 'minke-t', base, program.standing())];
    for (const step of steps) {
      step();
      const difference = program.difference();
      if (difference) texts.push(renderDifference(family, 'minke-t', difference));
      const apply = texts.map((_, at) => `printf '%s' "$STEP_${at}" | nft -f - || exit 1\n`).join('');
      const done = await run('unshare', ['-n', 'sh', '-c', `${apply}nft -j -a list table ${listed} minke-t`], {
        env: Object.fromEntries(texts.map((text, at) => [`STEP_${at}`, text])),
      });
      expect(done.stderr).toBe('');
      expect(readListing(done.stdout, () => true)).toEqual(expectedListing(family, base, program.standing()));
    }
  },
);

test('where the kernel does not show bridged packets, they take the way over the node, and are seen', async () => {
  const mac = '02:00:00:00:00:01';
  const side = (
    name: string,
    address: string,
  ) => `ip netns add $$-${name}; ip link add name v${name} type veth peer name eth0 netns $$-${name}
    ip link set v${name} master br0 up; bridge link set dev v${name} hairpin on
    ip -n $$-${name} addr add ${address}/24 dev eth0; ip -n $$-${name} link set eth0 up`;
  const script = `set -e
    mount -t tmpfs none /run; mount -t sysfs none /sys
    ip link set lo up; ip link add name br0 address ${mac} type bridge; ip addr add 10.42.0.1/24 dev br0; ip link set br0 up
    echo 0 > /proc/sys/net/bridge/bridge-nf-call-iptables; echo 1 > /proc/sys/net/ipv4/ip_forward
    ${side('a', '10.42.0.5')}
    ${side('b', '10.42.0.6')}
    nft -f - <<X
add table inet t
add chain inet t f { type filter hook forward priority 0 ; policy accept ; }
add rule inet t f ip saddr 10.42.0.5 ip daddr 10.42.0.6 icmp type echo-request counter drop
X
    ping() { ip netns exec $$-a busybox ping -c 1 -W 1 10.42.0.6 >/dev/null && echo passes || echo stopped; }
    ping
    printf '%s' "$DETOUR" | nft -f -
    ping; nft flush chain inet t f; ping
    ip netns del $$-a; ip netns del $$-b`;
  const done = await run('unshare', ['-nm', 'sh', '-c', script], { env: { DETOUR: renderDetour('minke-t', ['10.42.0.0/24'], mac) } });
  expect([done.stdout.trim().split('\n'), done.code, done.stderr]).toEqual([['passes', 'stopped', 'passes'], 0, expect.anything()]);
});

describe('among nine pods', () => {
  let cluster: TestCluster;
  const address: Record<string, string> = {};
  const apply = async (...items: readonly object[]) => {
    const input = JSON.stringify({ apiVersion: 'v1', kind: 'List', items });
    const done = await cluster.tryKubectl(['apply', '-f', '-'], { input });
    if (done.code !== 0) throw new Error(done.stderr);
  };
  const inPod = async (key: string, script: string) => {
    const [namespace = '', name = ''] = key.split('/');
    return (await cluster.tryKubectl(['exec', '-n', namespace, name, '--', 'sh', '-c', script])).stdout.trim();
  };
  const clear = () => cluster.kubectl('delete', 'networkpolicies', '--all', '-A', '--wait=false');
  /** What each pod reaches at a port, all at once. */
  const reached = async (port = 8080): Promise<Readonly<Record<string, string>>> => {
    const ask = all.map((to) => `(timeout 1 wget -qO /dev/null http://${address[to]}:${port}/ 2>/dev/null && echo ${to}) &`).join('\n');
    const found = await Promise.all(
      all.map(async (from) => [from, (await inPod(from, `${ask}\nwait`)).split('\n').sort().join(' ')] as const),
    );
    return Object.fromEntries(found);
  };
  const matrix = (to: (from: string) => readonly string[]) => Object.fromEntries(all.map((from) => [from, to(from).join(' ')]));
  const isTold = (expected: object, port?: number) =>
    eventually(
      () => reached(port),
      (found) => JSON.stringify(found) === JSON.stringify(expected),
      20_000,
    );
  const clusterId = () => /"id":\s*"(\w+)"/.exec(readFileSync(join(cluster.dataDir, 'minke.json'), 'utf8'))?.[1] ?? '';
  const tables = async () => (await run('nft', ['list', 'tables'])).stdout;

  beforeAll(async () => {
    cluster = await startTestCluster();
    const spaces = namespaces.map((name) => ({ apiVersion: 'v1', kind: 'Namespace', metadata: { name, labels: { space: name } } }));
    const pods = all.map((key) => podOf(key.slice(0, 1), key.slice(2), server, serving));
    await apply(...spaces);
    await eventually(
      async () => (await cluster.kubectl('get', 'sa', '-A')).match(/^[xyz] +default/gm)?.length,
      (found) => found === 3,
    );
    const web = { apiVersion: 'v1', kind: 'Service', metadata: { namespace: 'x', name: 'a' } };
    await apply(...pods, { ...web, spec: { selector: { app: 'a' }, ports: [{ port: 80, targetPort: 'web' }] } });
    await Promise.all(namespaces.map((n) => cluster.kubectl('wait', '-n', n, '--for=condition=Ready', 'pod', '--all', '--timeout=90s')));
    const text = await cluster.kubectl(
      'get',
      'pods',
      '-A',
      '-o',
      'jsonpath={range .items[*]}{.metadata.namespace}/{.metadata.name} {.status.podIP}{"\\n"}{end}',
    );
    for (const line of text.trim().split('\n')) address[line.split(' ')[0] ?? ''] = line.split(' ')[1] ?? '';
  });
  afterAll(() => cluster?.destroy());

  test('without policies everybody reaches everybody, and there is no table', async () => {
    expect(await reached()).toEqual(matrix(() => all));
    expect(await tables()).not.toContain(`minke-${clusterId()}-policies`);
  });

  test('denied by default: into one namespace, then out of another, too; probes go on, and the node gets in', async () => {
    await apply(policy('x', 'deny', { policyTypes: ['Ingress'] }));
    const intoX = matrix((from) => all.filter((to) => !to.startsWith('x') || to === from));
    await isTold(intoX);
    await apply(policy('z', 'deny', { policyTypes: ['Egress'] }));
    await isTold(matrix((from) => all.filter((to) => (!to.startsWith('x') && !from.startsWith('z')) || to === from)));
    expect((await run('curl', ['-s', '-m', '3', `http://${address['x/a']}:8080/`])).stdout.trim()).toBe('a');
    await new Promise((resolve) => setTimeout(resolve, 2_000));
    expect((await cluster.kubectl('get', 'pods', '-n', 'x', '--no-headers')).match(/1\/1/g)).toHaveLength(3);
  });

  test('peers by pod, namespace and range, ports by number and name; through a service, too; changes of labels count', async () => {
    await clear();
    const from = [{ namespaceSelector: { matchLabels: { space: 'y' } }, podSelector: { matchLabels: { app: 'b' } } }];
    const blocks = [{ ipBlock: { cidr: '0.0.0.0/0', except: [`${address['x/a']}/32`] } }];
    await apply(
      policy('x', 'some', { podSelector: { matchLabels: { app: 'a' } }, ingress: [{ from, ports: [{ port: 'web' }] }] }),
      policy('y', 'range', { podSelector: { matchLabels: { app: 'a' } }, ingress: [{ from: blocks }] }),
    );
    const among = (allowed: string, port: number) =>
      matrix((one) =>
        all.filter((to) => to === one || (to === 'x/a' ? one === allowed && port === 8080 : to === 'y/a' ? one !== 'x/a' : true)),
      );
    await isTold(among('y/b', 8080));
    expect(await reached(8081)).toEqual(among('y/b', 8081));
    const ask = 'timeout 1 wget -qO- http://a.x/ 2>/dev/null || echo no';
    expect(await Promise.all(['y/b', 'y/c', 'x/b'].map((key) => inPod(key, ask)))).toEqual(['a', 'no', 'no']);
    await cluster.kubectl('label', '--overwrite', 'pod', '-n', 'y', 'b', 'app=other');
    await cluster.kubectl('label', '--overwrite', 'pod', '-n', 'y', 'c', 'app=b');
    await isTold(among('y/c', 8080));
    await cluster.kubectl('label', '--overwrite', 'pod', '-n', 'y', 'b', 'app=b');
    await cluster.kubectl('label', '--overwrite', 'pod', '-n', 'y', 'c', 'app=c');
  });

  test('a connection that stands ends with its permission, both ways, and goes on when it is given back', async () => {
    await clear();
    const counted = async (key: string, file: string) => Number(await inPod(key, `wc -c < ${file}`));
    const chatter = 'while sleep 0.1; do echo line; done';
    await inPod('x/a', `exec 0</dev/null 1>/dev/null 2>&1; (${chatter}) | nc -l -p 9000 > /tmp/in 2>/dev/null & sleep 0.5`);
    await inPod('y/b', `exec 0</dev/null 1>/dev/null 2>&1; (${chatter}) | nc ${address['x/a']} 9000 > /tmp/in 2>/dev/null & sleep 0.5`);
    const both = async () => [await counted('x/a', '/tmp/in'), await counted('y/b', '/tmp/in')];
    const moves = async (want: boolean) => {
      const before = await both();
      await new Promise((resolve) => setTimeout(resolve, 1_200));
      return (await both()).every((now, i) => now > (before[i] ?? 0) === want);
    };
    await eventually(() => moves(true), Boolean, 10_000);
    await apply(policy('x', 'deny', { policyTypes: ['Ingress'] }));
    await eventually(() => moves(false), Boolean, 10_000);
    await clear();
    await eventually(() => moves(true), Boolean, 20_000);
  });

  test('a pod is isolated from its first packet on', async () => {
    await apply(policy('y', 'deny', { podSelector: { matchLabels: { quick: 'yes' } }, policyTypes: ['Egress'] }));
    // One packet as the very first thing, which nobody sends again: the receiver's kernel has counted whatever was let through.
    const pings = async () =>
      Number(
        (
          await inPod(
            'x/a',
            `awk '$1 == "Icmp:" { if (!n) { for (i = 1; i <= NF; i++) if ($i == "InEchos") n = i } else print $n }' /proc/net/snmp`,
          )
        ).trim(),
      );
    const before = await pings();
    const script = `ping -c 1 -W 1 ${address['x/a']} >/dev/null 2>&1; for i in 1 2 3; do timeout 1 wget -qO /dev/null http://${address['x/a']}:8080/ 2>/dev/null && echo leaked; done; echo ended`;
    const quick = [1, 2, 3, 4].map((i) => {
      const one = podOf('y', `quick-${i}`, script);
      return { ...one, metadata: { ...one.metadata, labels: { quick: 'yes' } } };
    });
    await apply(...quick);
    for (const { metadata } of quick) {
      const logs = await eventually(
        () => cluster.kubectl('logs', '-n', 'y', metadata.name),
        (text) => text.includes('ended'),
        60_000,
      );
      expect(logs.trim()).toBe('ended');
    }
    expect(await pings()).toBe(before);
    await cluster.kubectl('delete', 'pods', '-n', 'y', '-l', 'quick=yes', '--wait=false');
    // The same script in a pod that no policy selects.
    await apply(podOf('y', 'free', script));
    const logs = await eventually(
      () => cluster.kubectl('logs', '-n', 'y', 'free'),
      (text) => text.includes('ended'),
      60_000,
    );
    expect(logs.trim().split('\n')).toEqual(['leaked', 'leaked', 'leaked', 'ended']);
    expect(await pings()).toBe(before + 1);
    await cluster.kubectl('delete', 'pod', '-n', 'y', 'free', '--wait=false');
  });

  test('what someone else deletes is put right; a restart keeps the rules; another cluster is untouched; nothing is left', async () => {
    await clear();
    await apply(policy('x', 'deny', { policyTypes: ['Ingress'] }));
    const denied = matrix((from) => all.filter((to) => !to.startsWith('x') || to === from));
    await isTold(denied);
    const table = `minke-${clusterId()}-policies`;
    await run('nft', ['delete', 'table', 'inet', table]);
    // The look that finds it out comes within 15 s.
    const other = await startTestCluster();
    try {
      const input = JSON.stringify(podOf('default', 'alone', server, serving));
      await eventually(
        () => other.tryKubectl(['apply', '-f', '-'], { input }),
        ({ code }) => code === 0,
      );
      await other.kubectl('wait', '--for=condition=Ready', 'pod/alone', '--timeout=60s');
      const ip = await other.kubectl('get', 'pod', 'alone', '-o', 'jsonpath={.status.podIP}');
      expect((await run('curl', ['-s', '-m', '3', `http://${ip}:8080/`])).stdout.trim()).toBe('alone');
    } finally {
      await other.destroy();
    }
    await eventually(tables, (text) => text.includes(table), 30_000);
    await isTold(denied);
    await cluster.restart();
    expect(await tables()).toContain(table);
    await isTold(denied);
    await clear();
    await eventually(tables, (text) => !text.includes(table));
    await apply(policy('x', 'deny', { policyTypes: ['Ingress'] }));
    await eventually(tables, (text) => text.includes(table));
    await cluster.destroy();
    expect(await tables()).not.toContain(table);
  });
});
