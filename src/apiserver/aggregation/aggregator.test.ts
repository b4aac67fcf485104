// Aggregation over real sockets: a core in memory, the edge before it, and an aggregated server with a CA of its own behind it.
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { type KubeObject, servedKinds, type V1APIService } from '../../api/mod.ts';
import { createMetrics, silentLogger } from '../../base/mod.ts';
import { createIssuerCheck } from '../../base/ports/certificate-reader.ts';
import { type CertifiedKey, createAuthority, issueCertificate } from '../../base/ports/certificates.ts';
import { systemClock } from '../../base/ports/clock.ts';
import { createHttpClient, type HttpClient, type HttpRequest } from '../../base/ports/http-client.ts';
import { type HttpServer, startHttpServer } from '../../base/ports/http-server.ts';
import { systemRandom } from '../../base/ports/random.ts';
import { connectWebSocket } from '../../base/ports/websocket.ts';
import { openMemoryStore } from '../../store/mod.ts';
import { adminToken, createEdge, janeToken } from '../core.fake.ts';
import { type ApiCore, createApiCore } from '../core.ts';
import { aggregatedType } from '../discovery/documents.ts';
import { apiForms } from '../http/forms.ts';
import { apiOpenApi } from '../openapi/openapi.ts';
import { createPipeline } from '../pipeline.ts';
import { createRoutes } from '../routes.ts';
import { handle } from '../server.ts';
import { extensionGroup, startTestExtension, type TestExtension } from '../testing/extension-server.ts';
import { createAggregator } from './aggregator.ts';
import { automanagedLabel } from './local-services.ts';

const validity = { notBeforeMs: Date.now() - 60_000, notAfterMs: Date.now() + 3_600_000 };
const stop = new AbortController();
const metrics = createMetrics();
const root = `/apis/${extensionGroup}/v1alpha1`;
const flunders = `${root}/namespaces/default/flunders`;
const endpointIP = '10.9.8.7';
let core: ApiCore;
let extension: TestExtension;
let server: HttpServer;
let client: HttpClient;
let clientCa: CertifiedKey;
let frontProxyCa: CertifiedKey;
let running: Promise<void>;
const cleanups: (() => unknown)[] = [];

beforeAll(async () => {
  [clientCa, frontProxyCa] = (await Promise.all(
    ['ca', 'front-proxy-ca'].map((commonName) => createAuthority({ commonName, ...validity })),
  )) as [CertifiedKey, CertifiedKey];
  const leaf = { organizations: [], ...validity };
  const certificate = await issueCertificate(clientCa, { ...leaf, commonName: 's', usages: ['server'], ipAddresses: ['127.0.0.1'] });
  const frontProxyClient = await issueCertificate(frontProxyCa, { ...leaf, commonName: 'front-proxy-client', usages: ['client'] });
  extension = await startTestExtension({ host: '127.0.0.1', frontProxyCaPem: frontProxyCa.certificatePem });
  const store = openMemoryStore();
  const common = { clock: systemClock, random: systemRandom, log: silentLogger, signal: stop.signal };
  core = await createApiCore({ ...common, store, kinds: servedKinds, serviceCidr: '10.96.0.0/16' });
  // Endpoints may not be on loopback: the one that there is, is brought there.
  const here = (request: HttpRequest): HttpRequest => ({ ...request, url: request.url.replace(endpointIP, '127.0.0.1') });
  const aggregator = createAggregator({
    ...{ ...common, core, metrics, registry: core.registry, clientCaPem: clientCa.certificatePem },
    frontProxy: { caPem: frontProxyCa.certificatePem, client: frontProxyClient },
    isIssued: createIssuerCheck(frontProxyCa.certificatePem),
    createClient: (options) => {
      const real = createHttpClient(options);
      return { ...real, request: (request) => real.request(here(request)), upgrade: (request) => real.upgrade(here(request)) };
    },
  });
  running = aggregator.run();
  const { options } = createEdge({ clock: systemClock as never });
  const dispatch = createRoutes({ ...options, core, forms: apiForms, openApi: apiOpenApi, aggregator });
  const serve = createPipeline({ ...options, frontProxy: aggregator.frontProxy, dispatch });
  server = await startHttpServer({
    ...{ host: '127.0.0.1', port: 0, clock: systemClock },
    tls: {
      ...{ cert: certificate.certificatePem, key: certificate.keyPem },
      clientCa: `${clientCa.certificatePem}\n${frontProxyCa.certificatePem}`,
    },
    handle: (request, response) => handle(serve, request, response),
  });
  client = createHttpClient({ clock: systemClock, tls: { ca: clientCa.certificatePem } });
  cleanups.push(
    () => client.close(),
    () => server.close(0),
    () => extension.close(),
  );
  await put('/api/v1/namespaces', { metadata: { name: 'wardle' } });
});
afterAll(async () => {
  stop.abort();
  await running;
  await core.stopped();
  for (const cleanup of cleanups) await cleanup();
});

