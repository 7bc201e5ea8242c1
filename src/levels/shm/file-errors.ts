import { AttaccaError } from '../../core/errors.js';
import { systemCode, whyFailed } from '../../core/system-errors.js';

/** Turns an error of the file system into ours: no room is `shm-full`, the rest `file-error`. */
export function fileError(action: string, path: string, cause: unknown): AttaccaError {
  if (cause instanceof AttaccaError) return cause;
  const code = systemCode(cause);
  const full = code === 'ENOSPC' || code === 'EDQUOT';
  const why = full ? 'the file system is full' : whyFailed(cause);
  return new AttaccaError(
    full ? 'shm-full' : 'file-error',
    `Cannot ${action} "${path}": ${why}`,
    { path, system: code },
    { cause },
  );
}

/** A `file-error` for something that the system allows and we do not. */
export function refusedFile(action: string, path: string, why: string): AttaccaError {
  return new AttaccaError('file-error', `Cannot ${action} "${path}": ${why}`, { path });
}

/** Throws `aborted` when the signal says so. */
export function throwIfAborted(
  signal: AbortSignal | undefined,
  action: string,
  path: string,
): void {
  if (signal?.aborted !== true) return;
  const cause: unknown = signal.reason;
  throw new AttaccaError('aborted', `Cannot ${action} "${path}": aborted`, { path }, { cause });
}
