import type { Value } from './value.js';

/**
 * Every code an Attacca error can carry, with whether the same call may succeed later unchanged.
 * Codes are stable: callers match on them; they are the same on the wire, in every client, in the
 * CLI's `--json`. The meaning of each stands in docs/errors.md.
 */
export const ERROR_CODES = {
  // Connection and session.
  'wrong-token': false,
  'wrong-pool': false,
  'version-mismatch': false,
  'bad-frame': false,
  'bad-message': false,
  'frame-too-large': false,
  'session-unknown': false,
  'session-limit': true,
  'connection-lost': true,
  'pool-unreachable': true,
  'pool-stopping': false,
  'not-allowed': false,
  // Members.
  'name-in-use': true,
  'not-a-member': false,
  'member-limit': true,
  'member-crashed': false,
  // Objects and handles.
  'bad-name': false,
  'bad-attribute': false,
  'bad-space': false,
  'bad-region': false,
  'bad-argument': false,
  'bad-selector': false,
  'bad-schema': false,
  'schema-conflict': false,
  'schema-mismatch': false,
  'unknown-definition': false,
  'definition-in-use': true,
  'unknown-handle': false,
  'handle-in-use': false,
  'handle-limit': true,
  'unknown-object': false,
  'wrong-state': false,
  'already-offered': false,
  'part-overlap': false,
  'lock-conflict': true,
  'parts-missing': false,
  'cube-hole': true,
  'cube-misfit': false,
  'lossy-conversion': false,
  'bad-transform': false,
  'bad-expression': false,
  'transform-failed': false,
  'transform-timeout': false,
  'object-mismatch': false,
  'size-mismatch': false,
  'object-required': true,
  'object-depended-on': true,
  'object-deleted': false,
  'object-lost': false,
  'nobody-will-offer': false,
  'promise-limit': true,
  'unknown-promise': false,
  'subscription-limit': true,
  'unknown-subscription': false,
  'subscriber-slow': false,
  'subscriber-silent': true,
  vetoed: false,
  'hold-limit': true,
  'checksum-mismatch': false,
  // Waiting.
  'deadline-passed': true,
  cancelled: false,
  aborted: false,
  'wait-limit': true,
  // Memory and disk.
  'memory-full': true,
  'shm-full': true,
  'too-large': false,
  'inline-too-large': false,
  'bad-lease': false,
  'no-durable-level': false,
  'mapping-unavailable': false,
  'disk-full': true,
  'journal-full': true,
  'journal-damaged': false,
  'journal-version': false,
  'not-a-store': false,
  'store-in-use': true,
  'store-damaged': false,
  'store-short': false,
  'store-denied': false,
  // Files and formats.
  'not-a-npy-file': false,
  'not-a-netcdf-file': false,
  'not-a-grib-file': false,
  'bad-grib-message': false,
  'not-a-zarr-store': false,
  'file-error': false,
  'library-unavailable': false,
  'unknown-format': false,
  'bad-file-header': false,
  'not-imported': false,
  // Anything that is our own fault.
  poisoned: false,
  internal: false,
} as const;

export type ErrorCode = keyof typeof ERROR_CODES;

export type ErrorFields = { readonly [key: string]: Value };

/** Whether `code` is one this version knows. */
export function isErrorCode(code: string): code is ErrorCode {
  return Object.hasOwn(ERROR_CODES, code);
}

/**
 * The one error class of Attacca. `code` says what happened, `fields` the particulars (names,
 * sizes, for whom a wait waited), `retryable` whether the same call may succeed later.
 * The message reads `Cannot <action> "<value>": <why>`.
 */
export class AttaccaError extends Error {
  override readonly name = 'AttaccaError';
  readonly code: ErrorCode;
  readonly retryable: boolean;
  readonly fields: ErrorFields;

  constructor(
    code: ErrorCode,
    message: string,
    fields: ErrorFields = {},
    options?: { cause?: unknown },
  ) {
    super(message, options);
    this.code = code;
    this.retryable = ERROR_CODES[code];
    this.fields = fields;
  }
}
