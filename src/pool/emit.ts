import { AttaccaError } from '../core/errors.js';
import { DURABILITY, type ErrorParts, writeFail, writeOk } from '../protocol/index.js';
import type { Session } from './sessions.js';
import type { PoolState } from './state.js';

/** Marks that the session has something to be sent. */
function touch(pool: PoolState, session: Session): void {
  if (session.dirty) return;
  session.dirty = true;
  pool.dirty.push(session);
}

/** Writes the run of successes that is not written yet: before anything else, and at the end. */
export function flushOk(session: Session): void {
  if (session.okFirst === 0) return;
  // Until there is a journal, what the pool knows is lost with it.
  writeOk(session.out, session.okFirst, session.okLast, DURABILITY.process, DURABILITY.process);
  session.outMessages++;
  session.okFirst = 0;
}

/** Answers a request with success; neighbours become one range. */
export function emitOk(pool: PoolState, session: Session, request: number): void {
  if (session.okFirst !== 0 && request === session.okLast + 1) {
    session.okLast = request;
    return;
  }
  flushOk(session);
  session.okFirst = request;
  session.okLast = request;
  touch(pool, session);
}

/** Readies a session for one more message, which the caller writes to what it returns. */
export function emit(pool: PoolState, session: Session): Session['out'] {
  flushOk(session);
  touch(pool, session);
  session.outMessages++;
  return session.out;
}

export function emitFail(
  pool: PoolState,
  session: Session,
  request: number,
  error: ErrorParts,
): void {
  writeFail(emit(pool, session), request, error);
}

/** For an error that is made here: the same words wherever it ends up. */
export function failure(
  code: ConstructorParameters<typeof AttaccaError>[0],
  message: string,
  fields: ConstructorParameters<typeof AttaccaError>[2] = {},
): AttaccaError {
  return new AttaccaError(code, message, fields);
}
