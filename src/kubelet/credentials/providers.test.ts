import { expect, test } from 'vitest';
import type { V1Pod } from '../../api/mod.ts';
import { createLogger, VirtualClock } from '../../base/mod.ts';
import { turn } from '../../base/ports/clock.ts';
import type { RunOptions, RunResult } from '../../base/ports/process.ts';
import { parseImageName } from '../image-name.ts';
import { createCredentialProviders } from './providers.ts';
import type { CredentialProvider } from './read.ts';

const apiVersion = 'credentialprovider.kubelet.k8s.io/v1' as const;
const said = (stdout: string, more: Partial<RunResult> = {}): RunResult => ({ code: 0, stdout, stderr: '', truncated: false, ...more });
const answer = (more: object = {}) =>
  said(
    JSON.stringify({
      kind: 'CredentialProviderResponse',
      apiVersion,
      cacheKeyType: 'Image',
      auth: { 'r.example:5000': { username: 'me', password: 'secret' } },
      ...more,
    }),
  );
const tokenOf = (account: string, count: number) =>
  `h.${Buffer.from(JSON.stringify({ 'kubernetes.io': { serviceaccount: { uid: `uid-${account}` } } })).toString('base64url')}.${count}`;

function setUp(run: (call: number) => RunResult | Promise<RunResult>, more: Partial<CredentialProvider> = {}) {
  const clock = new VirtualClock({ settle: turn });
  const calls: { readonly command: string; readonly args: readonly string[]; readonly options: RunOptions }[] = [];
  const lines: string[] = [];
  let tokens = 0;
  const annotations: Record<string, string> = {};
  const provider = {
    name: 'login',
    version: apiVersion,
    matchImages: ['*.example:5000/'],
    defaultCacheMs: 60_000,
    args: ['get'],
    env: { A: 'b' },
    token: undefined,
    ...more,
  };
  const keyring = createCredentialProviders({
    providers: [provider],
    directory: '/plugins',
    processes: {
      async run(command, args, options) {
        calls.push({ command, args, options });
        return run(calls.length);
      },
    },
    clock,
    log: createLogger({ clock, level: 'debug', write: (line) => void lines.push(line) }),
    signal: new AbortController().signal,
    token: async (pod) => tokenOf(pod.spec?.serviceAccountName ?? '', ++tokens),
    serviceAccount: async ({ namespace, name }) => ({ metadata: { namespace, name, annotations } }),
  });
  const ask = (image: string, serviceAccountName = '', signal = new AbortController().signal) => {
    const name = parseImageName(image);
    if (!name) throw new Error(`${image} is no image name`);
    const pod: V1Pod = { metadata: { namespace: 'ns', name: 'p', uid: 'u' }, spec: { containers: [], serviceAccountName } };
    return keyring(name, { pod, signal });
  };
  return { ask, calls, clock, lines, annotations };
}
const mine = [{ username: 'me', password: 'secret' }];

test('a program is asked by its input, for its images alone, with a deadline and a bound', async () => {
  const { ask, calls } = setUp(() => answer());
  expect(await ask('r.example:5000/team/app:v1')).toEqual(mine);
  expect(await ask('r.example/team/app:v1')).toEqual([]);
  expect(await ask('a.r.example:5000/app')).toEqual([]);
  expect(await ask('busybox')).toEqual([]);
  expect(calls).toHaveLength(1);
  const [{ command, args, options } = { command: '', args: [], options: undefined }] = calls;
  expect([command, args, options?.env]).toEqual(['/plugins/login', ['get'], { A: 'b' }]);
  expect(JSON.parse(String(options?.input))).toEqual({ kind: 'CredentialProviderRequest', apiVersion, image: 'r.example:5000/team/app' });
  expect(options).toMatchObject({ deadlineMs: 60_000, outputMaxBytes: 1024 * 1024 });
});

test.each([
  ['Image', 3],
  ['Registry', 2],
  ['Global', 1],
])('an answer by %s is kept as long as it says', async (cacheKeyType, asked) => {
  const { ask, calls, clock } = setUp(() => answer({ cacheKeyType, cacheDuration: '10s' }));
  for (const image of ['r.example:5000/a', 'r.example:5000/a', 'r.example:5000/b', 's.example:5000/a']) await ask(image);
  expect(calls).toHaveLength(asked);
  await clock.advance(10_000);
  await ask('r.example:5000/a');
  expect(calls).toHaveLength(asked + 1);
});

test('the duration of the configuration counts where the answer has none; 0 keeps nothing', async () => {
  const { ask, calls, clock } = setUp((call) => answer(call === 1 ? {} : { cacheDuration: '0s' }));
  await ask('r.example:5000/a');
  await clock.advance(59_999);
  await ask('r.example:5000/a');
  expect(calls).toHaveLength(1);
  await clock.advance(1);
  await ask('r.example:5000/a');
  await ask('r.example:5000/a');
  expect(calls).toHaveLength(3);
});

