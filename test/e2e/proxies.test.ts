// What clients reach through the API server: containers by pods and services, through kubectl and `kubectl proxy`.
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
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
