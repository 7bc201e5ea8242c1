import { AttaccaError, type ErrorFields } from '../core/errors.js';
import { formatSeconds } from '../core/format-seconds.js';
import type { Call } from './call.js';
import type { Connection } from './connection.js';
import { abortedError } from './errors.js';
import { deadlineOf, type WaitOptions } from './options.js';

/** How much later than the pool this process cancels what it has asked for. */
const GRACE_MS = 2_000;
/** ... and after which it gives up: then the pool cannot be asked any more. */
export const ANSWER_MS = 1_000;
/** setTimeout takes an int32; longer waits go without a guard of their own. */
export const TIMER_MS_MAX = 2 ** 31 - 1;

/** Throws `aborted` when the caller's signal has fired already: nothing is sent then. */
export function throwIfAborted(what: string, signal: AbortSignal | undefined): void {
  if (signal?.aborted === true) throw abortedError(what, signal);
}

/**
 * Waits for a call whose request `number` may wait in the pool. Its deadline travelled with it;
 * here it is guarded a little later, in case the pool is gone. When the signal fires the request is
 * cancelled and the caller goes on at once; what still comes is the call's to give back.
 */
export function waiting<T>(
  connection: Connection,
  call: Call<T>,
  request: { readonly number: number; readonly what: string },
  options: WaitOptions,
): Promise<T | undefined> {
  return new Waited(connection, call, request, { ...options, graceMs: GRACE_MS }).result;
}

/**
 * Waits for a call whose request `number` has no deadline in the pool, and may be held there. When
 * its time is over, or the signal fires, it is cancelled, and what the pool says to that decides:
 * what has taken effect by then stands, and is no failure.
 */
export function waitingHeld<T>(
  connection: Connection,
  call: Call<T>,
  request: { readonly number: number; readonly what: string },
  options: WaitOptions,
): Promise<T | undefined> {
  return new Waited(connection, call, request, { ...options, graceMs: 0 }).result;
}

/** A call that somebody waits for no longer than they said. */
class Waited<T> {
  readonly result: Promise<T | undefined>;
  readonly #connection: Connection;
  readonly #call: Call<T>;
  readonly #what: string;
  readonly #awayBeforeMs: number;
  /** Why it was cancelled. */
  #cause: AttaccaError | null = null;

