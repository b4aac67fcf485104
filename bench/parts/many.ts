// 100,000 pods: the memory of each, a start with all of them, and pages of a list.
import { startControlPlane } from '../cluster.ts';
import type { Part } from '../part.ts';
import { load, ownMb, residentMb } from '../programs.ts';

const count = 100_000;
const podsPath = '/api/v1/namespaces/default/pods';
/** Garbage of the creates has time to go. */
const calmMs = 5000;
const calm = () => new Promise((resolve) => setTimeout(resolve, calmMs));

export const manyPart: Part = {
  name: 'many',
  about: `a control plane with ${count.toLocaleString('en-US')} pods`,
  async run({ report, clusterDir }) {
    const dataDir = clusterDir();
    const first = await startControlPlane(dataDir);
    const [emptyMb, emptyOwnMb] = [residentMb(first.pid), ownMb(first.pid)];
    const filling = await load({
      do: 'create',
      target: first.target,
      path: podsPath,
      size: 'small',
      connections: 64,
      count,
      prefix: 'pod',
    });
    await calm();
    const perPod = (mb: number) => ((mb - emptyMb) * 1024) / count;
    const own = (pid: number) => `${(((ownMb(pid) - emptyOwnMb) * 1024) / count).toFixed(1)} KiB without the store's mapped file`;
    const kib = 'KiB';
    report({
      what: 'resident memory of one of 100,000 pods, after creating',
      measured: perPod(residentMb(first.pid)),
      unit: kib,
      budget: 8,
      detail: `${own(first.pid)}; created at ${Math.round(filling.perSecond)}/s`,
    });
    await first.stop();
    const second = await startControlPlane(dataDir);
    report({ what: 'process start to API ready, 100,000 stored pods', measured: second.readyMs, unit: 'ms', budget: 4000 });
    await calm();
    report({
      what: 'resident memory of one of 100,000 pods, after a start',
      measured: perPod(residentMb(second.pid)),
      unit: kib,
      budget: 8,
      detail: own(second.pid),
    });
    const page = await load({ do: 'list', target: second.target, path: `${podsPath}?limit=500`, count: 20 });
    report({
      what: 'a page of 500 of 100,000 pods',
      measured: page.wholeMs,
      unit: 'ms',
      detail: `first byte ${page.firstByteMs.toFixed(1)} ms`,
    });
    const whole = await load({ do: 'list', target: second.target, path: podsPath, count: 2 });
    report({
      what: 'list of 100,000 pods, first byte',
      measured: whole.firstByteMs,
      unit: 'ms',
      budget: 50,
      detail: `${(whole.bytes / 1e6).toFixed(0)} MB`,
    });
    await second.stop();
  },
};
