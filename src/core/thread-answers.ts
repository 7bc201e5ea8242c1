import { AttaccaError, type ErrorCode, type ErrorFields } from './errors.js';

/** What a thread is asked: one call after another, each with a number of its own. */
export interface Asked<Call> {
  readonly id: number;
  readonly call: Call;
}

/** An error as it goes from one thread to another, which would make a plain Error of it. */
interface ToldError {
  readonly code: ErrorCode;
  readonly message: string;
  readonly fields: ErrorFields;
}

/** What a thread answers, by the number of what it was asked. */
export type Answered<Result> =
  | { readonly id: number; readonly result: Result }
  | { readonly id: number; readonly error: ToldError };

/** Of what went wrong in a thread: `code` for what is no error of ours. */
export function answeredError(id: number, error: unknown, code: ErrorCode): Answered<never> {
  if (error instanceof AttaccaError) {
    const { code: own, message, fields } = error;
    return { id, error: { code: own, message, fields } };
  }
  const message = error instanceof Error ? (error.stack ?? error.message) : String(error);
  return { id, error: { code, message, fields: {} } };
}

/** Gives what a thread has answered to who waits for it. */
export function settle<Result>(
  told: Answered<Result>,
  resolve: (result: Result) => void,
  reject: (error: AttaccaError) => void,
): void {
  if ('result' in told) resolve(told.result);
  else {
    const { code, message, fields } = told.error;
    reject(new AttaccaError(code, message, fields));
  }
}
