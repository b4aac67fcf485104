// A pod that fits nowhere is tried again when, and only when, something happens that could make it fit: attempts are counted.
import { describe, expect, test } from 'vitest';
import { nodes, pods, startCluster, type V1Node, type V1Pod, type VirtualCluster } from '../../src/cluster/mod.ts';

const namespace = 'default';
interface NodeShape {
  readonly cpu?: string;
  readonly labels?: Readonly<Record<string, string>>;
  readonly taints?: readonly { readonly key: string; readonly effect: string }[];
  readonly unschedulable?: boolean;
  readonly images?: readonly { readonly names: readonly string[]; readonly sizeBytes: number }[];
}
const nodeOf = (name: string, { cpu = '2', labels, taints, unschedulable, images }: NodeShape = {}): V1Node => ({
  metadata: { name, labels: { 'kubernetes.io/hostname': name, ...labels } },
  spec: { ...(taints ? { taints } : {}), ...(unschedulable ? { unschedulable } : {}) },
  status: {
    allocatable: { cpu, memory: '4Gi', pods: '20' },
    capacity: { cpu, memory: '4Gi', pods: '20' },
    conditions: [{ type: 'Ready', status: 'True' }],
    ...(images ? { images } : {}),
  },
});
// Nodes without kubelets get taints: those are none of the matter here.
const tolerations = ['not-ready', 'unreachable'].map((key) => ({ key: `node.kubernetes.io/${key}`, operator: 'Exists' }));
const podOf = (
  name: string,
  spec: object = {},
  more: { readonly cpu?: string; readonly labels?: object; readonly hostPort?: number } = {},
): V1Pod => ({
  metadata: { name, namespace, labels: { ...more.labels } },
  spec: {
    terminationGracePeriodSeconds: 0,
    tolerations,
    containers: [
      {
        name: 'c',
        image: 'i',
        resources: { requests: { cpu: more.cpu ?? '100m' } },
        ...(more.hostPort === undefined ? {} : { ports: [{ containerPort: 80, hostPort: more.hostPort }] }),
      },
    ],
    ...spec,
  },
});
const here = { nodeName: 'n' };
const term = (app: string, topologyKey = 'kubernetes.io/hostname') => ({ topologyKey, labelSelector: { matchLabels: { app } } });
const near = { affinity: { podAffinity: { requiredDuringSchedulingIgnoredDuringExecution: [term('db')] } } };
const far = { affinity: { podAntiAffinity: { requiredDuringSchedulingIgnoredDuringExecution: [term('db')] } } };
const spread = {
  topologySpreadConstraints: [
    { maxSkew: 1, minDomains: 2, topologyKey: 'zone', whenUnsatisfiable: 'DoNotSchedule', labelSelector: { matchLabels: { app: 'w' } } },
  ],
};

type Act = (cluster: VirtualCluster) => Promise<unknown>;
const add =
  (node: V1Node): Act =>
  ({ client }) =>
    client.create(nodes, node);
const bind =
  (pod: V1Pod): Act =>
  ({ client }) =>
    client.create(pods, pod);
const gone =
  (name: string): Act =>
  ({ client }) =>
    client.delete(pods, { namespace, name });
const change =
  (patch: object): Act =>
  ({ client }) =>
    client.patch(nodes, { name: 'n' }, 'application/merge-patch+json', patch);
const changeStatus =
  (status: object): Act =>
  ({ client }) =>
    client.patch(nodes, { name: 'n' }, 'application/merge-patch+json', { status }, { subresource: 'status' });
const label = (key: string, value: string): Act => change({ metadata: { labels: { [key]: value } } });

interface Row {
  readonly what: string;
  readonly node?: NodeShape;
  readonly there?: readonly V1Pod[];
  readonly pod: V1Pod;
  readonly event: Act;
  readonly retried: boolean;
}
const large = podOf('p', {}, { cpu: '3' });
const picky = podOf('p', { nodeSelector: { disk: 'ssd' } });
const gpuTaint = [{ key: 'gpu', effect: 'NoSchedule' }];
const small = podOf('small', here, { cpu: '500m' });
const ported = podOf('p', {}, { hostPort: 80 });
const taken = [podOf('a', here, { hostPort: 80 }), podOf('b', here, { hostPort: 81 })];
const db = podOf('db', here, { labels: { app: 'db' } });
const web = podOf('web', here, { labels: { app: 'web' } });
// One more of them in this zone would be too many, as long as it is the only one.
const crowd = { node: { labels: { zone: 'a' } }, there: [podOf('w1', here, { labels: { app: 'w' } }), web] };
const spreading = podOf('p', spread, { labels: { app: 'w' } });

