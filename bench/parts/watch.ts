// One write, and 1,000 watchers who each have a TLS connection of their own.
import { startBareServer, startControlPlane } from '../cluster.ts';
import type { Part } from '../part.ts';
import { load } from '../programs.ts';

const watchers = 1000;
const writes = 20;
const podsPath = '/api/v1/namespaces/default/pods';

export const watchPart: Part = {
  name: 'watch',
  about: 'one write seen by 1,000 watchers over TLS',
  async run({ report, clusterDir }) {
    const dataDir = clusterDir();
    const cluster = await startControlPlane(dataDir);
    const job = { do: 'watch', watchers, writes } as const;
    // The watchers' first answer is the head of the stream, or an object that stands.
    await load({ do: 'create', target: cluster.target, path: podsPath, size: 'small', connections: 1, count: 1, prefix: 'standing' });
    const own = await load({ ...job, target: cluster.target, watchPath: `${podsPath}?watch=1`, writePath: podsPath });
    await cluster.stop();
    const bare = await startBareServer(dataDir, 1900);
    const limit = await load({ ...job, target: bare.target, watchPath: '/watch', writePath: '/write' });
    await bare.stop();
    report({
      what: 'one write seen by 1,000 watchers, p50',
      measured: own.p50Ms,
      unit: 'ms',
      budget: 5,
      limit: { what: 'bare TLS server', value: limit.p50Ms },
      detail: 'one process reads all 1,000 connections, which is part of the figure',
    });
    report({
      what: 'one write seen by 1,000 watchers, p99',
      measured: own.p99Ms,
      unit: 'ms',
      budget: 20,
      limit: { what: 'bare TLS server', value: limit.p99Ms },
    });
  },
};
