// A fleet in one process, real kubelets on simulated runtimes: `fleet NODES REPLICAS PODS`. A Deployment from nothing to so many
// replicas Ready, then further ones until there are so many pods; meanwhile the API's answers are timed and nodes are watched. Says on
// stderr every ten seconds how far it is, and fails when nothing has become Ready for a minute.
import { deployments, leases, nodes, pods, startCluster } from '../../src/cluster/mod.ts';
import { percentile } from '../statistics.ts';

const [nodeCount = 100, replicas = 1000, podCount = 1000] = process.argv.slice(2).map(Number);
const perDeployment = 5000;
const probeEveryMs = 20;
const progressEveryMs = 10_000;
const stuckMs = 60_000;
const sleep = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

const cpuStart = process.cpuUsage();
const cluster = await startCluster({ nodes: nodeCount });
const { client, informers } = cluster;
const nodesReadyCpuS = cpuSince(cpuStart);
const emptyMb = process.memoryUsage.rss() / 2 ** 20;

/** How many replicas of each Deployment are ready. */
const ready = new Map<string, number>();
let changed = () => {};
informers.of(deployments).onChange(({ next }) => {
  ready.set(next?.metadata?.name ?? '', next?.status?.readyReplicas ?? 0);
  changed();
});
/** Nodes that were Ready and are not any more. */
let lost = 0;
informers.of(nodes).onChange(({ old, next }) => {
  const isReady = (node: typeof next) => node?.status?.conditions?.some(({ type, status }) => type === 'Ready' && status === 'True');
  if (isReady(old) && !isReady(next)) lost++;
});

const progressStartedMs = performance.now();
let [readyBefore, readyAtMs] = [0, progressStartedMs];
function progress(): void {
  const readyNow = [...ready.values()].reduce((sum, count) => sum + count, 0);
  if (readyNow > readyBefore) readyAtMs = performance.now();
  readyBefore = Math.max(readyBefore, readyNow);
  const seconds = Math.round((performance.now() - progressStartedMs) / 1000);
  const mb = Math.round(process.memoryUsage.rss() / 2 ** 20);
  const cpu = cpuSince(cpuStart).toFixed(0);
  const made = informers.of(pods).list().length;
  const line = `${seconds} s: ${made} of ${podCount} pods, ${readyNow} Ready; ${lost} nodes lost; ${mb} MB, ${cpu} s of CPU`;
  if (performance.now() - readyAtMs > stuckMs) {
    process.stderr.write(`Nothing has become Ready for ${stuckMs / 1000} s. ${line}\n`);
    process.exit(1);
  }
  process.stderr.write(`${line}\n`);
}
const progressing = setInterval(progress, progressEveryMs);

function cpuSince(before: NodeJS.CpuUsage): number {
  const { user, system } = process.cpuUsage(before);
  return (user + system) / 1e6;
}

async function deploy(name: string, wanted: number): Promise<void> {
  const labels = { app: name };
  const done = new Promise<void>((resolve) => {
    changed = () => ready.get(name) === wanted && resolve();
  });
  await client.create(deployments, {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: { name, namespace: 'default' },
    spec: {
      replicas: wanted,
      selector: { matchLabels: labels },
      template: { metadata: { labels }, spec: { containers: [{ name: 'app', image: 'app:1' }] } },
    },
  });
  await done;
}

const latencies: number[] = [];
let probing = true;
async function probe(): Promise<void> {
  while (probing) {
    const startedMs = performance.now();
    await client.get(nodes, { name: 'sim-0' });
    latencies.push(performance.now() - startedMs);
    await sleep(probeEveryMs);
  }
}
const probes = probe();

const [cpuBefore, startedMs] = [process.cpuUsage(), performance.now()];
await deploy('first', replicas);
const [rolloutMs, rolloutCpuS] = [performance.now() - startedMs, cpuSince(cpuBefore)];
const [cpuBetween, betweenMs] = [process.cpuUsage(), performance.now()];
for (let made = replicas, i = 0; made < podCount; made += perDeployment, i++)
  await deploy(`more-${i}`, Math.min(perDeployment, podCount - made));
const [restMs, restCpuS] = [performance.now() - betweenMs, cpuSince(cpuBetween)];
probing = false;
clearInterval(progressing);
await probes;
await sleep(5000);

const renewals = (await client.list(leases, { namespace: 'kube-node-lease' })).items.map(({ spec }) => Date.parse(spec?.renewTime ?? ''));
const result = {
  nodesReadyCpuS,
  emptyMb,
  rolloutMs,
  rolloutCpuS,
  restMs,
  restCpuS,
  pods: informers.of(pods).list().length,
  residentMb: process.memoryUsage.rss() / 2 ** 20,
  p50Ms: percentile(latencies, 0.5),
  p99Ms: percentile(latencies, 0.99),
  leases: renewals.length,
  oldestLeaseS: (Date.now() - Math.min(...renewals)) / 1000,
  lost,
};
await cluster.stop();
process.stdout.write(JSON.stringify(result));
