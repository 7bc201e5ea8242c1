/** A word of a command line, and where it stood. */
interface ShellWord {
  readonly text: string;
  readonly start: number;
  readonly end: number;
}

/** What a shell would do more with than split: expand, redirect, chain. */
const SHELL_ONLY = /[|&;<>()$`*?[\]~!#\n]/u;

/**
 * Splits a line into words as a POSIX shell does: blanks separate, '...' and "..." keep together, \
 * takes the next character as it is. Nothing is expanded. Throws an Error for a quote that is not
 * closed. Stops behind the word `until`.
 */
export function shellWords(line: string, until?: string): ShellWord[] {
  const words: ShellWord[] = [];
  let at = 0;
  for (;;) {
    while (/\s/u.test(line[at] ?? '')) at++;
    if (at >= line.length) return words;
    const start = at;
    let text = '';
    while (at < line.length && !/\s/u.test(line[at] as string)) {
      const piece = wordPiece(line, at);
      text += piece.text;
      at = piece.end;
    }
    words.push({ text, start, end: at });
    if (until !== undefined && text === until) return words;
  }
}

function wordPiece(line: string, at: number): { text: string; end: number } {
  const character = line[at] as string;
  if (character === "'") {
    const close = line.indexOf("'", at + 1);
    if (close < 0) throw new Error(`the quote at ${at + 1} is not closed`);
    return { text: line.slice(at + 1, close), end: close + 1 };
  }
  if (character === '"') return doubleQuoted(line, at);
  if (character === '\\') return { text: line[at + 1] ?? '', end: at + 2 };
  return { text: character, end: at + 1 };
}

function doubleQuoted(line: string, open: number): { text: string; end: number } {
  let text = '';
  for (let at = open + 1; at < line.length; at++) {
    const character = line[at] as string;
    if (character === '"') return { text, end: at + 1 };
    const next = line[at + 1] ?? '';
    if (character === '\\' && /["\\$`]/u.test(next)) {
      text += next;
      at++;
    } else text += character;
  }
  throw new Error(`the quote at ${open + 1} is not closed`);
}

/**
 * The words of a command that needs no shell, or null when a shell must read it: it expands,
 * redirects or chains something, or begins with an assignment. Starting a shell only to start the
 * command costs a millisecond or two.
 */
export function plainWords(command: string): string[] | null {
  if (SHELL_ONLY.test(command)) return null;
  const words = shellWords(command).map(({ text }) => text);
  const first = words[0];
  if (first === undefined || first.includes('=') || BUILTINS.has(first)) return null;
  return words;
}

/** What begins a shell's own language, or is known to the shell alone. */
const BUILTINS: ReadonlySet<string> = new Set(
  (
    '{ } . : alias bg break case cd command continue do done elif else esac eval exec exit export fc fg ' +
    'fi for function getopts hash if jobs local read readonly return set shift source then time ' +
    'times trap type ulimit umask unalias unset until wait while'
  ).split(' '),
);
