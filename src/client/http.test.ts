// The HTTP transport keeps the contract over a real socket, and reads paths, warnings and frames right.
import http from 'node:http';
import type { AddressInfo } from 'node:net';
import { describe, expect, test } from 'vitest';
import { type ResourceType, StatusError } from '../api/mod.ts';
import { systemClock } from '../base/ports/clock.ts';
import { createHttpClient } from '../base/ports/http-client.ts';
import { createHttpTransport, warningsOf } from './http.ts';
import { FrameError, readLines } from './json-lines.ts';
import { createMemoryHandler, type MemoryHandler } from './memory-handler.fake.ts';
import { pathOf } from './paths.ts';
import { transportContract } from './transport.suite.ts';
import type { ApiRequest } from './transport.ts';

/** Turns what came over the wire back into a request. */
function parsed(message: http.IncomingMessage, body: string): ApiRequest {
  const url = new URL(message.url ?? '', 'http://x');
  const match = /^\/(?:api\/(v1)|apis\/([^/]+)\/([^/]+))(?:\/namespaces\/([^/]+))?\/([^/]+)(?:\/([^/]+))?(?:\/([^/]+))?$/.exec(
    url.pathname,
  );
  const [, core, group, version, namespace, resource = '', name, subresource] = match ?? [];
  const query = Object.fromEntries(url.searchParams);
  const read = query.watch === 'true' ? 'watch' : name === undefined ? 'list' : 'get';
  const verbs: Record<string, ApiRequest['verb']> = {
    GET: read,
    POST: 'create',
    PUT: 'update',
    PATCH: 'patch',
    DELETE: name === undefined ? 'deletecollection' : 'delete',
  };
  const type: ResourceType = {
    group: group ?? '',
    version: core ?? version ?? '',
    kind: '',
    resource,
    namespaced: namespace !== undefined,
  };
  return {
    verb: verbs[message.method ?? ''] ?? 'get',
    resource: type,
    namespace,
    name,
    subresource,
    query,
    ...(body === '' ? {} : { body: JSON.parse(body) }),
  };
}

async function answer(handler: MemoryHandler, message: http.IncomingMessage, response: http.ServerResponse): Promise<void> {
  const gone = new AbortController();
  response.on('close', () => gone.abort());
  try {
    let body = '';
    for await (const chunk of message) body += String(chunk);
    const request = { ...parsed(message, body), signal: gone.signal };
    if (request.verb === 'watch') {
      for await (const event of started(handler, request, response)) response.write(`${JSON.stringify(event)}\n`);
      response.end();
    } else {
      const result = await handler.send(request, { name: 'test', groups: [] });
      response.writeHead(result.status, { warning: '299 - "mind the \\"gap\\""' }).end(JSON.stringify(result.object));
    }
  } catch (error) {
    if (!(error instanceof StatusError)) response.destroy();
    else if (response.headersSent) response.end(`${JSON.stringify({ type: 'ERROR', object: error.status })}\n`);
    else response.writeHead(error.code).end(JSON.stringify(error.status));
  }
}

/** The head goes out before the first event, as a real server sends it. */
function started(handler: MemoryHandler, request: ApiRequest, response: http.ServerResponse) {
  response.writeHead(200).flushHeaders();
  return handler.watch(request, { name: 'test', groups: [] });
}

async function serve(handler: MemoryHandler) {
  const server = http.createServer((message, response) => void answer(handler, message, response));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const client = createHttpClient({ clock: systemClock });
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const transport = createHttpTransport({ http: client, server: url, userAgent: 'test/1' });
  const stop = async () => {
    await transport.close();
    client.close();
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  };
  return { handler, transport, stop };
}

transportContract('http', () => serve(createMemoryHandler()));

test('warnings come with the answer', async () => {
  const { transport, stop } = await serve(createMemoryHandler());
  const nodes: ResourceType = { group: '', version: 'v1', kind: 'Node', resource: 'nodes', namespaced: false };
  expect((await transport.send({ verb: 'list', resource: nodes })).warnings).toEqual(['mind the "gap"']);
  await stop();
});

test('a server that is not there is a TransportError', async () => {
  const { transport, stop } = await serve(createMemoryHandler());
  await stop();
  await expect(
    transport.send({ verb: 'list', resource: { group: '', version: 'v1', kind: 'Pod', resource: 'pods', namespaced: true } }),
  ).rejects.toThrow();
});

describe('pathOf', () => {
  const pods: ResourceType = { group: '', version: 'v1', kind: 'Pod', resource: 'pods', namespaced: true };
  const sets: ResourceType = { group: 'apps', version: 'v1', kind: 'ReplicaSet', resource: 'replicasets', namespaced: true };
  test.each([
    [{ resource: pods }, '/api/v1/pods'],
    [{ resource: pods, namespace: 'a', name: 'b', subresource: 'log' }, '/api/v1/namespaces/a/pods/b/log'],
    [
      { resource: sets, namespace: 'a', query: { labelSelector: 'x=y,z' } },
      '/apis/apps/v1/namespaces/a/replicasets?labelSelector=x%3Dy%2Cz',
    ],
    [
      { resource: { ...pods, namespaced: false, resource: 'clusterroles' }, name: 'system:node/x' },
      '/api/v1/clusterroles/system%3Anode%2Fx',
    ],
    [
      { resource: pods, name: 'p', namespace: 'a', subresource: 'exec', query: { command: ['a', 'b'] } },
      '/api/v1/namespaces/a/pods/p/exec?command=a&command=b',
    ],
  ])('%j', (request, path) => expect(pathOf(request)).toBe(path));
});

test.each([
  [undefined, []],
  ['299 - "one"', ['one']],
  ['299 - "one, two", 299 kube "a \\"b\\" \\\\"', ['one, two', 'a "b" \\']],
  ['199 - "not ours"', []],
])('warningsOf %j', (warning, expected) => expect(warningsOf({ warning })).toEqual(expected));

describe('readLines', () => {
  async function* chunks(...texts: string[]) {
    for (const text of texts) yield Buffer.from(text);
  }
  const all = async (limit: number, ...texts: string[]) => {
    const lines: string[] = [];
    for await (const line of readLines(chunks(...texts), limit)) lines.push(line);
    return lines;
  };
  test('joins chunks, splits lines, leaves out empty ones', async () => {
    expect(await all(10, 'ab', 'c\nde\n\n', 'f', '\n')).toEqual(['abc', 'de', 'f']);
  });
  test('keeps a character that two chunks share', async () => {
    const bytes = Buffer.from('é\n');
    async function* split() {
      yield bytes.subarray(0, 1);
      yield bytes.subarray(1);
    }
    for await (const line of readLines(split(), 10)) expect(line).toBe('é');
  });
  test('refuses lines that are too long, whole or in parts, and a stream that ends inside one', async () => {
    await expect(all(3, 'abcd\n')).rejects.toThrow(FrameError);
    await expect(all(3, 'ab', 'cd')).rejects.toThrow(FrameError);
    await expect(all(10, 'abc')).rejects.toThrow(FrameError);
  });
});
