import { AttaccaError } from './errors.js';
import { systemCode, whyFailed } from './system-errors.js';

/** What the system says of a file: `Cannot read "x": ...`; `disk-full`, else `file-error`. */
export function fileError(action: string, path: string, cause: unknown): unknown {
  const system = systemCode(cause);
  if (cause instanceof AttaccaError || system === '') return cause;
  const code = system === 'ENOSPC' || system === 'EDQUOT' ? 'disk-full' : 'file-error';
  const message = `Cannot ${action} "${path}": ${whyFailed(cause)}`;
  return new AttaccaError(code, message, { path, system }, { cause });
}
