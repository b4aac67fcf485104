// Ingress as its users have it: kubectl, curl, certificates from secrets, WebSockets, and clients that mean harm.
import http from 'node:http';
import { type AddressInfo, connect } from 'node:net';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { WebSocket, WebSocketServer } from 'ws';
import { createAuthority, issueCertificate } from '../../src/base/ports/certificates.ts';
import { eventually, freePort, run, startTestCluster, type TestCluster } from './harness.ts';

const image = 'minke.local/tools:latest';
const script = 'mkdir -p /www/foo; hostname > /www/index.html; echo foo > /www/foo/index.html; exec httpd -f -p 8080 -h /www';
const deployment = {
  apiVersion: 'apps/v1',
  kind: 'Deployment',
  metadata: { name: 'web' },
  spec: {
    replicas: 2,
    selector: { matchLabels: { app: 'web' } },
    template: {
      metadata: { labels: { app: 'web' } },
      spec: {
        terminationGracePeriodSeconds: 0,
        containers: [{ name: 'web', image, command: ['sh', '-c', script], ports: [{ name: 'http', containerPort: 8080 }] }],
      },
    },
  },
};
const service = (name: string, spec: object) => ({ apiVersion: 'v1', kind: 'Service', metadata: { name }, spec });
const ingress = (name: string, spec: object) => ({ apiVersion: 'networking.k8s.io/v1', kind: 'Ingress', metadata: { name }, spec });
const to = (name: string, port: object = { number: 80 }) => ({ service: { name, port } });
const rule = (host: string, ...paths: readonly object[]) => ({ host, http: { paths } });
const path = (pathType: string, at: string, backend: object) => ({ pathType, path: at, backend });

