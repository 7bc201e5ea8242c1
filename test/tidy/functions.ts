import type { Source } from './sources.js';

export interface LongFunction {
  /** Counted from 1. */
  readonly line: number;
  readonly lines: number;
}

const NO_FUNCTION = /\b(?:if|for|while|switch|catch|with)\s*\($/u;
/** A type with braces, before those of the body. */
const RESULT_FIELDS = /:[^;{}()]*\{[^{}]*\}[ >[\]|a-z]*$/u;
/** What may stand between the parameters of a function and its body: a type without braces. */
const RESULT_TYPE = /^(?:\s*:[^;={}]*)?\s*$/u;

/** Where the parentheses that end at `end` begin, or -1. */
function opening(code: string, end: number): number {
  let depth = 0;
  for (let at = end; at >= 0; at--) {
    if (code[at] === ')') depth++;
    else if (code[at] === '(' && --depth === 0) return at;
  }
  return -1;
}

/** Whether a brace behind `before` opens the body of a function. */
function opensFunction(text: string): boolean {
  const before = text.replace(RESULT_FIELDS, '');
  if (/=>\s*$/u.test(before)) return true;
  const end = before.lastIndexOf(')');
  if (end < 0 || !RESULT_TYPE.test(before.slice(end + 1))) return false;
  return !NO_FUNCTION.test(before.slice(0, opening(before, end) + 1));
}

/** `describe` groups tests; it is a heading, not a function to be read at once. */
const HEADING = /\bdescribe\([^;]*=>\s*$/u;

/** The functions of a file, by counting braces, that have more lines than so many. */
export function longFunctions({ code }: Source, linesMax: number): LongFunction[] {
  const found: LongFunction[] = [];
  const open: { line: number; counts: boolean }[] = [];
  let line = 1;
  for (let at = 0; at < code.length; at++) {
    const char = code[at];
    if (char === '\n') line++;
    else if (char === '{') {
      const before = code.slice(Math.max(0, at - 2_000), at);
      open.push({ line, counts: opensFunction(before) && !HEADING.test(before.slice(-200)) });
    } else if (char === '}') {
      const begun = open.pop();
      const lines = line - (begun?.line ?? line) + 1;
      if (begun?.counts === true && lines > linesMax) found.push({ line: begun.line, lines });
    }
  }
  return found;
}
