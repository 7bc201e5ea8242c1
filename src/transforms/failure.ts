import { AttaccaError, type ErrorFields } from '../core/errors.js';

/** A transform that does not exist, or does not fit what it is given. */
export function refuseTransform(kind: string, why: string, fields: ErrorFields = {}): never {
  throw new AttaccaError('bad-transform', `Cannot use the transform "${kind}": ${why}`, {
    transform: kind,
    ...fields,
  });
}

/** Bytes that are not what the transform takes: cut, or damaged. */
export function transformFailed(kind: string, why: string, cause?: unknown): AttaccaError {
  const message = `Cannot run the transform "${kind}": ${why}`;
  return new AttaccaError('transform-failed', message, { transform: kind }, { cause });
}
