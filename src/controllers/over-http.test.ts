// The same controllers over TLS: real server, real sockets, real time. Neither they nor their informers can tell.
import { expect, test } from 'vitest';
import { builtinKinds, type KubeObject, type ResourceType } from '../api/mod.ts';
import { createApiCore, httpNodeConnection, startApiServer, staticTokens, versionInfo } from '../apiserver/mod.ts';
import { createLogger, StoppedError } from '../base/mod.ts';
import { createAuthority, issueCertificate } from '../base/ports/certificates.ts';
import { systemClock, turn } from '../base/ports/clock.ts';
import { createHttpClient } from '../base/ports/http-client.ts';
import { systemRandom } from '../base/ports/random.ts';
import { createClient, createHttpTransport, createInformers } from '../client/mod.ts';
import { openMemoryStore } from '../store/mod.ts';
import { runControllers } from './mod.ts';
import { configMapType, deploymentType, namespaceType, podType, replicaSetType, serviceAccountType } from './runtime/resource-types.ts';

const clock = systemClock;
const random = systemRandom;

async function startServer(signal: AbortSignal) {
  const validity = { notBeforeMs: Date.now() - 60_000, notAfterMs: Date.now() + 3_600_000 };
  const authority = await createAuthority({ commonName: 'ca', ...validity });
  const ca = authority.certificatePem;
  const own = await issueCertificate(authority, {
    commonName: 'server',
    organizations: [],
    usages: ['server'],
    ipAddresses: ['127.0.0.1'],
    ...validity,
  });
  const log = createLogger({ clock, level: 'error', write: () => {} });
  const store = openMemoryStore();
  const core = await createApiCore({ store, kinds: builtinKinds, clock, random, log, serviceCidr: '10.96.0.0/16', signal });
  const http = createHttpClient({ clock, tls: { ca } });
  const server = await startApiServer({
    core,
    listen: { host: '127.0.0.1', port: 0 },
    tls: { cert: own.certificatePem, key: own.keyPem, clientCa: ca },
    tokens: [staticTokens([{ token: 'secret', user: { name: 'admin', groups: ['system:masters', 'system:authenticated'] } }])],
    nodes: httpNodeConnection(http),
    version: versionInfo({ minke: '0', runtime: 'v20', platform: 'linux' }),
    clock,
    random,
    log,
    signal,
  });
  const transport = createHttpTransport({
    http,
    server: `https://127.0.0.1:${server.port}`,
    userAgent: 'controllers/1',
    token: () => 'secret',
  });
  const close = async () => {
    await Promise.all([server.closed, core.stopped()]);
    await transport.close();
    http.close();
    await store.close();
  };
  return { transport, close };
}

test('a deployment becomes pods, and its namespace goes with all that is in it', async () => {
  const stop = new AbortController();
  const { transport, close } = await startServer(stop.signal);
  const lines: string[] = [];
  const log = createLogger({ clock, level: 'warn', write: (line) => lines.push(line) });
  const client = createClient(transport, { clock, userAgent: 'controllers/1' });
  const informers = createInformers({ client, clock, random, log, signal: stop.signal });
  const running = runControllers({ client, informers, kinds: builtinKinds, clock, random, log, rootCaPem: 'PEM', signal: stop.signal });
  const names = async <T extends KubeObject>(type: ResourceType<T>) =>
    (await client.list(type, { namespace: 'shop' })).items.map((object) => object.metadata.name);
  const until = async (done: () => Promise<boolean>) => {
    const endMs = Date.now() + 20_000;
    while (!(await done()) && Date.now() < endMs) await turn();
    expect(await done()).toBe(true);
  };

  await client.create(namespaceType, { metadata: { name: 'shop' } });
  await until(async () => (await names(serviceAccountType)).length === 1 && (await names(configMapType)).length === 1);
  const template = { metadata: { labels: { a: 'b' } }, spec: { containers: [{ name: 'c', image: 'x' }] } };
  await client.create(deploymentType, {
    metadata: { name: 'web', namespace: 'shop' },
    spec: { replicas: 3, selector: { matchLabels: { a: 'b' } }, template },
  });
  await until(async () => (await names(podType)).length === 3);
  await client.patch(deploymentType, { namespace: 'shop', name: 'web' }, 'application/strategic-merge-patch+json', {
    spec: { replicas: 1 },
  });
  await until(async () => (await names(podType)).length === 1);
  await client.delete(namespaceType, { name: 'shop' });
  await until(async () => !(await client.list(namespaceType)).items.some((namespace) => namespace.metadata.name === 'shop'));
  expect([...(await names(deploymentType)), ...(await names(replicaSetType)), ...(await names(podType))]).toEqual([]);
  expect(lines).toEqual([]);

  stop.abort(new StoppedError());
  await Promise.all([running, informers.stopped]);
  await close();
});
