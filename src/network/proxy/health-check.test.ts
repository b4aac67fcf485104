// Health check ports: what they say, and when they are open.
import { expect, test } from 'vitest';
import { createLogger } from '../../base/mod.ts';
import { systemClock } from '../../base/ports/clock.ts';
import { createHttpClient } from '../../base/ports/http-client.ts';
import { listenTcp } from '../../base/ports/tcp.ts';
import { here, service, slice } from './fixtures.fake.ts';
import { createHealthChecks, healthAnswer, healthCheckOf } from './health-check.ts';

const log = createLogger({ clock: systemClock, level: 'error', write: () => {} });
const checked = (more: object = {}) =>
  service('web', { type: 'LoadBalancer', clusterIP: '10.96.0.9', externalTrafficPolicy: 'Local', healthCheckNodePort: 32_000, ...more });
const mixed = slice('web', [{ ip: '10.42.0.5' }, { ip: '10.42.0.6', conditions: { ready: false } }, { ip: '10.42.1.7', node: 'there' }]);

test('a node counts its own usable endpoints', () => {
  expect(healthCheckOf(checked(), [mixed], here)).toEqual({ namespace: 'default', name: 'web', port: 32_000, localEndpoints: 1 });
  expect(healthCheckOf(checked({ externalTrafficPolicy: 'Cluster' }), [mixed], here)).toBeUndefined();
  expect(healthCheckOf(service('web', {}), [mixed], here)).toBeUndefined();
});

test('without any it is unavailable', () => {
  expect(healthAnswer({ namespace: 'a', name: 'b', port: 1, localEndpoints: 0 })).toMatch(/^HTTP\/1\.1 503 /);
});

test('the port is open as long as it is wanted, and says how things stand now', async () => {
  const free = await listenTcp({ host: '0.0.0.0', port: 0, onConnection: (socket) => void socket.destroy() });
  const { port } = free;
  await free.close();
  const checks = createHealthChecks({ clock: systemClock, log, host: '0.0.0.0' });
  const http = createHttpClient({ clock: systemClock });
  const ask = async () => {
    const answer = await http.request({ url: `http://127.0.0.1:${port}/healthz`, headTimeoutMs: 2_000 });
    answer.discard();
    return answer.status;
  };
  const check = { namespace: 'default', name: 'web', port, localEndpoints: 2 };
  checks.want('default/web', check);
  await checks.settle();
  const first = await ask();
  checks.want('default/web', { ...check, localEndpoints: 0 });
  expect([first, await ask()]).toEqual([200, 503]);
  checks.want('default/web', undefined);
  await checks.settle();
  await expect(ask()).rejects.toThrow();
  await checks.close();
  http.close();
});
