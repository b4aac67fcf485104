// What the cache counts after newer versions of pods have come is what it would count had it seen the last versions alone.
import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { V1Pod } from '../api/mod.ts';
import { SchedulerCache } from './cache.ts';
import { makeNode, makePod } from './testing.fake.ts';

const nodeNames = ['n0', 'n1'];

/** A newer version shares what it does not change, as it does in the process. */
const changes: Readonly<Record<string, (pod: V1Pod) => V1Pod>> = {
  status: (pod) => ({ ...pod, status: { ...pod.status, phase: 'Running' } }),
  bound: (pod) => ({ ...pod, spec: { containers: [], ...pod.spec, nodeName: 'n0' } }),
  elsewhere: (pod) => ({ ...pod, spec: { containers: [], ...pod.spec, nodeName: 'n1' } }),
  going: (pod) => ({ ...pod, metadata: { ...pod.metadata, deletionTimestamp: '2026-01-01T00:00:00Z' } }),
  relabelled: (pod) => ({ ...pod, metadata: { ...pod.metadata, labels: { app: 'b' } } }),
  resized: (pod) => {
    const containers = [{ name: 'c', image: 'i', resources: { requests: { cpu: '250m' } }, ports: [{ containerPort: 1, hostPort: 81 }] }];
    return { ...pod, spec: { ...pod.spec, containers } };
  },
  withSidecar: (pod) => {
    const sidecar = { name: 's', image: 'i', restartPolicy: 'Always', resources: { requests: { memory: '1Mi' } } };
    return { ...pod, spec: { containers: [], ...pod.spec, initContainers: [sidecar] } };
  },
  parsedAnew: (pod) => structuredClone(pod),
};

const step = fc.record({
  pod: fc.nat(4),
  change: fc.constantFrom('remove', ...Object.keys(changes)),
});

function seen(cache: SchedulerCache) {
  const nodes = cache.nodes.map((node) => ({
    name: node.name,
    pods: [...node.pods.values()].sort((a, b) => ((a.pod.metadata?.uid ?? '') < (b.pod.metadata?.uid ?? '') ? -1 : 1)),
    requested: [...node.requested].filter(([, amount]) => amount !== 0).sort(),
    free: [node.freeCpu, node.freeMemory, node.scoreCpu, node.scoreMemory],
    port: node.portTaken({ ip: '0.0.0.0', protocol: 'TCP', port: 81 }),
  }));
  const groups = [...cache.groups.inNamespace('default')].map(({ labels, terminating, nodes: counts }) => ({
    labels,
    terminating,
    counts: [...counts].sort(),
  }));
  return { nodes, groups: groups.sort((a, b) => (JSON.stringify(a) < JSON.stringify(b) ? -1 : 1)) };
}

const cacheOf = (pods: Iterable<V1Pod>): SchedulerCache => {
  const cache = new SchedulerCache();
  for (const name of nodeNames) cache.setNode(makeNode(name));
  for (const pod of pods) cache.setPod(pod);
  return cache;
};

test('a newer version of a pod counts as if it were the first', () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 40 }), (steps) => {
      const cache = cacheOf([]);
      const last = new Map<number, V1Pod>();
      for (const { pod: which, change } of steps) {
        const known = last.get(which);
        if (change === 'remove') {
          if (known) cache.removePod(known);
          last.delete(which);
          continue;
        }
        const first = makePod(`p${which}`, { cpu: '100m', nodeName: 'n0' });
        const next = changes[change]?.(known ?? { ...first, metadata: { ...first.metadata, labels: { app: 'a' } } }) as V1Pod;
        const before = [...cache.revisions];
        cache.setPod(next);
        expect([...cache.revisions]).not.toEqual(before);
        last.set(which, next);
      }
      expect(seen(cache)).toEqual(seen(cacheOf([...last.values()].map((pod) => structuredClone(pod)))));
    }),
    { numRuns: 300 },
  );
});
