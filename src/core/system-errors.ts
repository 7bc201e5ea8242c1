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
  EMFILE: 'this process has too many files open (ulimit -n)',
  EADDRINUSE: 'it is in use',
  ENFILE: 'the system has too many files open',
  ELOOP: 'too many symbolic links',
  ESPIPE: 'it is no plain file',
  EFBIG: 'a file may not be so large here (ulimit -f)',
  E2BIG: 'its arguments and its environment are too long for the system',
  EIO: 'the device has failed to read or write',
};

/** The system's name of an error (`ENOENT`), or an empty string: codes of Node are none. */
export function systemCode(error: unknown): string {
  if (!(error instanceof Error && 'code' in error)) return '';
  const code = String(error.code);
  if (/^E[A-Z0-9]+$/.test(code)) return code;
  // Of a thread that cannot begin Node tells it in the text alone.
  return code === 'ERR_WORKER_INIT_FAILED' ? (/\bE[A-Z0-9]+$/.exec(error.message)?.[0] ?? '') : '';
}

/** Why something failed, in words where the system has given only a code. */
export function whyFailed(error: unknown): string {
  const message = error instanceof Error ? error.message : String(error);
  return WORDS[systemCode(error)] ?? message;
}
