// AdmissionConfiguration files as tables: what they mean, one sentence for what does not fit; and what the plugins make of them in a core.
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, describe, expect, test } from 'vitest';
import { type KindDefinition, servedKinds } from '../../api/mod.ts';
import { bodyOf, type Loose, startTestCore, type TestCore } from '../../apiserver/testing/fixture.ts';
import { systemFiles } from '../../base/ports/fs.ts';
import { readAdmissionConfig } from './admission-config.ts';

const dir = await mkdtemp(join(tmpdir(), 'minke-admission-'));
afterAll(() => rm(dir, { recursive: true, force: true }));
const path = join(dir, 'admission.yaml');

async function read(plugins: string) {
  await systemFiles.write(path, `apiVersion: apiserver.config.k8s.io/v1\nkind: AdmissionConfiguration\nplugins: [${plugins}]\n`);
  return readAdmissionConfig(systemFiles, path);
}

const podSecurity = `{ name: PodSecurity, configuration: { apiVersion: pod-security.admission.config.k8s.io/v1, kind: PodSecurityConfiguration,
  defaults: { enforce: baseline, enforce-version: v1.30, warn: restricted }, exemptions: { usernames: [boss], namespaces: [free], runtimeClasses: [kata] } } }`;
const quota = `{ name: ResourceQuota, configuration: { apiVersion: apiserver.config.k8s.io/v1, kind: ResourceQuotaConfiguration, limitedResources: [
  { resource: configmaps, matchContains: [configmaps] },
  { resource: pods, matchScopes: [{ scopeName: PriorityClass, operator: In, values: [high] }] }] } }`;
const events = `{ name: EventRateLimit, configuration: { apiVersion: eventratelimit.admission.k8s.io/v1alpha1, kind: Configuration,
  limits: [{ type: Namespace, qps: 1, burst: 2, cacheSize: 10 }] } }`;

test('what each plugin is told', async () => {
  expect(await read(`${podSecurity}, ${quota}, ${events}`)).toEqual({
    podSecurity: {
      defaults: {
        enforce: { level: 'baseline', version: 30 },
        audit: { level: 'privileged', version: 'latest' },
        warn: { level: 'restricted', version: 'latest' },
      },
      exempt: { usernames: ['boss'], namespaces: ['free'], runtimeClasses: ['kata'] },
    },
    limitedResources: [
      { group: '', resource: 'configmaps', matchContains: ['configmaps'], matchScopes: [] },
      { group: '', resource: 'pods', matchContains: [], matchScopes: [{ scopeName: 'PriorityClass', operator: 'In', values: ['high'] }] },
    ],
    eventLimits: [{ type: 'Namespace', qps: 1, burst: 2, cacheSize: 10 }],
  });
  await systemFiles.write(join(dir, 'ps.yaml'), 'apiVersion: pod-security.admission.config.k8s.io/v1\nkind: PodSecurityConfiguration\n');
  expect((await read('{ name: PodSecurity, path: ps.yaml }')).podSecurity?.defaults.enforce.level).toBe('privileged');
});

test.each([
  ['{ name: Magic }', 'plugins[0].name: Unsupported value: "Magic": wants one of PodSecurity, ResourceQuota, EventRateLimit.'],
  ['{ name: PodSecurity, configuration: { kind: Pod } }', 'plugins[0].configuration: wants kind PodSecurityConfiguration, got Pod'],
  [podSecurity.replace('enforce: baseline', 'enforce: strict'), 'defaults.enforce: Invalid value: "strict": must be one of'],
  [podSecurity.replace('v1.30', '1.30'), 'defaults.enforce-version: Invalid value: 1.3: must be "latest" or "v1.x"'],
  [quota.replace('resource: configmaps, ', ''), 'limitedResources[0].resource: Required value.'],
  [events.replace('Namespace', 'Planet'), 'limits[0].type: Unsupported value: "Planet"'],
  [events.replace('qps: 1', 'qps: 0'), 'limits[0].qps: must be positive.'],
])('%s', async (plugins, says) => {
  await expect(read(plugins)).rejects.toThrow(says);
});

