// Pods that just run: how evenly they are probed, what they cost the node agent, and how soon the end of a container is told.
import { existsSync } from 'node:fs';
import { clusterIdOf } from '../../src/cluster/machine/data-dir.ts';
import { type BenchCluster, startWithNode } from '../cluster.ts';
import { connectDirectly } from '../direct-cri.ts';
import type { Part, PartContext } from '../part.ts';
import { bundle, cpuSeconds, residentMb, run } from '../programs.ts';
import { connectToPods, type ReadyPods } from '../ready-pods.ts';
import { median, percentile } from '../statistics.ts';

/** A node's 110, less what is there already. */
const idlePods = 100;
const watchSeconds = 20;
/** What making pods leaves on the heap goes within a minute: V8 collects it when the process has become idle. */
const settleMs = 60_000;
const ends = 15;

const wait = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

interface Looks {
  readonly pods: number;
  readonly looks: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly maxMs: number;
  readonly bareP99Ms: number;
}

export const runningPart: Part = {
  name: 'running',
  about: 'pods that run: probes, idle cost, ends',
  async run(context) {
    const { report, skip } = context;
    const probed = JSON.parse(await run([bundle('probes')])) as Looks;
    report({
      what: `probes of ${probed.pods} pods, off their period of 1 s (p99)`,
      measured: probed.p99Ms,
      unit: 'ms',
      budget: 100,
      limit: { what: 'bare timers', value: probed.bareP99Ms },
      detail: `${probed.looks} looks: median ${probed.p50Ms.toFixed(1)} ms, most ${probed.maxMs.toFixed(1)} ms`,
    });
    if (process.getuid?.() !== 0 || !['/usr/bin/containerd', '/usr/local/bin/containerd'].some(existsSync)) {
      for (const what of [`idle cost of ${idlePods} pods`, 'end of a container to its report']) skip(what, 'needs root and containerd');
      return;
    }
    const dataDir = context.clusterDir();
    const cluster = await startWithNode(dataDir);
    const pods = await connectToPods(cluster);
    try {
      await idleCost(context, cluster, pods);
      await endsTold(context, pods, dataDir);
    } finally {
      await pods.close();
    }
    await cluster.stop();
  },
};

async function cost({ pid }: BenchCluster): Promise<{ readonly percent: number; readonly mb: number }> {
  await wait(settleMs);
  const before = cpuSeconds(pid);
  await wait(watchSeconds * 1000);
  return { percent: ((cpuSeconds(pid) - before) / watchSeconds) * 100, mb: residentMb(pid) };
}

/** Of real containers. */
async function idleCost({ report }: PartContext, cluster: BenchCluster, pods: ReadyPods): Promise<void> {
  const names = Array.from({ length: idlePods }, (_, i) => `idle-${i}`);
  const empty = await cost(cluster);
  await pods.bringUp(names);
  const full = await cost(cluster);
  await pods.takeDown(names);
  report({
    what: `CPU of Minke with ${idlePods} running pods`,
    measured: full.percent,
    unit: '%',
    budget: 3,
    detail: `${empty.percent.toFixed(2)} % without them`,
  });
  report({
    what: `memory of Minke that ${idlePods} running pods add`,
    measured: full.mb - empty.mb,
    unit: 'MB',
    budget: 60,
    detail: `${empty.mb.toFixed(0)} MB empty, ${full.mb.toFixed(0)} MB with them`,
  });
}

/** From the runtime's event, as another client of it gets it, to the API's event that shows the container ended. */
async function endsTold({ report }: PartContext, pods: ReadyPods, dataDir: string): Promise<void> {
  const direct = connectDirectly(clusterIdOf(dataDir), dataDir);
  const took: number[] = [];
  const shown: number[] = [];
  try {
    for (let round = 0; round <= ends; round++) {
      const name = `end-${round}`;
      const next = direct.nextEnd();
      const reportedMs = await pods.runToEnd(name);
      const { toldMs, shownMs } = await next;
      // The first is for warming up.
      if (round > 0) {
        took.push(reportedMs - toldMs);
        shown.push(shownMs - toldMs);
      }
      await pods.takeDown([name]);
    }
  } finally {
    direct.close();
  }
  report({
    what: 'end of a container, from the runtime to the API',
    measured: median(took),
    unit: 'ms',
    budget: 50,
    limit: { what: 'the runtime shows it itself', value: median(shown) },
    detail: `${ends} ends, p99 ${percentile(took, 0.99).toFixed(0)} ms`,
  });
}
