// What clients reach through the API server: containers by pods and services, and API servers that have given it their group.
import { networkInterfaces } from 'node:os';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { extensionGroup, startTestExtension, type TestExtension } from '../../src/apiserver/testing/extension-server.ts';
import { eventually, startTestCluster, type TestCluster } from './harness.ts';

let cluster: TestCluster;
const container = {
  name: 'web',
  image: 'minke.local/tools:latest',
  command: ['sh', '-c', 'mkdir -p /www/sub; echo home > /www/index.html; echo deep > /www/sub/index.html; exec httpd -f -p 8080 -h /www'],
  ports: [{ name: 'http', containerPort: 8080 }],
  readinessProbe: { httpGet: { path: '/', port: 'http' }, periodSeconds: 1 },
};
const objects = [
  {
    ...{ apiVersion: 'v1', kind: 'Pod', metadata: { name: 'web', labels: { app: 'web' } } },
    spec: { terminationGracePeriodSeconds: 0, containers: [container] },
  },
  {
    ...{ apiVersion: 'v1', kind: 'Service', metadata: { name: 'web' } },
    spec: { selector: { app: 'web' }, ports: [{ name: 'http', port: 80, targetPort: 'http' }] },
  },
  { apiVersion: 'v1', kind: 'Service', metadata: { name: 'empty' }, spec: { selector: { app: 'nobody' }, ports: [{ port: 80 }] } },
];
const path = '/api/v1/namespaces/default';

beforeAll(async () => {
  cluster = await startTestCluster();
  const input = JSON.stringify({ apiVersion: 'v1', kind: 'List', items: objects });
  expect(await cluster.tryKubectl(['apply', '-f', '-'], { input })).toMatchObject({ code: 0 });
  await cluster.kubectl('wait', '--for=condition=Ready', 'pod/web', '--timeout=60s');
}, 120_000);
afterAll(() => cluster?.destroy(), 60_000);

describe('containers', () => {
  test.each([
    ['pods/web', '/', 'home\n'],
    ['pods/web:8080', '/sub/', 'deep\n'],
    ['pods/http:web:8080', '/index.html', 'home\n'],
    ['services/web:http', '/', 'home\n'],
    ['services/web:80', '/sub/', 'deep\n'],
    ['services/http:web:http', '/sub/index.html?x=%20', 'deep\n'],
  ])('kubectl get --raw %s%s', async (place, at, wanted) => {
    const ask = () => cluster.kubectl('get', '--raw', `${path}/${place}/proxy${at}`);
    expect(await eventually(ask, () => true)).toBe(wanted);
  });

  test.each([
    ['services/empty:', 'no endpoints available for service'],
    ['services/web:81', 'no service port 81 found for service "web"'],
    ['pods/web:9', 'connection refused'],
  ])('%s says why not', async (place, why) => {
    const { code, stderr } = await cluster.tryKubectl(['get', '--raw', `${path}/${place}/proxy/`]);
    expect([code, stderr]).toEqual([1, expect.stringContaining(why)]);
  });

  test('the node’s kubelet', async () => {
    const name = await cluster.kubectl('get', 'nodes', '-o', 'jsonpath={.items[0].metadata.name}');
    expect(await cluster.kubectl('get', '--raw', `/api/v1/nodes/${name}/proxy/healthz`)).toBe('ok\n');
  });

  test('kubectl proxy: every method, redirects and all, as a browser sees them', async () => {
    const proxy = cluster.spawnKubectl('proxy', '--port=0');
    try {
      const base = await new Promise<string>((resolve, reject) => {
        proxy.on('exit', () => reject(new Error('kubectl proxy ended')));
        proxy.stdout?.on('data', (chunk: Buffer) => resolve(`http://${/127\.0\.0\.1:\d+/.exec(chunk.toString())?.[0]}`));
      });
      // The directory without its slash: httpd redirects, and the redirect leads through both proxies.
      const page = await fetch(`${base}${path}/services/web:http/proxy/sub`);
      expect([await page.text(), new URL(page.url).pathname]).toEqual(['deep\n', `${path}/services/web:http/proxy/sub/`]);
      const bare = await fetch(`${base}${path}/pods/web/proxy`, { redirect: 'manual' });
      expect([bare.status, bare.headers.get('location')]).toEqual([301, `${path}/pods/web/proxy/`]);
      // busybox knows no PUT: what matters is that it is busybox who says so.
      expect((await fetch(`${base}${path}/pods/web/proxy/`, { method: 'PUT', body: 'x' })).status).toBe(501);
      expect((await fetch(`${base}${path}/pods/web/proxy/none`)).status).toBe(404);
      expect((await fetch(`${base}${path}/pods/web/proxy/`, { method: 'HEAD' })).status).toBe(200);
    } finally {
      proxy.kill();
    }
  });
});

