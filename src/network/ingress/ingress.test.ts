// What requests come to: tables of hosts and paths as the API's documentation has them, and what is said of what cannot be served.
import { describe, expect, test } from 'vitest';
import type { Persisted, V1Ingress, V1IngressClass, V1IngressSpec, V1Secret, V1Service } from '../../api/mod.ts';
import { createAuthority, issueCertificate } from '../../base/ports/certificates.ts';
import { certificateFor, ingressController, planIngresses } from './plan.ts';
import { Router } from './route.ts';
import { findTarget, makeTable } from './table.ts';

const backend = (name: string, port: object = { number: 80 }) => ({ service: { name, port } });
const path = (pathType: string, at: string | undefined, name = at ?? 'none') => ({
  pathType,
  ...(at === undefined ? {} : { path: at }),
  backend: backend(name),
});
let made = 0;
const ingress = (spec: V1IngressSpec, more: Partial<V1Ingress['metadata']> = {}): Persisted<V1Ingress> =>
  ({
    metadata: { namespace: 'default', name: `i${++made}`, uid: `uid-${made}`, creationTimestamp: '2026-01-01T00:00:00Z', ...more },
    spec: { ingressClassName: 'minke', ...spec },
  }) as unknown as Persisted<V1Ingress>;
const classOf = (name: string, controller: string) =>
  ({ metadata: { name }, spec: { controller } }) as unknown as Persisted<V1IngressClass>;
const classes = [classOf('minke', ingressController), classOf('nginx', 'k8s.io/ingress-nginx')];
const service = (spec: object = {}) => ({ spec: { ports: [{ name: 'http', port: 80, protocol: 'TCP' }], ...spec } }) as V1Service;
const plan = (
  ingresses: readonly Persisted<V1Ingress>[],
  { services, secrets = {} }: { services?: Readonly<Record<string, V1Service>>; secrets?: Readonly<Record<string, V1Secret>> } = {},
) =>
  planIngresses({
    ingresses,
    classes,
    service: (key) => (services ? services[key] : service()),
    secret: (key) => secrets[key],
  });
/** The service that a request comes to. */
const led = (table: ReturnType<typeof plan>['table'], host: string, at: string) => {
  const target = findTarget(table, host, at);
  return target?.to === 'service' ? target.ref.service : target?.why;
};
const rules = (host: string | undefined, ...paths: object[]) =>
  ({ rules: [{ ...(host === undefined ? {} : { host }), http: { paths } }] }) as V1IngressSpec;

// https://kubernetes.io/docs/concepts/services-networking/ingress/#examples
test.each<[string, readonly string[], string, string | undefined]>([
  ['Prefix', ['/'], '/any/path', '/'],
  ['Exact', ['/foo'], '/foo', '/foo'],
  ['Exact', ['/foo'], '/bar', undefined],
  ['Exact', ['/foo'], '/foo/', undefined],
  ['Exact', ['/foo/'], '/foo', undefined],
  ['Prefix', ['/foo'], '/foo', '/foo'],
  ['Prefix', ['/foo'], '/foo/', '/foo'],
  ['Prefix', ['/foo/'], '/foo', '/foo/'],
  ['Prefix', ['/foo/'], '/foo/', '/foo/'],
  ['Prefix', ['/aaa/bb'], '/aaa/bbb', undefined],
  ['Prefix', ['/aaa/bbb'], '/aaa/bbb', '/aaa/bbb'],
  ['Prefix', ['/aaa/bbb/'], '/aaa/bbb', '/aaa/bbb/'],
  ['Prefix', ['/aaa/bbb'], '/aaa/bbb/', '/aaa/bbb'],
  ['Prefix', ['/aaa/bbb'], '/aaa/bbb/ccc', '/aaa/bbb'],
  ['Prefix', ['/aaa/bbb'], '/aaa/bbbxyz', undefined],
  ['Prefix', ['/', '/aaa'], '/aaa/ccc', '/aaa'],
  ['Prefix', ['/', '/aaa'], '/ccc', '/'],
  ['Prefix', ['/aaa'], '/ccc', undefined],
  ['ImplementationSpecific', ['/foo'], '/foo/bar', '/foo'],
  ['Prefix', ['/foo'], '/Foo', undefined],
])('%s %j: %s leads to %s', (pathType, paths, asked, expected) => {
  const { table } = plan([ingress(rules('a.example', ...paths.map((one) => path(pathType, one))))]);
  expect(led(table, 'a.example', asked)).toBe(expected);
});