describe('ingress', () => {
  let cluster: TestCluster;
  let address = '';
  const hostPort = { http: 0, https: 0 };
  /** Plain HTTP and WebSockets, on the host's address among the pods: a service without a selector leads to it. */
  const server = http.createServer((req, res) => {
    res.writeHead(200, { 'content-type': 'application/json' });
    if (req.method === 'GET') return void res.end(JSON.stringify({ url: req.url, headers: req.headers }));
    req.pipe(res);
  });
  const sockets = new WebSocketServer({ server });
  sockets.on('connection', (socket) => socket.on('message', (data) => socket.send(`echo ${data}`)));

  const apply = async (...items: readonly object[]) => {
    const done = await cluster.tryKubectl(['apply', '-f', '-'], { input: JSON.stringify({ apiVersion: 'v1', kind: 'List', items }) });
    if (done.code !== 0) throw new Error(done.stderr);
  };
  const curl = async (...args: readonly string[]) => (await run('curl', ['-s', '-m', '10', ...args])).stdout.trim();
  const get = (host: string, at: string, ...args: readonly string[]) => curl('-H', `Host: ${host}`, `http://${address}${at}`, ...args);
  const statusOf = (host: string, at: string, ...args: readonly string[]) =>
    get(host, at, '-o', '/dev/null', '-w', '%{http_code}', ...args);
  /** The name in the certificate that is shown for a name. */
  const certificateOf = async (name: string) => {
    const out = await run('curl', ['-skv', '-m', '10', '--resolve', `${name}:443:${address}`, `https://${name}/`]);
    return /subject: CN=(.*)/.exec(out.stderr)?.[1] ?? out.stderr;
  };

  beforeAll(async () => {
    hostPort.http = await freePort();
    hostPort.https = await freePort();
    cluster = await startTestCluster('--ingress-http-port', String(hostPort.http), '--ingress-https-port', String(hostPort.https));
    const gateway = /"podCidr": "([\d.]+)\.0\//.exec((await run('cat', [`${cluster.dataDir}/minke.json`])).stdout)?.[1] ?? '';
    await new Promise<void>((resolve) => server.listen(0, `${gateway}.1`, resolve));
    const { port } = server.address() as AddressInfo;
    await apply(
      deployment,
      service('web', { selector: { app: 'web' }, ports: [{ name: 'http', port: 80, targetPort: 'http' }] }),
      service('own', { ports: [{ name: 'http', port: 80 }] }),
      service('none', { selector: { app: 'none' }, ports: [{ port: 80 }] }),
      {
        apiVersion: 'discovery.k8s.io/v1',
        kind: 'EndpointSlice',
        metadata: { name: 'own', labels: { 'kubernetes.io/service-name': 'own' } },
        addressType: 'IPv4',
        endpoints: [{ addresses: [`${gateway}.1`], conditions: { ready: true } }],
        ports: [{ name: 'http', port, protocol: 'TCP' }],
      },
      ingress('web', {
        rules: [
          rule('web.example', path('Prefix', '/', to('web', { name: 'http' })), path('Exact', '/own', to('own'))),
          rule('*.wild.example', path('Prefix', '/api', to('own'))),
          rule('bad.example', path('Prefix', '/none', to('none')), path('Prefix', '/gone', to('gone'))),
        ],
      }),
    );
    await cluster.kubectl('rollout', 'status', 'deployment/web', '--timeout=60s');
    address = await eventually(
      () => cluster.kubectl('get', 'ingress', 'web', '-o', 'jsonpath={.status.loadBalancer.ingress[0].ip}'),
      (text) => text !== '',
    );
  }, 120_000);

  afterAll(async () => {
    for (const socket of sockets.clients) socket.terminate();
    server.closeAllConnections();
    server.close();
    await cluster?.destroy();
  });

  test('an Ingress without a class gets the default one, and shows where it is reached', async () => {
    expect(await cluster.kubectl('get', 'ingress', 'web', '-o', 'jsonpath={.spec.ingressClassName}')).toBe('minke');
    expect(await cluster.kubectl('get', 'ingress', 'web', '-o', 'jsonpath={.status.loadBalancer.ingress[*].ip}')).toBe(
      `${address} 127.0.0.1`,
    );
    expect(await curl('-H', 'Host: web.example', `http://127.0.0.1:${hostPort.http}/foo/`)).toBe('foo');
  });

  test('hosts and paths lead where they say, to every pod', async () => {
    const names = new Set<string>();
    for (let i = 0; i < 4; i++) names.add(await get('web.example', '/'));
    expect(names.size).toBe(2);
    expect(await get('web.example', '/foo/')).toBe('foo');
    expect(JSON.parse(await get('web.example', '/own?q=1')).url).toBe('/own?q=1');
    expect([await statusOf('web.example', '/own/'), await statusOf('a.wild.example', '/api/x')]).toEqual(['404', '200']);
    expect([await statusOf('a.wild.example', '/apis'), await statusOf('a.b.wild.example', '/api')]).toEqual(['404', '404']);
    const { headers } = JSON.parse(await get('a.wild.example', '/api', '-H', 'X-Forwarded-For: 203.0.113.1')) as {
      headers: Record<string, string>;
    };
    expect([headers.host, headers['x-forwarded-host'], headers['x-forwarded-for']]).toEqual([
      'a.wild.example',
      'a.wild.example',
      expect.not.stringContaining('203.0.113'),
    ]);
  });

  test('what cannot be served is answered with the reason, and told by events', async () => {
    expect(await get('other.example', '/')).toBe('No Ingress is for the host "other.example" and the path "/".');
    expect(await get('bad.example', '/none')).toBe('The service "default/none" has no ready endpoints.');
    expect(await get('bad.example', '/gone')).toBe('There is no service "default/gone".');
    const codes = [await statusOf('other.example', '/'), await statusOf('bad.example', '/none'), await statusOf('bad.example', '/gone')];
    expect(codes).toEqual(['404', '503', '503']);
    const events = await eventually(
      () => cluster.kubectl('get', 'events', '-o', 'jsonpath={range .items[*]}{.reason} {.message}{"\\n"}{end}'),
      (text) => text.includes('ServiceNotFound'),
    );
    expect(events).toContain('ServiceNotFound There is no service "default/gone"');
  });

  test('HTTPS with the certificate of the name, which changes with its secret', async () => {
    const nowMs = Date.now();
    const validity = { notBeforeMs: nowMs - 60_000, notAfterMs: nowMs + 3_600_000 };
    const authority = await createAuthority({ commonName: 'test', ...validity });
    const secret = async (name: string, commonName: string) => {
      const { certificatePem, keyPem } = await issueCertificate(authority, {
        commonName,
        dnsNames: ['secure.example', 'web.example'],
        usages: ['server'],
        ...validity,
      });
      const data = { 'tls.crt': Buffer.from(certificatePem).toString('base64'), 'tls.key': Buffer.from(keyPem).toString('base64') };
      return { apiVersion: 'v1', kind: 'Secret', type: 'kubernetes.io/tls', metadata: { name }, data };
    };
    await apply(
      await secret('first', 'first certificate'),
      await secret('second', 'second certificate'),
      ingress('secure', {
        tls: [
          { hosts: ['secure.example'], secretName: 'first' },
          { hosts: ['web.example'], secretName: 'second' },
          { secretName: 'absent' },
        ],
        rules: [rule('secure.example', path('Prefix', '/', to('own')))],
      }),
    );
    await eventually(
      () => certificateOf('secure.example'),
      (name) => name === 'first certificate',
    );
    expect([await certificateOf('web.example'), await certificateOf('else.example')]).toEqual([
      'second certificate',
      'Minke ingress default certificate',
    ]);
    const seen = await curl('-k', '--resolve', `secure.example:443:${address}`, 'https://secure.example/x');
    expect(JSON.parse(seen).headers['x-forwarded-proto']).toBe('https');
    await apply(await secret('first', 'renewed certificate'));
    await eventually(
      () => certificateOf('secure.example'),
      (name) => name === 'renewed certificate',
    );
    const events = await cluster.kubectl(
      'get',
      'events',
      '--field-selector',
      'involvedObject.name=secure',
      '-o',
      'jsonpath={.items[*].message}',
    );
    expect(events).toContain('There is no secret "default/absent"');
  });

  test('a WebSocket, and a large body both ways', async () => {
    const client = new WebSocket(`ws://${address}/api/socket`, { headers: { host: 'a.wild.example' } });
    const answer = await new Promise((resolve, reject) => {
      client.on('open', () => client.send('hello'));
      client.on('message', (data) => resolve(String(data)));
      client.on('error', reject);
    });
    client.close();
    expect(answer).toBe('echo hello');
    const done = await run('sh', [
      '-c',
      `head -c 30000000 /dev/zero | curl -s -m 30 -T - -H 'Host: a.wild.example' http://${address}/api/upload | wc -c`,
    ]);
    expect(done.stdout.trim()).toBe('30000000');
  });

  test('hostile requests are refused, and nobody else feels it', async () => {
    const sent = (text: string) =>
      new Promise<string>((resolve) => {
        let got = '';
        const socket = connect(80, address, () => socket.write(text));
        socket.on('data', (chunk) => {
          got += chunk;
        });
        socket.on('error', () => {});
        socket.on('close', () => resolve(got));
      });
    const host = 'Host: web.example\r\n';
    const answers = await Promise.all(
      [
        `POST / HTTP/1.1\r\n${host}Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n`,
        `GET / HTTP/1.1\r\n${host}X-Large: ${'x'.repeat(100_000)}\r\n\r\n`,
        '\x00\x01\x02\r\n\r\n',
        `GET / HTTP/1.1\r\n${host}Host: other\r\nConnection: close\r\n\r\n`,
        `GET ../../etc/passwd HTTP/1.1\r\n${host}\r\n`,
      ].map(sent),
    );
    expect(answers.map((text) => text.slice(9, 12))).toEqual(['400', '431', '400', '400', '400']);
    expect(await get('web.example', '/foo/')).toBe('foo');
  });

  test('another class is somebody else’s, and with the last Ingress the address goes too', async () => {
    await cluster.kubectl('patch', 'ingress', 'web', '--type=merge', '-p', '{"spec":{"ingressClassName":"nginx"}}');
    await eventually(
      () => cluster.kubectl('get', 'ingress', 'web', '-o', 'jsonpath={.status.loadBalancer}'),
      (text) => text === '{}',
    );
    expect(await statusOf('web.example', '/')).toBe('404');
    await cluster.kubectl('delete', 'ingress', 'secure');
    await eventually(
      () => cluster.kubectl('get', 'services', '-n', 'kube-system', '-o', 'name'),
      (text) => !text.includes('minke-ingress'),
    );
    expect((await run('curl', ['-s', '-m', '2', `http://127.0.0.1:${hostPort.http}/`])).code).toBe(7);
  });
});
