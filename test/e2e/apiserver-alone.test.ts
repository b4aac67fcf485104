// `minke apiserver` from outside: it serves and stores, knows tokens of a file, and leaves out what it is told to.
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { request } from 'node:https';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { findKubectl, freePort, minke, run } from './harness.ts';

const dir = mkdtempSync(join(tmpdir(), 'minke-apiserver-'));
const dataDir = join(dir, 'data');
const tokenFile = join(dir, 'tokens.csv');
const kubectl = (args: readonly string[], input = '') =>
  run(findKubectl(), args, { input, env: { KUBECONFIG: join(dataDir, 'admin.kubeconfig') } });
let port = 0;
const start = (...flags: string[]) =>
  minke('apiserver', '--detach', '--data-dir', dataDir, `--secure-port=${port}`, `--token-auth-file=${tokenFile}`, ...flags);

beforeAll(async () => {
  port = await freePort();
  writeFileSync(tokenFile, 'secret-of-ann,ann,7,"readers,others"\n');
  const up = await start(
    '--runtime-config=batch/v1=false',
    '--service-cluster-ip-range=10.77.0.0/16',
    '--anonymous-auth',
    '--enable-bootstrap-token-auth',
  );
  expect(up.stderr).toBe('');
  expect(up.stdout).toContain(`API server  https://127.0.0.1:${port}`);
});
afterAll(async () => {
  await minke('down', '--clean', '--data-dir', dataDir);
  rmSync(dir, { recursive: true, force: true });
});

/** kubectl without the admin's certificate. */
const kubectlOf = (token: string | undefined, args: readonly string[]) =>
  kubectl([
    '--kubeconfig=/dev/null',
    `--server=https://127.0.0.1:${port}`,
    `--certificate-authority=${join(dataDir, 'pki/ca.crt')}`,
    ...(token === undefined ? [] : [`--token=${token}`]),
    ...args,
  ]);

/** Posts a ConfigMap as YAML, and gives what is answered. */
const postYaml = (text: string) =>
  new Promise<{ readonly status: number | undefined; readonly answer: Record<string, unknown> }>((resolve, reject) => {
    const token = readFileSync(join(dataDir, 'admin.token'), 'utf8').trim();
    const headers = { authorization: `Bearer ${token}`, 'content-type': 'application/yaml' };
    const path = '/api/v1/namespaces/default/configmaps';
    const asking = request({ host: '127.0.0.1', port, path, method: 'POST', headers, rejectUnauthorized: false }, (response) => {
      const chunks: Buffer[] = [];
      response.on('data', (chunk: Buffer) => chunks.push(chunk));
      response.on('end', () => resolve({ status: response.statusCode, answer: JSON.parse(Buffer.concat(chunks).toString()) }));
    });
    asking.on('error', reject);
    asking.end(text);
  });

