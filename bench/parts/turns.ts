// The longest turn of the server's event loop, in CPU time, while 1,000 watchers connect, see one write, and break off, all at once.
import { type BenchCluster, startBareServer, startControlPlane } from '../cluster.ts';
import type { StormResult, Turn } from '../load/jobs.ts';
import type { Part } from '../part.ts';
import { load, turnMeter, turnsOf } from '../programs.ts';

const watchers = 1000;
const writes = 10;
const rounds = 3;
const podsPath = '/api/v1/namespaces/default/pods';
/** What a watcher of the second kind is told first. */
const standing = 300;

interface Longest {
  readonly connect: number;
  readonly write: number;
  readonly breakOff: number;
}

const longestOf = (turns: readonly Turn[], fromMs: number, toMs: number): number =>
  Math.max(0, ...turns.filter(({ endMs }) => endMs >= fromMs && endMs < toMs).map(({ cpuMs }) => cpuMs));

/** By phases, the longest of all rounds: each is a process of its own that connects anew. */
async function storms({ program, target }: BenchCluster, path: string, writePath: string): Promise<Longest> {
  const all: Longest[] = [];
  const storm = (): Promise<StormResult> => load({ do: 'storm', target, path, watchers, writePath, writes });
  for (let round = 0; round < rounds; round++) {
    const { turns, result } = await turnsOf(program, storm);
    const { connectMs, writeMs, breakOffMs } = result;
    all.push({
      connect: longestOf(turns, connectMs, writeMs),
      write: longestOf(turns, writeMs, breakOffMs),
      breakOff: longestOf(turns, breakOffMs, Number.POSITIVE_INFINITY),
    });
  }
  const longest = (phase: keyof Longest) => Math.max(...all.map((round) => round[phase]));
  return { connect: longest('connect'), write: longest('write'), breakOff: longest('breakOff') };
}

export const turnsPart: Part = {
  name: 'turns',
  about: "the longest turn of the server's event loop, in CPU time, with 1,000 watchers",
  async run({ report, clusterDir }) {
    const dataDir = clusterDir();
    const cluster = await startControlPlane(dataDir, [turnMeter()]);
    const { target } = cluster;
    const few = await storms(cluster, `${podsPath}?watch=1`, podsPath);
    await load({ do: 'create', target, path: podsPath, size: 'small', connections: 4, count: standing, prefix: 'standing' });
    const many = await storms(cluster, `${podsPath}?watch=1`, podsPath);
    await cluster.stop();
    const bare = await startBareServer(dataDir, 1900, 0, [turnMeter()]);
    const limit = await storms(bare, '/watch', '/write');
    await bare.stop();
    const budget = 20;
    const line = (what: string, measured: number, value: number) =>
      report({
        what,
        measured,
        unit: 'ms',
        budget,
        limit: { what: 'bare TLS server', value },
        detail: 'CPU time of one turn of the event loop',
      });
    line('longest turn while 1,000 watchers connect at once', few.connect, limit.connect);
    line(`the same, ${standing} objects for each to begin with`, many.connect, limit.connect);
    line('longest turn while one write reaches 1,000 watchers', Math.max(few.write, many.write), limit.write);
    line('longest turn while 1,000 watchers break off together', Math.max(few.breakOff, many.breakOff), limit.breakOff);
  },
};
