import { createHash } from 'node:crypto';
import { isForbidden } from '../client/forbidden.js';
import type { Pool, PoolEvent, SubscribeOptions, Subscription } from '../client/index.js';
import { AttaccaError } from '../core/errors.js';
import { LIMITS } from '../core/limits.js';
import { cut } from '../core/schema/shown.js';
import { Slots } from '../core/slots.js';
import { ending } from './pause.js';
import { CannotStart } from './program.js';

/** One run of a trigger, of one event. */
export interface Run {
  /** The same each time that this event is run, also after crashes; 32 characters, 0-9 a-f. */
  readonly id: string;
  /** 1, and one more for each time that it has failed since this trigger was started. */
  readonly attempt: number;
  /** Fires when it has taken too long, or is to be cut off. */
  readonly signal: AbortSignal;
}

/** What is done for an event; it has failed when it rejects. */
export type RunFunction = (event: PoolEvent, run: Run) => Promise<void>;

/** How a run has ended. */
export interface RunEnd {
  readonly event: PoolEvent;
  readonly id: string;
  readonly attempts: number;
  /** `cut`: it did not come to its end, and will be run again by the next trigger of this name. */
  readonly outcome: 'done' | 'failed' | 'cut';
  /** Why the last attempt failed; null when it is done. */
  readonly error: unknown;
  readonly seconds: number;
}

/** What {@link when} is told. */
export interface WhenOptions
  extends Pick<SubscribeOptions, 'kinds' | 'select' | 'from' | 'slow' | 'until'> {
  /**
   * Of the trigger: by it a later one goes on where this has stopped, and others share its work.
   */
  readonly name: string;
  readonly run: RunFunction;
  /** So many run at the same time. Default 1. */
  readonly jobs?: number | undefined;
  /** How often one that has failed is tried again. Default 0. */
  readonly retries?: number | undefined;
  /** How long before the first time; twice as long before each further one. Default 1 s. */
  readonly backoffMs?: number | undefined;
  /** What takes longer has failed. Left out: it may take as long as it takes. */
  readonly timeoutMs?: number | undefined;
  /** Ends after so many events. */
  readonly count?: number | undefined;
  /** Begins no more runs; those that run come to their end. */
  readonly signal?: AbortSignal | undefined;
  /** Ends those that run, too. */
  readonly cut?: AbortSignal | undefined;
  /** Ends the durable subscription with it: nothing of it is known any more. */
  readonly forget?: boolean | undefined;
  /** When it stands: it runs for what happens from then on. */
  readonly onReady?: (() => void) | undefined;
  /** Of each attempt: it begins, it has ended. */
  readonly onStart?: ((event: PoolEvent, id: string) => void) | undefined;
  readonly onAttempted?: ((event: PoolEvent, id: string) => void) | undefined;
  /** An attempt has failed, and there is another one after so many ms. */
  readonly onRetry?: ((event: PoolEvent, failed: FailedAttempt) => void) | undefined;
  readonly onEnd?: ((end: RunEnd) => void) | undefined;
}

export interface FailedAttempt {
  readonly id: string;
  /** From 1. */
  readonly attempt: number;
  readonly error: unknown;
  readonly againMs: number;
}

/** How it went. */
export interface WhenSummary {
  readonly done: number;
  readonly failed: number;
  readonly cut: number;
  /** Events that the pool does not keep any more, and nothing was run for. */
  readonly missed: number;
}

const BACKOFF_MS_MAX = 60_000;
/** Runs that have failed and wait to be tried again, while others go on. */
const RETRIED_AT_ONCE = 32;
const BACKOFF_MS = 1_000;

