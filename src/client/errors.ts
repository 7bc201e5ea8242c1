import { AttaccaError, type ErrorFields, isErrorCode } from '../core/errors.js';
import type { ErrorParts } from '../protocol/index.js';
import { plainMap } from './plain.js';

/**
 * The error that the pool sent. A code that this version does not know becomes `internal` with the
 * pool's words and the code in the field `code`: it is an error all the same.
 */
export function errorOf(parts: ErrorParts): AttaccaError {
  const { code, message } = parts;
  const fields = plainMap(parts.fields);
  if (isErrorCode(code)) return new AttaccaError(code, message, fields);
  return new AttaccaError('internal', message, { ...fields, code });
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
  return new AttaccaError(error.code, error.message, error.fields, { cause: error });
}
