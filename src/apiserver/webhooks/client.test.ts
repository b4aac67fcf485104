import { afterEach, describe, expect, test } from 'vitest';
import type { V1EndpointSlice, V1Service } from '../../api/mod.ts';
import { systemClock } from '../../base/ports/clock.ts';
import { createHttpClient } from '../../base/ports/http-client.ts';
import { type Say, startTestWebhook, type TestWebhookOptions } from '../testing/webhook-server.ts';
import { createWebhookClient, type ResolveService, type WebhookClient, WebhookError } from './client.ts';
import { addressesOf } from './resolve-service.ts';

const cleanups: (() => unknown)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

async function serve(answer: TestWebhookOptions['answer'], dnsNames?: readonly string[]) {
  const webhook = await startTestWebhook({ answer, ...(dnsNames ? { dnsNames } : {}) });
  cleanups.push(() => webhook.close());
  return webhook;
}

function clientWith(resolve: ResolveService = () => Promise.reject(new Error('nothing is resolved')) as never): WebhookClient {
  const client = createWebhookClient({ http: () => createHttpClient({ clock: systemClock }), resolve, clock: systemClock });
  cleanups.push(() => client.close());
  return client;
}

const ask = { body: '{"a":1}', timeoutMs: 5000, signal: new AbortController().signal };
const text = (bytes: Uint8Array) => Buffer.from(bytes).toString('utf8');
const problem = async (call: Promise<unknown>): Promise<WebhookError> => {
  const error = await call.then(
    () => new Error('it was answered'),
    (thrown: unknown) => thrown,
  );
  expect(error).toBeInstanceOf(WebhookError);
  return error as WebhookError;
};

describe('a webhook at a URL', () => {
  test('is asked over one kept connection, and told how long it has', async () => {
    const webhook = await serve(({ body }) => ({ got: body }));
    const client = clientWith();
    const target = { url: `${webhook.url}/check`, caBundle: webhook.caBundle };
    for (let i = 0; i < 3; i++) expect(text(await client.post(target, { ...ask, timeoutMs: 1500 }))).toBe('{"got":{"a":1}}');
    expect(webhook.asked[0]).toMatchObject({ path: '/check?timeout=2s', body: { a: 1 } });
    expect(webhook.connections()).toBe(1);
  });

  test('is asked again when a kept connection turns out to be dead', async () => {
    let drops = false;
    const webhook = await serve((): Say => {
      if (!drops) return { ok: true };
      drops = false;
      return 'drop';
    });
    const client = clientWith();
    const target = { url: webhook.url, caBundle: webhook.caBundle };
    await client.post(target, ask);
    drops = true;
    expect(text(await client.post(target, ask))).toBe('{"ok":true}');
    expect(webhook.connections()).toBe(2);
  });

  test('that does not answer in time, and one whose caller gives up', async () => {
    const webhook = await serve(() => 'hang');
    const client = clientWith();
    const target = { url: webhook.url, caBundle: webhook.caBundle };
    const late = await problem(client.post(target, { ...ask, timeoutMs: 50 }));
    expect(late.message).toBe(`Post "${webhook.url}?timeout=1s": context deadline exceeded`);
    const caller = new AbortController();
    const given = client.post(target, { ...ask, signal: caller.signal });
    caller.abort(new Error('gone'));
    await expect(given).rejects.toThrow('gone');
  });

  test('whose certificate nobody knows is not asked', async () => {
    const webhook = await serve(() => ({}));
    const error = await problem(clientWith().post({ url: webhook.url }, ask));
    expect(error.message).toMatch(/: tls: failed to verify certificate: x509: certificate signed by unknown authority$/);
    expect(webhook.asked).toEqual([]);
  });

  test('that refuses connections', async () => {
    const webhook = await serve(() => ({}));
    await webhook.close();
    const error = await problem(clientWith().post({ url: webhook.url, caBundle: webhook.caBundle }, ask));
    expect(error.message).toBe(`Post "${webhook.url}?timeout=5s": dial tcp 127.0.0.1:${webhook.port}: connect: connection refused`);
  });

  test.each<[string, Say, string]>([
    ['an error in text', { status: 500, text: 'oh no\n' }, 'an error on the server ("oh no") has prevented the request from succeeding'],
    ['a path that it has not', { status: 404, text: '404 page not found' }, 'the server could not find the requested resource'],
    ['a redirect, which is not followed', { status: 307, text: '' }, 'the server responded with the status code 307'],
    ['a Status', { status: 422, text: '{"kind":"Status","apiVersion":"v1","status":"Failure","message":"no good","code":422}' }, 'no good'],
  ])('that answers with %s', async (_, say, message) => {
    const webhook = await serve(() => say);
    const error = await problem(clientWith().post({ url: webhook.url, caBundle: webhook.caBundle }, ask));
    expect(error.message).toContain(message);
    expect(error.status?.code).toBe((say as { status: number }).status);
  });

  test('that says more than is wanted', async () => {
    const webhook = await serve(() => 'x'.repeat(1000));
    const error = await problem(clientWith().post({ url: webhook.url, caBundle: webhook.caBundle }, { ...ask, answerBytesMax: 999 }));
    expect(error.message).toContain('the answer is too large');
  });
});

