// The flow schemas and priority levels that every cluster has. The two of `mandatory` are the server's own; the others are suggestions that an
// administrator may change. Source: https://kubernetes.io/docs/concepts/cluster-administration/flow-control/#defaults
import type { V1FlowSchema, V1PriorityLevelConfiguration } from '../../api/mod.ts';

type Rule = NonNullable<NonNullable<V1FlowSchema['spec']>['rules']>[number];
type Subject = Rule['subjects'][number];

/** Says that the server keeps the object's spec as it is written here. An administrator who sets it to `false` takes it over. */
export const autoUpdateAnnotation = 'apf.kubernetes.io/autoupdate-spec';

const group = (name: string): Subject => ({ kind: 'Group', group: { name } });
const user = (name: string): Subject => ({ kind: 'User', user: { name } });
const systemAccounts: Subject = { kind: 'ServiceAccount', serviceAccount: { namespace: 'kube-system', name: '*' } };
const everybody = [group('system:unauthenticated'), group('system:authenticated')];

const everything = (subjects: Subject[]): Rule => ({
  subjects,
  resourceRules: [{ verbs: ['*'], apiGroups: ['*'], resources: ['*'], clusterScope: true, namespaces: ['*'] }],
  nonResourceRules: [{ verbs: ['*'], nonResourceURLs: ['*'] }],
});

interface SchemaParts {
  readonly level: string;
  readonly precedence: number;
  readonly by?: 'ByUser' | 'ByNamespace';
  readonly rule: Rule;
}

function schema(name: string, { level, precedence, by, rule }: SchemaParts): V1FlowSchema {
  return {
    metadata: { name, annotations: { [autoUpdateAnnotation]: 'true' } },
    spec: {
      priorityLevelConfiguration: { name: level },
      matchingPrecedence: precedence,
      ...(by ? { distinguisherMethod: { type: by } } : {}),
      rules: [rule],
    },
  };
}

type LevelSpec = NonNullable<V1PriorityLevelConfiguration['spec']>;

const level = (name: string, spec: LevelSpec): V1PriorityLevelConfiguration => ({
  metadata: { name, annotations: { [autoUpdateAnnotation]: 'true' } },
  spec,
});

/** A level that makes requests wait: its shares, how much of them it lends (percent), and its queues. */
function queued(name: string, shares: number, lendablePercent: number, [queues, handSize]: readonly [number, number]) {
  const limitResponse = { type: 'Queue', queuing: { queues, handSize, queueLengthLimit: 50 } };
  return level(name, { type: 'Limited', limited: { nominalConcurrencyShares: shares, limitResponse, lendablePercent } });
}

export const exemptName = 'exempt';
export const catchAllName = 'catch-all';

export const defaultLevels: readonly V1PriorityLevelConfiguration[] = [
  level(exemptName, { type: 'Exempt', exempt: { nominalConcurrencyShares: 0, lendablePercent: 0 } }),
  level(catchAllName, {
    type: 'Limited',
    limited: { nominalConcurrencyShares: 5, limitResponse: { type: 'Reject' }, lendablePercent: 0 },
  }),
  queued('system', 30, 33, [64, 6]),
  queued('node-high', 40, 25, [64, 6]),
  queued('leader-election', 10, 0, [16, 4]),
  queued('workload-high', 40, 50, [128, 6]),
  queued('workload-low', 100, 90, [128, 6]),
  queued('global-default', 20, 50, [128, 6]),
];

const leases: Rule = {
  subjects: [user('system:kube-controller-manager'), user('system:kube-scheduler'), systemAccounts],
  resourceRules: [{ verbs: ['get', 'create', 'update'], apiGroups: ['coordination.k8s.io'], resources: ['leases'], namespaces: ['*'] }],
};
const nodesOwn: Rule = {
  subjects: [group('system:nodes')],
  resourceRules: [
    { verbs: ['*'], apiGroups: [''], resources: ['nodes', 'nodes/status'], clusterScope: true, namespaces: ['*'] },
    { verbs: ['*'], apiGroups: ['coordination.k8s.io'], resources: ['leases'], namespaces: ['*'] },
  ],
};
const healthProbes: Rule = {
  subjects: everybody,
  nonResourceRules: [{ verbs: ['get'], nonResourceURLs: ['/healthz', '/readyz', '/livez'] }],
};

export const defaultSchemas: readonly V1FlowSchema[] = [
  schema(exemptName, { level: exemptName, precedence: 1, rule: everything([group('system:masters')]) }),
  schema('probes', { level: exemptName, precedence: 2, rule: healthProbes }),
  schema('system-leader-election', { level: 'leader-election', precedence: 100, by: 'ByUser', rule: leases }),
  schema('system-node-high', { level: 'node-high', precedence: 400, by: 'ByUser', rule: nodesOwn }),
  schema('system-nodes', { level: 'system', precedence: 500, by: 'ByUser', rule: everything([group('system:nodes')]) }),
  ...['kube-controller-manager', 'kube-scheduler'].map((name) =>
    schema(name, { level: 'workload-high', precedence: 800, by: 'ByNamespace', rule: everything([user(`system:${name}`)]) }),
  ),
  schema('kube-system-service-accounts', {
    level: 'workload-high',
    precedence: 900,
    by: 'ByNamespace',
    rule: everything([systemAccounts]),
  }),
  schema('service-accounts', {
    level: 'workload-low',
    precedence: 9000,
    by: 'ByUser',
    rule: everything([group('system:serviceaccounts')]),
  }),
  schema('global-default', { level: 'global-default', precedence: 9900, by: 'ByUser', rule: everything(everybody) }),
  schema(catchAllName, { level: catchAllName, precedence: 10_000, by: 'ByUser', rule: everything(everybody) }),
];

/** These cannot be changed or removed: without them a request might belong nowhere. */
export const mandatoryNames: ReadonlySet<string> = new Set([exemptName, catchAllName]);
