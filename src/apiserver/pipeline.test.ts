import { describe, expect, test } from 'vitest';
import { StatusError } from '../api/mod.ts';
import type { Attributes } from './authz/authorizer.ts';
import { adminToken, createEdge, edgeRequest, janeToken, jsonOf, podKind, textOf } from './core.fake.ts';
import { warningHeader } from './pipeline.ts';

const withToken = (token: string) => ({ headers: { authorization: `Bearer ${token}` } });
const certificate = (commonName: string, organizations: string[], more = {}) => ({
  peerCertificate: { verified: true, commonName, organizations, notAfterMs: Date.UTC(2030, 0), fingerprint: 'AB:CD', ...more },
});

describe('who may do what', () => {
  test.each([
    ['anonymous may ask for health', 'GET', '/healthz', {}, 200, ''],
    [
      'anonymous may not ask for one check',
      'GET',
      '/livez/ping',
      {},
      403,
      'forbidden: User "system:anonymous" cannot get path "/livez/ping"',
    ],
    ['anonymous may ask for the version', 'GET', '/version', {}, 200, ''],
    ['anonymous may not discover', 'GET', '/api', {}, 401, 'Unauthorized'],
    ['anonymous may not read', 'GET', '/api/v1/pods', {}, 401, 'Unauthorized'],
    ['an unknown token is refused', 'GET', '/healthz', withToken('nonsense'), 401, 'Unauthorized'],
    ['an administrator may all', 'GET', '/api/v1/pods', withToken(adminToken), 200, ''],
    ['the known may discover', 'GET', '/apis', withToken(janeToken), 200, ''],
    ['the known may not read metrics', 'GET', '/metrics', withToken(janeToken), 403, 'forbidden: User "jane" cannot get path "/metrics"'],
    [
      'a list',
      'GET',
      '/api/v1/namespaces/default/pods',
      withToken(janeToken),
      403,
      'pods is forbidden: User "jane" cannot list resource "pods" in API group "" in the namespace "default"',
    ],
    [
      'all namespaces',
      'GET',
      '/apis/apps/v1/deployments?watch=1',
      withToken(janeToken),
      403,
      'deployments.apps is forbidden: User "jane" cannot watch resource "deployments" in API group "apps" at the cluster scope',
    ],
    [
      'one object',
      'GET',
      '/api/v1/namespaces/default/pods/web',
      withToken(janeToken),
      403,
      'pods "web" is forbidden: User "jane" cannot get resource "pods" in API group "" in the namespace "default"',
    ],
    [
      'why a pod is where it is: whoever may get it',
      'GET',
      '/debug/minke/why/default/web',
      withToken(janeToken),
      403,
      'pods "web" is forbidden: User "jane" cannot get resource "pods" in API group "" in the namespace "default"',
    ],
    [
      'why, where nobody schedules',
      'GET',
      '/debug/minke/why/default/web',
      withToken(adminToken),
      503,
      'no scheduler runs beside this API server',
    ],
    [
      'a subresource',
      'POST',
      '/api/v1/namespaces/default/pods/web/exec',
      withToken(janeToken),
      403,
      'pods "web" is forbidden: User "jane" cannot create resource "pods/exec" in API group "" in the namespace "default"',
    ],
    ['a certificate of an administrator', 'GET', '/api/v1/pods', certificate('root', ['system:masters']), 200, ''],
    [
      'a certificate of a node: its rights come from what is there',
      'GET',
      '/api/v1/pods',
      certificate('system:node:n1', ['system:nodes']),
      403,
      'pods is forbidden: User "system:node:n1" cannot list resource "pods" in API group "" at the cluster scope',
    ],
    ['a certificate of a component', 'GET', '/api/v1/pods', certificate('system:kube-scheduler', []), 200, ''],
    ['a foreign certificate', 'GET', '/api/v1/pods', certificate('root', ['system:masters'], { verified: false }), 401, 'Unauthorized'],
    [
      'a certificate that has expired meanwhile',
      'GET',
      '/api/v1/pods',
      certificate('root', ['system:masters'], { notAfterMs: 1 }),
      401,
      'Unauthorized',
    ],
  ])('%s', async (_name, method, target, more, status, message) => {
    const { serve } = createEdge();
    const response = await serve(edgeRequest(method, target, more));
    expect(response.status).toBe(status);
    if (status >= 400) expect((await jsonOf(response)).message).toBe(message);
  });

  test('a refusal is a Status with reason and details', async () => {
    const { serve } = createEdge();
    expect(await jsonOf(await serve(edgeRequest('DELETE', '/apis/apps/v1/namespaces/a/deployments/web', withToken(janeToken))))).toEqual({
      kind: 'Status',
      apiVersion: 'v1',
      metadata: {},
      status: 'Failure',
      message:
        'deployments.apps "web" is forbidden: User "jane" cannot delete resource "deployments" in API group "apps" in the namespace "a"',
      reason: 'Forbidden',
      details: { name: 'web', group: 'apps', kind: 'deployments' },
      code: 403,
    });
  });
});