/**
 * Does something for each event that matches, by default for each offer, those that are there
 * already first. The subscription is durable, and its acknowledgement is the record that a run is
 * done, or has failed for good: what is acknowledged never comes again, what is not comes to the
 * next trigger of this name, with the same `id`. So each run happens at least once; only one that
 * was under way, or had ended a moment before it could be acknowledged, when trigger, host or pool
 * crashed, happens again: its `id` lets it find what it has done before.
 *
 * Of each run that is done the pool is told `when.done`, of one that has failed for good
 * `when.failed`: events with `trigger`, `run`, `object`, `version`, `attempts`, `why`.
 *
 * Errors: those of `pool.subscribe`; {@link CannotStart} when the program cannot be run at all.
 *
 * ```ts
 * const run = async (event: PoolEvent) => console.log(event.name);
 * await when(pool, { name: 'log', select: 'param = "t"', run, until: 'complete' });
 * ```
 */
export async function when(pool: Pool, options: WhenOptions): Promise<WhenSummary> {
  const { name, jobs = 1, retries = 0, kinds = 'offer', from = 'snapshot' } = options;
  wholeNumber('jobs', jobs, 1);
  wholeNumber('retries', retries, 0);
  if (name === '') throw new AttaccaError('bad-argument', 'Cannot wait for events: say a name');
  // What waits to be tried again has no slot: so many of those keep nobody from one.
  const window = Math.min(LIMITS.eventsWindowMax, retries > 0 ? jobs + RETRIED_AT_ONCE : jobs);
  const { select, slow, until } = options;
  const asked = { kinds, select, name, from, slow, until, window, acknowledge: true };
  const events = await pool.subscribe(asked);
  options.onReady?.();
  return await new Trigger(pool, events, options).run();
}

function wholeNumber(what: string, value: number, least: number): void {
  if (Number.isInteger(value) && value >= least) return;
  throw new RangeError(`Cannot run with ${what} ${value}: a whole number from ${least} on`);
}

class Trigger {
  readonly #pool: Pool;
  readonly #events: Subscription;
  readonly #options: WhenOptions;
  readonly #slots: Slots;
  readonly #running = new Set<Promise<void>>();
  /** Fires when no more runs begin. */
  readonly #stop = ending();
  #fatal: unknown = null;
  readonly #counts = { done: 0, failed: 0, cut: 0, missed: 0 };

  constructor(pool: Pool, events: Subscription, options: WhenOptions) {
    this.#pool = pool;
    this.#events = events;
    this.#options = options;
    this.#slots = new Slots(options.jobs ?? 1);
  }

