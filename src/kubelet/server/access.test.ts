import { describe, expect, test } from 'vitest';
import { VirtualClock } from '../../base/mod.ts';
import { turn } from '../../base/ports/clock.ts';
import type { Client } from '../../client/mod.ts';
import { createKubeletAccess, subresourcesOf } from './access.ts';
import { parseRoute } from './routes.ts';

test.each([
  ['/stats/summary', 'stats'],
  ['/metrics', 'metrics'],
  ['/metrics/cadvisor', 'metrics'],
  ['/logs/', 'log'],
  ['/logs/apt/history.log', 'log'],
  ['/healthz', 'healthz proxy'],
  ['/healthz/ping', 'healthz proxy'],
  ['/pods', 'pods proxy'],
  ['/runningpods/', 'pods proxy'],
  ['/configz', 'configz proxy'],
  ['/exec/ns/web/app?command=ls', 'proxy'],
  ['/run/ns/web/app?cmd=ls', 'proxy'],
  ['/containerLogs/ns/web/app', 'proxy'],
  ['/portForward/ns/web', 'proxy'],
  ['/stats/../exec/ns/web/app', 'proxy'],
  ['/stats/%2e%2e/exec/ns/web/app', 'proxy'],
  ['/nowhere', 'proxy'],
])('%s is %s of the node', (target, wanted) => expect(subresourcesOf(parseRoute(target)).join(' ')).toBe(wanted));

const peer = (commonName: string, organizations: string[] = [], more: object = {}) => ({
  ...{ verified: true, commonName, organizations, notAfterMs: Number.MAX_SAFE_INTEGER, fingerprint: '' },
  ...more,
});
const bearer = (token: string) => ({ headers: { authorization: `Bearer ${token}` } });

/** An API server where the token `good` is jane's, who may what `rules` say: `get stats`. */
function begin(rules: readonly string[] = []) {
  const clock = new VirtualClock({ settle: turn });
  const asked: string[] = [];
  let broken = false;
  const client = {
    async create(
      { kind }: { kind: string },
      { spec }: { spec: { token: string; user: string; resourceAttributes: Record<string, string> } },
    ) {
      if (broken) throw new Error('connection refused');
      if (kind === 'TokenReview') {
        asked.push(`token ${spec.token}`);
        return { status: spec.token === 'good' ? { authenticated: true, user: { username: 'jane', groups: ['dev'] } } : { error: 'no' } };
      }
      const { verb, subresource, name, resource } = spec.resourceAttributes;
      asked.push(`${spec.user} ${verb} ${resource}/${subresource} ${name}`);
      return { status: { allowed: rules.includes(`${verb} ${subresource}`) } };
    },
  } as unknown as Client;
  const access = createKubeletAccess({ nodeName: 'n1', client, clock });
  const check = (target: string, of: object = bearer('good'), method = 'GET') =>
    access.check({ method, headers: {}, peerCertificate: undefined, ...of }, parseRoute(target)).then(
      (user) => user.name,
      (error: { code: number; message: string }) => `${error.code} ${error.message}`,
    );
  return { clock, asked, check, setBroken: (is: boolean) => (broken = is) };
}

describe('who somebody is', () => {
  test.each<[string, object, string]>([
    ['nobody', {}, '401 Unauthorized'],
    ['a certificate of another authority', { peerCertificate: peer('jane', [], { verified: false }) }, '401 Unauthorized'],
    ['an expired certificate', { peerCertificate: peer('jane', ['system:masters'], { notAfterMs: -1 }) }, '401 Unauthorized'],
    ['a token that is nobody’s', bearer('bad'), '401 Unauthorized'],
    ['another scheme', { headers: { authorization: 'Basic Z29vZA==' } }, '401 Unauthorized'],
    ['a certificate', { peerCertificate: peer('kube-apiserver') }, 'kube-apiserver'],
    ['a token', bearer('good'), 'jane'],
  ])('%s', async (_, of, wanted) => expect(await begin(['get stats']).check('/stats/summary', of)).toBe(wanted));

  test('the owners of the cluster need no question', async () => {
    const { check, asked } = begin();
    expect(await check('/exec/ns/web/app', { peerCertificate: peer('admin', ['system:masters']) }, 'POST')).toBe('admin');
    expect(asked).toEqual([]);
  });
});

describe('what somebody may', () => {
  test('is refused in words that say what was missing', async () => {
    expect(await begin(['get stats']).check('/exec/ns/web/app', bearer('good'), 'POST')).toBe(
      '403 Forbidden (user=jane, verb=create, resource=nodes, subresource(s)=[proxy], name=n1)',
    );
    expect(await begin().check('/pods')).toBe('403 Forbidden (user=jane, verb=get, resource=nodes, subresource(s)=[pods proxy], name=n1)');
  });

  test.each([['get pods'], ['get proxy']])('pods are shown to who may %s', async (rule) =>
    expect(await begin([rule]).check('/pods')).toBe('jane'),
  );

  test('is asked once in a while', async () => {
    const { check, asked, clock } = begin(['get stats']);
    for (let i = 0; i < 3; i++) await check('/stats/summary');
    expect(asked).toEqual(['token good', 'jane get nodes/stats n1']);
    await clock.advance(150_000);
    await check('/stats/summary');
    expect(asked).toHaveLength(3);
    await clock.advance(200_000);
    await check('/stats/summary');
    expect(asked).toHaveLength(5);
  });

  test('a refusal is forgotten sooner', async () => {
    const rules: string[] = [];
    const { check, clock } = begin(rules);
    expect(await check('/stats/summary')).toContain('403');
    rules.push('get stats');
    expect(await check('/stats/summary')).toContain('403');
    await clock.advance(31_000);
    expect(await check('/stats/summary')).toBe('jane');
  });

  test('an API server that does not answer is an error, and not an answer', async () => {
    const { check, setBroken } = begin(['get stats']);
    setBroken(true);
    expect(await check('/stats/summary')).toBe('500 the API server did not say who sent the request: connection refused');
    setBroken(false);
    expect(await check('/stats/summary')).toBe('jane');
  });
});
