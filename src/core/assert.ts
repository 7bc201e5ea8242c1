import { AttaccaError } from './errors.js';

/** A broken assumption of the code itself: stops a server after one report. Never bad input. */
export class AssertionFailed extends Error {
  override readonly name = 'AssertionFailed';
}

/** Throws {@link AssertionFailed}; on in production. The message names what was expected. */
export function assert(condition: boolean, expected: string): asserts condition {
  if (!condition) throw new AssertionFailed(`assertion failed: ${expected}`);
}

/** Ends a switch over a union: a case that was forgotten does not compile. */
export function unreachable(value: never): never {
  throw new AssertionFailed(`unreachable: ${String(value)}`);
}

/** Refuses bad input: an error the caller can act on, with a code it can match. */
export function refuse(
  code: ConstructorParameters<typeof AttaccaError>[0],
  message: string,
  fields: ConstructorParameters<typeof AttaccaError>[2] = {},
): never {
  throw new AttaccaError(code, message, fields);
}
