import { describe, expect, test } from 'vitest';
import { createEdge, jsonOf, textOf } from '../core.fake.ts';
import { parseQuery } from '../http/request-info.ts';
import { type HealthCheck, serveHealth } from './health.ts';

const good: HealthCheck = { name: 'ping', check: () => {} };
const bad: HealthCheck = { name: 'store', in: ['readyz', 'healthz'], check: () => Promise.reject(new Error('disk full')) };

describe('serveHealth()', () => {
  test.each([
    ['all is well', [good], '/healthz', '', 200, 'ok'],
    ['verbose', [good], '/livez', 'verbose', 200, '[+]ping ok\nlivez check passed\n'],
    ['one fails', [good, bad], '/readyz', '', 500, '[+]ping ok\n[-]store failed: reason withheld\nreadyz check failed\n'],
    ['a check is of some paths only', [good, bad], '/livez/', '', 200, 'ok'],
    [
      'without the one that fails',
      [good, bad],
      '/readyz',
      'exclude=store&verbose=1',
      200,
      '[+]ping ok\n[+]store excluded: ok\nreadyz check passed\n',
    ],
    [
      'one that does not exist is left out',
      [good],
      '/readyz',
      'exclude=nope&verbose',
      200,
      '[+]ping ok\nwarn: some health checks cannot be excluded: no matches for "nope"\nreadyz check passed\n',
    ],
    ['one check', [good, bad], '/readyz/ping', '', 200, 'ok'],
    ['one check that fails says why', [good, bad], '/readyz/store', '', 500, 'internal server error: disk full\n'],
    ['no such check', [good, bad], '/livez/store', '', 404, '404 page not found\n'],
  ])('%s', async (_name, checks, path, query, status, text) => {
    const response = await serveHealth(checks, path, parseQuery(query));
    expect([response?.status, response && (await textOf(response))]).toEqual([status, text]);
  });

  test('other paths are not its own', () => {
    expect(serveHealth([good], '/healthzz', {})).toBeUndefined();
  });
});

test('/version tells the release of the API', async () => {
  expect(await jsonOf(await createEdge().ask('GET', '/version'))).toMatchObject({
    major: '1',
    minor: '36',
    gitVersion: 'v1.36.0+minke0.1.0',
    platform: 'linux/amd64',
  });
});

test('/ lists the paths, /metrics is there when something measures', async () => {
  expect((await jsonOf(await createEdge().ask('GET', '/'))).paths).toContain('/readyz');
  expect((await createEdge().ask('GET', '/metrics')).status).toBe(404);
  expect(await textOf(await createEdge({ metrics: () => 'x 1\n' }).ask('GET', '/metrics'))).toBe('x 1\n');
});
