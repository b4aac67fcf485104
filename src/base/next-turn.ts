// Work that is put off to the next turn of the event loop.
import type { Clock } from './clock.ts';

/** Does the work then: once, however often it is asked for until then. */
export function onceNextTurn(clock: Pick<Clock, 'yield'>, work: () => void): () => void {
  let asked = false;
  return () => {
    if (asked) return;
    asked = true;
    void clock.yield().then(() => {
      asked = false;
      work();
    });
  };
}
