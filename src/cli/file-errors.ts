import { AttaccaError } from '../core/errors.js';

const WORDS: { readonly [code: string]: string } = {
  ENOENT: 'there is no such file or directory',
  EACCES: 'permission denied',
  EPERM: 'not permitted',
  EISDIR: 'it is a directory',
  ENOTDIR: 'a part of its path is not a directory',
  EEXIST: 'it exists already',
  ENAMETOOLONG: 'its name is too long',
  ENOSPC: 'no space is left on the device',
  EROFS: 'the file system is read-only',
  EMFILE: 'this process has too many files open',
  ELOOP: 'too many symbolic links',
};

/** What the system says of a file, as an error that names it: `Cannot read "x": ...`. */
export function fileError(action: string, path: string, cause: unknown): Error {
  if (cause instanceof AttaccaError) return cause;
  if (!(cause instanceof Error && 'code' in cause)) {
    return cause instanceof Error ? cause : new Error(String(cause));
  }
  const system = String(cause.code);
  const why = WORDS[system] ?? cause.message;
  return new AttaccaError(
    'file-error',
    `Cannot ${action} "${path}": ${why}`,
    { path, system },
    {
      cause,
    },
  );
}
