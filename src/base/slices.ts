// Work that comes all at once, done in slices: so much in one turn of the event loop, and what is beyond waits for the next turns in its order.
import type { Clock } from './clock.ts';
import { onceNextTurn } from './next-turn.ts';

export class Slices {
  readonly #unitsMax: number;
  /** What the present turn has left. Below zero once a piece larger than what was left has begun. */
  #left: number;
  /** In the order of coming: a Set lets the first go at no cost, however many stand behind it. */
  readonly #waiting = new Set<{ readonly units: number; readonly go: () => void }>();
  /** Asked for by a turn's first piece, so that the next turn has its units again. */
  readonly #hold: () => void;

  /** `unitsMax`: what one turn may begin with, in units of the caller's own. */
  constructor(clock: Clock, unitsMax: number) {
    this.#hold = onceNextTurn(clock, () => this.#turn());
    this.#unitsMax = unitsMax;
    this.#left = unitsMax;
  }

  /** How many wait. The caller bounds it: it knows what each stands for. */
  get waiting(): number {
    return this.#waiting.size;
  }

  /** Undefined: begin at once. Else a promise of the turn, which never rejects. A piece of more than a whole turn's units has one of its own. */
  enter(units = 1): Promise<void> | undefined {
    if (this.#waiting.size > 0 || this.#left <= 0) {
      return new Promise((go) => {
        this.#waiting.add({ units, go });
      });
    }
    this.#left -= units;
    this.#hold();
    return undefined;
  }

  #turn(): void {
    this.#left = this.#unitsMax;
    for (const next of this.#waiting) {
      if (this.#left <= 0) break;
      this.#left -= next.units;
      this.#waiting.delete(next);
      this.#hold();
      next.go();
    }
  }
}
