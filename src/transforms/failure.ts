import { AttaccaError, type ErrorFields } from '../core/errors.js';
import { printable } from '../core/unseen.js';

/** A transform that does not exist, or does not fit what it is given. */
export function refuseTransform(kind: string, why: string, fields: ErrorFields = {}): never {
  const message = printable(`Cannot use the transform "${kind}": ${why}`);
  throw new AttaccaError('bad-transform', message, { transform: kind, ...fields });
}

/** Bytes that are not what the transform takes: cut, or damaged. */
export function transformFailed(kind: string, why: string, cause?: unknown): AttaccaError {
  const message = `Cannot run the transform "${kind}": ${why}`;
  return new AttaccaError('transform-failed', message, { transform: kind }, { cause });
}
