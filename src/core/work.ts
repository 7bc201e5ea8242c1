import { refuse } from './assert.js';
import { LIMITS } from './limits.js';

/**
 * What is computed for one request with a selector, in steps: each takes about a nanosecond. They
 * are counted, not timed, so a request is answered alike on every machine and when it is replayed.
 * Who can go on later looks at `used` and ends its part of the answer; what cannot be divided (a
 * pattern and a text, all that is asked of one object) is refused when it takes too many.
 */
export class Work {
  #used = 0;

  get used(): number {
    return this.#used;
  }

  /** Begins anew. */
  begin(): void {
    this.#used = 0;
  }

  /** `bad-selector` when all of it has become too much. */
  charge(steps: number): void {
    this.#used += steps;
    if (this.#used <= LIMITS.selectorStepsMax) return;
    const why = 'its patterns take too long on values of this size';
    refuse('bad-selector', `Cannot answer the selector: ${why}; ask for less, or more simply`);
  }
}
