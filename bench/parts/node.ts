// A whole one-node cluster: what it takes when nothing happens, and how soon pods are Ready, beside the runtime's own time.
import { existsSync } from 'node:fs';
import { clusterIdOf } from '../../src/cluster/machine/data-dir.ts';
import { type BenchCluster, startWithNode } from '../cluster.ts';
import { connectDirectly, type DirectCri } from '../direct-cri.ts';
import type { Part, PartContext } from '../part.ts';
import { cpuSeconds, residentMb } from '../programs.ts';
import { connectToPods, type ReadyPods } from '../ready-pods.ts';
import { median } from '../statistics.ts';

const idleSeconds = 20;
/** The compiler and the collector work for so long on what the start has left them. */
const startedMs = 20_000;
const rounds = 10;
const atOnce = 30;

const wait = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));
const namesOf = (prefix: string, count: number) => Array.from({ length: count }, (_, i) => `${prefix}-${i}`);

export const nodePart: Part = {
  name: 'node',
  about: 'a one-node cluster with real containers',
  async run(context) {
    const why =
      process.getuid?.() !== 0
        ? 'needs root'
        : !['/usr/bin/containerd', '/usr/local/bin/containerd'].some(existsSync)
          ? 'needs containerd: `npm run up` installs it'
          : undefined;
    if (why !== undefined) {
      for (const what of ['idle memory of a one-node cluster', 'idle CPU', 'API create to Ready', `${atOnce} pods at once`])
        context.skip(what, why);
      return;
    }
    const dataDir = context.clusterDir();
    const cluster = await startWithNode(dataDir);
    await idle(context, cluster);
    const direct = connectDirectly(clusterIdOf(dataDir), dataDir);
    const pods = await connectToPods(cluster);
    try {
      await oneByOne(context, pods, direct);
      await together(context, pods, direct);
    } finally {
      await pods.close();
      direct.close();
    }
    await cluster.stop();
  },
};

async function idle({ report }: PartContext, { pid }: BenchCluster): Promise<void> {
  await wait(startedMs);
  const before = cpuSeconds(pid);
  await wait(idleSeconds * 1000);
  const used = cpuSeconds(pid) - before;
  report({ what: 'idle one-node cluster, resident memory of Minke', measured: residentMb(pid), unit: 'MB', budget: 150, firstBudget: 200 });
  report({
    what: `idle one-node cluster, CPU of Minke over ${idleSeconds} s`,
    measured: (used / idleSeconds) * 100,
    unit: '%',
    budget: 1,
    firstBudget: 2,
  });
}

/** In turn, so that a busy machine slows both. */
async function oneByOne({ report }: PartContext, pods: ReadyPods, direct: DirectCri): Promise<void> {
  const own: number[] = [];
  const bare: number[] = [];
  for (let round = 0; round <= rounds; round++) {
    const names = [`one-${round}`];
    const bareMs = await direct.bringUp(`direct-${round}`);
    const [ownMs = Number.NaN] = await pods.bringUp(names);
    // The first is for warming up.
    if (round > 0) {
      own.push(ownMs);
      bare.push(bareMs);
    }
    await pods.takeDown(names);
    await direct.takeDown();
  }
  report({
    what: 'API create to Ready of a one-container pod',
    measured: median(own),
    unit: 'ms',
    budget: 250,
    firstBudget: 1000,
    limit: { what: 'the runtime alone', value: median(bare) },
    detail: `${Math.round(median(own) - median(bare))} ms over the runtime's own (budget 100)`,
  });
}

async function together({ report }: PartContext, pods: ReadyPods, direct: DirectCri): Promise<void> {
  const startedMs = performance.now();
  await Promise.all(namesOf('direct', atOnce).map((name) => direct.bringUp(name)));
  const bareMs = performance.now() - startedMs;
  await direct.takeDown();
  const names = namesOf('many', atOnce);
  const each = await pods.bringUp(names);
  const ownMs = Math.max(...each);
  await pods.takeDown(names);
  report({
    what: `${atOnce} pods created at once, all Ready`,
    measured: ownMs,
    unit: 'ms',
    budget: bareMs * 1.5,
    limit: { what: 'the runtime alone', value: bareMs },
    detail: `median of the pods ${Math.round(median(each))} ms`,
  });
}