describe('impersonation', () => {
  const as = (token: string, headers: Record<string, string | readonly string[]>) => ({
    headers: { authorization: `Bearer ${token}`, ...headers },
  });

  test('an administrator acts as somebody else, with that one’s permissions', async () => {
    const { serve } = createEdge();
    const response = await serve(edgeRequest('GET', '/api/v1/pods', as(adminToken, { 'impersonate-user': 'jane' })));
    expect((await jsonOf(response)).message).toBe(
      'pods is forbidden: User "jane" cannot list resource "pods" in API group "" at the cluster scope',
    );
  });

  test('groups count', async () => {
    const { serve, core } = createEdge();
    const headers = { 'impersonate-user': 'system:serviceaccount:ns1:robot', 'impersonate-group': ['system:masters', 'dev'] };
    expect((await serve(edgeRequest('GET', '/api/v1/pods', as(adminToken, headers)))).status).toBe(200);
    expect(core.requests[0]?.context.user).toEqual({
      name: 'system:serviceaccount:ns1:robot',
      groups: ['system:masters', 'dev', 'system:authenticated'],
    });
  });

  test('whoever may not is told what is missing', async () => {
    const { serve } = createEdge();
    const response = await serve(edgeRequest('GET', '/api', as(janeToken, { 'impersonate-user': 'admin' })));
    expect((await jsonOf(response)).message).toBe(
      'users "admin" is forbidden: User "jane" cannot impersonate resource "users" in API group "" at the cluster scope',
    );
  });

  test('groups without a user are refused', async () => {
    const { serve } = createEdge();
    expect((await serve(edgeRequest('GET', '/api', as(adminToken, { 'impersonate-group': 'x' })))).status).toBe(400);
  });
});

describe('every answer', () => {
  test('has an audit id of its own, or the client’s, and is not to be cached', async () => {
    const { ask } = createEdge();
    const own = await ask('GET', '/api/v1/pods');
    expect(own.headers['audit-id']).toMatch(/^[0-9a-f-]{36}$/);
    expect(own.headers['cache-control']).toBe('no-cache, private');
    expect((await ask('GET', '/nope', { headers: { 'audit-id': 'mine' } })).headers['audit-id']).toBe('mine');
  });

  test('carries the verb’s warnings, each once', async () => {
    const { ask, core } = createEdge();
    core.before = (_request, { warn }) => {
      warn('say "this"');
      warn('say "this"');
      warn('and that\n');
    };
    expect((await ask('GET', '/api/v1/pods')).headers.warning).toEqual(['299 - "say \\"this\\""', '299 - "and that "']);
  });

  test('warningHeader() escapes what a quoted string may not hold', () => {
    expect(warningHeader('a\\b"c é')).toBe('299 - "a\\\\b\\"c  "');
  });
});

describe('trouble', () => {
  test('an unexpected error is a 500 Status', async () => {
    const { ask, core } = createEdge();
    core.before = () => {
      throw new TypeError('x is not a function');
    };
    const response = await ask('GET', '/api/v1/pods');
    expect([response.status, (await jsonOf(response)).message]).toEqual([500, 'Internal error occurred: x is not a function']);
  });

  test('an error with a retry time has the header', async () => {
    const { ask, core } = createEdge();
    core.before = () => {
      throw new StatusError({ code: 429, reason: 'TooManyRequests', message: 'later', details: { retryAfterSeconds: 3 } });
    };
    expect((await ask('GET', '/api/v1/pods')).headers['retry-after']).toBe('3');
  });

  test('a broken escape in the path is a 400', async () => {
    expect((await createEdge().ask('GET', '/api/v1/pods/%zz')).status).toBe(400);
  });

  test('the deadline ends a request, the timeout parameter shortens it, and no timer stays', async () => {
    const { ask, core, clock } = createEdge();
    core.before = (_request, { signal }) =>
      new Promise((_resolve, reject) => signal.addEventListener('abort', () => reject(signal.reason)));
    const [slow, short] = [ask('GET', '/api/v1/pods'), ask('GET', '/api/v1/pods?timeout=2s')];
    await clock.advance(2_000);
    expect(await jsonOf(await short)).toMatchObject({
      code: 504,
      reason: 'Timeout',
      message: 'Timeout: request did not complete within requested timeout - context deadline exceeded',
    });
    await clock.advance(58_000);
    expect((await slow).status).toBe(504);
    expect(clock.timers).toBe(0);
    expect((await ask('GET', '/api/v1/pods?timeout=soon')).status).toBe(400);
  });
});

test('a request without a body reads none, and the field manager is the user agent’s name', async () => {
  const { ask, core } = createEdge();
  core.put(podKind, { metadata: { name: 'web', namespace: 'a' } });
  await ask('GET', '/api/v1/namespaces/a/pods/web', {
    headers: { 'user-agent': 'kubectl/v1.32 (linux)' },
    readBody: () => Promise.reject(new Error('read')),
  });
  expect(core.requests[0]).toMatchObject({ request: { verb: 'get', name: 'web', namespace: 'a' }, context: { userAgent: 'kubectl' } });
  expect(await textOf(await ask('GET', '/api/v1/namespaces/a/pods/web'))).toBe(
    '{"kind":"Pod","apiVersion":"v1","metadata":{"name":"web","namespace":"a"}}\n',
  );
});

test.each([
  ['exec', {}, 'get'],
  ['exec', { upgrade: 'websocket' }, 'get create'],
  ['portforward', { upgrade: 'WebSocket' }, 'get create'],
  ['log', { upgrade: 'websocket' }, 'get'],
])('a GET of pods/%s with %j asks for %s', async (subresource, headers, wanted) => {
  const verbs: string[] = [];
  const authorizer = {
    decide: ({ verb }: Attributes) => {
      verbs.push(verb);
      return { decision: 'allow' } as const;
    },
  };
  await createEdge({ authorizer }).ask('GET', `/api/v1/namespaces/default/pods/web/${subresource}`, { headers });
  expect(verbs.join(' ')).toBe(wanted);
});
