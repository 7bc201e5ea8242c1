import { setTimeout as pause } from 'node:timers/promises';
import { AttaccaError } from '../../core/errors.js';
import { formatSeconds } from '../../core/format-seconds.js';
import { LIMITS } from '../../core/limits.js';
import { abortedError } from '../errors.js';
import type { WaitOptions } from '../options.js';

/** Between two questions whether something has come: a tenth of the time goes into them. */
const PAUSE_MS_MIN = 50;
const PAUSE_MS_MAX = 5_000;
const PAUSE_FACTOR = 10;

/** How long all that a call does may take together. */
export class Clock {
  /** What it is for: `demand of the cube "t850"`. */
  readonly what: string;
  readonly #timeoutMs: number | undefined;
  readonly #endMs: number;
  readonly signal: AbortSignal | undefined;

  constructor(what: string, { timeoutMs, signal }: WaitOptions) {
    const forMs = timeoutMs ?? LIMITS.deadlineDefaultMs;
    if (!(forMs >= 0)) throw new RangeError(`Cannot wait ${timeoutMs} ms`);
    this.what = what;
    this.#timeoutMs = timeoutMs;
    this.#endMs = performance.now() + forMs;
    this.signal = signal;
  }

  get leftMs(): number {
    return Math.max(0, this.#endMs - performance.now());
  }

  /** For a part of it. */
  get options(): WaitOptions {
    return { timeoutMs: Math.max(1, this.leftMs), signal: this.signal };
  }

  /** Before one asks again what took so long. `aborted` when the signal fires. */
  async pause(tookMs: number): Promise<void> {
    const wantedMs = Math.min(PAUSE_MS_MAX, Math.max(PAUSE_MS_MIN, PAUSE_FACTOR * tookMs));
    const { signal } = this;
    try {
      await pause(
        Math.min(wantedMs, this.leftMs),
        undefined,
        signal === undefined ? {} : { signal },
      );
    } catch (error) {
      if (signal?.aborted === true) throw abortedError(this.what, signal);
      throw error;
    }
  }

  /** As {@link pause}; `deadline-passed` at the end, which says `why` it was waited for. */
  async pauseFor(why: string, tookMs: number): Promise<void> {
    this.mustGoOn(why);
    await this.pause(tookMs);
  }

  /** `deadline-passed` at the end, which says `why` there is more to do. */
  mustGoOn(why: string): void {
    if (this.leftMs > 0) return;
    const late = this.#timeoutMs === undefined ? '' : ` within ${formatSeconds(this.#timeoutMs)}`;
    throw new AttaccaError('deadline-passed', `Cannot ${this.what}${late}: ${why}`);
  }
}
