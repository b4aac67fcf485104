import { describe, expect, test } from 'vitest';
import { configmaps, type Draft, type KindDefinition, type KubeObject, pods, services, type V1Pod, type V1PodSpec } from '../../api/mod.ts';
import type { AdmissionAttributes } from './chain.ts';
import { optionalAdmission } from './optional.ts';
import { ownerReferencesPermission } from './owner-references.ts';
import { podTolerationRestriction } from './pod-toleration-restriction.ts';

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

describe('PodTolerationRestriction', () => {
  const wide = [{ key: 'zone', operator: 'Exists' }];
  const added = [{ key: 'team', operator: 'Equal', value: 'a', effect: 'NoSchedule' }];
  const annotate = (more: object) => ({ metadata: { name: 'ns', annotations: more as Record<string, string> } });
  const of = (namespace: KubeObject) => podTolerationRestriction({ namespace: () => namespace });
  const both = annotate({
    'scheduler.alpha.kubernetes.io/defaultTolerations': JSON.stringify(added),
    'scheduler.alpha.kubernetes.io/tolerationsWhitelist': JSON.stringify([...wide, ...added]),
  });
  const attributes = {
    operation: 'CREATE',
    kind: pods,
    name: 'x',
    namespace: 'ns',
    subresource: undefined,
  } as unknown as AdmissionAttributes;
  const judge = (namespace: KubeObject, tolerations: object[]): unknown => {
    const draft = structuredClone(pod({ tolerations } as Partial<V1PodSpec>)) as Draft<KubeObject>;
    of(namespace).mutate?.(attributes, draft);
    of(namespace).validate?.(attributes, draft as KubeObject);
    return (draft as V1Pod).spec?.tolerations;
  };

  test('the namespace adds its own, and lets pass what it lists', () => {
    expect(judge(both, [])).toEqual(added);
    expect(judge(both, [{ key: 'zone', operator: 'Equal', value: 'x' }])).toEqual([
      { key: 'zone', operator: 'Equal', value: 'x' },
      ...added,
    ]);
    expect(judge(annotate({}), [{ operator: 'Exists' }])).toEqual([{ operator: 'Exists' }]);
  });

  test('all else is refused', () => {
    expect(() => judge(both, [{ operator: 'Exists' }])).toThrow('conflict with its namespace whitelist');
    expect(() => judge(both, [{ ...added[0], tolerationSeconds: 5 }])).toThrow('namespace tolerations and pod tolerations conflict');
    const broken = annotate({ 'scheduler.alpha.kubernetes.io/defaultTolerations': '{' });
    expect(() => judge(broken, [])).toThrow('is no list of tolerations');
  });
});

describe('OwnerReferencesPermissionEnforcement', () => {
  const asked: string[] = [];
  const plugin = (allowed: readonly string[]) =>
    ownerReferencesPermission({
      authorizer: {
        decide(of) {
          const what = of.as === 'resource' ? `${of.verb} ${of.resource}/${of.subresource} ${of.name}` : of.path;
          asked.push(what);
          return { decision: allowed.includes(what) ? 'allow' : 'noOpinion', reason: 'no' };
        },
      },
      kindOf: (_apiVersion, kind) => (kind === 'Service' ? (services as unknown as KindDefinition) : undefined),
    });
  const owned = (...owners: object[]) => ({ metadata: { name: 'x', ownerReferences: owners } }) as KubeObject;
  const owner = (uid: string, more: object = {}) => ({ apiVersion: 'v1', kind: 'Service', name: 's', uid, ...more });
  const judge = async (allowed: readonly string[], next: KubeObject, old?: KubeObject) => {
    asked.length = 0;
    const attributes = {
      operation: old ? 'UPDATE' : 'CREATE',
      kind: configmaps,
      name: 'x',
      namespace: 'ns',
      user: { name: 'u', groups: [] },
      old,
    };
    await plugin(allowed).validate?.(attributes as unknown as AdmissionAttributes, next);
    return [...asked];
  };

  test('who creates names owners freely, and holds none without leave', async () => {
    expect(await judge([], owned(owner('1')))).toEqual([]);
    await expect(judge([], owned(owner('1', { blockOwnerDeletion: true })))).rejects.toThrow("a resource you can't set finalizers on: no");
    expect(await judge(['update services/finalizers s'], owned(owner('1', { blockOwnerDeletion: true })))).toHaveLength(1);
    const stranger = owned(owner('1', { kind: 'Alien', blockOwnerDeletion: true }));
    await expect(judge([], stranger)).rejects.toThrow('cannot find RESTMapping for APIVersion v1 Kind Alien');
  });

  test('who changes owners may delete the object', async () => {
    const old = owned(owner('1', { blockOwnerDeletion: true }));
    expect(await judge([], old, old)).toEqual([]);
    await expect(judge([], owned(), old)).rejects.toThrow("cannot set an ownerRef on a resource you can't delete: no, <nil>");
    expect(await judge(['delete configmaps/ x'], owned(), old)).toEqual(['delete configmaps/ x']);
  });
});
