import { describe, expect, test } from 'vitest';
import {
  configmaps,
  deployments,
  type KindDefinition,
  type KubeObject,
  persistentvolumeclaims,
  pods,
  quantitiesOf,
  services,
  type V1Container,
  type V1Pod,
  type V1ResourceQuota,
  type V1ResourceQuotaSpec,
} from '../../../api/mod.ts';
import { ask } from './check.ts';

const quota = (hard: Record<string, string>, spec: V1ResourceQuotaSpec = {}): V1ResourceQuota => ({
  metadata: { name: 'q' },
  spec: { hard, ...spec },
  status: { hard },
});
const container = (requests: Record<string, string> = {}, limits: Record<string, string> = {}, name = 'c'): V1Container => ({
  name,
  resources: { requests, limits },
});
const pod = (spec: Partial<V1Pod['spec']>, ...containers: V1Container[]): V1Pod => ({
  metadata: { name: 'p' },
  spec: { containers: containers.length === 0 ? [container()] : containers, ...spec },
});

interface Case {
  readonly kind?: KindDefinition;
  readonly object: KubeObject;
  readonly old?: KubeObject;
  readonly hard: Record<string, string>;
  readonly used?: Record<string, string>;
  readonly spec?: V1ResourceQuotaSpec;
}

function outcome({ kind = pods as KindDefinition, object, old, hard, used, spec }: Case): unknown {
  const standing = used ?? Object.fromEntries(Object.keys(hard).map((name) => [name, '0']));
  const answer = ask(quota(hard, spec), quantitiesOf(standing), { kind, object, old }, 0);
  if (answer.is === 'refused') return answer.why;
  return answer.is === 'free' ? 'free' : [...answer.amounts.keys()].sort().join(' ');
}

const terms = { requiredDuringSchedulingIgnoredDuringExecution: [{ topologyKey: 'zone', namespaces: ['other'] }] };
const claim = (storage: string, storageClassName?: string): KubeObject =>
  ({ metadata: { name: 'd' }, spec: { storageClassName, resources: { requests: { storage } } } }) as KubeObject;
const service = (type: string, ports: number): KubeObject =>
  ({ metadata: { name: 's' }, spec: { type, ports: Array.from({ length: ports }, (_, i) => ({ port: i + 1 })) } }) as KubeObject;

