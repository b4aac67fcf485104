import { describe, expect, test } from 'vitest';
import { configmaps, type Draft, type KindDefinition, type KubeObject, pods, services, type V1Pod, type V1PodSpec } from '../../api/mod.ts';
import type { AdmissionAttributes } from './chain.ts';
import { optionalAdmission } from './optional.ts';

const annotations = { 'scheduler.alpha.kubernetes.io/node-selector': 'zone=a, disk=ssd' };
const plugins = optionalAdmission({ namespace: (name) => (name === 'ns' ? { metadata: { annotations } } : undefined) });

/** What the plugin of this name makes of the object; throws what it refuses with. */
function run(name: string, object: KubeObject, more: object = {}, kind: unknown = pods): KubeObject {
  const plugin = plugins.find((each) => each.name === name);
  const attributes = { operation: 'CREATE', kind: kind as KindDefinition, name: 'x', namespace: 'ns', subresource: undefined, ...more };
  const draft = structuredClone(object) as Draft<KubeObject>;
  plugin?.mutate?.(attributes as unknown as AdmissionAttributes, draft);
  plugin?.validate?.(attributes as unknown as AdmissionAttributes, draft as KubeObject);
  return draft as KubeObject;
}
const pod = (spec: Partial<V1PodSpec>): V1Pod => ({
  spec: { containers: [{ name: 'c', image: 'i:1', imagePullPolicy: 'Never' }], ...spec },
});

test('all of them run only where they are named', () => {
  expect(plugins.every(({ optional }) => optional)).toBe(true);
});

test('AlwaysAdmit, AlwaysDeny, NamespaceExists', () => {
  expect(run('AlwaysAdmit', {})).toEqual({});
  expect(() => run('AlwaysDeny', {}, {}, configmaps)).toThrow(
    'configmaps "x" is forbidden: admission control is denying all modifications',
  );
  expect(() => run('NamespaceExists', {}, { namespace: 'gone', operation: 'DELETE' })).toThrow('namespaces "gone" not found');
  expect(run('NamespaceExists', {})).toEqual({});
});

describe('AlwaysPullImages', () => {
  const policies = (object: KubeObject) => (object as V1Pod).spec?.containers.map(({ imagePullPolicy }) => imagePullPolicy);
  test('holds for new pods, and for old ones that get a new image', () => {
    expect(policies(run('AlwaysPullImages', pod({})))).toEqual(['Always']);
    expect(policies(run('AlwaysPullImages', pod({}), { operation: 'UPDATE', old: pod({}) }))).toEqual(['Never']);
    const old = pod({ containers: [{ name: 'c', image: 'other' }] });
    expect(policies(run('AlwaysPullImages', pod({}), { operation: 'UPDATE', old }))).toEqual(['Always']);
  });
});

test('PodNodeSelector: the selector of the namespace is added, and not contradicted', () => {
  expect(run('PodNodeSelector', pod({ nodeSelector: { zone: 'a', x: 'y' } }))).toMatchObject({
    spec: { nodeSelector: { zone: 'a', disk: 'ssd', x: 'y' } },
  });
  expect(() => run('PodNodeSelector', pod({ nodeSelector: { zone: 'b' } }))).toThrow(
    'conflicts with its namespace node label selector: disk=ssd,zone=a and zone=b',
  );
});

test('ExtendedResourceToleration: a pod tolerates the nodes that are kept for what it asks for', () => {
  const resources = { requests: { 'example.com/gpu': '1', cpu: '1' } };
  const asking = pod({ containers: [{ name: 'c', resources }] });
  const tolerations = [{ key: 'example.com/gpu', operator: 'Exists' }];
  expect((run('ExtendedResourceToleration', asking) as V1Pod).spec?.tolerations).toEqual(tolerations);
  expect((run('ExtendedResourceToleration', pod({ ...asking.spec, tolerations })) as V1Pod).spec?.tolerations).toEqual(tolerations);
});

test('LimitPodHardAntiAffinityTopology: pods keep each other from nodes alone', () => {
  const away = (topologyKey: string) =>
    pod({ affinity: { podAntiAffinity: { requiredDuringSchedulingIgnoredDuringExecution: [{ topologyKey }] } } });
  expect(() => run('LimitPodHardAntiAffinityTopology', away('zone'))).toThrow(
    'has TopologyKey zone but only key kubernetes.io/hostname is allowed',
  );
  expect(() => run('LimitPodHardAntiAffinityTopology', away('kubernetes.io/hostname'))).not.toThrow();
});

test('DenyServiceExternalIPs: what stands may stay, and nothing is added', () => {
  const service = (...externalIPs: string[]) => ({ spec: { externalIPs } }) as KubeObject;
  const update = (next: KubeObject, old: KubeObject) => () => run('DenyServiceExternalIPs', next, { operation: 'UPDATE', old }, services);
  expect(() => run('DenyServiceExternalIPs', service('1.1.1.1'), {}, services)).toThrow(
    'Use of external IPs is denied by admission control.',
  );
  expect(update(service('1.1.1.1'), service('1.1.1.1', '2.2.2.2'))).not.toThrow();
  expect(update(service('1.1.1.1', '2.2.2.2'), service('1.1.1.1'))).toThrow('is denied');
});
