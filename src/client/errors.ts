import { AttaccaError, type ErrorFields, isErrorCode } from '../core/errors.js';
import type { ErrorParts } from '../protocol/index.js';
import { plainMap } from './plain.js';

/** An error as the pool says it; what says nothing of it is as retryable as its code. */
type SaidError = Omit<ErrorParts, 'retryable'> & Partial<Pick<ErrorParts, 'retryable'>>;

/**
 * The error that the pool sent. A code that this version does not know becomes `internal` with the
 * pool's words and the code in the field `code`: it is an error all the same. Whether it may be
 * tried again is the pool's to say: it knows more of the case than the code tells.
 */
export function errorOf(parts: SaidError): AttaccaError {
  const { code, message, retryable } = parts;
  const fields = plainMap(parts.fields);
  const error = isErrorCode(code)
    ? new AttaccaError(code, message, fields)
    : new AttaccaError('internal', message, { ...fields, code });
  return retryable === undefined ? error : Object.assign(error, { retryable });
}

/** Another error for the same reason: its code, as retryable, with the first one as its cause. */
export function sameReason(
  error: AttaccaError,
  message: string,
  fields: ErrorFields,
): AttaccaError {
  const { code, retryable } = error;
  return Object.assign(new AttaccaError(code, message, fields, { cause: error }), { retryable });
}

/** What was thrown, as an error of ours: of another kind it is our own fault. */
export function asAttaccaError(thrown: unknown): AttaccaError {
  if (thrown instanceof AttaccaError) return thrown;
  const why = thrown instanceof Error ? thrown.message : String(thrown);
  return new AttaccaError('internal', `Cannot go on: ${why}`, {}, { cause: thrown });
}

/** A caller's signal has ended a wait. `what` is the action: `demand "t/850"`. */
export function abortedError(what: string, signal: AbortSignal): AttaccaError {
  const cause: unknown = signal.reason;
  return new AttaccaError('aborted', `Cannot ${what}: aborted`, {}, { cause });
}

/** The call does not fit what went before. */
export function wrongState(what: string, why: string, fields: ErrorFields = {}): AttaccaError {
  return new AttaccaError('wrong-state', `Cannot ${what}: ${why}`, fields);
}

/**
 * The same error once more for another waiter: one object thrown in many places would collect
 * whatever one of them adds to it.
 */
export function again(error: AttaccaError): AttaccaError {
  return sameReason(error, error.message, error.fields);
}
