// The API server over TLS, every write durable: creates and GETs beside a bare TLS server that answers the same bytes, and bare LMDB puts.
import { startBareServer, startControlPlane } from '../cluster.ts';
import type { Target } from '../load/connection.ts';
import type { RateResult } from '../load/jobs.ts';
import type { Part, PartContext } from '../part.ts';
import { bareDisk, cpuSeconds, load } from '../programs.ts';
import { median } from '../statistics.ts';

const podsPath = '/api/v1/namespaces/default/pods';
/** What the small pod has as an answer. */
const objectBytes = 1900;
const rounds = 3;

interface Servers {
  readonly pid: number;
  readonly target: Target;
  readonly bare: Target;
}

export const apiPart: Part = {
  name: 'api',
  about: 'API server over TLS, every write durable',
  async run(context) {
    const dataDir = context.clusterDir();
    const cluster = await startControlPlane(dataDir);
    const bare = await startBareServer(dataDir, objectBytes);
    const servers = { pid: cluster.pid, target: cluster.target, bare: bare.target };
    // Warm: what is measured is the server as it runs for weeks.
    await load({ do: 'create', target: cluster.target, path: podsPath, size: 'small', connections: 16, count: 4000, prefix: 'warm' });
    await creates(context, servers, { connections: 16, count: 6000, budget: 5000, p99: ' (budget 10)' });
    await creates(context, servers, { connections: 1, count: 1500, budget: 1500, p99: '' });
    await creates(context, servers, { connections: 128, count: 6000, budget: 5000, p99: ' (budget 50)' });
    await gets(context, servers);
    await Promise.all([cluster.stop(), bare.stop()]);
  },
};

const ms = (value: number): string => `${value.toFixed(value < 10 ? 2 : 1)} ms`;

interface Sample {
  readonly figures: RateResult;
  readonly limit: number;
  readonly cpuMicros: number;
}

/** Server and limit in turn, so that a busy machine slows both. */
async function sample(pid: number, count: number, own: () => Promise<RateResult>, bare: () => Promise<RateResult>): Promise<Sample> {
  const limits: RateResult[] = [];
  const runs: RateResult[] = [];
  const before = cpuSeconds(pid);
  for (let round = 0; round < rounds; round++) {
    limits.push(await bare());
    runs.push(await own());
  }
  const middle = (of: (run: RateResult) => number): number => median(runs.map(of));
  return {
    figures: {
      perSecond: middle((run) => run.perSecond),
      p50Ms: middle((run) => run.p50Ms),
      p99Ms: middle((run) => run.p99Ms),
      generatorCpu: middle((run) => run.generatorCpu),
    },
    limit: median(limits.map((run) => run.perSecond)),
    cpuMicros: ((cpuSeconds(pid) - before) / (rounds * count)) * 1e6,
  };
}

const costs = ({ figures, cpuMicros }: Sample): string =>
  `server CPU ${Math.round(cpuMicros)} us each, generator at ${Math.round(figures.generatorCpu * 100)} % of a core`;

async function creates(
  { report, scratchDir }: PartContext,
  { pid, target, bare }: Servers,
  { connections, count, budget, p99 }: { connections: number; count: number; budget: number; p99: string },
): Promise<void> {
  const job = { do: 'create', size: 'small', connections, count } as const;
  let round = 0;
  const taken = await sample(
    pid,
    count,
    () => load({ ...job, target, path: podsPath, prefix: `c${connections}-${round++}` }),
    () => load({ ...job, target: bare, path: '/object', prefix: 'bare' }),
  );
  const disk = await bareDisk(scratchDir, connections, count, objectBytes);
  const { figures } = taken;
  report({
    what: `pod creates, ${connections === 1 ? 'one connection' : `${connections} connections`}`,
    measured: figures.perSecond,
    unit: '/s',
    budget,
    limit: { what: 'bare TLS server', value: taken.limit },
    detail: `p50 ${ms(figures.p50Ms)}, p99 ${ms(figures.p99Ms)}${p99}; bare LMDB puts ${Math.round(disk.perSecond)}/s with p50 ${ms(disk.p50Ms)}; ${costs(taken)}`,
  });
}

async function gets({ report }: PartContext, { pid, target, bare }: Servers): Promise<void> {
  const job = { do: 'get', connections: 16, count: 12_000 } as const;
  const taken = await sample(
    pid,
    job.count,
    () => load({ ...job, target, path: `${podsPath}/warm-7` }),
    () => load({ ...job, target: bare, path: '/object' }),
  );
  const { figures } = taken;
  report({
    what: 'GETs of a pod, 16 connections',
    measured: figures.perSecond,
    unit: '/s',
    budget: 20_000,
    limit: { what: 'bare TLS server', value: taken.limit },
    detail: `p50 ${ms(figures.p50Ms)}, p99 ${ms(figures.p99Ms)}; ${costs(taken)}`,
  });
}
