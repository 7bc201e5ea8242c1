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
  ENFILE: 'the system has too many files open',
  ELOOP: 'too many symbolic links',
};

/** The system's name of an error (`ENOENT`), or an empty string: codes of Node are none. */
export function systemCode(error: unknown): string {
  const code = error instanceof Error && 'code' in error ? String(error.code) : '';
  return /^E[A-Z0-9]+$/.test(code) ? code : '';
}

/** Why something failed, in words where the system has given only a code. */
export function whyFailed(error: unknown): string {
  const message = error instanceof Error ? error.message : String(error);
  return WORDS[systemCode(error)] ?? message;
}
