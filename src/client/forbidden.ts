import { AttaccaError } from '../core/errors.js';

const FORBIDDEN: ReadonlySet<string> = new Set(['vetoed', 'subscriber-silent']);

/** Whether a subscriber that is told before has not let one operation happen. */
export function isForbidden(error: unknown): error is AttaccaError {
  return error instanceof AttaccaError && FORBIDDEN.has(error.code);
}
