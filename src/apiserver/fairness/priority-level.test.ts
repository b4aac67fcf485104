import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { VirtualClock } from '../../base/mod.ts';
import { turn } from '../../base/ports/clock.ts';
import { type LevelLimits, PriorityLevel, type Release, type SeatRequest } from './priority-level.ts';
import { dealHand } from './shuffle-shard.ts';

const limits = (over: Partial<LevelLimits> = {}): LevelLimits => ({
  exempt: false,
  nominal: 2,
  lendable: 0,
  borrowable: Number.POSITIVE_INFINITY,
  queuing: { queues: 8, queueLengthLimit: 3, handSize: 2 },
  ...over,
});

function made(over: Partial<LevelLimits> = {}, spare = () => 0) {
  const clock = new VirtualClock({ settle: turn });
  const level = new PriorityLevel(limits(over), { clock, spare, freed: () => {} });
  const gone = new AbortController();
  const ask = (flow: string, more: Partial<SeatRequest> = {}) =>
    level.acquire({ flow, seats: 1, waitMsMax: 15_000, signal: () => gone.signal, ...more });
  return { clock, level, ask, gone };
}

const atOnce = (got: Release | Promise<Release>): Release => {
  expect(got).toBeTypeOf('function');
  return got as Release;
};

test('a hand has different queues, the same ones for one flow, and other flows have others', () => {
  fc.assert(
    fc.property(fc.string(), fc.integer({ min: 1, max: 128 }), fc.integer({ min: 1, max: 6 }), (flow, deck, wanted) => {
      const hand = dealHand(flow, deck, Math.min(deck, wanted));
      expect(new Set(hand).size).toBe(Math.min(deck, wanted));
      for (const card of hand) expect(card >= 0 && card < deck && Number.isInteger(card)).toBe(true);
      expect(dealHand(flow, deck, Math.min(deck, wanted))).toEqual(hand);
    }),
  );
  // A flow that fills its own 6 of 128 queues leaves others a free one: of 1,000 flows hardly any has the same six.
  const flood = new Set(dealHand('flood', 128, 6));
  const covered = Array.from({ length: 1000 }, (_, i) => dealHand(`flow ${i}`, 128, 6)).filter((hand) => hand.every((at) => flood.has(at)));
  expect(covered.length).toBe(0);
});

describe('a level', () => {
  test('lets in as many as it has seats, and the next when one is given back', async () => {
    const { ask, level } = made();
    const first = atOnce(ask('a'));
    atOnce(ask('a'));
    const third = ask('a');
    expect(level).toMatchObject({ executing: 2, waiting: 1 });
    first();
    expect(await third).toBeTypeOf('function');
    expect(level).toMatchObject({ executing: 2, waiting: 0 });
  });

  test('that does not queue rejects, and one whose queues are full does', () => {
    const rejecting = made({ queuing: undefined, nominal: 1 });
    atOnce(rejecting.ask('a'));
    expect(() => rejecting.ask('a')).toThrow(expect.objectContaining({ reason: 'concurrency-limit' }));
    const { ask } = made({ nominal: 1, queuing: { queues: 1, queueLengthLimit: 2, handSize: 1 } });
    atOnce(ask('a'));
    for (const _ of [1, 2]) void (ask('a') as Promise<Release>).catch(() => {});
    expect(() => ask('a')).toThrow(expect.objectContaining({ reason: 'queue-full' }));
  });

  test('lets nobody wait for longer than that, nor somebody who has gone', async () => {
    const { ask, clock, gone, level } = made({ nominal: 1 });
    const running = atOnce(ask('a'));
    const late = expect(ask('a')).rejects.toMatchObject({ reason: 'time-out' });
    await clock.advance(15_000);
    await late;
    const left = expect(ask('a')).rejects.toMatchObject({ reason: 'cancelled' });
    gone.abort();
    await left;
    expect(level.waiting).toBe(0);
    running();
    expect(level.executing).toBe(0);
  });

  test('serves flows in turn, however many one of them sends', async () => {
    const { ask } = made({ nominal: 1, queuing: { queues: 64, queueLengthLimit: 50, handSize: 6 } });
    const order: string[] = [];
    const served = async (flow: string) => {
      const release = await ask(flow);
      order.push(flow);
      await turn();
      release();
    };
    const all = [served('first'), ...Array.from({ length: 40 }, () => served('flood')), served('node'), served('node')];
    await Promise.all(all);
    // The flood's hand has six queues: the others wait for no more than one round of them each.
    expect(order.indexOf('node')).toBeLessThanOrEqual(8);
    expect(order.lastIndexOf('node')).toBeLessThanOrEqual(16);
    expect(order).toHaveLength(43);
  });

  test('lets a request in that is wider than itself when nothing else runs', () => {
    const { ask } = made({ nominal: 2 });
    const wide = atOnce(ask('a', { seats: 10 }));
    expect(ask('a')).toBeInstanceOf(Promise);
    wide();
  });

  test('borrows what others spare, up to its limit', () => {
    let spare = 1;
    const { ask, level } = made({ nominal: 1, borrowable: 1 }, () => spare);
    atOnce(ask('a'));
    atOnce(ask('a'));
    expect(level.borrowed).toBe(1);
    spare = 5;
    expect(ask('a')).toBeInstanceOf(Promise);
  });

  test('configured anew keeps those that wait, and lets in who fits now', async () => {
    const { ask, level } = made({ nominal: 1 });
    atOnce(ask('a'));
    const waiting = [ask('a'), ask('b')];
    level.configure(limits({ nominal: 3, queuing: { queues: 2, queueLengthLimit: 1, handSize: 1 } }));
    await Promise.all(waiting);
    expect(level).toMatchObject({ executing: 3, waiting: 0 });
  });

  test('never lets in more than its seats, loses nobody, and is empty at the end', async () => {
    const request = fc.record({ flow: fc.constantFrom('a', 'b', 'c'), seats: fc.integer({ min: 1, max: 3 }), turns: fc.nat(4) });
    await fc.assert(
      fc.asyncProperty(fc.array(request, { maxLength: 60 }), fc.integer({ min: 1, max: 5 }), async (requests, nominal) => {
        const { ask, level } = made({ nominal, queuing: { queues: 4, queueLengthLimit: 100, handSize: 2 } });
        let running = 0;
        const run = async ({ flow, seats, turns }: (typeof requests)[number]) => {
          const release = await ask(flow, { seats });
          running += seats;
          expect(running <= nominal || running === seats).toBe(true);
          for (let i = 0; i < turns; i++) await Promise.resolve();
          running -= seats;
          release();
        };
        await Promise.all(requests.map(run));
        expect(level).toMatchObject({ executing: 0, waiting: 0 });
      }),
      { numRuns: 50 },
    );
  });
});
