// Access from outside: certificates that kubectl approves, and machines that join by token.
import { generateKeyPairSync, X509Certificate } from 'node:crypto';
import { chmodSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { findKubectl, run, startTestCluster, type TestCluster } from './harness.ts';

let cluster: TestCluster;
const dir = mkdtempSync(join(tmpdir(), 'minke-access-'));
const auditLog = join(dir, 'audit.log');
const encryptionKey = Buffer.from('a-key-that-nobody-may-read-here!').toString('base64');
beforeAll(async () => {
  const policy = join(dir, 'policy.yaml');
  writeFileSync(
    policy,
    `apiVersion: audit.k8s.io/v1
kind: Policy
omitStages: [RequestReceived]
omitManagedFields: true
rules:
- level: Metadata
  resources: [{ group: '', resources: [secrets] }]
- level: RequestResponse
  resources: [{ group: '', resources: [configmaps, pods] }]
- level: Metadata
`,
  );
  const admission = join(dir, 'admission.yaml');
  writeFileSync(
    admission,
    `apiVersion: apiserver.config.k8s.io/v1
kind: AdmissionConfiguration
plugins:
- name: PodSecurity
  configuration:
    apiVersion: pod-security.admission.config.k8s.io/v1
    kind: PodSecurityConfiguration
    defaults: { enforce: restricted }
    exemptions: { namespaces: [exempt] }
`,
  );
  const encryption = join(dir, 'encryption.yaml');
  writeFileSync(
    encryption,
    `apiVersion: apiserver.config.k8s.io/v1
kind: EncryptionConfiguration
resources:
- resources: [secrets]
  providers:
  - aescbc: { keys: [{ name: k, secret: ${encryptionKey} }] }
`,
    { mode: 0o600 },
  );
  const audit = ['--audit-policy-file', policy, '--audit-log-path', auditLog, '--encryption-provider-config', encryption];
  cluster = await startTestCluster('--no-node', '--log-level=debug', ...audit, '--admission-control-config-file', admission);
});
afterAll(async () => {
  await cluster.destroy();
  rmSync(dir, { recursive: true, force: true });
});

/** kubectl with other credentials than the admin's. */
const kubectlAs = (credentials: readonly string[], ...args: string[]) =>
  run(findKubectl(), [
    '--kubeconfig=/dev/null',
    `--server=https://127.0.0.1:${cluster.port}`,
    `--certificate-authority=${join(cluster.dataDir, 'pki/ca.crt')}`,
    ...credentials,
    ...args,
  ]);

async function requestOf(name: string, signer: string, usages: readonly string[]): Promise<string> {
  const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
  const [key, request] = [join(dir, `${name}.key`), join(dir, `${name}.csr`)];
  writeFileSync(key, privateKey.export({ type: 'pkcs8', format: 'pem' }));
  const made = await run('openssl', ['req', '-new', '-key', key, '-subj', `/O=readers/CN=${name}`, '-out', request]);
  expect(made.stderr).toBe('');
  const spec = { request: readFileSync(request).toString('base64'), signerName: signer, usages, expirationSeconds: 3600 };
  return JSON.stringify({ apiVersion: 'certificates.k8s.io/v1', kind: 'CertificateSigningRequest', metadata: { name }, spec });
}

test('kubectl certificate approve: the certificate is signed, and its bearer is known by it', async () => {
  const body = await requestOf('jane', 'kubernetes.io/kube-apiserver-client', ['client auth', 'digital signature']);
  expect((await cluster.tryKubectl(['create', '-f', '-'], { input: body })).stdout).toContain('jane created');
  await cluster.kubectl('certificate', 'approve', 'jane');
  await cluster.kubectl('wait', 'csr/jane', '--for=jsonpath={.status.certificate}', '--timeout=20s');
  const pem = Buffer.from(await cluster.kubectl('get', 'csr', 'jane', '-o', 'jsonpath={.status.certificate}'), 'base64');
  const { validTo } = new X509Certificate(pem);
  expect(Date.parse(validTo) - Date.now()).toBeLessThanOrEqual(3600_000);
  writeFileSync(join(dir, 'jane.crt'), pem);
  const who = await kubectlAs(
    [`--client-certificate=${join(dir, 'jane.crt')}`, `--client-key=${join(dir, 'jane.key')}`],
    'auth',
    'whoami',
    '-o',
    'jsonpath={.status.userInfo.username} {.status.userInfo.groups}',
  );
  expect(who.stdout).toBe('jane ["readers","system:authenticated"]');
  expect(await cluster.kubectl('get', 'csr')).toMatch(
    /jane\s+\S+\s+kubernetes.io\/kube-apiserver-client\s+kubernetes-admin\s+60m\s+Approved,Issued/,
  );
});

test('an AdmissionConfiguration: what a namespace does not say, its defaults do', async () => {
  await cluster.kubectl('create', 'namespace', 'strict');
  const privileged = ['run', 'p', '--image=app:1', '--privileged', '--dry-run=server'];
  expect((await cluster.tryKubectl([...privileged, '-n', 'strict'])).stderr).toContain(
    'pods "p" is forbidden: violates PodSecurity "restricted:latest": privileged',
  );
  await cluster.kubectl('create', 'namespace', 'exempt');
  expect(await cluster.kubectl(...privileged, '-n', 'exempt')).toContain('pod/p created');
});

test('kubectl certificate deny: nothing is signed', async () => {
  const body = await requestOf('jack', 'kubernetes.io/kube-apiserver-client', ['client auth']);
  await cluster.tryKubectl(['create', '-f', '-'], { input: body });
  await cluster.kubectl('certificate', 'deny', 'jack');
  expect(await cluster.kubectl('get', 'csr', 'jack')).toMatch(/Denied/);
});

test('minke token: whoever has none learns of the cluster, whoever has one may ask for a certificate and no more', async () => {
  const created = await cluster.minke('token', 'create', '--ttl', '1h', '--description', 'for a test');
  const [line = ''] = created.stdout.split('\n');
  expect(created.stdout).toContain(`minke agent --server https://127.0.0.1:${cluster.port} --token ${line}`);
  const [token = '', hash] = line.split('::');
  expect(hash).toMatch(/^sha256:[0-9a-f]{64}$/);
  expect((await cluster.minke('token', 'list')).stdout).toMatch(new RegExp(`${token.slice(0, 6)} .*authentication,signing +for a test`));

  const ca = join(cluster.dataDir, 'pki/ca.crt');
  const anonymously = (path: string) => run('curl', ['-sS', '--cacert', ca, `https://127.0.0.1:${cluster.port}${path}`]);
  const info = await anonymously('/api/v1/namespaces/kube-public/configmaps/cluster-info');
  expect(info.stdout).toContain(`jws-kubeconfig-${token.slice(0, 6)}`);
  expect((await anonymously('/api/v1/namespaces/kube-public/configmaps')).stdout).toContain('Unauthorized');

  const who = await kubectlAs([`--token=${token}`], 'auth', 'whoami', '-o', 'jsonpath={.status.userInfo.username}');
  expect(who.stdout).toBe(`system:bootstrap:${token.slice(0, 6)}`);
  const may = async (...what: string[]) => (await kubectlAs([`--token=${token}`], 'auth', 'can-i', ...what)).stdout.trim();
  expect([await may('create', 'csr'), await may('get', 'secrets')]).toEqual(['yes', 'no']);
  await cluster.minke('token', 'delete', token);
  expect((await kubectlAs([`--token=${token}`], 'auth', 'whoami')).stderr).toMatch(/Unauthorized|must be logged in/);
});

test('the audit log tells what was asked, in which words, and no secret', async () => {
  const secret = 'a-word-that-nobody-may-read';
  await cluster.kubectl('create', 'secret', 'generic', 's', `--from-literal=password=${secret}`);
  await cluster.kubectl('create', 'configmap', 'c', '--from-literal=a=b');
  await cluster.kubectl(
    'label',
    'namespace',
    'default',
    'pod-security.kubernetes.io/enforce=privileged',
    'pod-security.kubernetes.io/audit=restricted',
  );
  await cluster.tryKubectl(['run', 'p', '--image=app:1', '--dry-run=server']);
  const events = async () =>
    readFileSync(auditLog, 'utf8')
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line));
  // Controllers make objects in the namespace too, before these or after.
  const created = (resource: string) => async () =>
    (await events()).find(
      ({ verb, objectRef, user }) =>
        verb === 'create' && objectRef.resource === resource && objectRef.namespace === 'default' && user.username === 'kubernetes-admin',
    );
  const [aSecret, map, pod] = [
    await eventually(created('secrets')),
    await eventually(created('configmaps')),
    await eventually(created('pods')),
  ];
  expect(aSecret).toMatchObject({ level: 'Metadata', objectRef: { name: 's' }, responseStatus: { code: 201 } });
  expect(aSecret).not.toHaveProperty('requestObject');
  expect(map).toMatchObject({
    level: 'RequestResponse',
    stage: 'ResponseComplete',
    user: { username: 'kubernetes-admin' },
    requestObject: { kind: 'ConfigMap', data: { a: 'b' } },
    responseObject: { kind: 'ConfigMap', metadata: { name: 'c', resourceVersion: expect.any(String) } },
    annotations: { 'authorization.k8s.io/decision': 'allow' },
  });
  expect(map.responseObject.metadata).not.toHaveProperty('managedFields');
  expect(pod.annotations['pod-security.kubernetes.io/audit-violations']).toContain('would violate PodSecurity "restricted:latest"');
  const account = await cluster.kubectl('create', 'token', 'default');
  const review = { apiVersion: 'authentication.k8s.io/v1', kind: 'TokenReview', spec: { token: account.trim() } };
  expect((await cluster.tryKubectl(['create', '-f', '-', '-o', 'yaml'], { input: JSON.stringify(review) })).stdout).toContain(
    'authenticated: true',
  );
  const joining = (await cluster.minke('token', 'create')).stdout.split('::')[0] ?? '';
  await kubectlAs([`--token=${joining}`], 'auth', 'whoami');
  await kubectlAs(['--token=a-word-that-is-wrong'], 'auth', 'whoami');
  await cluster.kubectl('patch', 'secret', 's', '-p', `{"stringData":{"more":"${secret}"}}`);
  // Also where a body is refused.
  await cluster.tryKubectl(['create', '-f', '-'], { input: `{"apiVersion":"v1","kind":"Secret","stringData":{"password":"${secret}"}}` });
  await eventually(async () => (await events()).find(({ objectRef }) => objectRef?.resource === 'tokenreviews'));
  const said = readFileSync(auditLog, 'utf8') + readFileSync(join(cluster.dataDir, 'minke.log'), 'utf8');
  const adminToken = readFileSync(join(cluster.dataDir, 'admin.token'), 'utf8').trim();
  const accountSignature = account.trim().split('.')[2] ?? '';
  const joinSecret = joining.split('.')[1] ?? '';
  const words = [secret, Buffer.from(secret).toString('base64'), adminToken, accountSignature, joinSecret, encryptionKey];
  expect(said).toContain('"level":"debug"');
  for (const word of [...words, 'a-word-that-is-wrong']) {
    expect(word.length).toBeGreaterThan(10);
    expect(said).not.toContain(word);
  }
});

test('minke check security: nothing fails; what does is named', async () => {
  const checked = await cluster.minke('check', 'security');
  expect(checked.stdout.split('\n').filter((line) => line.startsWith('✗'))).toEqual([]);
  expect(checked.code).toBe(0);
  expect(checked.stdout).toMatch(/✓ 1.2 {2}Requests are recorded\n/);
  await cluster.kubectl('create', 'clusterrolebinding', 'too-much', '--clusterrole=cluster-admin', '--user=somebody');
  chmodSync(join(cluster.dataDir, 'pki/ca.key'), 0o644);
  const worse = await cluster.minke('check', 'security');
  expect(worse.code).toBe(1);
  expect(worse.stdout).toContain('✗ 5.1  cluster-admin is bound to system:masters alone\n       bound by too-much');
  expect(worse.stdout).toContain(`chmod 0600 ${join(cluster.dataDir, 'pki/ca.key')}`);
});

async function eventually<T>(look: () => Promise<T | undefined>): Promise<T> {
  for (let attempt = 0; attempt < 100; attempt++) {
    const found = await look();
    if (found !== undefined) return found;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  throw new Error('It did not come about within five seconds');
}