describe('ask()', () => {
  test.each<[string, Case, unknown]>([
    [
      'one pod too many',
      { object: pod({}), hard: { pods: '1' }, used: { pods: '1' } },
      'exceeded quota: q, requested: pods=1, used: pods=1, limited: pods=1',
    ],
    ['a pod that fits', { object: pod({}), hard: { pods: '2' }, used: { pods: '1' } }, 'pods'],
    [
      'several amounts, of which some are exceeded',
      {
        object: pod({}, container({ cpu: '500m', memory: '2Gi' })),
        hard: { 'requests.cpu': '1', 'requests.memory': '1Gi', memory: '1Gi' },
      },
      'exceeded quota: q, requested: memory=2Gi,requests.memory=2Gi, used: memory=0,requests.memory=0, limited: memory=1Gi,requests.memory=1Gi',
    ],
    [
      'containers that do not say what the quota counts',
      {
        object: pod({ initContainers: [container({}, {}, 'i')] }, container({}, {}, 'b'), container({ cpu: '1' }, {}, 'a')),
        hard: { 'limits.cpu': '1', cpu: '1' },
      },
      'failed quota: q: must specify cpu for: b,i; limits.cpu for: a,b,i',
    ],
    [
      'amounts of the pod as a whole',
      { object: pod({ resources: { requests: { cpu: '1' } } }), hard: { 'requests.cpu': '1' } },
      'requests.cpu',
    ],
    [
      'overhead counts',
      { object: pod({ overhead: { cpu: '1' } }, container({ cpu: '1' })), hard: { cpu: '1' } },
      'exceeded quota: q, requested: cpu=2, used: cpu=0, limited: cpu=1',
    ],
    [
      'extended resources',
      { object: pod({}, container({ 'example.com/gpu': '2' })), hard: { 'requests.example.com/gpu': '3' } },
      'requests.example.com/gpu',
    ],
    ['huge pages', { object: pod({}, container({ 'hugepages-2Mi': '2Mi' })), hard: { 'hugepages-2Mi': '4Mi' } }, 'hugepages-2Mi'],
    [
      'a quota that nobody has counted yet',
      { object: pod({}), hard: { pods: '1' }, used: {} },
      'status unknown for quota: q, resources: pods',
    ],
    ['a quota of other things', { object: pod({}), hard: { configmaps: '0' } }, 'free'],
    [
      'objects by count',
      { kind: deployments as KindDefinition, object: {}, hard: { 'count/deployments.apps': '0' } },
      'exceeded quota: q, requested: count/deployments.apps=1, used: count/deployments.apps=0, limited: count/deployments.apps=0',
    ],
    [
      'both names of config maps',
      { kind: configmaps as KindDefinition, object: {}, hard: { configmaps: '5', 'count/configmaps': '5' } },
      'configmaps count/configmaps',
    ],
    [
      'a service with node ports',
      { kind: services as KindDefinition, object: service('NodePort', 2), hard: { 'services.nodeports': '1' } },
      'exceeded quota: q, requested: services.nodeports=2, used: services.nodeports=0, limited: services.nodeports=1',
    ],
    [
      'a service that becomes a load balancer',
      {
        kind: services as KindDefinition,
        object: service('LoadBalancer', 1),
        old: service('ClusterIP', 1),
        hard: { services: '0', 'services.loadbalancers': '1' },
      },
      'services.loadbalancers',
    ],
    [
      'a claim of a class',
      {
        kind: persistentvolumeclaims as KindDefinition,
        object: claim('5Gi', 'gold'),
        hard: { 'gold.storageclass.storage.k8s.io/requests.storage': '4Gi' },
      },
      'exceeded quota: q, requested: gold.storageclass.storage.k8s.io/requests.storage=5Gi, used: gold.storageclass.storage.k8s.io/requests.storage=0, limited: gold.storageclass.storage.k8s.io/requests.storage=4Gi',
    ],
    [
      'a claim of another class',
      {
        kind: persistentvolumeclaims as KindDefinition,
        object: claim('5Gi'),
        hard: { 'gold.storageclass.storage.k8s.io/requests.storage': '4Gi' },
      },
      'free',
    ],
    [
      'a claim that grows is charged the difference',
      {
        kind: persistentvolumeclaims as KindDefinition,
        object: claim('6Gi'),
        old: claim('5Gi'),
        hard: { 'requests.storage': '6Gi' },
        used: { 'requests.storage': '5Gi' },
      },
      'requests.storage',
    ],
    [
      'a claim that shrinks is free',
      { kind: persistentvolumeclaims as KindDefinition, object: claim('1Gi'), old: claim('5Gi'), hard: { 'requests.storage': '1Gi' } },
      'free',
    ],
    ['best effort, in scope', { object: pod({}), hard: { pods: '1' }, spec: { scopes: ['BestEffort'] } }, 'pods'],
    [
      'best effort, out of scope',
      { object: pod({}, container({ cpu: '1' })), hard: { pods: '1' }, spec: { scopes: ['BestEffort'] } },
      'free',
    ],
    ['not best effort', { object: pod({}), hard: { pods: '1' }, spec: { scopes: ['NotBestEffort'] } }, 'free'],
    ['terminating', { object: pod({ activeDeadlineSeconds: 5 }), hard: { pods: '1' }, spec: { scopes: ['Terminating'] } }, 'pods'],
    ['not terminating', { object: pod({ activeDeadlineSeconds: 5 }), hard: { pods: '1' }, spec: { scopes: ['NotTerminating'] } }, 'free'],
    [
      'affinity across namespaces',
      { object: pod({ affinity: { podAntiAffinity: terms } }), hard: { pods: '0' }, spec: { scopes: ['CrossNamespacePodAffinity'] } },
      'exceeded quota: q, requested: pods=1, used: pods=0, limited: pods=0',
    ],
    [
      'a priority class that is named',
      {
        object: pod({ priorityClassName: 'high' }),
        hard: { pods: '1' },
        spec: { scopeSelector: { matchExpressions: [{ scopeName: 'PriorityClass', operator: 'In', values: ['high'] }] } },
      },
      'pods',
    ],
    [
      'a priority class that is not',
      {
        object: pod({ priorityClassName: 'low' }),
        hard: { pods: '1' },
        spec: { scopeSelector: { matchExpressions: [{ scopeName: 'PriorityClass', operator: 'In', values: ['high'] }] } },
      },
      'free',
    ],
    [
      'a scope that is not about it',
      { kind: configmaps as KindDefinition, object: {}, hard: { configmaps: '0' }, spec: { scopes: ['BestEffort'] } },
      'free',
    ],
  ])('%s', (_what, given, want) => {
    expect(outcome(given)).toBe(want);
  });
});
