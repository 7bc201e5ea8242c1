/** What no shell reads anything into; braces only where none expands them, as around a name. */
const PLAIN_WORD = /^(?:[A-Za-z0-9_@%+=:,./-]|\{(?:[A-Za-z0-9_@%+=:/-]|\.(?!\.))+\})+$/u;

/** Text as one word of a POSIX shell. */
export function shellQuote(text: string): string {
  return PLAIN_WORD.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`;
}
