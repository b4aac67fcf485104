// A cluster in the caller's process: how soon it is there, how fast it brings up a Deployment, how fast it schedules.
import type { Part } from '../part.ts';
import { bundle, run } from '../programs.ts';
import { median } from '../statistics.ts';

const rounds = 3;

async function local<T>(...args: string[]): Promise<T> {
  return JSON.parse(await run([bundle('local'), ...args])) as T;
}

interface Ready {
  readonly loadMs: number;
  readonly firstMs: number;
  readonly laterMs: readonly number[];
}

export const inProcessPart: Part = {
  name: 'in-process',
  about: 'a cluster in the test process',
  async run({ report }) {
    const starts: Ready[] = [];
    for (let round = 0; round < rounds; round++) starts.push(await local<Ready>('ready'));
    report({
      what: 'in-process cluster with one node Ready, first in its process',
      measured: median(starts.map((start) => start.firstMs)),
      unit: 'ms',
      budget: 100,
      firstBudget: 200,
      detail: `loading the package ${Math.round(median(starts.map((start) => start.loadMs)))} ms before that`,
    });
    report({
      what: 'in-process cluster with one node Ready, the next ones',
      measured: median(starts.flatMap((start) => start.laterMs)),
      unit: 'ms',
      budget: 100,
      firstBudget: 200,
    });
    const rollouts: number[] = [];
    for (let round = 0; round < rounds; round++) rollouts.push((await local<{ ms: number }>('deployment')).ms);
    report({ what: 'in-process Deployment of 100 replicas on 10 nodes, all Ready', measured: median(rollouts), unit: 'ms' });
  },
};

interface Scheduled {
  readonly perSecond: number;
  /** From the last create on: those that were bound by then are left out. */
  readonly bindsPerSecond: number;
  readonly createsMs: number;
  readonly bindsMs: number;
  /** Of CPU time a pod, in all threads of the process: what others do on the machine moves it little. */
  readonly cpuUs: number;
}

/** Pods that ask for more than room, on 5,000 nodes. */
const constrained = [
  { kind: 'spread', what: 'with a required spread over zones', budget: 1500 },
  { kind: 'affinity', what: 'with required affinity', budget: 500 },
  { kind: 'antiaffinity', what: 'with required anti-affinity', budget: 500 },
  { kind: 'preemption', what: 'that make others go', budget: 500 },
];

export const constraintsPart: Part = {
  name: 'constraints',
  about: 'the scheduler, pods with constraints',
  async run({ report }) {
    for (const { kind, what, budget } of constrained) {
      const { perSecond, cpuUs } = await local<Scheduled>('scheduler', '5000', '2000', kind);
      const detail = `${Math.round(cpuUs)} us of CPU time a pod`;
      report({ what: `pods ${what} created and bound on 5,000 nodes`, measured: perSecond, unit: '/s', budget, detail });
    }
  },
};

export const schedulerPart: Part = {
  name: 'scheduler',
  about: 'the scheduler, pods created and bound through the in-process API',
  async run({ report }) {
    for (const { nodes, budget } of [
      { nodes: 1000, budget: 5000 },
      { nodes: 5000, budget: 3000 },
    ]) {
      const { perSecond, bindsPerSecond, createsMs, bindsMs, cpuUs } = await local<Scheduled>('scheduler', String(nodes), '5000');
      report({
        what: `pods created and bound on ${nodes.toLocaleString('en-US')} nodes`,
        measured: perSecond,
        unit: '/s',
        budget,
        detail: `5,000 pods: creates done after ${Math.round(createsMs)} ms, first to last binding ${Math.round(bindsMs)} ms, ${Math.round(bindsPerSecond)}/s once nothing is created any more; ${Math.round(cpuUs)} us of CPU time a pod`,
      });
    }
  },
};
