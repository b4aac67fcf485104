import { describe, expect, test } from 'vitest';
import type { V1EndpointSlice, V1Pod, V1Service } from '../../api/mod.ts';
import { answerHeaders, encodePath, requestHeaders, rewriteLocation } from './proxy-headers.ts';
import { checkAddress, podHostPort, portNumber, proxyPath, readyEndpoints, servicePortName, splitName } from './proxy-target.ts';

describe('splitName()', () => {
  test.each([
    ['web', { scheme: 'http', name: 'web', port: '' }],
    ['web:8080', { scheme: 'http', name: 'web', port: '8080' }],
    ['https:web:tls', { scheme: 'https', name: 'web', port: 'tls' }],
    ['http:web:', { scheme: 'http', name: 'web', port: '' }],
    [':web:80', { scheme: 'http', name: 'web', port: '80' }],
  ])('%s', (id, parts) => expect(splitName('pod', id)).toEqual(parts));

  test.each(['a:b:c:d', 'ftp:web:80', ':80', 'https::80'])('%s is refused', (id) => {
    expect(() => splitName('service', id)).toThrow(`invalid service request "${id}"`);
  });
});

const pod = (podIP: string | undefined, ...ports: number[]): V1Pod =>
  ({
    spec: { containers: [{ name: 'a' }, { name: 'b', ports: ports.map((containerPort) => ({ containerPort })) }] },
    status: { podIP },
  }) as V1Pod;

test.each([
  [{ scheme: 'http', port: '' }, pod('10.0.0.1', 8080, 9090), { host: '10.0.0.1', port: 8080 }],
  [{ scheme: 'http', port: '81' }, pod('10.0.0.1', 8080), { host: '10.0.0.1', port: 81 }],
  [{ scheme: 'https', port: '' }, pod('fd00::1'), { host: 'fd00::1', port: 443 }],
] as const)('podHostPort(%j)', (parts, of, wanted) => expect(podHostPort(of, { name: 'web', ...parts })).toEqual(wanted));

test.each(['0', '65536', 'x', '-1', '8e1', ''])('%j is no port', (text) => {
  expect(() => portNumber(text)).toThrow('invalid port');
});

describe('CVE-2020-8562: addresses that would lead back to the server itself, or to the link', () => {
  test.each([
    ...['127.0.0.1', '127.8.8.8', '::1', '::ffff:127.0.0.1', '169.254.169.254', 'fe80::1', '::ffff:169.254.1.1', '0.0.0.0', '::'],
    ...['224.0.0.1', 'ff02::1', '239.1.2.3', '255.255.255.255', 'localhost', 'metadata.internal', '', '0177.0.0.1', '2130706433'],
  ])('%j is refused', (address) => {
    expect(() => checkAddress(address)).toThrow('address not allowed');
    expect(() => podHostPort(pod(address, 80), { scheme: 'http', name: 'web', port: '' })).toThrow('address not allowed');
  });

  test.each(['10.0.0.1', '192.168.1.1', 'fd00::1', '2001:db8::1', '::ffff:10.0.0.1'])('%s is not', (address) => checkAddress(address));
});

describe('services', () => {
  const service = { spec: { ports: [{ port: 80, name: 'http' }, { port: 81 }] } } as V1Service;
  test.each([
    ['80', 'http'],
    ['81', ''],
    ['http', 'http'],
    ['', ''],
  ])('port %j has the name %j', (port, name) => expect(servicePortName(service, { scheme: 'http', name: 'web', port })).toBe(name));

  test('a number that it does not have', () => {
    expect(() => servicePortName(service, { scheme: 'http', name: 'web', port: '82' })).toThrow(
      'no service port 82 found for service "web"',
    );
  });

  test('only ready endpoints with that port, from anywhere on', () => {
    const endpoint = (ip: string, ready?: boolean) => ({
      addresses: [ip],
      conditions: { ...(ready === undefined ? {} : { ready }) },
      targetRef: { kind: 'Pod', namespace: 'a', name: ip },
    });
    const slices = [
      { addressType: 'IPv4', ports: [{ name: 'http', port: 8080 }], endpoints: [endpoint('10.0.0.1', true), endpoint('10.0.0.2', false)] },
      {
        addressType: 'IPv4',
        ports: [
          { name: 'http', port: 9090 },
          { name: 'x', port: 1 },
        ],
        endpoints: [endpoint('10.0.0.3')],
      },
      { addressType: 'FQDN', ports: [{ name: 'http', port: 80 }], endpoints: [endpoint('evil.example', true)] },
      { addressType: 'IPv4', ports: [{ name: 'http' }], endpoints: [endpoint('10.0.0.4', true)] },
    ] as unknown as V1EndpointSlice[];
    const found = (first: number) => readyEndpoints(slices, 'http', first).map(({ host, port }) => `${host}:${port}`);
    expect(found(0)).toEqual(['10.0.0.1:8080', '10.0.0.3:9090']);
    expect(found(0.99)).toEqual(['10.0.0.3:9090', '10.0.0.1:8080']);
    expect(readyEndpoints(slices, '', 0)).toEqual([]);
  });
});

