// Services, names and load balancers as clients use them: from the host, from pods, while endpoints come and go.
import { existsSync, readFileSync } from 'node:fs';
import { type AddressInfo, createServer } from 'node:net';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { ipv6 } from '../../src/network/addresses/family.ts';
import { base as base4, service as fixtureService, slice as fixtureSlice, here } from '../../src/network/proxy/fixtures.fake.ts';
import { frontendsOf } from '../../src/network/proxy/model.ts';
import { type BaseOptions, expectedListing, readServices, renderAll, renderChange } from '../../src/network/proxy/nftables.ts';
import { Program } from '../../src/network/proxy/plan.ts';
import { eventually, run, startTestCluster, type TestCluster } from './harness.ts';

const image = 'minke.local/tools:latest';
const server = 'mkdir -p /www; hostname > /www/index.html; trap "exit 0" TERM; httpd -f -p 8080 -h /www & wait';
const container = {
  name: 'web',
  image,
  command: ['sh', '-c', server],
  ports: [{ name: 'http', containerPort: 8080 }],
  readinessProbe: { httpGet: { path: '/', port: 'http' }, periodSeconds: 1 },
};
const pod = (spec: object = {}) => ({ terminationGracePeriodSeconds: 2, containers: [container], ...spec });
const list = (...items: readonly object[]) => JSON.stringify({ apiVersion: 'v1', kind: 'List', items });
const workload = (kind: string, name: string, spec: object, podSpec: object = {}) => ({
  apiVersion: 'apps/v1',
  kind,
  metadata: { name },
  spec: { selector: { matchLabels: { app: name } }, template: { metadata: { labels: { app: name } }, spec: pod(podSpec) }, ...spec },
});
const service = (name: string, spec: object) => ({
  apiVersion: 'v1',
  kind: 'Service',
  metadata: { name },
  spec: { selector: { app: name }, ports: [{ name: 'http', port: 80, targetPort: 'http' }], ...spec },
});
const singlePod = (name: string, spec: object, app = name) => ({
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: { name, labels: { app } },
  spec: pod(spec),
});
const client = {
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: { name: 'client' },
  spec: { terminationGracePeriodSeconds: 0, containers: [{ name: 'sh', image, command: ['sleep', '100000'] }] },
};

const base6: BaseOptions = {
  ...base4,
  family: ipv6,
  podCidr: 'fd00:10:42:0::/64',
  serviceCidr: 'fd00:10:96::/112',
  gateway: 'fd00:10:42::1',
};
/** `10.42.0.5` becomes `fd00:10:42:0::5`. */
const likewise = (ip: string) => `fd00:${ip.split('.').slice(0, 3).join(':')}::${ip.split('.')[3]}`;

test.each([
  [base4, (ip: string) => ip, ['192.0.2.0/24', '198.51.100.7/32', '192.0.2.128/25']],
  [base6, likewise, ['2001:db8:1::/48', '2001:db8::7/128', '2001:db8:1:5::/64']],
] as const)(
  'nft takes every kind of rule of $family.name that is made, one change after the other, and lists what is expected',
  async (base, ip, ranges) => {
    const steps: readonly (readonly string[])[] = [
      ['10.42.0.5', '10.42.0.6', '203.0.113.9'],
      ['10.42.0.6'],
      [],
      ['10.42.0.5', '10.42.0.7', '10.42.0.8', '10.42.0.6'],
      ['10.42.0.8'],
    ];
    const place = { ...here, family: base.family };
    const program = new Program(base.podCidr);
    const ports = ['TCP', 'UDP', 'SCTP'].map((protocol, i) => ({ name: protocol.toLowerCase(), port: 80, protocol, nodePort: 30_000 + i }));
    const want = (ips: readonly string[]) => {
      for (const [i, sessionAffinity] of ['None', 'ClientIP'].entries()) {
        const slices = ports.map(({ name, protocol }) =>
          fixtureSlice(
            'web',
            ips.map((one, at) => ({ ip: ip(one), node: at === 0 ? 'here' : 'there' })),
            8080,
            protocol,
            name,
          ),
        );
        const one = fixtureService(
          'web',
          {
            type: 'LoadBalancer',
            clusterIP: ip(`10.96.0.${i + 20}`),
            ports: ports.map((port) => ({ ...port, nodePort: port.nodePort + 10 * i })),
            sessionAffinity,
            externalTrafficPolicy: 'Local',
            externalIPs: [ip(`203.0.113.${i + 1}`)],
            loadBalancerSourceRanges: [...ranges],
          },
          { status: { loadBalancer: { ingress: [{ ip: ip(`10.127.0.${i + 1}`) }] } } },
        );
        program.want(`default/web-${i}`, frontendsOf(one, slices, place));
      }
    };
    const list = `nft -j -a list table ${base.family.ip} ${base.table}`;
    const texts: string[] = [];
    for (const [i, ips] of steps.entries()) {
      want(ips);
      const change = program.plan();
      texts.push(i === 0 || !change ? renderAll(base, program.everything()) : renderChange(base, change));
      const script = `${texts.map((_, at) => `printf '%s' "$STEP_${at}" | nft -f - || exit 1\n`).join('')}${list}`;
      const env = Object.fromEntries(texts.map((text, at) => [`STEP_${at}`, text]));
      const done = await run('unshare', ['-n', 'sh', '-c', script], { env });
      expect([i, done.stderr]).toEqual([i, '']);
      expect(readServices(done.stdout)).toEqual(expectedListing(base, program.standing()));
    }
  },
);