test('who asks for the same at the same time shares one call, also when one of them leaves', async () => {
  let end = (_: RunResult) => {};
  const { ask, calls, lines } = setUp(
    () =>
      new Promise((resolve) => {
        end = resolve;
      }),
  );
  const leaving = new AbortController();
  const first = ask('r.example:5000/a', '', leaving.signal);
  const second = ask('r.example:5000/a');
  await turn();
  leaving.abort();
  expect(await first).toEqual([]);
  end(answer());
  expect(await second).toEqual(mine);
  expect(calls).toHaveLength(1);
  expect(lines).toEqual([]);
});

test('credentials for other images are left out; the most specific of those that fit comes first', async () => {
  const auth = Object.fromEntries(
    ['other.example:5000', 'r.example:5000', 'r.example:5000/team', '*.example:5000', 'r.example'].map((key) => [
      key,
      { username: key, password: 'p' },
    ]),
  );
  const { ask } = setUp(() => answer({ auth }));
  expect((await ask('r.example:5000/team/app')).map(({ username }) => username)).toEqual([
    'r.example:5000/team',
    'r.example:5000',
    '*.example:5000',
  ]);
});

test.each<[string, RunResult, string]>([
  ['fails', said('', { code: 3, stderr: 'no network\n' }), 'it ended with 3: no network'],
  ['says too much', said('{', { truncated: true }), 'it said more than 1048576 bytes'],
  ['says no JSON', said('{"auth": "secret'), 'its answer is no JSON object'],
  ['has another version', answer({ apiVersion: 'v1' }), `its answer is not a CredentialProviderResponse of ${apiVersion}`],
  ['does not say how to keep it', answer({ cacheKeyType: undefined }), "its answer's cacheKeyType must be Image, Registry or Global"],
  ['says no duration', answer({ cacheDuration: 'long' }), "its answer's cacheDuration must be a duration, such as 10m"],
  [
    'says half a password',
    answer({ auth: { a: 'secret' } }),
    "its answer's auth must have a username and a password for each image pattern",
  ],
])('a program that %s gives nothing, is told of without its secrets, and is asked again', async (_name, result, text) => {
  const { ask, calls, lines } = setUp(() => result);
  expect(await ask('r.example:5000/a')).toEqual([]);
  expect(lines.join()).toContain(JSON.stringify(text).slice(1, -1));
  expect(lines.join()).not.toContain('secret');
  await ask('r.example:5000/a');
  expect(calls).toHaveLength(2);
});

test.each([
  ['ServiceAccount', 2],
  ['Token', 3],
] as const)('tokens of service accounts: kept by %s', async (cacheType, asked) => {
  const { ask, calls } = setUp(() => answer({ cacheKeyType: 'Global' }), {
    token: { audience: 'r', requireServiceAccount: true, cacheType, requiredKeys: [], optionalKeys: [] },
  });
  expect(await ask('r.example:5000/a')).toEqual([]);
  expect(calls).toHaveLength(0);
  for (const account of ['one', 'one', 'two']) expect(await ask('r.example:5000/a', account)).toEqual(mine);
  expect(calls).toHaveLength(asked);
  expect(JSON.parse(String(calls[0]?.options.input))).toMatchObject({ serviceAccountToken: tokenOf('one', 1) });
});

test('without a service account, a program that needs none is asked without a token', async () => {
  const token = { audience: 'r', requireServiceAccount: false, cacheType: 'Token', requiredKeys: [], optionalKeys: [] } as const;
  const { ask, calls } = setUp(() => answer(), { token });
  expect(await ask('r.example:5000/a')).toEqual(mine);
  expect(String(calls[0]?.options.input)).not.toContain('serviceAccountToken');
});

test.each(['ServiceAccount', 'Token'] as const)('annotations of the account are told, and part of what is kept (%s)', async (cacheType) => {
  const token = { audience: 'r', requireServiceAccount: true, cacheType, requiredKeys: ['must'], optionalKeys: ['may'] };
  const { ask, calls, lines, annotations } = setUp(() => answer({ cacheKeyType: 'Global' }), { token });
  const told = () => (JSON.parse(String(calls.at(-1)?.options.input)) as Record<string, unknown>).serviceAccountAnnotations;
  expect(await ask('r.example:5000/a', 'one')).toEqual([]);
  expect(calls).toHaveLength(0);
  expect(lines.join()).toContain('service account ns/one has no annotation must');
  Object.assign(annotations, { must: '1', other: '3' });
  expect(await ask('r.example:5000/a', 'one')).toEqual(mine);
  expect(told()).toEqual({ must: '1' });
  Object.assign(annotations, { may: '2' });
  expect(await ask('r.example:5000/a', 'one')).toEqual(mine);
  expect(calls).toHaveLength(2);
  expect(told()).toEqual({ must: '1', may: '2' });
});

test('an older program is asked, and answers, in its own version', async () => {
  const version = 'credentialprovider.kubelet.k8s.io/v1beta1';
  const { ask, calls } = setUp((call) => answer(call === 1 ? {} : { apiVersion: version }), { version });
  expect(await ask('r.example:5000/a')).toEqual([]);
  expect(await ask('r.example:5000/a')).toEqual(mine);
  expect(JSON.parse(String(calls[0]?.options.input))).toMatchObject({ apiVersion: version });
});