describe('an aggregated API server', () => {
  const name = `v1alpha1.${extensionGroup}`;
  let extension: TestExtension;
  beforeAll(async () => {
    const config = JSON.parse(
      await cluster.kubectl('get', 'configmap', '-n', 'kube-system', 'extension-apiserver-authentication', '-o', 'json'),
    ) as { data: Record<string, string> };
    // Endpoints may not be on loopback.
    const host = Object.values(networkInterfaces())
      .flat()
      .find((one) => one?.family === 'IPv4' && !one.internal)?.address;
    if (host === undefined) throw new Error('This machine has no address but loopback');
    extension = await startTestExtension({ host, frontProxyCaPem: config.data['requestheader-client-ca-file'] ?? '' });
    const metadata = { name: 'api', namespace: 'wardle' };
    const items = [
      { apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'wardle' } },
      { apiVersion: 'v1', kind: 'Service', metadata, spec: { ports: [{ name: 'https', port: 443 }] } },
      {
        ...{ apiVersion: 'discovery.k8s.io/v1', kind: 'EndpointSlice', addressType: 'IPv4' },
        metadata: { ...metadata, labels: { 'kubernetes.io/service-name': 'api' } },
        ports: [{ name: 'https', port: extension.port }],
        endpoints: [{ addresses: [host], conditions: { ready: true } }],
      },
      {
        ...{ apiVersion: 'apiregistration.k8s.io/v1', kind: 'APIService', metadata: { name } },
        spec: {
          ...{ group: extensionGroup, version: 'v1alpha1', groupPriorityMinimum: 2000, versionPriority: 200 },
          ...{ service: { name: 'api', namespace: 'wardle' }, caBundle: extension.caBundle },
        },
      },
    ];
    const input = JSON.stringify({ apiVersion: 'v1', kind: 'List', items });
    expect(await cluster.tryKubectl(['apply', '-f', '-'], { input })).toMatchObject({ code: 0 });
    await cluster.kubectl('wait', '--for=condition=Available', `apiservice/${name}`, '--timeout=30s');
  }, 60_000);
  afterAll(() => extension?.close());

  test('kubectl finds its resources, by short name too, and lists them', async () => {
    expect(await cluster.kubectl('api-resources', `--api-group=${extensionGroup}`, '--no-headers')).toMatch(
      /^flunders\s+flu\s+wardle.example.com\/v1alpha1\s+true\s+Flunder\s*$/,
    );
    expect(await cluster.kubectl('get', 'flu', '-o', 'name')).toBe('flunder.wardle.example.com/a\n');
    expect(extension.seen.at(-1)?.remote).toContain('x-remote-user: kubernetes-admin');
    expect(await cluster.kubectl('get', 'flunders', 'a', '--as=jane', '--as-group=system:masters', '-o', 'name')).toContain('/a');
    expect(extension.seen.at(-1)?.remote).toEqual(expect.arrayContaining(['x-remote-user: jane', 'x-remote-group: system:masters']));
  });

  test('kubectl get apiservices tells who serves what', async () => {
    const lines = (await cluster.kubectl('get', 'apiservices', '--no-headers')).trim().split('\n');
    const rows = new Map(lines.map((line) => line.split(/\s+/)).map(([of = '', service, available]) => [of, `${service} ${available}`]));
    expect([rows.get(name), rows.get('v1.apps'), rows.get('v1.')]).toEqual(['wardle/api True', 'Local True', 'Local True']);
  });

  test('while it does not answer, everything else does; deleted, it is gone', async () => {
    await cluster.kubectl('delete', 'endpointslice', 'api', '-n', 'wardle');
    await cluster.kubectl('wait', '--for=condition=Available=false', `apiservice/${name}`, '--timeout=30s');
    expect((await cluster.tryKubectl(['get', '--raw', `/apis/${extensionGroup}/v1alpha1`])).stderr).toContain(
      'unable to handle the request',
    );
    expect(await cluster.kubectl('get', 'pods', '-o', 'name')).toContain('pod/web');
    await cluster.kubectl('delete', 'apiservice', name);
    expect(await cluster.kubectl('get', '--raw', '/apis')).not.toContain(extensionGroup);
  });
});

test('custom resources get an APIService, and lose it with their definition', async () => {
  const versions = [{ name: 'v1', served: true, storage: true, schema: { openAPIV3Schema: { type: 'object' } } }];
  const input = JSON.stringify({
    ...{ apiVersion: 'apiextensions.k8s.io/v1', kind: 'CustomResourceDefinition', metadata: { name: 'gears.aggregation.example' } },
    spec: { group: 'aggregation.example', names: { kind: 'Gear', plural: 'gears', singular: 'gear' }, scope: 'Namespaced', versions },
  });
  expect(await cluster.tryKubectl(['apply', '-f', '-'], { input })).toMatchObject({ code: 0 });
  const service = () => cluster.tryKubectl(['get', 'apiservice', 'v1.aggregation.example', '--no-headers']);
  await eventually(service, ({ stdout }) => /Local\s+True/.test(stdout));
  await cluster.kubectl('delete', 'crd', 'gears.aggregation.example');
  await eventually(service, ({ stderr }) => stderr.includes('NotFound'));
});
