// Many real kubelets on simulated runtimes and their control plane, in one process.
import type { Part } from '../part.ts';
import { bundle, run } from '../programs.ts';
import { format } from '../report.ts';

interface Fleet {
  readonly rolloutMs: number;
  readonly rolloutCpuS: number;
  readonly restMs: number;
  readonly pods: number;
  readonly emptyMb: number;
  readonly residentMb: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly leases: number;
  readonly oldestLeaseS: number;
  readonly lost: number;
}

/** 150,000 pods, each with its status written a few times, on a machine that others use as well. */
const fleetMaxMs = 45 * 60_000;
/** More than the budget: a run that needs it ends all the same, and says by how much it has missed. */
const heapMaxMb = 12 * 1024;
const memoryBudgetMb = 6 * 1024;

async function fleet(nodes: number, replicas: number, pods: number): Promise<Fleet> {
  const args = [`--max-old-space-size=${heapMaxMb}`, bundle('fleet'), String(nodes), String(replicas), String(pods)];
  return JSON.parse(await run(args, fleetMaxMs, (text) => void process.stdout.write(`  ${text}`))) as Fleet;
}

const countsOf = ({ leases, oldestLeaseS, lost }: Fleet): string =>
  `${format(leases)} leases, the oldest renewed ${oldestLeaseS.toFixed(0)} s ago; ${lost} nodes lost meanwhile`;

export const fleetPart: Part = {
  name: 'fleet',
  about: 'a Deployment on simulated nodes',
  async run({ report }) {
    const measured = await fleet(100, 1000, 1000);
    report({
      what: 'a Deployment from 0 to 1,000 replicas Ready, 100 nodes',
      measured: measured.rolloutMs,
      unit: 'ms',
      detail: `${measured.rolloutCpuS.toFixed(1)} s of CPU time; ${countsOf(measured)}`,
    });
  },
};

export const scalePart: Part = {
  name: 'scale',
  about: '5,000 simulated nodes with 150,000 pods in one process',
  onlyByName: true,
  async run({ report }) {
    const measured = await fleet(5000, 5000, 150_000);
    report({
      what: 'a Deployment from 0 to 5,000 replicas Ready, 5,000 nodes',
      measured: measured.rolloutMs,
      unit: 'ms',
      budget: 5000,
      detail: `${measured.rolloutCpuS.toFixed(1)} s of CPU time`,
    });
    report({
      what: `resident memory with ${format(measured.pods)} pods`,
      measured: measured.residentMb,
      unit: 'MB',
      budget: memoryBudgetMb,
      detail: `${format(measured.emptyMb)} MB before the first; the further pods took ${(measured.restMs / 1000).toFixed(0)} s`,
    });
    report({
      what: 'a read of the API meanwhile, p99',
      measured: measured.p99Ms,
      unit: 'ms',
      budget: 1000,
      detail: `p50 ${format(measured.p50Ms)} ms; ${countsOf(measured)}`,
    });
  },
};
