import type { AttaccaError } from '../core/errors.js';
import { sameReason } from './errors.js';

/** One item of a batch that failed. */
export interface BatchFailure {
  /** Its place in the batch, from 0. */
  readonly index: number;
  readonly name: string;
  readonly error: AttaccaError;
}

/**
 * The error of a batch of which some items failed: the code, message and fields of the first, with
 * `index`, `failed` and `count` added. The others have taken effect.
 */
export function batchError(
  action: string,
  count: number,
  failures: readonly BatchFailure[],
): AttaccaError {
  const sorted = [...failures].sort((left, right) => left.index - right.index);
  const first = sorted[0] as BatchFailure;
  const { error } = first;
  const fields = { ...error.fields, index: first.index, failed: sorted.length, count };
  const text = `Cannot ${action} ${sorted.length} of ${count} objects; the first: ${error.message}`;
  return sameReason(error, text, fields);
}
