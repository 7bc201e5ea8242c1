import { AttaccaError } from '../core/errors.js';
import { LIMITS } from '../core/limits.js';
import type { Value } from '../core/value.js';
import { type ErrorParts, writeFail, writeOk, writeValueAnswer } from '../protocol/index.js';
import type { Session } from './sessions.js';
import type { PoolState } from './state.js';

/** The largest answer: a frame carries it whole, and what stands before it. */
const ANSWER_BYTES_MAX = LIMITS.frameBytesMax - 1_024;

/** Marks that the session has something to be sent. */
function touch(pool: PoolState, session: Session): void {
  if (session.dirty) return;
  if (pool.dirty.length === 0) pool.events.bytesTold = 0;
  session.dirty = true;
  pool.dirty.push(session);
}

/** Writes the run of successes that is not written yet: before anything else, and at the end. */
export function flushOk(pool: PoolState, session: Session): void {
  if (session.okFirst === 0) return;
  const { okFirst, okLast, okBytes } = session;
  writeOk(session.out, okFirst, okLast, pool.options.durability, okBytes);
  session.outMessages++;
  session.okFirst = 0;
}

/**
 * Answers a request with success; neighbours become one range. `bytes`: how durable the bytes are
 * that it was about, one of DURABILITY; those within the message are as durable as its record.
 */
export function emitOk(
  pool: PoolState,
  session: Session,
  request: number,
  bytes: number = pool.options.durability,
): void {
  if (session.okFirst !== 0 && request === session.okLast + 1 && bytes === session.okBytes) {
    session.okLast = request;
    return;
  }
  flushOk(pool, session);
  session.okFirst = request;
  session.okLast = request;
  session.okBytes = bytes;
  touch(pool, session);
}

/** Readies a session for one more message, which the caller writes to what it returns. */
export function emit(pool: PoolState, session: Session): Session['out'] {
  flushOk(pool, session);
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

/** Answers with a value, or with `too-large` when no frame could carry it. */
export function emitValue(pool: PoolState, session: Session, request: number, value: Value): void {
  const out = emit(pool, session);
  const start = out.at;
  writeValueAnswer(out, request, value);
  const size = out.at - start;
  if (size <= ANSWER_BYTES_MAX) return;
  out.at = start;
  const why = `Cannot answer with ${size} bytes: more than a message can hold`;
  writeFail(out, request, failure('too-large', why, { size, limit: ANSWER_BYTES_MAX }));
}

/** For an error that is made here: the same words wherever it ends up. */
export function failure(
  code: ConstructorParameters<typeof AttaccaError>[0],
  message: string,
  fields: ConstructorParameters<typeof AttaccaError>[2] = {},
): AttaccaError {
  return new AttaccaError(code, message, fields);
}