interface Answer {
  readonly status: number;
  readonly text: string;
  // biome-ignore lint/suspicious/noExplicitAny: tests look at whatever they like.
  json(): any;
}

async function ask(method: string, path: string, more: Partial<HttpRequest> = {}, by = client): Promise<Answer> {
  const headers = { authorization: `Bearer ${adminToken}`, 'content-type': 'application/json', ...more.headers };
  const response = await by.request({ method, url: `https://127.0.0.1:${server.port}${path}`, ...more, headers });
  const text = Buffer.from(await response.readAll(50_000_000)).toString();
  return { status: response.status, text, json: () => JSON.parse(text) };
}
const get = (path: string, headers: Record<string, string> = {}) => ask('GET', path, { headers });
async function put(path: string, object: object): Promise<void> {
  const { status, text } = await ask('POST', path, { body: JSON.stringify(object) });
  if (status !== 201 && status !== 409) throw new Error(text);
}

const name = `v1alpha1.${extensionGroup}`;
const apiService = (spec: object = {}) => ({
  metadata: { name },
  spec: {
    ...{ group: extensionGroup, version: 'v1alpha1', groupPriorityMinimum: 2000, versionPriority: 200 },
    ...{ service: { namespace: 'wardle', name: 'api' }, caBundle: extension.caBundle },
    ...spec,
  },
});
const service = { metadata: { name: 'api' }, spec: { ports: [{ name: 'https', port: 443 }] } };
const slice = () => ({
  ...{ metadata: { name: 'api', labels: { 'kubernetes.io/service-name': 'api' } }, addressType: 'IPv4' },
  ...{ ports: [{ name: 'https', port: extension.port }], endpoints: [{ addresses: [endpointIP], conditions: { ready: true } }] },
});
const slices = '/apis/discovery.k8s.io/v1/namespaces/wardle/endpointslices';
const apiServices = '/apis/apiregistration.k8s.io/v1/apiservices';
const condition = async () => ((await get(`${apiServices}/${name}`)).json() as V1APIService).status?.conditions?.[0];
const reason = async () => (await condition())?.reason;

const clear = async () => {
  extension.healthy = true;
  await ask('DELETE', `${apiServices}/${name}`);
  await ask('DELETE', '/api/v1/namespaces/wardle/services/api');
  await ask('DELETE', `${slices}/api`);
};
const establish = async (spec: object = {}) => {
  await put('/api/v1/namespaces/wardle/services', service);
  await put(slices, slice());
  await put(apiServices, apiService(spec));
  await expect.poll(reason).toBe('Passed');
  extension.seen.length = 0;
};
beforeEach(clear);

