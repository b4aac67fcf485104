// Configuration of access that changes while the server runs: what fits takes effect, what does not changes nothing.
import { mkdtemp, rename, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { createLogger, createMetrics, SeededRandom } from '../../base/mod.ts';
import { systemClock } from '../../base/ports/clock.ts';
import { systemFiles } from '../../base/ports/fs.ts';
import { openAccess } from './access.ts';
import type { MachinePorts } from './ports.ts';

let dir: string;
let stop: AbortController;
let stopped: Promise<void> = Promise.resolve();
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'minke-reload-'));
  stop = new AbortController();
  lines = [];
});
afterEach(async () => {
  stop.abort();
  await stopped;
  await rm(dir, { recursive: true, force: true });
});

const path = () => join(dir, 'config.yaml');
/** As editors and mounted config maps do it: another file takes the place. */
async function put(text: string): Promise<void> {
  await systemFiles.write(`${path()}.new`, text);
  await rename(`${path()}.new`, path());
}

let lines: string[] = [];

const nothing = { audit: {} as never, oidc: undefined, tokenWebhook: undefined, authorization: undefined, authorizationWebhook: undefined };

async function open(which: 'authenticationConfig' | 'authorizationConfig') {
  const ports = { clock: systemClock, random: new SeededRandom(1), fs: systemFiles } as unknown as MachinePorts;
  const settings = { ...nothing, authenticationConfig: undefined, authorizationConfig: undefined, [which]: path() };
  const opened = await openAccess(settings, {
    ports,
    log: createLogger({ clock: systemClock, level: 'debug', write: (line) => void lines.push(line) }),
    metrics: createMetrics(),
    signal: stop.signal,
  });
  stopped = opened.stopped;
  return opened;
}

async function until(holds: () => boolean | Promise<boolean>): Promise<void> {
  for (let i = 0; i < 100; i++) {
    if (await holds()) return;
    await new Promise((resolve) => setTimeout(resolve, 30));
  }
  throw new Error('it never came');
}

test('authorizers', async () => {
  const config = (...types: string[]) =>
    `apiVersion: apiserver.config.k8s.io/v1\nkind: AuthorizationConfiguration\nauthorizers:\n${types.map((type) => `- { type: ${type}, name: ${type.toLowerCase()} }\n`).join('')}`;
  await put(config('RBAC'));
  const { core } = await open('authorizationConfig');
  const modes = () => (typeof core.authorizationModes === 'function' ? core.authorizationModes() : core.authorizationModes);
  expect(modes()).toEqual(['RBAC']);
  const before = modes();
  expect(modes()).toBe(before);
  await put(config('Magic'));
  await new Promise((resolve) => setTimeout(resolve, 350));
  expect(modes()).toBe(before);
  await put(config('Node', 'RBAC'));
  await until(() => modes()?.length === 2);
  expect(modes()).toEqual(['Node', 'RBAC']);
});

/** Nobody has signed it: an issuer that is known is asked for its keys, and is not there. */
function tokenOf(iss: string): string {
  const part = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url');
  return `${part({ alg: 'RS256' })}.${part({ iss, aud: 'a', sub: 'x', exp: 4_000_000_000 })}.${part({})}`;
}

test('issuers; who may be nobody stays as it was', async () => {
  const head = 'apiVersion: apiserver.config.k8s.io/v1\nkind: AuthenticationConfiguration\n';
  const [one, two] = ['https://127.0.0.1:1/one', 'https://127.0.0.1:1/two'];
  const jwt = (issuer: string) =>
    `jwt: [{ issuer: { url: '${issuer}', audiences: [a] }, claimMappings: { username: { claim: sub, prefix: '' } } }]\n`;
  await put(`${head}${jwt(one)}`);
  const { core, server } = await open('authenticationConfig');
  const asks = async (issuer: string): Promise<boolean> => {
    const before = lines.length;
    expect(await core.externalTokens[0]?.authenticate(tokenOf(issuer))).toBeUndefined();
    return lines.slice(before).some((line) => line.includes('A token of an issuer was refused') && line.includes(issuer));
  };
  expect([await asks(one), await asks(two)]).toEqual([true, false]);
  await put(`${head}${jwt(two)}anonymous: { enabled: false }\n`);
  await until(() => lines.some((line) => line.includes('anonymous: Forbidden: cannot change while the server runs')));
  expect([server.anonymous, await asks(one), await asks(two)]).toEqual([undefined, true, false]);
  await put(`${head}${jwt(two)}`);
  await until(async () => asks(two));
  expect(await asks(one)).toBe(false);
});