describe('services', () => {
  let cluster: TestCluster;
  const apply = async (...items: readonly object[]) => {
    const done = await cluster.tryKubectl(['apply', '-f', '-'], { input: list(...items) });
    if (done.code !== 0) throw new Error(done.stderr);
  };
  /** What curl on the host gets; its exit code where it fails: 7 is "refused". */
  const curl = async (url: string, ...more: readonly string[]) => {
    const { code, stdout } = await run('curl', ['-s', '-m', '5', ...more, url]);
    return code === 0 ? stdout.trim() : `failed with ${code}`;
  };
  const inPod = async (name: string, script: string) => {
    const { code, stdout, stderr } = await cluster.tryKubectl(['exec', name, '--', 'sh', '-c', script]);
    return { code, output: `${stdout}${stderr}`.trim() };
  };
  const field = async (resource: string, path: string) =>
    (await cluster.kubectl('get', ...resource.split(' '), '-o', `jsonpath={${path}}`)).trim();
  const podNames = async (app: string) => (await field(`pods -l app=${app}`, '.items[*].metadata.name')).split(' ').sort();
  const several = async (times: number, ask: () => Promise<string>) => {
    const found = new Set<string>();
    for (let i = 0; i < times; i++) found.add(await ask());
    return [...found].sort();
  };
  let ip = '';
  let nodePort = '';

  beforeAll(async () => {
    cluster = await startTestCluster();
    await apply(workload('Deployment', 'hello', { replicas: 3 }), service('hello', { type: 'NodePort' }), client);
    await cluster.kubectl('rollout', 'status', 'deployment/hello', '--timeout=90s');
    await cluster.kubectl('wait', '--for=condition=Ready', 'pod/client', '--timeout=60s');
    [ip, nodePort] = [await field('service hello', '.spec.clusterIP'), await field('service hello', '.spec.ports[0].nodePort')];
  });
  afterAll(() => cluster?.destroy());

  test('a cluster IP leads to every pod, from the host', async () => {
    expect(await several(40, () => curl(`http://${ip}/`))).toEqual(await podNames('hello'));
  });

  test('and from a pod, by address and by every form of the name', async () => {
    for (const name of [ip, 'hello', 'hello.default', 'hello.default.svc', 'hello.default.svc.cluster.local']) {
      const answers = await inPod('client', `for i in $(seq 40); do wget -qO- http://${name}/; done | sort -u`);
      expect([name, answers.output.split('\n')]).toEqual([name, await podNames('hello')]);
    }
  });

  test('nslookup finds services, endpoints, pods and addresses', async () => {
    const lookUp = async (...args: readonly string[]) => (await inPod('client', `nslookup ${args.join(' ')}`)).output;
    expect(await lookUp('hello.default.svc.cluster.local')).toContain(`Address: ${ip}`);
    expect(await lookUp('-type=srv', '_http._tcp.hello.default.svc.cluster.local')).toContain('80 hello.default.svc.cluster.local');
    expect(await lookUp(ip)).toContain('name = hello.default.svc.cluster.local');
    expect(await lookUp('10-1-2-3.default.pod.cluster.local')).toContain('Address: 10.1.2.3');
    expect(await lookUp('nobody.default.svc.cluster.local')).toContain('NXDOMAIN');
  });

  test('a node port answers on loopback and on the node’s own address', async () => {
    const names = await podNames('hello');
    const [address = ''] = (await field('nodes', '.items[0].status.addresses[?(@.type=="InternalIP")].address')).split(' ');
    for (const host of ['127.0.0.1', address]) {
      expect(await several(40, () => curl(`http://${host}:${nodePort}/`))).toEqual(names);
      const fromPod = await inPod('client', `for i in $(seq 40); do wget -qO- http://${address}:${nodePort}/; done | sort -u`);
      expect(fromPod.output.split('\n')).toEqual(names);
    }
  });

  test('a pod reaches itself through its service', async () => {
    await apply(singlePod('alone', {}), service('alone', {}));
    await cluster.kubectl('wait', '--for=condition=Ready', 'pod/alone', '--timeout=60s');
    await eventually(
      async () => (await inPod('alone', 'wget -qO- http://alone.default.svc/')).output,
      (output) => output === 'alone',
    );
  });

  test('the API server is reached by pods, with its own certificate, and so is what listens on the bridge', async () => {
    const kubernetes = await field('service kubernetes', '.spec.clusterIP');
    const ca = ['--cacert', join(cluster.dataDir, 'pki/ca.crt')];
    expect(await curl(`https://${kubernetes}/version`, ...ca)).toContain('"major"');
    // Busybox's own TLS has no cipher in common with the server: that it is reached has to do.
    const gateway = await field('endpointslice kubernetes', '.endpoints[0].addresses[0]');
    for (const to of ['kubernetes.default 443', `${gateway} ${cluster.port}`]) {
      expect((await inPod('client', `nc -w 2 ${to} </dev/null && echo open`)).output).toContain('open');
    }
    const other = createServer((socket) => socket.end('not for pods'));
    await new Promise<void>((resolve) => other.listen(0, gateway, resolve));
    const { port } = other.address() as AddressInfo;
    expect((await inPod('client', `nc -w 2 ${gateway} ${port}`)).output).toBe('not for pods');
    other.close();
  });

  test('without endpoints it refuses at once, everywhere; with them it answers again', async () => {
    await cluster.kubectl('scale', 'deployment/hello', '--replicas=0');
    await eventually(
      () => curl(`http://${ip}/`),
      (answer) => answer === 'failed with 7',
    );
    const begun = Date.now();
    expect(await curl(`http://127.0.0.1:${nodePort}/`)).toBe('failed with 7');
    expect(await curl(`http://${ip}:81/`)).toBe('failed with 7');
    expect(Date.now() - begun).toBeLessThan(1_000);
    expect((await inPod('client', 'wget -qO- http://hello/')).output).toContain('refused');
    await cluster.kubectl('scale', 'deployment/hello', '--replicas=3');
    await cluster.kubectl('rollout', 'status', 'deployment/hello', '--timeout=60s');
    await eventually(
      () => several(40, () => curl(`http://${ip}/`)),
      (found) => found.length === 3,
    );
  });

  test('headless services have the names of their pods', async () => {
    const member = (name: string) => singlePod(name, { hostname: name, subdomain: 'db' }, 'db');
    await apply(service('db', { clusterIP: 'None' }), member('db-0'), member('db-1'));
    await cluster.kubectl('wait', '--for=condition=Ready', 'pod', '-l', 'app=db', '--timeout=60s');
    const ips = (await field('pods -l app=db', '.items[*].status.podIP')).split(' ');
    await eventually(
      async () => (await inPod('client', 'nslookup db.default.svc.cluster.local')).output,
      (output) => ips.every((one) => output.includes(one)),
    );
    expect((await inPod('client', 'wget -qO- http://db-1.db:8080/')).output).toBe('db-1');
    expect((await inPod('client', `nslookup ${ips[0]}`)).output).toMatch(/name = db-\d\.db\.default\.svc\.cluster\.local/);
  });

  test('a load balancer gets an address that works from host and pod, and keeps clients where they were when asked to', async () => {
    await apply(service('hello-lb', { type: 'LoadBalancer', selector: { app: 'hello' }, sessionAffinity: 'ClientIP' }));
    const address = await eventually(
      () => field('service hello-lb', '.status.loadBalancer.ingress[0].ip'),
      (found) => found !== '',
    );
    await eventually(
      () => curl(`http://${address}/`),
      (answer) => answer.startsWith('hello-'),
    );
    expect(await several(20, () => curl(`http://${address}/`))).toHaveLength(1);
    const sticky = await inPod('client', `for i in $(seq 20); do wget -qO- http://${address}/; done | sort -u`);
    expect(sticky.output.split('\n')).toHaveLength(1);
    await cluster.kubectl('delete', 'service', 'hello-lb');
    await eventually(
      () => curl(`http://${address}/`),
      (answer) => answer === 'failed with 7',
    );
  });

  test('rules that someone takes away come back', async () => {
    const { id } = JSON.parse(readFileSync(join(cluster.dataDir, 'minke.json'), 'utf8')) as { id: string };
    const table = `minke-${id}-services`;
    await run('nft', ['flush', 'map', 'ip', table, 'addresses']);
    expect(await curl(`http://${ip}/`)).toBe('failed with 7');
    await eventually(
      () => curl(`http://${ip}/`),
      (answer) => answer.startsWith('hello-'),
      30_000,
    );
    await run('nft', ['delete', 'table', 'ip', table]);
    await cluster.kubectl('expose', 'deployment', 'hello', '--name=again', '--port=80', '--target-port=8080');
    const again = await field('service again', '.spec.clusterIP');
    await eventually(
      () => curl(`http://${again}/`),
      (answer) => answer.startsWith('hello-'),
      5_000,
    );
  });

  test('services go on while Minke is stopped, and after its start', async () => {
    expect((await cluster.minke('down')).code).toBe(0);
    expect(await curl(`http://${ip}/`)).toMatch(/^hello-/);
    expect((await cluster.minke('up', '--detach', '--port', String(cluster.port))).code).toBe(0);
    expect(await curl(`http://${ip}/`)).toMatch(/^hello-/);
    await eventually(
      async () => (await inPod('client', 'wget -qO- http://hello/')).output,
      (output) => output.startsWith('hello-'),
    );
  });
});

