// Admission from outside: webhooks on an HTTPS server of this test's, and policies, in front of a real `minke apiserver` and kubectl.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Asked, type Say, startTestWebhook, type TestWebhook } from '../../src/apiserver/testing/webhook-server.ts';
import { findKubectl, freePort, minke, run } from './harness.ts';

const dir = mkdtempSync(join(tmpdir(), 'minke-admission-'));
const dataDir = join(dir, 'data');
const kubectl = (args: readonly string[], input = '') =>
  run(findKubectl(), args, { input, env: { KUBECONFIG: join(dataDir, 'admin.kubeconfig') } });
const apply = (...items: object[]) => kubectl(['apply', '-f', '-'], JSON.stringify({ apiVersion: 'v1', kind: 'List', items }));

let webhook: TestWebhook;
let say: (asked: Asked) => Say = () => 'hang';
beforeAll(async () => {
  webhook = await startTestWebhook({ answer: (asked) => say(asked) });
  const up = await minke('apiserver', '--detach', '--data-dir', dataDir, `--secure-port=${await freePort()}`);
  expect(up.stderr).toBe('');
});
afterAll(async () => {
  await minke('down', '--clean', '--data-dir', dataDir);
  await webhook.close();
  rmSync(dir, { recursive: true, force: true });
});

const group = 'admissionregistration.k8s.io/v1';
const rule = { operations: ['CREATE', 'UPDATE', 'DELETE'], apiGroups: [''], apiVersions: ['v1'], resources: ['configmaps'] };
const configuration = (kind: string, name: string, more: object = {}) => ({
  apiVersion: group,
  kind,
  metadata: { name },
  webhooks: [
    {
      name: `${name}.hooks.example`,
      clientConfig: { url: `${webhook.url}/`, caBundle: webhook.caBundle },
      rules: [rule],
      namespaceSelector: { matchLabels: { 'kubernetes.io/metadata.name': 'default' } },
      sideEffects: 'None',
      admissionReviewVersions: ['v1'],
      ...more,
    },
  ],
});
const verdict = ({ body }: Asked, response: object) => ({
  apiVersion: body.apiVersion,
  kind: body.kind,
  response: { uid: body.request.uid, allowed: true, ...response },
});

describe('webhooks', () => {
  test('one that mutates, one that refuses and warns', async () => {
    const patch = Buffer.from(JSON.stringify([{ op: 'add', path: '/data/added', value: 'yes' }])).toString('base64');
    say = (asked) => verdict(asked, { patchType: 'JSONPatch', patch, warnings: ['mind the gap'] });
    await apply(configuration('MutatingWebhookConfiguration', 'adder'));
    const made = await kubectl(['create', 'configmap', 'one', '--from-literal=k=v', '-o', 'jsonpath={.data}']);
    expect(made.stderr).toContain('Warning: mind the gap');
    expect(JSON.parse(made.stdout)).toEqual({ k: 'v', added: 'yes' });
    await kubectl(['delete', 'mutatingwebhookconfiguration', 'adder']);

    say = (asked) => verdict(asked, { allowed: false, status: { code: 403, message: 'not today' } });
    await apply(configuration('ValidatingWebhookConfiguration', 'refuser'));
    const refused = await kubectl(['delete', 'configmap', 'one']);
    expect(refused.stderr).toContain('admission webhook "refuser.hooks.example" denied the request: not today');
    await kubectl(['delete', 'validatingwebhookconfiguration', 'refuser']);
    expect((await kubectl(['delete', 'configmap', 'one'])).stdout).toContain('deleted');
  });

  test('one that hangs: refused after its time, or let pass', async () => {
    say = () => 'hang';
    await apply(configuration('ValidatingWebhookConfiguration', 'sleeper', { timeoutSeconds: 1 }));
    const late = await kubectl(['create', 'configmap', 'two']);
    expect(late.stderr).toContain('failed calling webhook "sleeper.hooks.example": failed to call webhook: Post');
    expect(late.stderr).toContain('context deadline exceeded');
    await apply(configuration('ValidatingWebhookConfiguration', 'sleeper', { timeoutSeconds: 1, failurePolicy: 'Ignore' }));
    expect((await kubectl(['create', 'configmap', 'two'])).stdout).toBe('configmap/two created\n');
    const metrics = await kubectl(['get', '--raw', '/metrics']);
    expect(metrics.stdout).toMatch(/apiserver_admission_webhook_fail_open_count\{name="sleeper.hooks.example",type="validating"\} 1/);
    await kubectl(['delete', 'validatingwebhookconfiguration', 'sleeper']);
  });
});

describe('policies', () => {
  const constraints = (operations: string[]) => ({ resourceRules: [{ ...rule, operations }] });

  test('one that validates', async () => {
    const spec = {
      matchConstraints: constraints(['CREATE']),
      validations: [
        { expression: "!object.metadata.name.startsWith('bad')", messageExpression: "'a bad name: ' + string(object.metadata.name)" },
      ],
    };
    await apply(
      { apiVersion: group, kind: 'ValidatingAdmissionPolicy', metadata: { name: 'names' }, spec },
      {
        apiVersion: group,
        kind: 'ValidatingAdmissionPolicyBinding',
        metadata: { name: 'names' },
        spec: { policyName: 'names', validationActions: ['Deny'] },
      },
    );
    const refused = await kubectl(['create', 'configmap', 'bad-one']);
    expect(refused.stderr).toContain(
      `configmaps "bad-one" is forbidden: ValidatingAdmissionPolicy 'names' with binding 'names' denied request: a bad name: bad-one`,
    );
    const metrics = await kubectl(['get', '--raw', '/metrics']);
    expect(metrics.stdout).toMatch(
      /apiserver_validating_admission_policy_check_total\{policy="names",policy_binding="names",error_type="no_error",enforcement_action="deny"\} 1/,
    );
    expect((await kubectl(['create', 'configmap', 'good-one'])).stdout).toBe('configmap/good-one created\n');
  });

  test('one that mutates', async () => {
    const expression = "Object{metadata: Object.metadata{labels: {'made-by': 'policy'}}}";
    const mutations = [{ patchType: 'ApplyConfiguration', applyConfiguration: { expression } }];
    const spec = { matchConstraints: constraints(['CREATE']), failurePolicy: 'Fail', reinvocationPolicy: 'Never', mutations };
    await apply(
      { apiVersion: group, kind: 'MutatingAdmissionPolicy', metadata: { name: 'labels' }, spec },
      { apiVersion: group, kind: 'MutatingAdmissionPolicyBinding', metadata: { name: 'labels' }, spec: { policyName: 'labels' } },
    );
    const made = await kubectl(['create', 'configmap', 'labelled', '-o', 'jsonpath={.metadata.labels}']);
    expect(JSON.parse(made.stdout)).toEqual({ 'made-by': 'policy' });
  });

  test('one that does not compile is refused', async () => {
    const spec = { matchConstraints: constraints(['CREATE']), validations: [{ expression: 'object.(' }] };
    const refused = await apply({ apiVersion: group, kind: 'ValidatingAdmissionPolicy', metadata: { name: 'broken' }, spec });
    expect(refused.stderr).toContain(
      'spec.validations[0].expression: Invalid value: "object.(": compilation failed: ERROR: <input>:1:8: Syntax error',
    );
  });
});
