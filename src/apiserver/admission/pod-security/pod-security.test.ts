import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { builtinKinds, cronjobs, deployments, type KindDefinition, namespaces, pods } from '../../../api/mod.ts';
import { bodyOf, type Loose, startTestCore, type TestCore } from '../../testing/fixture.ts';
import type { AdmissionAttributes } from '../chain.ts';
import { podSecurity } from './pod-security.ts';

const kinds = builtinKinds.filter((kind) =>
  ['namespaces', 'pods', 'deployments', 'cronjobs', 'serviceaccounts', 'priorityclasses', 'runtimeclasses'].includes(kind.resource),
);
const [namespaceKind, podKind] = [namespaces as KindDefinition, pods as KindDefinition];
const label = (mode: string): string => `pod-security.kubernetes.io/${mode}`;

let t: TestCore;
beforeEach(async () => {
  t = await startTestCore({ kinds, disabledAdmission: ['ServiceAccount'] });
});
afterEach(() => t.stop());

const makeNamespace = (labels: Record<string, string>) => t.create(namespaceKind, { metadata: { name: 'ns', labels } });
const relabel = (labels: Record<string, string>) =>
  t.run({
    verb: 'patch',
    kind: namespaceKind,
    name: 'ns',
    patchType: 'application/merge-patch+json',
    body: bodyOf({ metadata: { labels } }),
  });
const podOf = (name: string, spec: object = {}): Loose =>
  ({ metadata: { name, namespace: 'ns' }, spec: { containers: [{ name: 'x', image: 'i' }], ...spec } }) as Loose;
const refusal = async (object: Loose, kind = podKind) =>
  (await t.fail({ verb: 'create', kind, namespace: 'ns', body: bodyOf(object) })).message;
const lacking =
  'violates PodSecurity "restricted:latest": allowPrivilegeEscalation != false (container "x" must set securityContext.allowPrivilegeEscalation=false), ';

describe('PodSecurity', () => {
  test('refuses pods that the enforced standard forbids', async () => {
    await makeNamespace({ [label('enforce')]: 'restricted' });
    expect(await refusal(podOf('p'))).toMatch(`pods "p" is forbidden: ${lacking}`);
    await relabel({ [label('enforce')]: 'baseline', [label('enforce-version')]: 'v1.24' });
    await t.create(podKind, podOf('p'));
    expect(await refusal(podOf('q', { hostNetwork: true }))).toBe(
      'pods "q" is forbidden: violates PodSecurity "baseline:v1.24": host namespaces (hostNetwork=true)',
    );
  });

  test('an ephemeral container is judged; a label that changes is not', async () => {
    await makeNamespace({});
    await t.create(podKind, podOf('p', { hostPID: true }));
    await relabel({ [label('enforce')]: 'baseline' });
    const merge = { verb: 'patch', kind: podKind, namespace: 'ns', name: 'p', patchType: 'application/merge-patch+json' } as const;
    await t.run({ ...merge, body: bodyOf({ metadata: { labels: { a: 'b' } } }) });
    const ephemeral = { ephemeralContainers: [{ name: 'debug', image: 'i' }] };
    expect((await t.fail({ ...merge, subresource: 'ephemeralcontainers', body: bodyOf({ spec: ephemeral }) })).message).toMatch(
      'host namespaces (hostPID=true)',
    );
  });

  test('warns of workloads, of enforced and warned standards, and refuses none', async () => {
    await makeNamespace({ [label('enforce')]: 'restricted', [label('warn')]: 'baseline' });
    const template = { metadata: { labels: { a: 'b' } }, spec: { hostNetwork: true, containers: [{ name: 'x', image: 'i' }] } };
    const metadata = { name: 'w', namespace: 'ns' };
    await t.create(deployments as KindDefinition, { metadata, spec: { selector: { matchLabels: { a: 'b' } }, template } } as Loose);
    const job = { spec: { template: { spec: { ...template.spec, restartPolicy: 'Never' } } } };
    await t.create(cronjobs as unknown as KindDefinition, { metadata, spec: { schedule: '* * * * *', jobTemplate: job } } as Loose);
    const want = 'would violate PodSecurity "baseline:latest": host namespaces (hostNetwork=true)';
    expect(t.warnings).toEqual([want, want]);
    t.warnings.length = 0;
    await relabel({ [label('warn')]: null as unknown as string });
    t.warnings.length = 0;
    await t.create(
      deployments as KindDefinition,
      { metadata: { ...metadata, name: 'v' }, spec: { selector: { matchLabels: { a: 'b' } }, template } } as Loose,
    );
    expect(t.warnings[0]).toMatch(/^would violate PodSecurity "restricted:latest": host namespaces/);
  });

  test('tells of the pods that a stricter policy would not let in', async () => {
    await makeNamespace({});
    for (const name of ['c', 'a', 'b']) await t.create(podKind, podOf(name, { hostNetwork: true }));
    await t.create(podKind, podOf('d', { hostPID: true, volumes: [{ name: 'v', hostPath: { path: '/' } }] }));
    await t.create(podKind, podOf('good'));
    await relabel({ [label('enforce')]: 'baseline' });
    expect(t.warnings).toEqual([
      'existing pods in namespace "ns" violate the new PodSecurity enforce level "baseline:latest"',
      'a (and 2 other pods): host namespaces',
      'd: host namespaces, hostPath volumes',
    ]);
    t.warnings.length = 0;
    await relabel({ [label('enforce')]: 'privileged' });
    expect(t.warnings).toEqual([]);
  });

  test('refuses labels that say nothing it knows, and keeps to the safe side where they stand', async () => {
    const wrong = { [label('enforce')]: 'strict', [label('warn-version')]: '1.24' };
    const error = await t.fail({ verb: 'create', kind: namespaceKind, body: bodyOf({ metadata: { name: 'ns', labels: wrong } }) });
    expect(error.code).toBe(422);
    expect(error.details?.causes?.map(({ field, message }) => `${field}: ${message}`)).toEqual([
      'metadata.labels[pod-security.kubernetes.io/enforce]: Invalid value: "strict": must be one of privileged, baseline, restricted',
      'metadata.labels[pod-security.kubernetes.io/warn-version]: Invalid value: "1.24": must be "latest" or "v1.x"',
    ]);
  });
});

test('the audit log is told what is enforced, and what the audited standard forbids', () => {
  const labels = { [label('enforce')]: 'baseline', [label('audit')]: 'restricted' };
  const plugin = podSecurity({ namespace: () => ({ metadata: { labels } }), pods: () => [] });
  const notes: string[] = [];
  const attributes = {
    operation: 'CREATE',
    kind: podKind,
    namespace: 'ns',
    name: 'p',
    warn: () => {},
    annotate: (...note: string[]) => notes.push(note.join(' ')),
  };
  const judge = (spec: object) => plugin.validate?.(attributes as unknown as AdmissionAttributes, podOf('p', spec));
  judge({ securityContext: { runAsUser: 0, runAsNonRoot: true } });
  expect(notes).toEqual([
    'pod-security.kubernetes.io/enforce-policy baseline:latest',
    expect.stringMatching(
      /^pod-security.kubernetes.io\/audit-violations would violate PodSecurity "restricted:latest": allowPrivilegeEscalation .*runAsUser=0/,
    ),
  ]);
  notes.length = 0;
  expect(() => judge({ hostPID: true })).toThrow('violates PodSecurity "baseline:latest"');
  expect(notes).toHaveLength(2);
});
