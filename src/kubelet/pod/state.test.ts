import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { V1Pod } from '../../api/mod.ts';
import { eventsFromApi, type PodEvent, type PodState, step } from './state.ts';

const deleted = (graceSeconds: number, nowMs = 0): PodEvent => ({ is: 'deleted', nowMs, graceSeconds });
const ranks = { syncing: 0, terminating: 1, terminated: 2, gone: 3 };

describe('step', () => {
  test('grace shrinks, never grows, and is at least one second', () => {
    let state: PodState = step({ at: 'syncing' }, deleted(30));
    expect(state).toMatchObject({ at: 'terminating', graceSeconds: 30 });
    state = step(state, deleted(60));
    expect(state).toMatchObject({ graceSeconds: 30 });
    state = step(state, deleted(0, 5000));
    expect(state).toMatchObject({ graceSeconds: 1, sinceMs: 0 });
  });

  test('the cause is the first one', () => {
    const failed = step({ at: 'syncing' }, { is: 'failed', nowMs: 0, graceSeconds: 5, reason: 'Evicted', message: 'm' });
    expect(step(failed, deleted(3))).toMatchObject({ cause: { is: 'failed', reason: 'Evicted' }, graceSeconds: 3 });
  });

  test('a pod never goes back', () => {
    const event = fc.oneof(
      fc.nat(60).map((grace) => deleted(grace)),
      fc.constant<PodEvent>({ is: 'finished', nowMs: 1, graceSeconds: 30 }),
      fc.constant<PodEvent>({ is: 'failed', nowMs: 1, graceSeconds: 30, reason: 'r', message: 'm' }),
      fc.constant<PodEvent>({ is: 'stopped' }),
      fc.constant<PodEvent>({ is: 'removedFromApi' }),
    );
    fc.assert(
      fc.property(fc.array(event), (events) => {
        let state: PodState = { at: 'syncing' };
        for (const one of events) {
          const next = step(state, one);
          expect(ranks[next.at] - ranks[state.at]).toBeGreaterThanOrEqual(0);
          expect(ranks[next.at] - ranks[state.at]).toBeLessThanOrEqual(1);
          state = next;
        }
      }),
    );
  });
});

describe('eventsFromApi', () => {
  const spec = { containers: [], terminationGracePeriodSeconds: 20 };
  test.each<[string, V1Pod, string[]]>([
    ['a running pod', { spec, status: { phase: 'Running' } }, []],
    ['a deleted one', { metadata: { deletionTimestamp: 'x', deletionGracePeriodSeconds: 7 }, spec }, ['deleted']],
    ['one that has succeeded', { spec, status: { phase: 'Succeeded' } }, ['finished']],
    ['one that was evicted', { spec, status: { phase: 'Failed', reason: 'Evicted' } }, ['failed']],
    ['one past its deadline', { spec: { ...spec, activeDeadlineSeconds: 5 }, status: { phase: 'Running' } }, ['failed']],
    ['one before its deadline', { spec: { ...spec, activeDeadlineSeconds: 50 }, status: { phase: 'Running' } }, []],
  ])('%s', (_, pod, expected) => {
    expect(eventsFromApi(pod, 10_000, 0).map((event) => event.is)).toEqual(expected);
  });
});