const rows: readonly Row[] = [
  { what: 'room: a node offers enough', pod: large, event: changeStatus({ allocatable: { cpu: '4' } }), retried: true },
  { what: 'room: a node offers more, and not enough', pod: large, event: changeStatus({ allocatable: { cpu: '2500m' } }), retried: false },
  { what: 'room: a large node comes', pod: large, event: add(nodeOf('m', { cpu: '8' })), retried: true },
  { what: 'room: a small node comes', pod: large, event: add(nodeOf('m')), retried: false },
  { what: 'room: a pod goes', there: [small], pod: podOf('p', {}, { cpu: '1900m' }), event: gone('small'), retried: true },
  { what: 'room: a pod is bound', pod: large, event: bind(web), retried: false },
  { what: 'room: a label', pod: large, event: label('x', 'y'), retried: false },
  { what: 'room: a heartbeat', pod: large, event: changeStatus({ images: [{ names: ['i'], sizeBytes: 5 }] }), retried: false },
  { what: 'affinity to nodes: the label', pod: picky, event: label('disk', 'ssd'), retried: true },
  { what: 'affinity to nodes: another value', pod: picky, event: label('disk', 'hdd'), retried: false },
  { what: 'affinity to nodes: a pod goes', there: [small], pod: picky, event: gone('small'), retried: false },
  { what: 'affinity to nodes: a node that matches', pod: picky, event: add(nodeOf('m', { labels: { disk: 'ssd' } })), retried: true },
  { what: 'taints: it goes', node: { taints: gpuTaint }, pod: podOf('p'), event: change({ spec: { taints: null } }), retried: true },
  { what: 'taints: a label', node: { taints: gpuTaint }, pod: podOf('p'), event: label('x', 'y'), retried: false },
  {
    what: 'taints: a node with the same',
    node: { taints: gpuTaint },
    pod: podOf('p'),
    event: add(nodeOf('m', { taints: gpuTaint })),
    retried: false,
  },
  {
    what: 'cordoned: uncordoned',
    node: { unschedulable: true },
    pod: podOf('p'),
    event: change({ spec: { unschedulable: null, taints: null } }),
    retried: true,
  },
  { what: 'cordoned: a label', node: { unschedulable: true }, pod: podOf('p'), event: label('x', 'y'), retried: false },
  { what: 'host port: the pod that has it goes', there: taken, pod: ported, event: gone('a'), retried: true },
  { what: 'host port: a pod with another one goes', there: taken, pod: ported, event: gone('b'), retried: false },
  { what: 'near: the one comes', pod: podOf('p', near), event: bind(db), retried: true },
  { what: 'near: another one comes', pod: podOf('p', near), event: bind(web), retried: false },
  { what: 'near: a pod goes', there: [web], pod: podOf('p', near), event: gone('web'), retried: false },
  { what: 'far: the one goes', there: [db, web], pod: podOf('p', far), event: gone('db'), retried: true },
  { what: 'far: another one goes', there: [db, web], pod: podOf('p', far), event: gone('web'), retried: false },
  {
    what: 'far, by those that run: the one goes',
    there: [podOf('x', { ...here, ...far })],
    pod: podOf('p', {}, { labels: { app: 'db' } }),
    event: gone('x'),
    retried: true,
  },
  { what: 'spread: one of the kind goes', ...crowd, pod: spreading, event: gone('w1'), retried: true },
  { what: 'spread: another one goes', ...crowd, pod: spreading, event: gone('web'), retried: false },
  { what: 'spread: a node of a zone', ...crowd, pod: spreading, event: add(nodeOf('m', { labels: { zone: 'c' } })), retried: true },
  { what: 'spread: a node of no zone', ...crowd, pod: spreading, event: add(nodeOf('m')), retried: false },
  { what: 'spread: a label', ...crowd, pod: spreading, event: label('x', 'y'), retried: false },
];

describe('tried again', () => {
  test.each(rows)('$what: $retried', async ({ node, there = [], pod, event, retried }) => {
    const cluster = await startCluster({ clock: 'virtual', nodes: 0 });
    try {
      const { client, time } = cluster;
      await client.create(nodes, nodeOf('n', node));
      for (const one of there) await client.create(pods, one);
      await time.advance(1_000);
      await client.create(pods, pod);
      await time.advance(2_000);
      const attempts = () => {
        const why = cluster.explainPod({ namespace, name: 'p' });
        return why?.state === 'bound' ? Number.POSITIVE_INFINITY : (why?.attempts ?? 0);
      };
      const before = attempts();
      expect(before).toBe(1);
      await event(cluster);
      await time.advance(15_000);
      expect(attempts() > before).toBe(retried);
    } finally {
      await cluster.stop();
    }
  });
});