  async run(): Promise<WhenSummary> {
    const {
      signal,
      cut: cutting,
      forget = false,
      count = Number.POSITIVE_INFINITY,
    } = this.#options;
    const stop = (): void => this.#stop.abort();
    for (const each of [signal, cutting]) {
      if (each?.aborted === true) stop();
      else each?.addEventListener('abort', stop, { once: true });
    }
    try {
      for (let taken = 0; taken < count; ) {
        const event = await this.#next();
        if (event === null) break;
        if (event.missed === null) {
          taken++;
          this.#begin(event);
        } else this.#missed(event);
      }
    } finally {
      await Promise.all(this.#running);
      await this.#events.close({ forget });
      for (const each of [signal, cutting]) each?.removeEventListener('abort', stop);
    }
    if (this.#fatal !== null) throw this.#fatal;
    return { ...this.#counts };
  }

  /** Null when it is over, or no more are to begin. */
  async #next(): Promise<PoolEvent | null> {
    const { signal } = this.#stop;
    try {
      return await this.#events.wait({ signal });
    } catch (error) {
      if (signal.aborted) return null;
      throw error;
    }
  }

  #missed(event: PoolEvent): void {
    const { from = 0, to = 0 } = event.missed ?? {};
    this.#counts.missed += to - from + 1;
    this.#events.acknowledge(event);
  }

  #begin(event: PoolEvent): void {
    const running = this.#one(event)
      .catch((error: unknown) => {
        this.#fatal ??= error;
        this.#stop.abort();
      })
      .finally(() => this.#running.delete(running));
    this.#running.add(running);
  }

  async #one(event: PoolEvent): Promise<void> {
    const { name, retries = 0, onEnd } = this.#options;
    const id = runId(this.#pool.poolId, name, event);
    const startedMs = performance.now();
    let attempts = 0;
    let error: unknown = null;
    let outcome: RunEnd['outcome'] = 'cut';
    while (attempts <= retries) {
      if (attempts > 0 && !(await this.#pause(attempts))) break;
      const attempt = await this.#attempt(event, id, attempts + 1);
      if (attempt === null) break;
      attempts++;
      ({ error, outcome } = attempt);
      if (outcome !== 'failed') break;
      if (attempts > retries || this.#stop.signal.aborted) continue;
      const againMs = this.#backoff(attempts);
      this.#options.onRetry?.(event, { id, attempt: attempts, error, againMs });
    }
    if (attempts === 0) return;
    // One that waits to be tried again when it all ends is tried again by the next trigger.
    if (outcome === 'failed' && attempts <= retries) outcome = 'cut';
    const seconds = (performance.now() - startedMs) / 1_000;
    const end: RunEnd = { event, id, attempts, outcome, error, seconds };
    if (outcome !== 'cut') await this.#record(end);
    this.#counts[outcome]++;
    onEnd?.(end);
  }

  /** Null: it has not begun, as no more are to begin. */
  async #attempt(
    event: PoolEvent,
    id: string,
    attempt: number,
  ): Promise<Pick<RunEnd, 'error' | 'outcome'> | null> {
    const { run, timeoutMs, cut, onStart, onAttempted } = this.#options;
    await this.#slots.take();
    const late = new AbortController();
    const passed = (): void => late.abort(new Error(`it took more than ${timeoutMs} ms`));
    let timer: NodeJS.Timeout | undefined;
    try {
      if (this.#stop.signal.aborted) return null;
      const signal = cut === undefined ? late.signal : AbortSignal.any([late.signal, cut]);
      if (timeoutMs !== undefined) timer = setTimeout(passed, timeoutMs);
      onStart?.(event, id);
      await run(event, { id, attempt, signal }).finally(() => onAttempted?.(event, id));
      return { error: null, outcome: 'done' };
    } catch (error) {
      if (error instanceof CannotStart) throw error;
      const why = late.signal.aborted ? late.signal.reason : error;
      return { error: why, outcome: cut?.aborted === true ? 'cut' : 'failed' };
    } finally {
      clearTimeout(timer);
      this.#slots.give();
    }
  }

  #backoff(failures: number): number {
    const { backoffMs = BACKOFF_MS } = this.#options;
    return Math.min(BACKOFF_MS_MAX, backoffMs * 2 ** (failures - 1));
  }

  /** Before it is tried again; false when it is not to be. */
  async #pause(failures: number): Promise<boolean> {
    const { signal } = this.#stop;
    const ms = this.#backoff(failures);
    if (signal.aborted) return false;
    return await new Promise((resolve) => {
      const end = (): void => {
        clearTimeout(timer);
        signal.removeEventListener('abort', end);
        resolve(!signal.aborted);
      };
      const timer = setTimeout(end, ms);
      signal.addEventListener('abort', end, { once: true });
    });
  }

  /**
   * Acknowledges, and tells: in this order on one connection, so that when the pool has answered to
   * the second it has noted the first.
   */
  async #record({ event, id, attempts, outcome, error, seconds }: RunEnd): Promise<void> {
    this.#events.acknowledge(event);
    const told = {
      ...{ trigger: this.#options.name, run: id, object: event.name, version: event.version },
      ...{ attempts, seconds },
      ...(error === null ? {} : { why: cut(whyOf(error), WHY_CHARACTERS_MAX) }),
    };
    await this.#pool.emit(`when.${outcome}`, told).catch((cause: unknown) => {
      // Who forbids that it is told does not forbid the run, which is recorded.
      if (!isForbidden(cause)) throw cause;
    });
  }
}

const WHY_CHARACTERS_MAX = 1_000;

function whyOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

/** The same for one delivery of a durable subscription, however often it comes. */
function runId(poolId: string, trigger: string, { n, seq, name, version }: PoolEvent): string {
  const text = JSON.stringify([poolId, trigger, n, seq, name, version]);
  return createHash('sha256').update(text).digest('hex').slice(0, 32);
}
