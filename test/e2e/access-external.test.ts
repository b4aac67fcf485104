// An API server that asks others: an issuer of JWTs, a webhook for tokens and one for authorization, each on a server of its own.
import { generateKeyPairSync, sign } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { startTestWebhook, type TestWebhook } from '../../src/apiserver/testing/webhook-server.ts';
import { findKubectl, freePort, minke, run } from './harness.ts';

const dir = mkdtempSync(join(tmpdir(), 'minke-external-'));
const dataDir = join(dir, 'data');
const secret = 'a-token-that-the-webhook-knows';
const { privateKey, publicKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
let issuer: TestWebhook;
let webhook: TestWebhook;
let port: number;

beforeAll(async () => {
  port = await freePort();
  issuer = await startTestWebhook({
    answer: ({ path }) =>
      path === '/keys'
        ? { keys: [{ ...publicKey.export({ format: 'jwk' }), kid: 'k', use: 'sig', alg: 'RS256' }] }
        : { issuer: issuer.url, jwks_uri: `${issuer.url}/keys` },
  });
  webhook = await startTestWebhook({
    answer: ({ body: { kind, spec } }) =>
      kind === 'TokenReview'
        ? {
            status:
              spec.token === secret ? { authenticated: true, user: { username: 'ann', groups: ['hooked'] } } : { authenticated: false },
          }
        : { status: { allowed: spec.user === 'ann' && spec.resourceAttributes.resource === 'pods', reason: 'the webhook says so' } },
  });
  const kubeconfig = join(dir, 'webhook.kubeconfig');
  const cluster = { server: `${webhook.url}/ask`, 'certificate-authority-data': webhook.caBundle };
  writeFileSync(
    kubeconfig,
    JSON.stringify({
      ...{ apiVersion: 'v1', kind: 'Config', 'current-context': 'c' },
      clusters: [{ name: 'w', cluster }],
      users: [{ name: 'u', user: {} }],
      contexts: [{ name: 'c', context: { cluster: 'w', user: 'u' } }],
    }),
  );
  const authentication = join(dir, 'authentication.json');
  const certificateAuthority = Buffer.from(issuer.caBundle, 'base64').toString('utf8');
  writeFileSync(
    authentication,
    JSON.stringify({
      ...{ apiVersion: 'apiserver.config.k8s.io/v1', kind: 'AuthenticationConfiguration' },
      jwt: [
        {
          issuer: { url: issuer.url, audiences: ['minke'], certificateAuthority },
          claimMappings: { username: { expression: "'oidc:' + claims.sub" }, groups: { claim: 'groups', prefix: '' } },
        },
      ],
    }),
  );
  const authorization = join(dir, 'authorization.yaml');
  writeFileSync(
    authorization,
    `apiVersion: apiserver.config.k8s.io/v1
kind: AuthorizationConfiguration
authorizers:
- type: RBAC
  name: rbac
- type: Webhook
  name: outside
  webhook:
    connectionInfo: { type: KubeConfigFile, kubeConfigFile: ${kubeconfig} }
    subjectAccessReviewVersion: v1
    matchConditionSubjectAccessReviewVersion: v1
    failurePolicy: NoOpinion
    matchConditions:
    - expression: "'hooked' in request.groups && has(request.resourceAttributes)"
`,
  );
  const up = await minke(
    ...['apiserver', '--detach', '--data-dir', dataDir, `--secure-port=${port}`, '--log-level=debug'],
    `--authentication-config=${authentication}`,
    `--authentication-token-webhook-config-file=${kubeconfig}`,
    `--authorization-config=${authorization}`,
  );
  expect(up.stderr).toBe('');
});
afterAll(async () => {
  await minke('down', '--clean', '--data-dir', dataDir);
  await Promise.all([issuer.close(), webhook.close()]);
  rmSync(dir, { recursive: true, force: true });
});

const kubectlAs = (token: string, ...args: string[]) =>
  run(findKubectl(), [
    '--kubeconfig=/dev/null',
    `--server=https://127.0.0.1:${port}`,
    `--certificate-authority=${join(dataDir, 'pki/ca.crt')}`,
    `--token=${token}`,
    ...args,
  ]);
const whoAmI = (token: string) =>
  kubectlAs(token, 'auth', 'whoami', '-o', 'jsonpath={.status.userInfo.username} {.status.userInfo.groups}');

function jwt(claims: object): string {
  const part = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url');
  const exp = Math.floor(Date.now() / 1000) + 600;
  const signed = `${part({ alg: 'RS256', kid: 'k' })}.${part({ iss: issuer.url, aud: 'minke', sub: 'jane', exp, ...claims })}`;
  return `${signed}.${sign('sha256', Buffer.from(signed), privateKey).toString('base64url')}`;
}

test('a JWT of the issuer is its user', async () => {
  expect((await whoAmI(jwt({ groups: ['dev'] }))).stdout).toBe('oidc:jane ["dev","system:authenticated"]');
  expect((await whoAmI(jwt({ aud: 'other' }))).stderr).toMatch(/Unauthorized|must be logged in/);
});

test('the webhooks are asked who it is and what is allowed, once; others are never asked about', async () => {
  expect((await whoAmI(secret)).stdout).toBe('ann ["hooked","system:authenticated"]');
  expect((await kubectlAs(secret, 'get', 'pods')).stderr).toContain('No resources found');
  expect((await kubectlAs(secret, 'get', 'secrets')).stderr).toContain('User "ann" cannot list resource "secrets"');
  expect((await kubectlAs(jwt({}), 'get', 'pods')).stderr).toContain('User "oidc:jane" cannot list resource "pods"');
  // The cluster's own tokens are nobody else's business.
  const admin = readFileSync(join(dataDir, 'admin.token'), 'utf8').trim();
  expect((await whoAmI(admin)).stdout).toMatch(/^kubernetes-admin/);
  expect(JSON.stringify(webhook.asked)).not.toContain(admin);
  const reviews = webhook.asked.map(({ body }) => body);
  expect(reviews.filter(({ kind, spec }) => kind === 'TokenReview' && spec.token === secret)).toHaveLength(1);
  const asked = reviews
    .filter(({ kind }) => kind === 'SubjectAccessReview')
    .map(({ spec }) => `${spec.user} ${spec.resourceAttributes.resource}`);
  expect([...new Set(asked)].sort()).toEqual(['ann pods', 'ann secrets']);
});

test('no token is in the log', () => {
  const log = readFileSync(join(dataDir, 'minke.log'), 'utf8');
  expect(log).not.toContain(secret);
  expect(log).not.toMatch(/eyJ[\w-]+\.[\w-]+\.[\w-]+/);
});
