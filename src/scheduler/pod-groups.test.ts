// What groups of pods know of topology domains is what a count over all pods would give, whatever comes, goes and is relabelled.
import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { V1Pod } from '../api/mod.ts';
import { SchedulerCache } from './cache.ts';
import { makeNode, makePod } from './testing.fake.ts';

const step = fc.oneof(
  fc.record({ do: fc.constant('place' as const), pod: fc.nat(7), node: fc.nat(3) }),
  fc.record({ do: fc.constant('remove' as const), pod: fc.nat(7), node: fc.nat(3) }),
  fc.record({ do: fc.constant('node' as const), node: fc.nat(3), zone: fc.option(fc.nat(1)) }),
  fc.record({ do: fc.constant('gone' as const), node: fc.nat(3) }),
);

const podOf = (i: number): V1Pod => {
  const pod = makePod(`p${i}`);
  return { ...pod, metadata: { ...pod.metadata, labels: { app: `a${i % 3}` } } };
};

test('domains() counts as one would count anew', () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
      const cache = new SchedulerCache();
      const placed = new Map<string, { pod: V1Pod; node: string }>();
      const zones = new Map<string, string | undefined>();
      for (const one of steps) {
        const node = `n${one.node}`;
        if (one.do === 'place') {
          const pod = podOf(one.pod);
          placed.set(`p${one.pod}`, { pod, node });
          cache.setPod({ ...pod, spec: { containers: [], ...pod.spec, nodeName: node } });
        } else if (one.do === 'remove') {
          placed.delete(`p${one.pod}`);
          cache.removePod(podOf(one.pod));
        } else if (one.do === 'node') {
          const zone = one.zone === null ? undefined : `z${one.zone}`;
          zones.set(node, zone);
          cache.setNode(makeNode(node, { labels: zone === undefined ? {} : { zone } }));
        } else {
          zones.delete(node);
          cache.removeNode(node);
        }
        for (const app of ['a0', 'a1', 'a2']) {
          const want: Record<string, number> = {};
          for (const { pod, node: there } of placed.values()) {
            const zone = zones.get(there);
            if (pod.metadata?.labels?.app === app && zone !== undefined) want[zone] = (want[zone] ?? 0) + 1;
          }
          const group = [...cache.groups.inNamespace('default')].find(({ labels }) => labels.app === app);
          expect(Object.fromEntries(group?.domains('zone') ?? [])).toEqual(want);
        }
      }
    }),
    { numRuns: 200 },
  );
});