describe('the Available condition', () => {
  test('goes through the reasons, one after the other', async () => {
    await put(apiServices, apiService());
    await expect.poll(reason).toBe('ServiceNotFound');
    expect(await condition()).toMatchObject({ type: 'Available', status: 'False', message: 'service/api in "wardle" is not present' });
    await put('/api/v1/namespaces/wardle/services', { ...service, spec: { ports: [{ name: 'https', port: 444 }] } });
    await expect.poll(reason).toBe('ServicePortError');
    await ask('DELETE', '/api/v1/namespaces/wardle/services/api');
    await put('/api/v1/namespaces/wardle/services', service);
    await expect.poll(reason).toBe('EndpointsNotFound');
    await put(slices, { ...slice(), endpoints: [{ addresses: [endpointIP], conditions: { ready: false } }] });
    await expect.poll(reason).toBe('MissingEndpoints');
    expect((await get(root)).text).toBe('service unavailable\n');
    extension.healthy = false;
    await ask('DELETE', `${slices}/api`);
    await put(slices, slice());
    await expect.poll(reason).toBe('FailedDiscoveryCheck');
    expect((await condition())?.message).toBe(
      `failing or missing response from https://api.wardle.svc:443${root}: bad status from https://api.wardle.svc:443${root}: 500`,
    );
    extension.healthy = true;
    await expect.poll(reason, { timeout: 5000 }).toBe('Passed');
    expect(await condition()).toMatchObject({ status: 'True', message: 'all checks passed' });
  });

  test('is told by metrics, under upstream’s names', async () => {
    const said = () => metrics.text();
    await put('/api/v1/namespaces/wardle/services', service);
    await put(slices, slice());
    await put(apiServices, apiService());
    await expect.poll(reason, { timeout: 5000 }).toBe('Passed');
    expect(said()).toContain(`aggregator_unavailable_apiservice{name="${name}"} 0\n`);
    await ask('DELETE', `${slices}/api`);
    await expect.poll(reason).toBe('EndpointsNotFound');
    expect(said()).toContain(`aggregator_unavailable_apiservice{name="${name}"} 1\n`);
    expect(said()).toContain(`aggregator_unavailable_apiservice_total{name="${name}",reason="EndpointsNotFound"} 1\n`);
  });

  test('stays what it is when somebody else writes the status, whose own conditions stay too', async () => {
    await establish();
    const object = (await get(`${apiServices}/${name}`)).json();
    const conditions = [{ type: 'Mine', status: 'True', reason: 'R', message: '', lastTransitionTime: '2026-01-01T00:00:00Z' }];
    await ask('PUT', `${apiServices}/${name}/status`, { body: JSON.stringify({ ...object, status: { conditions } }) });
    const types = async () =>
      ((await get(`${apiServices}/${name}`)).json() as V1APIService).status?.conditions?.map(({ type, status }) => `${type} ${status}`);
    await expect.poll(types).toEqual(['Mine True', 'Available True']);
  });

  test('a certificate of another CA, or none to go by', async () => {
    await put('/api/v1/namespaces/wardle/services', service);
    await put(slices, slice());
    await put(apiServices, apiService({ caBundle: Buffer.from(clientCa.certificatePem).toString('base64') }));
    await expect.poll(reason).toBe('FailedDiscoveryCheck');
    await ask('DELETE', `${apiServices}/${name}`);
    await put(apiServices, apiService({ caBundle: undefined, insecureSkipTLSVerify: true }));
    await expect.poll(reason).toBe('Passed');
  });
});

