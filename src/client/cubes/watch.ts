import { Clock } from './clock.js';
import { missingOf } from './part-search.js';
import type { Present } from './presence.js';
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
    this.#clock = new Clock(clock.what, { timeoutMs: clock.leftMs, signal: signals(this.#ended) });
    this.signal = signals(this.#failed);
  }

  /** Why it has ended what is fetched; null: it has not. */
  get reason(): unknown {
    return this.#reason;
  }

  /** `pending`: what has not come yet. */
  start(pending: ReadonlySet<Present>): void {
    this.#look(pending).catch((error: unknown) => {
      if (this.#ended.signal.aborted) return;
      this.#reason = error;
      this.#failed.abort();
    });
  }

  end(): void {
    this.#ended.abort();
  }

  async #look(pending: ReadonlySet<Present>): Promise<void> {
    // Behind the deadline the fetching ends by itself.
    for (let tookMs = 0; this.#clock.leftMs > 0; ) {
      await this.#clock.pause(tookMs);
      const sinceMs = performance.now();
      await this.#state.update(this.#clock.options);
      for (const place of [...pending]) if (await this.#hasGone(place)) throw new Gone();
      tookMs = performance.now() - sinceMs;
    }
  }

  async #hasGone({ labels, member, there }: Present): Promise<boolean> {
    const now = this.#state.found.grid.find(labels);
    if (now === undefined || now.name !== member?.name) return true;
    if (now.isComplete) return false;
    // Of what had all parts nothing says what was there.
    if (there === null || there.isEmpty) return true;
    const sought = { name: now.name, region: there };
    return (await missingOf(this.#state.seat, sought, this.#clock.options)) > 0;
  }
}