describe('the API server alone', () => {
  test('stores and serves; nothing acts', async () => {
    const created = await kubectl(['create', 'deployment', 'web', '--image=app:1']);
    expect(created.stdout).toBe('deployment.apps/web created\n');
    const service = await kubectl(['get', 'service', 'kubernetes', '-o', 'jsonpath={.spec.clusterIP}']);
    expect(service.stdout).toBe('10.77.0.1');
    expect((await kubectl(['get', 'replicasets', '-A'])).stderr).toContain('No resources found');
  });

  test('a group and version that is off is not there', async () => {
    expect((await kubectl(['api-versions'])).stdout).not.toContain('batch/v1');
    expect((await kubectl(['get', 'jobs'])).stderr).toContain('the server doesn\'t have a resource type "jobs"');
  });

  test('a token of the file is its user, who may what RBAC allows', async () => {
    expect((await kubectlOf('secret-of-ann', ['auth', 'whoami', '-o', 'jsonpath={.status.userInfo}'])).stdout).toMatch(
      /"groups":\["readers","others","system:authenticated"\].*"username":"ann"/,
    );
    expect((await kubectlOf('secret-of-ann', ['get', 'deployments'])).stderr).toContain('User "ann" cannot list resource "deployments"');
    // Not "view": what it allows is put together by a controller.
    await kubectl(['create', 'role', 'read', '--verb=list', '--resource=deployments.apps']);
    await kubectl(['create', 'rolebinding', 'read', '--role=read', '--group=readers']);
    expect((await kubectlOf('secret-of-ann', ['get', 'deployments', '-o', 'name'])).stdout).toBe('deployment.apps/web\n');
    expect((await kubectlOf('wrong', ['get', 'deployments'])).code).not.toBe(0);
  });

  test('a bootstrap token is known while it lasts', async () => {
    const data = { 'token-id': 'abcdef', 'token-secret': '0123456789abcdef', 'usage-bootstrap-authentication': 'true' };
    const metadata = { name: 'bootstrap-token-abcdef', namespace: 'kube-system' };
    const secret = { apiVersion: 'v1', kind: 'Secret', metadata, type: 'bootstrap.kubernetes.io/token', stringData: data };
    await kubectl(['create', '-f', '-'], JSON.stringify(secret));
    const who = () => kubectlOf('abcdef.0123456789abcdef', ['auth', 'whoami', '-o', 'jsonpath={.status.userInfo.username}']);
    expect((await who()).stdout).toBe('system:bootstrap:abcdef');
    const past = { ...secret, stringData: { ...data, expiration: '2020-01-01T00:00:00Z' } };
    await kubectl(['apply', '-f', '-'], JSON.stringify(past));
    expect((await who()).stderr).toMatch(/Unauthorized|must be logged in/);
  });

  test('metrics tell of the requests', async () => {
    const { stdout } = await kubectl(['get', '--raw', '/metrics']);
    expect(stdout).toMatch(/apiserver_request_total\{verb="POST",group="apps",version="v1",resource="deployments".*code="201"\} 1\n/);
    expect(stdout).toMatch(/etcd_request_duration_seconds_count\{operation="create",group="apps",resource="deployments"\} 1\n/);
    expect(stdout).toMatch(/\nprocess_resident_memory_bytes \d+\n/);
  });

  test('reads large YAML, which is done in a thread of its own, as it does small', async () => {
    const keys = Array.from({ length: 3_000 }, (_, i) => `  key-${i}: "value ${i}"`);
    const manifest = (name: string, lines: readonly string[]) =>
      `apiVersion: v1\nkind: ConfigMap\nmetadata: {name: ${name}}\ndata:\n${lines.join('\n')}\n`;
    const { status, answer } = await postYaml(manifest('large', keys));
    expect(status).toBe(201);
    expect(Object.keys(answer.data as object)).toHaveLength(3_000);
    const told = await Promise.all([keys, keys.slice(0, 3)].map((lines) => postYaml(manifest('wrong', [...lines, '  key: [']))));
    for (const [i, wrong] of told.entries()) {
      expect(wrong.status).toBe(400);
      expect(wrong.answer.message).toContain(`yaml: line ${i === 0 ? 3_006 : 9}: `);
    }
  });

  test('goes on where it stopped, with other flags', async () => {
    expect((await minke('down', '--data-dir', dataDir)).code).toBe(0);
    const again = await start('--authorization-mode=AlwaysAllow', '--disable-admission-plugins=ServiceAccount');
    expect(again.stderr).toBe('');
    expect((await kubectlOf('secret-of-ann', ['get', 'secrets', '-A', '-o', 'name'])).code).toBe(0);
    expect((await kubectlOf('secret-of-ann', ['run', 'p', '--image=app:1'])).stdout).toBe('pod/p created\n');
    expect((await kubectl(['get', 'deployment', 'web', '-o', 'name'])).stdout).toBe('deployment.apps/web\n');
  });

  test.each([
    [
      ['--disable-admission-plugins=Nope'],
      'error: --disable-admission-plugins: there is no plugin "Nope". Plugins are: AlwaysAdmit, NamespaceLifecycle,',
    ],
    [['--runtime-config=nope/v1=false'], 'error: --runtime-config: "nope/v1" is not known.'],
    [['--token-auth-file=/nope'], 'error: --token-auth-file: /nope does not exist.'],
    [['--bind-address=192.0.2.1'], 'error: Cannot listen on 192.0.2.1:'],
  ])('%j: one sentence, and nothing is left', async (flags, says) => {
    const other = join(dir, 'other');
    const failed = await minke('apiserver', '--data-dir', other, '--store=memory', `--secure-port=${await freePort()}`, ...flags);
    expect([failed.code, failed.stderr.trim().split('\n').length]).toEqual([1, 1]);
    expect(failed.stderr).toContain(says);
    expect((await minke('status', '--data-dir', other)).code).not.toBe(0);
  });
});