describe('requests', () => {
  test('are passed on in their user’s name, whatever the client claims', async () => {
    await establish();
    const { status, json } = await get(`${flunders}?limit=5`, { 'x-remote-user': 'forged', 'x-remote-group': 'system:masters' });
    expect([status, json().items.length]).toEqual([200, 1]);
    expect(extension.seen).toHaveLength(1);
    expect(extension.seen[0]).toMatchObject({
      path: `${flunders}?limit=5`,
      remote: ['x-remote-user: admin', 'x-remote-group: system:masters', 'x-remote-group: system:authenticated'],
    });
    const { authorization, host, 'audit-id': auditId } = extension.seen[0]?.headers ?? {};
    expect([authorization, host, auditId]).toEqual([undefined, 'api.wardle.svc:443', expect.stringMatching(/-/)]);
  });

  test('are authorized here first', async () => {
    await establish();
    expect((await get(flunders, { authorization: `Bearer ${janeToken}` })).status).toBe(403);
    expect(extension.seen).toEqual([]);
  });

  test('watches stream', async () => {
    await establish();
    const response = await client.request({
      url: `https://127.0.0.1:${server.port}${flunders}?watch=true`,
      headers: { authorization: `Bearer ${adminToken}` },
    });
    for await (const chunk of response.body) {
      expect(JSON.parse(Buffer.from(chunk).toString())).toMatchObject({ type: 'ADDED' });
      break;
    }
  });

  test('WebSockets are joined', async () => {
    await establish();
    const connection = await connectWebSocket({
      url: `https://127.0.0.1:${server.port}${flunders}/a/exec`,
      protocols: ['chat'],
      headers: { authorization: `Bearer ${adminToken}` },
      tls: { ca: clientCa.certificatePem },
    });
    await connection.send(Buffer.from('echo'));
    for await (const { data } of connection.messages) {
      expect(Buffer.from(data).toString()).toBe('echo');
      break;
    }
    connection.close();
    expect(extension.seen[0]?.headers).toMatchObject({ 'x-remote-user': 'admin' });
  });

  test('CVE-2018-1002105: a refused upgrade is an ordinary answer', async () => {
    await establish();
    const headers = { connection: 'Upgrade', upgrade: 'websocket', authorization: `Bearer ${adminToken}` };
    const answer = await client.upgrade({ url: `https://127.0.0.1:${server.port}${flunders}/refused`, headers });
    expect([answer.as, answer.as === 'refused' && answer.response.status]).toEqual(['refused', 403]);
    if (answer.as === 'refused') answer.response.discard();
  });

  test('CVE-2022-3172: a redirect is neither followed nor handed on', async () => {
    await establish();
    const { status, text } = await get(`${flunders}/elsewhere`);
    expect([status, text]).toEqual([502, 'the backend attempted to redirect this request, which is not permitted']);
  });

  test('the path is sent as it was authorized: dots stay dots', async () => {
    await establish();
    await ask('GET', '', { target: `${flunders}/%2e%2e/..%2fx?a=%2e` });
    expect(extension.seen[0]?.path).toBe(`${flunders}/../../x?a=%2e`);
  });

  test('without its APIService the group is gone', async () => {
    await establish();
    await ask('DELETE', `${apiServices}/${name}`);
    expect((await get(flunders)).status).toBe(404);
    expect(JSON.stringify((await get('/apis')).json())).not.toContain(extensionGroup);
    expect(extension.seen).toEqual([]);
  });
});

describe('documents', () => {
  test('discovery, by priority', async () => {
    await establish({ groupPriorityMinimum: 17_450 });
    const groups = (await get('/apis')).json().groups as { name: string }[];
    const names = groups.map((group) => group.name);
    expect(names.indexOf(extensionGroup)).toBe(names.indexOf('batch') - 1);
    expect((await get(`/apis/${extensionGroup}`)).json().preferredVersion).toEqual({
      groupVersion: `${extensionGroup}/v1alpha1`,
      version: 'v1alpha1',
    });
    expect((await get(root)).json().resources[0].name).toBe('flunders');
    const listed = async () =>
      (await get('/apis', { accept: aggregatedType })).json().items.find((item: KubeObject) => item.metadata?.name === extensionGroup);
    const versions = [
      {
        version: 'v1alpha1',
        freshness: 'Current',
        resources: [
          {
            resource: 'flunders',
            responseKind: { group: extensionGroup, version: 'v1alpha1', kind: 'Flunder' },
            ...{ scope: 'Namespaced', singularResource: 'flunder', shortNames: ['flu'] },
            verbs: ['create', 'delete', 'get', 'list', 'watch'],
            subresources: [{ subresource: 'status', responseKind: expect.anything(), verbs: ['get', 'patch', 'update'] }],
          },
        ],
      },
    ];
    expect(await listed()).toEqual({ metadata: { name: extensionGroup }, versions });
    extension.healthy = false;
    await ask('DELETE', `${slices}/api`);
    await expect.poll(async () => (await listed()).versions[0].freshness).toBe('Stale');
    expect((await listed()).versions[0].resources).toEqual(versions[0]?.resources);
  });

  test('OpenAPI v2 and v3', async () => {
    await establish();
    const { paths, definitions } = (await get('/openapi/v2')).json();
    expect(Object.keys(paths)).toContain(flunders.replace('default', '{namespace}'));
    expect(paths).not.toHaveProperty('/healthz');
    expect(definitions).not.toHaveProperty('unused');
    const meta = 'io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta';
    expect(definitions['com.example.wardle.v1alpha1.Flunder'].properties.metadata.$ref).toBe(`#/definitions/${meta}_v2`);
    expect([definitions[`${meta}_v2`].description, definitions[meta].description === 'Another one.']).toEqual(['Another one.', false]);
    const packed = await get('/openapi/v2', { accept: 'application/com.github.proto-openapi.spec.v2@v1.0+protobuf' });
    for (const text of ['com.example.wardle.v1alpha1.Flunder', 'io.k8s.api.core.v1.Pod']) expect(packed.text).toContain(text);
    const index = (await get('/openapi/v3')).json().paths;
    expect(index[root.slice(1)]).toEqual({ serverRelativeURL: `/openapi/v3${root}?hash=ABC` });
    expect([index['api/v1'] !== undefined, index.version]).toEqual([true, undefined]);
    expect((await get(index[root.slice(1)].serverRelativeURL)).json().info.title).toBe('wardle');
  });
});