describe('precedence', () => {
  test('an exact path goes before a prefix of the same length, the longest before all', () => {
    const { table } = plan([
      ingress(rules('a', path('Prefix', '/foo', 'prefix'), path('Exact', '/foo', 'exact'), path('Prefix', '/foo/bar', 'longer'))),
    ]);
    expect([led(table, 'a', '/foo'), led(table, 'a', '/foo/'), led(table, 'a', '/foo/bar/x')]).toEqual(['exact', 'prefix', 'longer']);
  });

  test('of two Ingresses with the same path the older one has it', () => {
    const young = ingress(rules('a', path('Prefix', '/', 'young')), { creationTimestamp: '2026-02-01T00:00:00Z' as never });
    const old = ingress(rules('a', path('Prefix', '/', 'old')));
    expect(led(plan([young, old]).table, 'a', '/x')).toBe('old');
  });

  test.each([
    ['bar.foo.com', '/', 'own'],
    ['baz.foo.com', '/', 'wild'],
    ['bar.foo.com', '/wild', 'wild-path'],
    ['a.b.foo.com', '/', 'any'],
    ['foo.com', '/', 'any'],
    ['', '/', 'any'],
  ])('host %s, path %s: %s', (host, at, expected) => {
    const { table } = plan([
      ingress(rules('bar.foo.com', path('Exact', '/', 'own'))),
      ingress(rules('*.foo.com', path('Exact', '/', 'wild'), path('Exact', '/wild', 'wild-path'))),
      ingress(rules(undefined, path('Prefix', '/', 'any'))),
    ]);
    expect(led(table, host, at)).toBe(expected);
  });

  test('default backends: of the host, of an Ingress that has nothing else, of any', () => {
    const withRules = ingress({ ...rules('a', path('Exact', '/x', 'x')), defaultBackend: backend('of-a') });
    const alone = ingress({ defaultBackend: backend('alone') }, { creationTimestamp: '2026-03-01T00:00:00Z' as never });
    expect([led(plan([withRules, alone]).table, 'a', '/y'), led(plan([withRules, alone]).table, 'b', '/y')]).toEqual(['of-a', 'alone']);
    expect(led(plan([withRules]).table, 'b', '/y')).toBe('of-a');
    expect(findTarget(makeTable([], undefined), 'b', '/y')).toBeUndefined();
  });

  test('a rule without paths sends its host to the default backend', () => {
    const { table } = plan([
      ingress({ rules: [{ host: 'a' }], defaultBackend: backend('mine') }),
      ingress({ defaultBackend: backend('other') }),
    ]);
    expect(led(table, 'a', '/')).toBe('mine');
  });
});

test('only Ingresses of our classes are served', () => {
  const all = [
    ingress({ defaultBackend: backend('a'), ingressClassName: 'nginx' }),
    ingress({ defaultBackend: backend('b'), ingressClassName: 'gone' }),
    ingress({ defaultBackend: backend('c'), ingressClassName: undefined as never }),
    ingress(
      { defaultBackend: backend('d'), ingressClassName: undefined as never },
      { annotations: { 'kubernetes.io/ingress.class': 'minke' } },
    ),
    ingress({ defaultBackend: backend('e') }, { deletionTimestamp: '2026-01-01T00:00:00Z' as never }),
  ];
  expect(plan(all).ingresses.map(({ spec }) => spec?.defaultBackend?.service?.name)).toEqual(['d']);
});

describe('what cannot be served', () => {
  test.each<[string, V1IngressSpec, readonly string[]]>([
    ['no such service', { defaultBackend: backend('gone') }, ['ServiceNotFound There is no service "default/gone"']],
    ['no such port', { defaultBackend: backend('web', { name: 'x' }) }, ['BadBackend The service "default/web" has no port default/web:x']],
    [
      'a name elsewhere',
      { defaultBackend: backend('far') },
      ['BadBackend The service "default/far" is of type ExternalName, which is not served'],
    ],
    [
      'no service at all',
      { defaultBackend: { resource: { kind: 'Bucket', name: 'b' } } },
      ['BadBackend The backend Bucket "b" cannot be served: only services can'],
    ],
    ['all is well', { defaultBackend: backend('web', { name: 'http' }) }, []],
  ])('%s', (_name, spec, expected) => {
    const { problems } = plan([ingress(spec)], {
      services: { 'default/web': service(), 'default/far': service({ type: 'ExternalName' }) },
    });
    expect(problems.map(({ reason, message }) => `${reason} ${message}`)).toEqual(expected);
  });
});

