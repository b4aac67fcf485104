// What one client's heavy work adds to another's small requests: whole lists, documents, a storm of watchers, a flood by one user.
import { type BenchCluster, startControlPlane } from '../cluster.ts';
import type { ProbeResult } from '../load/jobs.ts';
import type { Part, PartContext } from '../part.ts';
import { load } from '../programs.ts';

/** Together 100 MB. */
const hugeCount = 1_000;
const hugePath = '/api/v1/namespaces/default/configmaps';
const podCount = 2_000;
const podsPath = '/api/v1/namespaces/default/pods';
const nodeName = 'bench-node';
const leasePath = `/apis/coordination.k8s.io/v1/namespaces/kube-node-lease/leases/${nodeName}`;
const small = { method: 'GET', path: '/api/v1/namespaces/default' };
const probeMs = 3_000;

export const besidePart: Part = {
  name: 'beside',
  about: "small requests beside others' heavy ones",
  async run(context) {
    const cluster = await startControlPlane(context.clusterDir());
    const { target, pid } = cluster;
    await load({ do: 'create', target, path: podsPath, size: 'large', connections: 16, count: podCount, prefix: 'pod' });
    await load({ do: 'create', target, path: hugePath, size: 'huge', connections: 4, count: hugeCount, prefix: 'huge' });
    await load({ do: 'send', target, requests: setUp });
    const probe = () => load({ do: 'probe', target, pid, request: small, ms: probeMs });
    await probe();
    const quiet = await probe();
    context.report({ what: 'longest small GET, nothing beside it', measured: quiet.longestOwnMs, unit: 'ms', detail: detailOf(quiet) });
    const heavy: readonly (readonly [string, () => Promise<unknown>])[] = [
      ['lists of 100 MB', () => load({ do: 'list', target, path: hugePath, count: 4 })],
      ['lists of 2,000 pods', () => load({ do: 'list', target, path: podsPath, count: 20 })],
      ['OpenAPI and discovery', () => load({ do: 'send', target, requests: documents })],
      [
        '1,000 watchers that connect at once',
        () => load({ do: 'storm', target, path: stormPath, watchers: 1000, writePath: podsPath, writes: 0 }),
      ],
    ];
    for (const [what, work] of heavy) {
      const [beside] = await Promise.all([probe(), work()]);
      context.report({
        what: `longest small GET beside ${what}, beyond that`,
        measured: Math.max(0, beside.longestOwnMs - quiet.longestOwnMs),
        unit: 'ms',
        budget: 20,
        detail: detailOf(beside),
      });
    }
    await flood(context, cluster);
    await cluster.stop();
  },
};

const detailOf = ({ p50Ms, p99Ms, longestMs }: ProbeResult): string =>
  `without the time in which server or client waited for a core; with it p50 ${p50Ms.toFixed(1)}, p99 ${p99Ms.toFixed(1)}, longest ${longestMs.toFixed(1)} ms`;

const documents = ['/openapi/v2', '/openapi/v3', '/openapi/v3/api/v1', '/openapi/v3/apis/apps/v1', '/apis', '/api/v1', '/openapi/v2'].map(
  (path) => ({ method: 'GET', path }),
);

/** What a watcher is told first: the few namespaces. */
const stormPath = '/api/v1/namespaces?watch=1';

const setUp = [
  {
    method: 'POST',
    path: '/apis/coordination.k8s.io/v1/namespaces/kube-node-lease/leases',
    body: JSON.stringify({
      apiVersion: 'coordination.k8s.io/v1',
      kind: 'Lease',
      metadata: { name: nodeName, namespace: 'kube-node-lease' },
      spec: { holderIdentity: nodeName, leaseDurationSeconds: 40 },
    }),
  },
  {
    method: 'POST',
    path: '/apis/rbac.authorization.k8s.io/v1/clusterrolebindings',
    body: JSON.stringify({
      apiVersion: 'rbac.authorization.k8s.io/v1',
      kind: 'ClusterRoleBinding',
      metadata: { name: 'flooder' },
      roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name: 'view' },
      subjects: [{ kind: 'User', apiGroup: 'rbac.authorization.k8s.io', name: 'flooder' }],
    }),
  },
];

/** One user with 500 connections that want a page each, and a node that renews its lease. */
async function flood({ report }: PartContext, { target, pid }: BenchCluster): Promise<void> {
  const node = { ...target, as: { user: `system:node:${nodeName}`, groups: ['system:nodes', 'system:authenticated'] } };
  const flooder = { ...target, as: { user: 'flooder', groups: ['system:authenticated'] } };
  const renewal = { method: 'PATCH', path: leasePath, body: JSON.stringify({ spec: { leaseDurationSeconds: 40 } }) };
  const renew = () => load({ do: 'probe', target: node, pid, request: renewal, ms: probeMs });
  const quiet = await renew();
  const flooding = load({ do: 'flood', target: flooder, path: `${podsPath}?limit=100`, connections: 500, ms: 2 * probeMs });
  await new Promise((resolve) => setTimeout(resolve, probeMs / 2)); // Until they are connected.
  const [beside, { perSecond, refused }] = await Promise.all([renew(), flooding]);
  report({
    what: "a node's lease renewal beside a flood by one user, p99",
    measured: beside.p99Ms,
    unit: 'ms',
    budget: 20,
    limit: { what: 'without the flood', value: quiet.p99Ms },
    detail: `p50 ${beside.p50Ms.toFixed(1)} ms (${quiet.p50Ms.toFixed(1)} without); 500 connections, ${Math.round(perSecond)}/s, ${Math.round(refused * 100)} % of them 429`,
  });
}