describe('in a core', () => {
  let on: TestCore;
  afterEach(() => on.stop());
  const kind = (resource: string): KindDefinition => servedKinds.find((one) => one.resource === resource) as KindDefinition;
  const start = async (plugins: string, enabledAdmission: readonly string[] = []) => {
    on = await startTestCore({
      kinds: servedKinds,
      admissionSettings: await read(plugins),
      enabledAdmission,
      disabledAdmission: ['ServiceAccount'],
    });
  };
  const namespace = (name: string, labels = {}) => on.create(kind('namespaces'), { metadata: { name, labels } } as Loose);
  const pod = (in_: string, spec: object = {}): Loose => ({
    metadata: { name: 'p', namespace: in_ },
    spec: { containers: [{ name: 'c', image: 'i' }], hostNetwork: true, ...spec },
  });
  const refused = async (of: string, object: Loose) =>
    (await on.fail({ verb: 'create', kind: kind(of), namespace: object.metadata?.namespace, body: bodyOf(object) })).message;

  test('pods keep to the default standard; labels say otherwise; some are exempt', async () => {
    await start(podSecurity);
    for (const name of ['strict', 'free']) await namespace(name);
    await namespace('open', { 'pod-security.kubernetes.io/enforce': 'privileged' });
    expect(await refused('pods', pod('strict'))).toContain('violates PodSecurity "baseline:v1.30": host namespaces (hostNetwork=true)');
    await on.create(kind('pods'), pod('free'));
    await on.create(kind('pods'), pod('open'));
    expect(on.warnings.filter((text) => text.includes('restricted:latest')).length).toBe(1);
  });

  test('what is limited wants a quota', async () => {
    await start(quota);
    await namespace('ns');
    const config: Loose = { metadata: { name: 'c', namespace: 'ns' } };
    expect(await refused('configmaps', config)).toBe(
      'configmaps "c" is forbidden: insufficient quota to consume: configmaps,count/configmaps',
    );
    const hard = { configmaps: '5', 'count/configmaps': '5' };
    await on.create(kind('resourcequotas'), { metadata: { name: 'q', namespace: 'ns' }, spec: { hard } } as Loose);
    expect(await refused('configmaps', config)).toContain('insufficient quota');
    const status = { hard, used: { configmaps: '0', 'count/configmaps': '0' } };
    const body = { as: 'object', object: { status } } as const;
    const patch = { verb: 'patch', kind: kind('resourcequotas'), namespace: 'ns', name: 'q', subresource: 'status' } as const;
    await on.call({ ...patch, patchType: 'application/merge-patch+json', body });
    await on.create(kind('configmaps'), config);
    await on.create(kind('secrets'), { metadata: { name: 's', namespace: 'ns' } } as Loose);
    await on.create(kind('priorityclasses'), { metadata: { name: 'high' }, value: 1 } as Loose);
    expect(await refused('pods', pod('ns', { priorityClassName: 'high' }))).toContain(
      'insufficient quota to match these scopes: [{PriorityClass In [high]}]',
    );
    await on.create(kind('pods'), pod('ns'));
  });

  test('events beyond the rate are refused, by namespace', async () => {
    await start(events, ['EventRateLimit']);
    await namespace('ns');
    const event = (name: string, in_: string): Loose =>
      ({ metadata: { name, namespace: in_ }, involvedObject: { namespace: in_ }, type: 'Normal' }) as Loose;
    for (const name of ['a', 'b']) await on.create(kind('events'), event(name, 'ns'));
    expect(await refused('events', event('c', 'ns'))).toContain('limit reached on type Namespace for key ns');
    await on.create(kind('events'), event('c', 'default'));
    await on.clock.advance(1_000);
    await on.create(kind('events'), event('c', 'ns'));
  });
});
