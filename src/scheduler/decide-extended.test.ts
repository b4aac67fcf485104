// The cluster moves on while extenders are asked: what they chose counts only if it still fits.
import { expect, test } from 'vitest';
import { SeededRandom, silentLogger, VirtualClock } from '../base/mod.ts';
import type { Client } from '../client/mod.ts';
import { SchedulerCache } from './cache.ts';
import { decideExtended } from './decide-extended.ts';
import { Extenders } from './extenders/extenders.ts';
import type { Profile } from './framework.ts';
import { createProfiles, readSchedulerConfiguration } from './registry.ts';
import { makeInformers, makeNode, makePod } from './testing.fake.ts';

const random = new SeededRandom(1);
const clock = new VirtualClock({ settle: async () => {} });
const [profile] = createProfiles({ client: {} as Client, informers: makeInformers([]), clock, random }) as readonly [Profile];
const { extenders: configurations } = readSchedulerConfiguration({
  apiVersion: 'kubescheduler.config.k8s.io/v1',
  kind: 'KubeSchedulerConfiguration',
  extenders: [{ urlPrefix: 'http://x', filterVerb: 'filter', prioritizeVerb: 'score', weight: 1, nodeCacheCapable: true }],
});

/** Likes node a best; `meanwhile` happens during the call of its number. */
async function decideWhile(meanwhile: (cache: SchedulerCache, call: number) => void) {
  const snapshot = new SchedulerCache();
  for (const name of ['a', 'b']) snapshot.setNode(makeNode(name, { cpu: '2' }));
  let call = 0;
  const post = async (_config: unknown, verb: string, body: object) => {
    meanwhile(snapshot, ++call);
    const { NodeNames } = body as { readonly NodeNames: readonly string[] };
    return verb === 'filter' ? { NodeNames } : NodeNames.map((Host) => ({ Host, Score: Host === 'a' ? 10 : 0 }));
  };
  const extenders = new Extenders({ configurations, post, log: silentLogger });
  const { signal } = new AbortController();
  const pod = makePod('p', { cpu: '2' });
  const { decision } = await decideExtended(pod, { ...profile, snapshot, random, startAt: 0, extenders, signal });
  return decision.is === 'node' ? decision.name : decision.is;
}

test.each([
  ['nothing happens', () => {}, 'a'],
  ['the node that is liked best vanishes', (cache: SchedulerCache, call: number) => call === 2 && cache.removeNode('a'), 'b'],
  [
    'another pod takes its room',
    (cache: SchedulerCache, call: number) => call === 2 && cache.setPod(makePod('q', { cpu: '1', nodeName: 'a' })),
    'b',
  ],
  [
    'both vanish while they are filtered',
    (cache: SchedulerCache, call: number) => call === 1 && ['a', 'b'].map((name) => cache.removeNode(name)),
    'none',
  ],
])('%s', async (_what, meanwhile, want) => {
  expect(await decideWhile(meanwhile as (cache: SchedulerCache, call: number) => void)).toBe(want);
});
