import type { Place } from '../../core/cubes/grid.js';
import { Clock } from './clock.js';
import type { Member } from './members.js';
import type { CubeState } from './state.js';

/** An object that was there has gone before it came. */
export class Gone extends Error {}

/**
 * Looks now and then whether objects that are fetched are still there: the pool waits for one that
 * has gone until it is offered again, and whoever does not wait for holes is not to wait for this.
 */
export class Watch {
  readonly #state: CubeState;
  readonly #clock: Clock;
  readonly #ended = new AbortController();
  readonly #failed = new AbortController();
  /** Aborts what is fetched, for the `reason`. */
  readonly signal: AbortSignal;
  #reason: unknown = null;

  constructor(state: CubeState, clock: Clock) {
    const { signal } = clock;
    const signals = (own: AbortController): AbortSignal =>
      signal === undefined ? own.signal : AbortSignal.any([signal, own.signal]);
    this.#state = state;
    this.#clock = new Clock({ timeoutMs: clock.leftMs, signal: signals(this.#ended) });
    this.signal = signals(this.#failed);
  }

  /** Why it has ended what is fetched; null: it has not. */
  get reason(): unknown {
    return this.#reason;
  }

  /** `pending`: what has not come yet. */
  start(what: string, pending: ReadonlySet<Place<Member>>): void {
    this.#look(what, pending).catch((error: unknown) => {
      if (this.#ended.signal.aborted) return;
      this.#reason = error;
      this.#failed.abort();
    });
  }

  end(): void {
    this.#ended.abort();
  }

  async #look(what: string, pending: ReadonlySet<Place<Member>>): Promise<void> {
    // Behind the deadline the fetching ends by itself.
    for (let tookMs = 0; this.#clock.leftMs > 0; ) {
      await this.#clock.pause(what, tookMs);
      const sinceMs = performance.now();
      await this.#state.update(this.#clock.options);
      tookMs = performance.now() - sinceMs;
      const { grid } = this.#state.found;
      for (const { labels, member } of pending) {
        const now = grid.find(labels);
        if (now?.name !== member?.name || now?.isComplete !== true) throw new Gone();
      }
    }
  }
}
