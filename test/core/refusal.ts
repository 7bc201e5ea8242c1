import assert from 'node:assert/strict';
import { AttaccaError, type ErrorCode } from '../../src/core/errors.js';

/** The code of the AttaccaError that `action` throws, null when it throws none. */
export function codeOf(action: () => unknown): ErrorCode | null {
  try {
    action();
  } catch (error) {
    if (error instanceof AttaccaError) return error.code;
    throw error;
  }
  return null;
}

/** Checks that `action` is refused with `code`. */
export function refused(code: ErrorCode, action: () => unknown): void {
  assert.equal(codeOf(action), code);
}
