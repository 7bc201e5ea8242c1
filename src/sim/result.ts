import { AssertionFailed } from '../core/assert.js';
import { AttaccaError } from '../core/errors.js';
import { type Rule, Violation } from './violation.js';

export interface Failure {
  /** `assertion` and `crash` where none of them was told. */
  readonly rule: Rule | 'assertion' | 'crash';
  readonly message: string;
  readonly stack: string;
}

export interface Result {
  readonly seed: number;
  /** Of all bytes that went anywhere, and when. */
  readonly digest: string;
  readonly events: number;
  /** How often each operation, fault and answer has happened. */
  readonly counts: ReadonlyMap<string, number>;
  readonly failure: Failure | null;
  readonly lines: readonly string[];
}

/** What has ended a world before its time. */
export function failureOf(error: unknown): Failure {
  if (!(error instanceof Error)) throw error;
  const { message, stack = '' } = error;
  if (error instanceof Violation) return { rule: error.rule, message, stack };
  if (error instanceof AttaccaError && error.code === 'journal-damaged') {
    return { rule: 'the journal can be replayed', message, stack };
  }
  return { rule: error instanceof AssertionFailed ? 'assertion' : 'crash', message, stack };
}