test('nothing stays behind: tables, routes, interfaces', async () => {
  const traces = async () => {
    const [rules, routes, links] = await Promise.all([run('nft', ['list', 'tables']), run('ip', ['route']), run('ip', ['-br', 'link'])]);
    return [rules.stdout, routes.stdout, links.stdout].map((text) =>
      text.split('\n').filter((line) => line.includes('minke-') || line.includes('mk')),
    );
  };
  const before = await traces();
  const cluster = await startTestCluster();
  const { id } = JSON.parse(readFileSync(join(cluster.dataDir, 'minke.json'), 'utf8')) as { id: string };
  await eventually(traces, ([tables]) => tables?.some((line) => line.includes(`minke-${id}-services`)) === true);
  await cluster.destroy();
  expect((await traces()).flat().filter((line) => line.includes(id))).toEqual([]);
  expect(existsSync(cluster.dataDir)).toBe(false);
  expect(before.flat().some((line) => line.includes(id))).toBe(false);
});

test('a cluster without a node leaves the machine’s network alone', async () => {
  const network = async () => (await Promise.all([run('nft', ['list', 'ruleset']), run('ip', ['route'])])).map(({ stdout }) => stdout);
  const before = await network();
  const cluster = await startTestCluster('--no-node');
  try {
    await cluster.kubectl('create', 'service', 'loadbalancer', 'lb', '--tcp=80:80');
    expect(await network()).toEqual(before);
  } finally {
    await cluster.destroy();
  }
});

test('two clusters of one machine have services of their own, and one’s removal leaves the other’s', async () => {
  const [one, other] = [await startTestCluster(), await startTestCluster()];
  try {
    const answers = async (cluster: TestCluster) => {
      const ip = await cluster.kubectl('get', 'service', 'kubernetes', '-o', 'jsonpath={.spec.clusterIP}');
      const ca = join(cluster.dataDir, 'pki/ca.crt');
      return (await run('curl', ['-s', '-m', '5', '--cacert', ca, `https://${ip}/version`])).stdout;
    };
    for (const cluster of [one, other])
      await eventually(
        () => answers(cluster),
        (answer) => answer.includes('"major"'),
      );
    await other.destroy();
    expect(await answers(one)).toContain('"major"');
  } finally {
    await one.destroy();
  }
});
