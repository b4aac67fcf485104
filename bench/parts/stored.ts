// 20,000 pods: what they take in memory, how long a list of them takes, and how long a start with them.
import { startBareServer, startControlPlane } from '../cluster.ts';
import type { Part } from '../part.ts';
import { load, ownMb, residentMb } from '../programs.ts';

const count = 20_000;
const podsPath = '/api/v1/namespaces/default/pods';
/** Lists come in rounds; garbage of the creates has time to go. */
const calmMs = 3000;

export const storedPart: Part = {
  name: 'stored',
  about: `a control plane with ${count.toLocaleString('en-US')} pods`,
  async run({ report, clusterDir }) {
    const dataDir = clusterDir();
    const first = await startControlPlane(dataDir);
    const { target } = first;
    const filling = await load({ do: 'create', target, path: podsPath, size: 'large', connections: 16, count, prefix: 'pod' });
    await new Promise((resolve) => setTimeout(resolve, calmMs));
    report({
      what: 'resident memory with 20,000 pods, after creating them',
      measured: residentMb(first.pid),
      unit: 'MB',
      budget: 450,
      detail: `${Math.round(ownMb(first.pid))} MB without the store's mapped file; created at ${Math.round(filling.perSecond)}/s`,
    });
    const list = await load({ do: 'list', target, path: podsPath, count: 5 });
    const objectBytes = Math.round(list.bytes / count);
    const bare = await startBareServer(dataDir, objectBytes, count);
    const limit = await load({ do: 'list', target: bare.target, path: '/list', count: 5 });
    await bare.stop();
    report({
      what: 'list of 20,000 pods, whole',
      measured: list.wholeMs,
      unit: 'ms',
      budget: 300,
      limit: { what: 'bare TLS server', value: limit.wholeMs },
      detail: `${(list.bytes / 1e6).toFixed(0)} MB`,
    });
    report({
      what: 'list of 20,000 pods, first byte',
      measured: list.firstByteMs,
      unit: 'ms',
      budget: 20,
      limit: { what: 'bare TLS server', value: limit.firstByteMs },
    });
    report({ what: 'resident memory with 20,000 pods, after listing them', measured: residentMb(first.pid), unit: 'MB', budget: 450 });
    await first.stop();
    const second = await startControlPlane(dataDir);
    const server = await startBareServer(dataDir);
    await server.stop();
    report({
      what: 'process start to API ready, 20,000 stored pods',
      measured: second.readyMs,
      unit: 'ms',
      budget: 1500,
      limit: { what: 'bare Node process with a TLS server', value: server.readyMs },
    });
    await new Promise((resolve) => setTimeout(resolve, calmMs));
    report({
      what: 'resident memory with 20,000 pods, after a start',
      measured: residentMb(second.pid),
      unit: 'MB',
      budget: 450,
      detail: `${Math.round(ownMb(second.pid))} MB without the store's mapped file`,
    });
    await second.stop();
  },
};