describe('certificates', async () => {
  const nowMs = Date.UTC(2026, 0, 1);
  const validity = { notBeforeMs: nowMs, notAfterMs: nowMs + 86_400_000 };
  const authority = await createAuthority({ commonName: 'ca', ...validity });
  const issue = async (name: string) => {
    const pair = await issueCertificate(authority, { commonName: name, dnsNames: [name], usages: ['server'], ...validity });
    return { cert: pair.certificatePem, key: pair.keyPem };
  };
  const [one, two] = await Promise.all([issue('one'), issue('two')]);
  const secretOf = (cert?: string, key?: string) =>
    ({
      data: {
        ...(cert === undefined ? {} : { 'tls.crt': Buffer.from(cert).toString('base64') }),
        ...(key === undefined ? {} : { 'tls.key': Buffer.from(key).toString('base64') }),
      },
    }) as V1Secret;
  const tls = (...tlsOf: object[]) => ingress({ ...rules('a.example', path('Prefix', '/')), tls: tlsOf });

  test('by name, by wildcard, and of the rules where none is named', () => {
    const planned = plan([tls({ hosts: ['A.example', '*.wild.example'], secretName: 'one' }, { secretName: 'two' })], {
      secrets: { 'default/one': secretOf(one.cert, one.key), 'default/two': secretOf(two.cert, two.key) },
    });
    const of = (name: string) => certificateFor(planned, name)?.cert;
    expect([of('a.example'), of('x.wild.example'), of('y.x.wild.example'), of('b.example'), of('')]).toEqual([
      one.cert,
      one.cert,
      undefined,
      undefined,
      undefined,
    ]);
    expect([...planned.secrets]).toEqual(['default/one', 'default/two']);
  });

  test.each<[string, V1Secret | undefined, string]>([
    ['missing', undefined, 'SecretNotFound There is no secret "default/s"'],
    ['without a key', secretOf(one.cert), 'BadSecret The secret "default/s" cannot be used: it has no "tls.key"'],
    ['no PEM', secretOf('x', 'y'), 'BadSecret The secret "default/s" cannot be used: "tls.crt" is not PEM'],
    ['a key that is none', secretOf(one.cert, 'y'), 'BadSecret The secret "default/s" cannot be used: "tls.key" is not PEM'],
    [
      "another one's key",
      secretOf(one.cert, two.key),
      'BadSecret The secret "default/s" cannot be used: "tls.key" is not the key of the certificate in "tls.crt"',
    ],
  ])('a secret that is %s', (_name, secret, expected) => {
    const { problems, certificates } = plan([tls({ hosts: ['a.example'], secretName: 's' })], {
      secrets: secret ? { 'default/s': secret } : {},
    });
    expect(problems.map(({ reason, message }) => `${reason} ${message}`)).toEqual([expected]);
    expect(certificates.size).toBe(0);
  });
});

describe('route()', () => {
  const slices = (ready: readonly boolean[]) => [
    {
      addressType: 'IPv4',
      ports: [{ name: 'http', port: 8080, protocol: 'TCP' }],
      endpoints: ready.map((one, i) => ({ addresses: [`10.42.0.${i + 1}`], conditions: { ready: one } })),
    },
  ];
  const routerOf = (services: Readonly<Record<string, V1Service>>, ready: readonly boolean[]) => {
    const router = new Router({
      service: (key) => services[key],
      slices: () => slices(ready) as never,
      nodeName: 'here',
      random: { below: () => 0 } as never,
    });
    router.use(
      plan([
        ingress(rules('a', { pathType: 'Prefix', path: '/', backend: backend('web') }, path('Exact', '/gone', 'gone'))),
        ingress(rules('a', { pathType: 'Exact', path: '/x', backend: backend('web', { name: 'x' }) })),
      ]).table,
    );
    return router;
  };

  test('the ready endpoints take turns, and the others stand in', () => {
    const router = routerOf({ 'default/web': service() }, [true, false, true]);
    const asked = [1, 2, 3].map(() => router.route({ host: 'a', path: '/' }));
    expect(asked.map((one) => one.to === 'backends' && one.backends.map(({ address, port }) => `${address}:${port}`))).toEqual([
      ['10.42.0.1:8080', '10.42.0.3:8080'],
      ['10.42.0.3:8080', '10.42.0.1:8080'],
      ['10.42.0.1:8080', '10.42.0.3:8080'],
    ]);
  });

  test.each([
    ['https', true],
    ['HTTPS', true],
    ['kubernetes.io/wss', true],
    ['http', undefined],
    ['kubernetes.io/ws', undefined],
    [undefined, undefined],
  ])('a port whose application protocol is %s is spoken to over TLS: %s', (appProtocol, secure) => {
    const port = { name: 'http', port: 80, protocol: 'TCP', ...(appProtocol === undefined ? {} : { appProtocol }) };
    const found = routerOf({ 'default/web': service({ ports: [port] }) }, [true]).route({ host: 'a', path: '/' });
    expect(found.to === 'backends' && found.backends.map((one) => one.secure)).toEqual([secure]);
  });

  test.each([
    ['b', '/', 404, 'No Ingress is for the host "b" and the path "/".'],
    ['a', '/gone', 503, 'There is no service "default/gone".'],
    ['a', '/x', 503, 'The service "default/web" has no port x.'],
    ['a', '/', 503, 'The service "default/web" has no ready endpoints.'],
  ])('%s %s is answered with %i', (host, at, status, text) => {
    expect(routerOf({ 'default/web': service() }, [false]).route({ host, path: at })).toEqual({ to: 'answer', status, text });
  });

  test('what a service that changed led to is asked for anew', () => {
    const services: Record<string, V1Service> = {};
    const router = routerOf(services, [true]);
    expect(router.route({ host: 'a', path: '/' }).to).toBe('answer');
    services['default/web'] = service();
    expect(router.route({ host: 'a', path: '/' }).to).toBe('backends');
    delete services['default/web'];
    expect(router.route({ host: 'a', path: '/' }).to).toBe('backends');
    router.forget('default/web');
    expect(router.route({ host: 'a', path: '/' }).to).toBe('answer');
  });
});
