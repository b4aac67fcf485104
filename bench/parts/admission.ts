// Admission: what a webhook on this machine, and a policy, add to a create in process; beside the bare round trip to the same webhook.
import { configmaps, type KindDefinition, servedKinds } from '../../src/api/mod.ts';
import { startTestCore, type TestCore } from '../../src/apiserver/testing/fixture.ts';
import { startTestWebhook, type TestWebhook } from '../../src/apiserver/testing/webhook-server.ts';
import { systemClock } from '../../src/base/ports/clock.ts';
import { createHttpClient } from '../../src/base/ports/http-client.ts';
import type { Part } from '../part.ts';

const rounds = 500;
const rules = [{ operations: ['*'], apiGroups: [''], apiVersions: ['v1'], resources: ['configmaps'] }];

const kindOf = (resource: string): KindDefinition => {
  const found = servedKinds.find((kind) => kind.resource === resource);
  if (!found) throw new Error(`${resource} is not served`);
  return found;
};

/** Milliseconds a run, on average, once warm. */
async function meanMs(run: (round: number) => Promise<unknown>): Promise<number> {
  for (let i = 0; i < rounds / 5; i++) await run(-1 - i);
  const from = performance.now();
  for (let i = 0; i < rounds; i++) await run(i);
  return (performance.now() - from) / rounds;
}

/** What is configured adds to each create. */
async function addedMs(webhook: TestWebhook, configure: (core: TestCore) => Promise<unknown>): Promise<number> {
  const core = await startTestCore({ kinds: servedKinds });
  const create = (prefix: string) => (i: number) =>
    core.create(configmaps, { metadata: { name: `${prefix}${i}`.replace('-', 'w'), namespace: 'default' }, data: { k: 'v' } });
  try {
    const plain = await meanMs(create('plain'));
    await configure(core);
    webhook.asked.length = 0;
    return (await meanMs(create('judged'))) - plain;
  } finally {
    await core.stop();
  }
}

async function bareRoundTripMs(webhook: TestWebhook): Promise<number> {
  const client = createHttpClient({ clock: systemClock, tls: { ca: Buffer.from(webhook.caBundle, 'base64').toString('utf8') } });
  const body = JSON.stringify({ apiVersion: 'admission.k8s.io/v1', kind: 'AdmissionReview', request: { uid: 'u' } });
  try {
    return await meanMs(async () => (await client.request({ method: 'POST', url: webhook.url, body })).readAll(10_000));
  } finally {
    client.close();
  }
}

export const admissionPart: Part = {
  name: 'admission',
  about: 'Admission: a webhook and a policy',
  async run({ report }) {
    const webhook = await startTestWebhook({
      answer: ({ body }) => ({ apiVersion: body.apiVersion, kind: body.kind, response: { uid: body.request.uid, allowed: true } }),
    });
    try {
      const hook = {
        name: 'hook.bench.example',
        clientConfig: { url: webhook.url, caBundle: webhook.caBundle },
        rules,
        sideEffects: 'None',
        admissionReviewVersions: ['v1'],
      };
      const asked = await addedMs(webhook, (core) =>
        core.create(kindOf('validatingwebhookconfigurations'), { metadata: { name: 'hook' }, webhooks: [hook] } as object),
      );
      const limit = { what: 'a bare round trip to the same server', value: await bareRoundTripMs(webhook) };
      report({ what: 'a validating webhook, added to a create', measured: asked, unit: 'ms', limit });
      const spec = {
        matchConstraints: { resourceRules: rules },
        validations: [{ expression: 'size(object.metadata.name) > 2' }, { expression: 'object.data.all(key, size(key) < 10)' }],
      };
      const judged = await addedMs(webhook, async (core) => {
        await core.create(kindOf('validatingadmissionpolicies'), { metadata: { name: 'p' }, spec } as object);
        const binding = { policyName: 'p', validationActions: ['Deny'] };
        await core.create(kindOf('validatingadmissionpolicybindings'), { metadata: { name: 'p' }, spec: binding } as object);
      });
      report({ what: 'a policy with two validations, added to a create', measured: judged, unit: 'ms' });
    } finally {
      await webhook.close();
    }
  },
};