  constructor(
    connection: Connection,
    call: Call<T>,
    { number, what }: { readonly number: number; readonly what: string },
    { signal, timeoutMs, graceMs }: WaitOptions & { readonly graceMs: number },
  ) {
    this.#connection = connection;
    this.#call = call;
    this.#what = what;
    this.#awayBeforeMs = connection.awayTotalMs;
    const isGuarded = timeoutMs !== undefined && timeoutMs <= TIMER_MS_MAX - GRACE_MS - ANSWER_MS;
    if (signal === undefined && !isGuarded) {
      this.result = call.promise;
      return;
    }
    const timers: NodeJS.Timeout[] = [];
    const later = (ms: number, then: () => void): void => {
      // Whatever waits keeps the process alive by itself.
      timers.push(setTimeout(then, ms).unref());
    };
    const cancel = (cause: AttaccaError, answerMs: number): void => {
      if (call.isAnswered || this.#cause !== null) return;
      this.#cause = cause;
      connection.cancel(number);
      if (answerMs === 0) call.abandon(cause);
      else later(answerMs, () => call.abandon(this.#whyLate(timeoutMs) ?? cause));
    };
    const onAbort = (): void => {
      // Who waits for what may take effect hears whether it has.
      if (signal !== undefined) cancel(abortedError(what, signal), graceMs === 0 ? ANSWER_MS : 0);
    };
    if (isGuarded) {
      later(timeoutMs + graceMs, () => cancel(heldFor(what, timeoutMs), ANSWER_MS));
    }
    signal?.addEventListener('abort', onAbort, { once: true });
    if (signal?.aborted === true) onAbort();
    this.result = call.promise
      .catch((error: unknown) => {
        throw this.#reasonOf(error, timeoutMs);
      })
      .finally(() => {
        for (const timer of timers) clearTimeout(timer);
        signal?.removeEventListener('abort', onAbort);
      });
  }

  /** What was cancelled here has ended for our cause, which the pool knows more of. */
  #reasonOf(error: unknown, timeoutMs: number | undefined): unknown {
    const cause = this.#cause;
    const isOurs = error instanceof AttaccaError && error.code === 'cancelled';
    if (cause === null || !isOurs) return error;
    if (cause.code !== 'deadline-passed' || timeoutMs === undefined) return cause;
    return heldFor(this.#what, timeoutMs, error.fields);
  }

  /** The pool has not said a word: null when nobody waited for a time. */
  #whyLate(timeoutMs: number | undefined): AttaccaError | null {
    if (timeoutMs === undefined || this.#call.isAnswered) return null;
    if (this.#cause?.code !== 'deadline-passed') return null;
    const { isUp, accept, awayTotalMs } = this.#connection;
    const code = isUp
      ? 'deadline-passed'
      : accept !== null
        ? 'connection-lost'
        : 'pool-unreachable';
    const why = whyLate(isUp, formatSeconds(timeoutMs), awayTotalMs - this.#awayBeforeMs);
    return new AttaccaError(code, `Cannot ${this.#what}: ${why}`, { timeoutMs });
  }
}

/** It is not there in time. `said`: of what was cancelled, who held it, or for what it waited. */
export function heldFor(what: string, timeoutMs: number, said: ErrorFields = {}): AttaccaError {
  const time = formatSeconds(timeoutMs);
  const by = Array.isArray(said['by']) ? said['by'].map(String) : [];
  const because = typeof said['because'] === 'string' ? `: ${said['because']}` : '';
  const why = by.length === 0 ? `it waited for ${time}` : `${by.join(', ')} held it for ${time}`;
  return new AttaccaError('deadline-passed', `Cannot ${what}: ${why}${because}`, { timeoutMs, by });
}

/** Of a pool that was away the time stood still: so its own deadline is later than ours. */
function whyLate(isUp: boolean, deadline: string, awayMs: number): string {
  const late = `the pool did not answer within ${deadline}`;
  if (awayMs === 0) return late;
  const away = `it could not be reached for ${formatSeconds(awayMs)}`;
  return isUp ? `${late}: ${away} of that` : `${late}: ${away}, and still cannot`;
}

/** What loads, or `aborted` when the signal fires before; it then goes on for nobody. */
export async function unlessAborted<T>(
  loading: Promise<T>,
  what: string,
  { signal }: WaitOptions,
): Promise<T> {
  if (signal === undefined) return await loading;
  return await new Promise((resolve, reject) => {
    const onAbort = (): void => reject(abortedError(what, signal));
    signal.addEventListener('abort', onAbort, { once: true });
    loading.then(resolve, reject).finally(() => signal.removeEventListener('abort', onAbort));
    if (signal.aborted) onAbort();
  });
}

/** As {@link unlessAborted}, and `deadline-passed` when it takes longer than it may. */
export async function unlessLate<T>(
  doing: Promise<T>,
  what: string,
  options: WaitOptions,
): Promise<T> {
  const { timeoutMs } = options;
  if (timeoutMs === undefined || timeoutMs > TIMER_MS_MAX) {
    return await unlessAborted(doing, what, options);
  }
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    const passed = (): void => reject(lateError(what, timeoutMs));
    timer = setTimeout(passed, Math.max(1, timeoutMs));
  });
  try {
    return await unlessAborted(Promise.race([doing, late]), what, options);
  } finally {
    clearTimeout(timer);
  }
}

/** What was asked for is not done in time; it may be all the same. */
function lateError(what: string, timeoutMs: number): AttaccaError {
  const why = `it was not done within ${formatSeconds(timeoutMs)}`;
  return new AttaccaError('deadline-passed', `Cannot ${what}: ${why}`, { timeoutMs });
}

/** Until when somebody waits for what is done in its turn. */
export interface Patience {
  readonly timeoutMs: number | undefined;
  readonly untilMs: number;
  readonly signal: AbortSignal | undefined;
}

/** Null: for as long as it takes. `RangeError` for what is no time. */
export function patienceOf({ timeoutMs, signal }: WaitOptions): Patience | null {
  deadlineOf(timeoutMs);
  if (timeoutMs === undefined && signal === undefined) return null;
  const forMs = timeoutMs ?? Number.POSITIVE_INFINITY;
  return { timeoutMs, untilMs: performance.now() + forMs, signal };
}

/** What is left of it. Throws when nobody waits any more. */
export function restOf(what: string, patience: Patience | null): WaitOptions {
  if (patience === null) return {};
  const { timeoutMs, untilMs, signal } = patience;
  throwIfAborted(what, signal);
  if (timeoutMs === undefined) return { signal };
  const leftMs = untilMs - performance.now();
  if (leftMs <= 0) throw lateError(what, timeoutMs);
  return { timeoutMs: leftMs, signal };
}
