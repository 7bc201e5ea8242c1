/** Longer than this nobody else waits for a turn of the event loop. */
const TURN_MS_MAX = 10;

/**
 * Long work in turns of the event loop, as a library's user has but one.
 *
 * ```ts
 * if (turns.isOver) await turns.next();
 * ```
 */
export class Turns {
  readonly #goOn: () => void;
  #sinceMs = performance.now();

  /** `goOn` throws to end the work; it is asked in each turn. */
  constructor(goOn: () => void = () => {}) {
    this.#goOn = goOn;
  }

  get isOver(): boolean {
    return performance.now() - this.#sinceMs >= TURN_MS_MAX;
  }

  async next(): Promise<void> {
    await new Promise((resolve) => setImmediate(resolve));
    this.#goOn();
    this.#sinceMs = performance.now();
  }
}
