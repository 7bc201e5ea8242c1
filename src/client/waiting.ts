import { AttaccaError } from '../core/errors.js';
import { formatSeconds } from '../core/format-seconds.js';
import type { Call } from './call.js';
import type { Connection } from './connection.js';
import { abortedError } from './errors.js';
import { deadlineOf, type WaitOptions } from './options.js';

/** How much later than the pool this process gives up: then the pool cannot be asked any more. */
const GRACE_MS = 2_000;
/** setTimeout takes an int32; longer waits go without a guard of their own. */
const TIMER_MS_MAX = 2 ** 31 - 1;

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
  const { signal, timeoutMs } = options;
  const isGuarded = timeoutMs !== undefined && timeoutMs <= TIMER_MS_MAX - GRACE_MS;
  if (signal === undefined && !isGuarded) return call.promise;
  const { number, what } = request;
  const giveUp = (error: AttaccaError): void => {
    if (call.isAnswered) return;
    connection.cancel(number);
    call.abandon(error);
  };
  const timer = isGuarded ? guard(connection, what, timeoutMs, giveUp) : undefined;
  const onAbort = (): void => {
    if (signal !== undefined) giveUp(abortedError(what, signal));
  };
  signal?.addEventListener('abort', onAbort, { once: true });
  return call.promise.finally(() => {
    clearTimeout(timer);
    signal?.removeEventListener('abort', onAbort);
  });
}

function guard(
  connection: Connection,
  what: string,
  timeoutMs: number,
  giveUp: (error: AttaccaError) => void,
): NodeJS.Timeout {
  const awayBeforeMs = connection.awayTotalMs;
  const timer = setTimeout(() => {
    const { isUp } = connection;
    const isOpen = connection.accept !== null;
    const code = isUp ? 'deadline-passed' : isOpen ? 'connection-lost' : 'pool-unreachable';
    const awayMs = connection.awayTotalMs - awayBeforeMs;
    const why = whyLate(isUp, formatSeconds(timeoutMs), awayMs);
    giveUp(new AttaccaError(code, `Cannot ${what}: ${why}`, { timeoutMs }));
  }, timeoutMs + GRACE_MS);
  // Whatever waits keeps the process alive by itself.
  timer.unref();
  return timer;
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
