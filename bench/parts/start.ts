// From the start of the process to the first answer of /readyz, beside a bare Node process that listens with TLS.
import { startBareServer, startControlPlane } from '../cluster.ts';
import type { Part } from '../part.ts';
import { residentMb } from '../programs.ts';
import { median } from '../statistics.ts';

const rounds = 5;

export const startPart: Part = {
  name: 'start',
  about: 'start of a new control plane',
  async run({ report, clusterDir }) {
    const ready: number[] = [];
    const again: number[] = [];
    const bare: number[] = [];
    const memory: number[] = [];
    for (let round = 0; round < rounds; round++) {
      const dir = clusterDir();
      const first = await startControlPlane(dir);
      ready.push(first.readyMs);
      memory.push(residentMb(first.pid));
      await first.stop();
      const second = await startControlPlane(dir);
      again.push(second.readyMs);
      await second.stop();
      const server = await startBareServer(dir);
      bare.push(server.readyMs);
      await server.stop();
    }
    const limit = { what: 'bare Node process with a TLS server', value: median(bare) };
    report({ what: 'process start to API ready, new state', measured: median(ready), unit: 'ms', budget: 500, firstBudget: 1000, limit });
    report({
      what: 'process start to API ready, second start',
      measured: median(again),
      unit: 'ms',
      budget: 500,
      firstBudget: 1000,
      limit,
    });
    report({ what: 'resident memory right after the start', measured: median(memory), unit: 'MB' });
  },
};