describe('a webhook that is a service', () => {
  const service = { namespace: 'hooks', name: 'check', path: '/validate' };

  test('is asked at an endpoint, by the name of the service', async () => {
    const webhook = await serve(() => ({ ok: true }), ['check.hooks.svc']);
    const client = clientWith(({ port }) => ({ host: '127.0.0.1', port: port === 443 ? webhook.port : 1 }));
    expect(text(await client.post({ service, caBundle: webhook.caBundle }, ask))).toBe('{"ok":true}');
    expect(webhook.asked[0]).toMatchObject({ path: '/validate?timeout=5s', host: 'check.hooks.svc:443' });
  });

  test('must carry that name in its certificate', async () => {
    const webhook = await serve(() => ({}), ['other.hooks.svc']);
    const client = clientWith(() => ({ host: '127.0.0.1', port: webhook.port }));
    const error = await problem(client.post({ service, caBundle: webhook.caBundle }, ask));
    expect(error.message).toMatch(/^Post "https:\/\/check\.hooks\.svc:443\/validate\?timeout=5s": .*check\.hooks\.svc/);
    expect(webhook.asked).toEqual([]);
  });

  test('that nobody answers for', async () => {
    const client = clientWith(({ name }) => {
      throw new Error(`no endpoints available for service "${name}"`);
    });
    const error = await problem(client.post({ service }, ask));
    expect(error.message).toBe('Post "https://check.hooks.svc:443/validate?timeout=5s": no endpoints available for service "check"');
  });
});

describe('addressesOf()', () => {
  const service = (spec: V1Service['spec']): V1Service => ({ spec });
  const slice = (more: Partial<V1EndpointSlice>): V1EndpointSlice => ({
    addressType: 'IPv4',
    ports: [{ name: 'https', port: 8443 }],
    endpoints: [{ addresses: ['10.0.0.1'] }],
    ...more,
  });
  const https = service({ ports: [{ name: 'https', port: 443 }] });

  test('gives the ready endpoints, at the port that they listen on', () => {
    const slices = [
      slice({ endpoints: [{ addresses: ['10.0.0.1'] }, { addresses: ['10.0.0.2'], conditions: { ready: false } }] }),
      slice({ addressType: 'IPv6', endpoints: [{ addresses: ['fd00::1'], conditions: { ready: true } }] }),
      slice({ ports: [{ name: 'metrics', port: 1 }] }),
    ];
    expect(addressesOf({ service: https, slices }, 'check', 443)).toEqual([
      { host: '10.0.0.1', port: 8443 },
      { host: 'fd00::1', port: 8443 },
    ]);
  });

  test('an external name is where the service is', () => {
    const external = service({ type: 'ExternalName', externalName: 'hooks.example.com' });
    expect(addressesOf({ service: external, slices: [] }, 'check', 8443)).toEqual([{ host: 'hooks.example.com', port: 8443 }]);
  });

  test.each([
    ['no service', undefined, 443, 'service "check" not found'],
    ['another port', https, 80, 'no service port 80 found for service "check"'],
    ['no endpoint', https, 443, 'no endpoints available for service "check"'],
  ])('%s', (_, of, port, message) => {
    expect(() => addressesOf({ service: of, slices: [] }, 'check', port)).toThrow(message);
  });
});