test.each([
  ['/api/v1/namespaces/a/pods/b/proxy', [], ''],
  ['/api/v1/namespaces/a/pods/b/proxy/', [], '/'],
  ['/api/v1/namespaces/a/pods/b/proxy/c/d', ['c', 'd'], '/c/d'],
  ['/api/v1/namespaces/a/pods/b/proxy/c/', ['c'], '/c/'],
  ['/api/v1/namespaces/a/pods/b/proxy//c//d', ['c', 'd'], '/c/d'],
  ['/api/v1/namespaces/a/pods/b/proxy/../../c', ['..', '..', 'c'], '/c'],
  ['//api/v1//namespaces/a/pods/b/proxy/c', ['c'], '/c'],
])('proxyPath(%s)', (path, rest, wanted) => {
  const { prefix, path: found } = proxyPath({ path, rest });
  expect([prefix, found]).toEqual([path.slice(0, path.indexOf('/proxy') + 6), wanted]);
});

test.each([
  ['/a b/ü/%/?#', '/a%20b/%C3%BC/%25/%3F%23'],
  ["/a$&+,:;=@-_.~!'()*", '/a$&+,:;=@-_.~%21%27%28%29%2A'],
  ['/a\r\nb', '/a%0D%0Ab'],
])('encodePath(%j)', (path, wanted) => expect(encodePath(path)).toBe(wanted));

describe('headers', () => {
  test('a client’s: nothing of its connection, nothing of who it is', () => {
    const sent = requestHeaders({
      method: 'GET',
      target: '/',
      remoteAddress: '192.0.2.1',
      peerCertificate: undefined,
      signal: new AbortController().signal,
      readBody: async () => new Uint8Array(),
      headers: {
        ...{ host: 'api.example', authorization: 'Bearer x', connection: 'keep-alive, X-Mine', 'x-mine': '1', te: 'trailers' },
        ...{ 'impersonate-user': 'root', 'x-remote-user': 'root', 'x-remote-extra-scopes': 'all', 'x-forwarded-for': '198.51.100.1' },
        ...{ accept: 'text/html', cookie: 'a=b', 'x-a': ['1', '2'], ':path': '/' },
        ...{ upgrade: 'h2c', 'sec-websocket-protocol': 'base64url.bearer.authorization.k8s.io.eA, chat' },
      },
    });
    expect(sent).toEqual({
      ...{ host: 'api.example', accept: 'text/html', cookie: 'a=b', 'x-a': ['1', '2'], 'sec-websocket-protocol': 'chat' },
      'x-forwarded-for': '198.51.100.1, 192.0.2.1',
    });
  });

  test('a backend’s: not its rules for other origins', () => {
    expect(
      answerHeaders({
        ...{ 'content-type': 'text/plain', 'set-cookie': ['a=b', 'c=d'], connection: 'close, x-mine', 'x-mine': '1' },
        ...{ 'transfer-encoding': 'chunked', 'access-control-allow-origin': '*', 'audit-id': 'forged' },
      }),
    ).toEqual({ 'content-type': 'text/plain', 'set-cookie': ['a=b', 'c=d'] });
  });
});

test.each([
  ['/login?a=b#c', '/api/p/proxy/login?a=b#c'],
  ['/login/', '/api/p/proxy/login/'],
  ['login', 'login'],
  ['http://10.0.0.1:80/x', '/api/p/proxy/x'],
  ['https://api.example/x', '/api/p/proxy/x'],
  ['https://evil.example/x', 'https://evil.example/x'],
  ['//evil.example/x', '//evil.example/x'],
  ['/api/p/proxy/x', '/api/p/proxy/x'],
  ['/api/p/proxying', '/api/p/proxy/api/p/proxying'],
  ['/../../secrets', '/api/p/proxy/secrets'],
])('a redirect to %s leads to %s', (location, wanted) => {
  expect(rewriteLocation(location, { prefix: '/api/p/proxy', hosts: ['10.0.0.1:80', 'api.example', undefined] })).toBe(wanted);
});
