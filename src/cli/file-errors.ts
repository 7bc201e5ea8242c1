import { AttaccaError } from '../core/errors.js';
import { systemCode, whyFailed } from '../core/system-errors.js';

/** What the system says of a file, as an error that names it: `Cannot read "x": ...`. */
export function fileError(action: string, path: string, cause: unknown): Error {
  if (cause instanceof AttaccaError) return cause;
  const system = systemCode(cause);
  if (system === '') return cause instanceof Error ? cause : new Error(String(cause));
  const text = `Cannot ${action} "${path}": ${whyFailed(cause)}`;
  return new AttaccaError('file-error', text, { path, system }, { cause });
}
