// Endpoints that users keep themselves, UDP flows whose endpoint goes, and DNS asked by dig: by UDP, by TCP, and with answers too long for UDP.
import { createSocket, type Socket } from 'node:dgram';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { eventually, run, startTestCluster, type TestCluster } from './harness.ts';

describe('endpoints kept by hand', () => {
  let cluster: TestCluster;
  let gateway = '';
  const sockets: (Socket | Server)[] = [];
  const apply = async (...items: readonly object[]) => {
    const input = JSON.stringify({ apiVersion: 'v1', kind: 'List', items });
    const done = await cluster.tryKubectl(['apply', '-f', '-'], { input });
    if (done.code !== 0) throw new Error(done.stderr);
  };
  const field = async (resource: string, path: string) =>
    (await cluster.kubectl('get', ...resource.split(' '), '-o', `jsonpath={${path}}`)).trim();
  const service = (name: string, port: object, spec: object = {}) => ({
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { name },
    spec: { ports: [port], ...spec },
  });
  const slice = (name: string, of: string, port: object, addresses: readonly string[]) => ({
    apiVersion: 'discovery.k8s.io/v1',
    kind: 'EndpointSlice',
    metadata: { name, labels: { 'kubernetes.io/service-name': of } },
    addressType: 'IPv4',
    ports: [port],
    endpoints: addresses.map((address) => ({ addresses: [address], conditions: { ready: true } })),
  });
  /** A server on the bridge that answers with its name. */
  const udpServer = async (name: string) => {
    const socket = createSocket('udp4');
    sockets.push(socket);
    socket.on('message', (_, from) => socket.send(name, from.port, from.address));
    await new Promise<void>((resolve) => socket.bind(0, gateway, resolve));
    return socket.address().port;
  };

  beforeAll(async () => {
    cluster = await startTestCluster();
    gateway = await eventually(
      () => field('endpointslice kubernetes', '.endpoints[0].addresses[0]'),
      (found) => found !== '',
    );
  });
  afterAll(async () => {
    for (const socket of sockets) socket.close();
    await cluster?.destroy();
  });

  test('Endpoints of a service without a selector are mirrored, and clients get there', async () => {
    const server = createServer((_, response) => response.end('by hand'));
    sockets.push(server);
    await new Promise<void>((resolve) => server.listen(0, gateway, resolve));
    const { port } = server.address() as AddressInfo;
    const endpoints = {
      apiVersion: 'v1',
      kind: 'Endpoints',
      metadata: { name: 'web' },
      subsets: [{ addresses: [{ ip: gateway }], ports: [{ port }] }],
    };
    await apply(service('web', { port: 80 }), endpoints);
    const ip = await field('service web', '.spec.clusterIP');
    const ask = async () => (await run('curl', ['-s', '-m', '3', `http://${ip}/`])).stdout;
    expect(await eventually(ask, (answer) => answer !== '')).toBe('by hand');
    const mirrored = 'endpointslices -l kubernetes.io/service-name=web';
    expect(await field(mirrored, '.items[*].metadata.labels.endpointslice\\.kubernetes\\.io/managed-by')).toBe(
      'endpointslicemirroring-controller.k8s.io',
    );
    await cluster.kubectl('delete', 'endpoints', 'web');
    await eventually(
      () => field(mirrored, '.items[*].metadata.name'),
      (names) => names === '',
    );
    await eventually(
      async () => (await run('curl', ['-s', '-m', '3', `http://${ip}/`])).code,
      (code) => code === 7,
    );
  });

  test('a UDP flow whose endpoint goes finds another at its next packet', async () => {
    const ports = { a: await udpServer('a'), b: await udpServer('b') };
    const port = (name: 'a' | 'b') => ({ name: 'echo', port: ports[name], protocol: 'UDP' });
    await apply(service('echo', { name: 'echo', port: 7, protocol: 'UDP' }), slice('echo-a', 'echo', port('a'), [gateway]));
    const ip = await field('service echo', '.spec.clusterIP');
    const client = createSocket('udp4');
    sockets.push(client);
    let last = '';
    client.on('message', (text) => {
      last = text.toString();
    });
    client.on('error', () => {}); // Refused, while nobody is there.
    /** One socket all along: to the kernel it is one flow. */
    const ask = async () => {
      last = '';
      await new Promise((resolve) => client.send('?', 7, ip, resolve));
      await new Promise((resolve) => setTimeout(resolve, 100));
      return last;
    };
    await eventually(ask, (answer) => answer === 'a');
    await apply(slice('echo-b', 'echo', port('b'), [gateway]));
    expect(await ask()).toBe('a');
    await cluster.kubectl('delete', 'endpointslice', 'echo-a');
    await eventually(ask, (answer) => answer === 'b', 5_000);
    await cluster.kubectl('delete', 'endpointslice', 'echo-b');
    await eventually(ask, (answer) => answer === '', 5_000);
  });

  test('dig: the same answers by UDP and TCP; what is too long for UDP says so, and comes whole by TCP', async () => {
    const addresses = Array.from({ length: 60 }, (_, i) => `192.0.2.${i + 1}`);
    await apply(
      service('many', { name: 'x', port: 80 }, { clusterIP: 'None' }),
      slice('many-1', 'many', { name: 'x', port: 80 }, addresses),
    );
    const server = await field('service -n kube-system kube-dns', '.spec.clusterIP');
    const dig = async (...args: readonly string[]) => (await run('dig', [`@${server}`, '+tries=2', '+time=3', ...args])).stdout;
    const lines = (text: string) => text.trim().split('\n').sort();
    const name = 'many.default.svc.cluster.local';
    await eventually(
      () => dig('+tcp', '+short', name),
      (text) => lines(text).length === 60,
    );
    expect(lines(await dig('+tcp', '+short', name))).toEqual([...addresses].sort());
    const cut = await dig('+noedns', '+ignore', name);
    expect(cut).toMatch(/flags: [a-z ]*\btc\b/);
    expect(lines(await dig('+noedns', '+short', name))).toEqual([...addresses].sort());
    expect(await dig('+bufsize=4096', '+ignore', name)).not.toMatch(/flags: [a-z ]*\btc\b/);
    const kubernetes = await field('service kubernetes', '.spec.clusterIP');
    for (const way of ['+notcp', '+tcp']) {
      const short = (...args: readonly string[]) => dig(way, '+short', ...args);
      expect((await short('kubernetes.default.svc.cluster.local')).trim()).toBe(kubernetes);
      expect((await short('-t', 'SRV', '_https._tcp.kubernetes.default.svc.cluster.local')).trim()).toMatch(
        /^0 \d+ 443 kubernetes\.default/,
      );
      expect((await short('-x', kubernetes)).trim()).toBe('kubernetes.default.svc.cluster.local.');
      expect(await dig(way, 'nobody.default.svc.cluster.local')).toContain('status: NXDOMAIN');
      expect(await dig(way, '-t', 'AAAA', 'kubernetes.default.svc.cluster.local')).toMatch(/status: NOERROR[\s\S]*ANSWER: 0/);
    }
  });
});
