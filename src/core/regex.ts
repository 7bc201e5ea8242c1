import { refuse } from './assert.js';
import { LIMITS } from './limits.js';
import { Automaton } from './regex/automaton.js';
import { programOf } from './regex/program.js';
import { requiredPieces } from './regex/required.js';
import { type PatternRefusal, readPattern } from './regex/syntax.js';
import { utf8Length } from './utf8.js';
import type { Work } from './work.js';

/** A compiled regular expression. It remembers what texts have taught it, within a bound. */
export interface Regex {
  readonly source: string;
  /** What it takes in memory, as states of its automaton; at most `regexSizeMax`. */
  readonly size: number;
  /** Each of these stands in every text that matches; for an index to look for. */
  readonly required: readonly Uint8Array[];
  /** Whether a part of `bytes[start, end)`, well-formed UTF-8, matches; charged to `work`. */
  matches(bytes: Uint8Array, start?: number, end?: number, work?: Work | null): boolean;
}

function refuseRegex(why: string, position: number): never {
  return refuse('bad-selector', `Cannot read the regular expression: ${why}`, { position });
}

/**
 * Compiles a regular expression, in the syntax of RE2 without its classes of Unicode: characters,
 * `.` any but the end of a line, `[a-z]`, `[^a-z]`, `\d \w \s` and their opposites (of ASCII),
 * `(...)`, `(?:...)`, `|`, `* + ? {2} {2,} {2,5}`, `^` and `$` the ends of the text, `\n \t \x41
 * \x{1f30a}`, a backslash before punctuation; in front `(?i)` for both cases of ASCII, `(?s)` for
 * `.` to be any.
 *
 * Matching takes time linear in the text and bounded memory, whatever the pattern, and answers the
 * same on every machine. A pattern that is malformed or too large fails with `bad-selector` and the
 * field `position`, in characters from 0, or as `refused` says.
 */
export function compileRegex(source: string, refused: PatternRefusal = refuseRegex): Regex {
  if (utf8Length(source) > LIMITS.patternBytesMax) {
    refused(`a pattern has at most ${LIMITS.patternBytesMax} bytes`, 0);
  }
  const node = readPattern(source, refused);
  const program = programOf(node, refused);
  const automaton = new Automaton(program);
  return {
    source,
    size: program.size,
    required: requiredPieces(node),
    matches: (bytes, start = 0, end = bytes.length, work = null) =>
      automaton.matches(bytes, start, end, work),
  };
}
