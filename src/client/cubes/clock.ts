import { setTimeout as pause } from 'node:timers/promises';
import { LIMITS } from '../../core/limits.js';
import { abortedError } from '../errors.js';
import type { WaitOptions } from '../options.js';

/** Between two questions whether something has come: a tenth of the time goes into them. */
const PAUSE_MS_MIN = 50;
const PAUSE_MS_MAX = 5_000;
const PAUSE_FACTOR = 10;

/** How long all that a call does may take together. */
export class Clock {
  readonly #endMs: number;
  readonly signal: AbortSignal | undefined;

  constructor({ timeoutMs = LIMITS.deadlineDefaultMs, signal }: WaitOptions) {
    if (!(timeoutMs >= 0)) throw new RangeError(`Cannot wait ${timeoutMs} ms`);
    this.#endMs = performance.now() + timeoutMs;
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
  async pause(what: string, tookMs: number): Promise<void> {
    const wantedMs = Math.min(PAUSE_MS_MAX, Math.max(PAUSE_MS_MIN, PAUSE_FACTOR * tookMs));
    const { signal } = this;
    try {
      await pause(
        Math.min(wantedMs, this.leftMs),
        undefined,
        signal === undefined ? {} : { signal },
      );
    } catch (error) {
      if (signal?.aborted === true) throw abortedError(what, signal);
      throw error;
    }
  }
}