describe('what is served here', () => {
  test('has an APIService, available for good, and one that was deleted stays away', async () => {
    const { items } = (await get(apiServices)).json() as { items: V1APIService[] };
    const byName = new Map(items.map((item) => [item.metadata?.name, item]));
    expect(byName.get('v1.')).toMatchObject({
      metadata: { labels: { [automanagedLabel]: 'onstart' } },
      spec: { groupPriorityMinimum: 18_000, versionPriority: 1 },
    });
    expect(byName.get('v2.autoscaling')?.spec).toEqual({
      group: 'autoscaling',
      version: 'v2',
      groupPriorityMinimum: 17_500,
      versionPriority: 30,
    });
    expect(byName.get('v1.apps')?.status?.conditions?.[0]).toMatchObject({ status: 'True', reason: 'Local' });
    expect(byName.has('v1.apiregistration.k8s.io')).toBe(false);
    const versions = new Set(servedKinds.map(({ group, version }) => `${version}.${group}`));
    expect(byName.size).toBe(versions.size - 1);
  });

  test('the config map for aggregated servers', async () => {
    const { data } = (await get('/api/v1/namespaces/kube-system/configmaps/extension-apiserver-authentication')).json();
    expect(data).toEqual({
      'client-ca-file': clientCa.certificatePem,
      'requestheader-allowed-names': '["front-proxy-client"]',
      'requestheader-client-ca-file': frontProxyCa.certificatePem,
      'requestheader-extra-headers-prefix': '["X-Remote-Extra-"]',
      'requestheader-group-headers': '["X-Remote-Group"]',
      'requestheader-uid-headers': '["X-Remote-Uid"]',
      'requestheader-username-headers': '["X-Remote-User"]',
    });
  });
});

describe('front proxies', () => {
  const whoAmI = async (authority: CertifiedKey, commonName: string, headers: HttpRequest['headers'] = {}) => {
    const made = await issueCertificate(authority, { commonName, organizations: ['system:masters'], usages: ['client'], ...validity });
    const by = createHttpClient({ clock: systemClock, tls: { ca: clientCa.certificatePem, cert: made.certificatePem, key: made.keyPem } });
    try {
      const body = JSON.stringify({ apiVersion: 'authentication.k8s.io/v1', kind: 'SelfSubjectReview' });
      const path = '/apis/authentication.k8s.io/v1/selfsubjectreviews';
      const { status, json } = await ask('POST', path, { body, headers: { authorization: undefined, ...headers } as never }, by);
      return status === 201 ? json().status.userInfo : status;
    } finally {
      by.close();
    }
  };
  const jane = {
    ...{ 'x-remote-user': 'jane', 'x-remote-uid': '7', 'x-remote-group': ['dev, ops', 'system:masters'] },
    'x-remote-extra-example.com%2fscopes': ['a, b', 'c'],
  };

  test('one with the right certificate says who asks', async () => {
    expect(await whoAmI(frontProxyCa, 'front-proxy-client', jane)).toEqual({
      ...{ username: 'jane', uid: '7', groups: ['dev, ops', 'system:masters', 'system:authenticated'] },
      extra: { 'example.com/scopes': ['a, b', 'c'] },
    });
  });

  test('of the wrong CA, or with a name that is not allowed, it says nothing', async () => {
    expect((await whoAmI(clientCa, 'front-proxy-client', jane)).username).toBe('front-proxy-client');
    expect(await whoAmI(frontProxyCa, 'somebody', jane)).toBe(401);
  });

  test('a certificate of the front proxy’s CA is no user, whatever it is called', async () => {
    for (const commonName of ['front-proxy-client', 'system:admin']) expect(await whoAmI(frontProxyCa, commonName)).toBe(401);
  });
});
