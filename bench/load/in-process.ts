// The measurements of clusters in one process, each in a process of its own: `ready`, `deployment`, `scheduler NODES PODS`.
const importedMs = performance.now();
const { startCluster, deployments, nodes, pods } = await import('../../src/cluster/mod.ts');
const loadMs = performance.now() - importedMs;

/** From the call to a cluster with its one node Ready: the first, which compiles, and those after it. */
async function ready(): Promise<object> {
  const times: number[] = [];
  for (let round = 0; round < 6; round++) {
    const startedMs = performance.now();
    const cluster = await startCluster();
    times.push(performance.now() - startedMs);
    await cluster.stop();
  }
  return { loadMs, firstMs: times[0], laterMs: times.slice(1) };
}

async function deployment(): Promise<object> {
  const replicas = 100;
  const cluster = await startCluster({ nodes: 10 });
  const startedMs = performance.now();
  const labels = { app: 'bench' };
  const done = new Promise<void>((resolve) => {
    cluster.informers.of(deployments).onChange(({ next }) => {
      if (next?.status?.readyReplicas === replicas) resolve();
    });
  });
  await cluster.client.create(deployments, {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: { name: 'bench', namespace: 'default' },
    spec: {
      replicas,
      selector: { matchLabels: labels },
      template: { metadata: { labels }, spec: { containers: [{ name: 'app', image: 'app:1' }] } },
    },
  });
  await done;
  const ms = performance.now() - startedMs;
  await cluster.stop();
  return { ms };
}

type Client = Awaited<ReturnType<typeof startCluster>>['client'];
const resources = { cpu: '32', memory: '64Gi', pods: '110' };

/** After so long without a change, nobody writes to the nodes any more. */
const calmMs = 500;

/** Node objects without kubelets: what is measured is the scheduler. */
async function addNodes(client: Client, count: number): Promise<void> {
  const now = new Date().toISOString().replace(/\.\d+/, '');
  for (let i = 0; i < count; i++) {
    const name = `node-${i}`;
    const labels = { 'kubernetes.io/hostname': name, 'topology.kubernetes.io/zone': `zone-${i % 3}` };
    await client.create(nodes, { apiVersion: 'v1', kind: 'Node', metadata: { name, labels } });
    const condition = {
      type: 'Ready',
      status: 'True',
      reason: 'KubeletReady',
      message: '',
      lastHeartbeatTime: now,
      lastTransitionTime: now,
    };
    const status = { capacity: resources, allocatable: resources, conditions: [condition] };
    // Without its revision: the controllers write to it as well.
    await client.patch(nodes, { name }, 'application/merge-patch+json', { status }, { subresource: 'status' });
  }
}

const match = { labelSelector: { matchLabels: { app: 'bench' } } };
const zone = 'topology.kubernetes.io/zone';
/** What the pods ask for beside room, by the name of the measurement. */
const wishes: Readonly<Record<string, (i: number) => object>> = {
  plain: () => ({}),
  spread: () => ({ topologySpreadConstraints: [{ maxSkew: 1, topologyKey: zone, whenUnsatisfiable: 'DoNotSchedule', ...match }] }),
  affinity: () => ({
    affinity: { podAffinity: { requiredDuringSchedulingIgnoredDuringExecution: [{ topologyKey: zone, ...match }] } },
  }),
  // Pods of ten workloads that keep away from their own kind: as many as there are nodes could be placed of each.
  antiaffinity: (i) => ({
    affinity: {
      podAntiAffinity: {
        requiredDuringSchedulingIgnoredDuringExecution: [
          { topologyKey: 'kubernetes.io/hostname', labelSelector: { matchLabels: { workload: `w-${i % 10}` } } },
        ],
      },
    },
  }),
};

/** Each node gets two pods that leave no room for one of those that are to come. They go at once when they are told to. */
async function fill(client: Client, nodeCount: number): Promise<void> {
  const containers = [{ name: 'app', image: 'app:1', resources: { requests: { cpu: '15' } } }];
  for (let i = 0; i < 2 * nodeCount; i++) {
    const spec = { nodeName: `node-${i % nodeCount}`, terminationGracePeriodSeconds: 0, containers };
    await client.create(pods, { apiVersion: 'v1', kind: 'Pod', metadata: { name: `low-${i}`, namespace: 'default' }, spec });
  }
}

async function scheduler(nodeCount: number, podCount: number, kind: string): Promise<object> {
  const wish = wishes[kind] ?? wishes.plain;
  const preempts = kind === 'preemption';
  const cluster = await startCluster({ nodes: 0 });
  const { client, informers } = cluster;
  await addNodes(client, nodeCount);
  const untainted = () =>
    informers
      .of(nodes)
      .list()
      .filter((node) => (node.spec?.taints ?? []).length === 0).length;
  // Other controllers write to new nodes for some time: that is no cost of a pod.
  let changedMs = performance.now();
  informers.of(nodes).onChange(() => {
    changedMs = performance.now();
  });
  while (untainted() < nodeCount || performance.now() - changedMs < calmMs) await new Promise((resolve) => setTimeout(resolve, 20));
  if (preempts) await fill(client, nodeCount);
  let bound = 0;
  let finish = () => {};
  const all = new Promise<void>((resolve) => {
    finish = resolve;
  });
  let firstMs = 0;
  let lastMs = 0;
  informers.of(pods).onChange(({ old, next }) => {
    if (!next?.spec?.nodeName || old?.spec?.nodeName || (preempts && !next.spec.priority)) return;
    bound++;
    lastMs = performance.now();
    if (bound === 1) firstMs = lastMs;
    if (bound === podCount) finish();
  });
  const requests = preempts ? { cpu: '20' } : { cpu: '100m', memory: '128Mi' };
  const priority = preempts ? { priorityClassName: 'system-cluster-critical' } : {};
  const cpuBefore = process.cpuUsage();
  const startedMs = performance.now();
  let next = 0;
  const create = async () => {
    for (let i = next++; i < podCount; i = next++) {
      await client.create(pods, {
        apiVersion: 'v1',
        kind: 'Pod',
        metadata: { name: `pod-${i}`, namespace: 'default', labels: { app: 'bench', workload: `w-${i % 10}` } },
        spec: { containers: [{ name: 'app', image: 'app:1', resources: { requests } }], ...priority, ...wish?.(i) },
      });
    }
  };
  await Promise.all(Array.from({ length: 16 }, create));
  const createdMs = performance.now();
  const boundMeanwhile = bound;
  await all;
  const { user, system } = process.cpuUsage(cpuBefore);
  await cluster.stop();
  const bindsPerSecond = ((podCount - boundMeanwhile) / (lastMs - createdMs)) * 1000;
  return {
    perSecond: (podCount / (lastMs - startedMs)) * 1000,
    bindsPerSecond,
    createsMs: createdMs - startedMs,
    bindsMs: lastMs - firstMs,
    cpuUs: (user + system) / podCount,
  };
}

const [what = '', nodesWanted = '1000', podsWanted = '5000', kind = 'plain'] = process.argv.slice(2);
const [nodeCount, podCount] = [Number(nodesWanted), Number(podsWanted)];
const result = what === 'ready' ? await ready() : what === 'deployment' ? await deployment() : await scheduler(nodeCount, podCount, kind);
process.stdout.write(JSON.stringify(result));
