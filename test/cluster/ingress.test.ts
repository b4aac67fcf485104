// The ingress controller over a whole control plane, on a virtual clock and without a socket: what it publishes, serves, says and takes away.
import { afterEach, beforeEach, expect, test } from 'vitest';
import { SeededRandom, silentLogger } from '../../src/base/mod.ts';
import type { ProxyRoute, ReverseProxyOptions } from '../../src/base/ports/reverse-proxy.ts';
import { endpointslices, events, ingressclasses, ingresses, services, startCluster, type VirtualCluster } from '../../src/cluster/mod.ts';
import { runIngress } from '../../src/network/mod.ts';

let cluster: VirtualCluster;
let stopping: AbortController;
let running: Promise<void>;
/** What the controller has opened and not closed. */
let open: { readonly asks: ReverseProxyOptions; readonly ports: number[] }[];
let failures: number;

const namespace = 'default';
const own = { namespace: 'kube-system', name: 'minke-ingress' };

beforeEach(async () => {
  cluster = await startCluster({ clock: 'virtual', nodes: 0 });
  stopping = new AbortController();
  [open, failures] = [[], 0];
  running = runIngress({
    nodeName: 'here',
    address: '10.42.0.1',
    hostPorts: { address: '192.0.2.1', http: 0, https: 0 },
    defaultCertificate: async () => ({ cert: 'own', key: 'own' }),
    openProxy: async (asks) => {
      const one = { asks, ports: [] as number[] };
      open.push(one);
      return {
        async listen() {
          if (failures-- > 0) throw new Error('No port is free');
          return one.ports.push(0) + 20_000;
        },
        close: async () => void open.splice(open.indexOf(one), 1),
      };
    },
    client: cluster.client,
    informers: cluster.informers,
    clock: cluster.clock,
    random: new SeededRandom(1),
    log: silentLogger,
    signal: stopping.signal,
  });
  await cluster.time.advance(1_000);
});
afterEach(async () => {
  stopping.abort();
  await cluster.time.advance(10_000);
  await running;
  await cluster.stop();
});

const addService = (name: string, spec: object = {}) =>
  cluster.client.create(services, { metadata: { name, namespace }, spec: { ports: [{ name: 'http', port: 80 }], ...spec } });
const addEndpoint = (service: string, address: string) =>
  cluster.client.create(endpointslices, {
    metadata: { name: `${service}-1`, namespace, labels: { 'kubernetes.io/service-name': service } },
    addressType: 'IPv4',
    endpoints: [{ addresses: [address] }],
    ports: [{ name: 'http', port: 8080, protocol: 'TCP' }],
  });
async function addIngress(service: string): Promise<void> {
  const path = { path: '/', pathType: 'Prefix', backend: { service: { name: service, port: { number: 80 } } } };
  await cluster.client.create(ingresses, {
    metadata: { name: 'x', namespace },
    spec: { ingressClassName: 'minke', rules: [{ host: 'a.example', http: { paths: [path] } }] },
  });
  await cluster.time.advance(1_000);
}
const route = (): ProxyRoute | undefined => open[0]?.asks.route({ host: 'a.example', path: '/' });
const warnings = async () =>
  (await cluster.client.list(events, { namespace })).items.flatMap(({ type, reason, message }) =>
    type === 'Warning' ? [`${reason} ${message}`] : [],
  );

test('without an Ingress there is a class, and nothing listens', async () => {
  expect((await cluster.client.get(ingressclasses, { name: 'minke' })).spec?.controller).toBe('minke.dev/ingress');
  expect(open).toEqual([]);
  await expect(cluster.client.get(services, own)).rejects.toThrow('not found');
});

test('the first Ingress is served and gets its address, endpoints count as they come, and the last takes all away', async () => {
  await addService('web', { ports: [{ name: 'http', port: 80, appProtocol: 'https' }] });
  await addIngress('web');
  expect(open.map(({ ports }) => ports.length)).toEqual([2]);
  expect((await cluster.client.get(endpointslices, own)).ports?.map(({ port }) => port)).toEqual([20_001, 20_002]);
  expect(route()).toMatchObject({ to: 'answer', status: 503, text: 'The service "default/web" has no ready endpoints.' });

  await addEndpoint('web', '10.42.0.9');
  await cluster.time.advance(1_000);
  expect(route()).toMatchObject({ backends: [{ address: '10.42.0.9', port: 8080, secure: true }] });

  const service = await cluster.client.get(services, own);
  await cluster.client.updateStatus(services, { ...service, status: { loadBalancer: { ingress: [{ ip: '198.51.100.7' }] } } });
  await cluster.time.advance(1_000);
  const x = { namespace, name: 'x' };
  expect((await cluster.client.get(ingresses, x)).status?.loadBalancer?.ingress).toEqual([{ ip: '198.51.100.7' }]);

  await cluster.client.delete(ingresses, x);
  await cluster.time.advance(10_000);
  expect(open).toEqual([]);
  await expect(cluster.client.get(services, own)).rejects.toThrow('not found');
});

test('what cannot be served is said once, in an event on the Ingress', async () => {
  await addService('far', { type: 'ExternalName', externalName: 'example.com', ports: undefined });
  await addIngress('far');
  const expected = ['BadBackend The service "default/far" is of type ExternalName, which is not served'];
  expect([route(), await warnings()]).toMatchObject([{ to: 'answer', status: 503 }, expected]);
  await addService('other');
  await cluster.time.advance(60_000);
  expect(await warnings()).toEqual(expected);
});

test('a port that cannot be had is asked for again, and nothing of the attempt is left', async () => {
  failures = 1;
  await addService('web');
  await addIngress('web');
  await cluster.time.advance(5_000);
  expect(open.map(({ ports }) => ports.length)).toEqual([2]);
});
