import { LIMITS } from '../limits.js';
import { normalised, outside, withBothCases } from './sets.js';

/** Says why a pattern is refused, and at which character from 0; it throws. */
export type PatternRefusal = (why: string, position: number) => never;

/** A regular expression as a tree. A set holds pairs of first and last code point, sorted. */
export type RegexNode =
  | { readonly kind: 'character'; readonly point: number }
  | { readonly kind: 'set'; readonly ranges: readonly number[] }
  | { readonly kind: 'start' }
  | { readonly kind: 'end' }
  | { readonly kind: 'sequence'; readonly parts: readonly RegexNode[] }
  | { readonly kind: 'choice'; readonly parts: readonly RegexNode[] }
  | {
      readonly kind: 'repeat';
      readonly part: RegexNode;
      readonly min: number;
      readonly max: number;
    };

const POINT_MAX = 0x10ffff;

/** As RE2 has it: what counts higher is a mistake, or an attack. */
const REPEAT_MAX = 1_000;

const pointOf = (character: string): number => character.codePointAt(0) as number;

/** `\d` and its kin: of ASCII only, so that no version of Unicode decides what matches. */
const CLASSES: { readonly [letter: string]: readonly number[] } = {
  d: [0x30, 0x39],
  w: [0x30, 0x39, 0x41, 0x5a, 0x5f, 0x5f, 0x61, 0x7a],
  s: [0x09, 0x0d, 0x20, 0x20],
};

const CONTROLS: { readonly [letter: string]: number } = { n: 10, t: 9, r: 13, f: 12, v: 11 };

const MEANINGLESS: { readonly [letter: string]: string } = {
  b: 'word boundaries are not known',
  B: 'word boundaries are not known',
  p: 'classes of Unicode are not known: write a set like [a-z]',
  P: 'classes of Unicode are not known: write a set like [^a-z]',
};

function classOf(letter: string): readonly number[] | null {
  const ranges = CLASSES[letter.toLowerCase()];
  if (ranges === undefined) return null;
  return letter in CLASSES ? ranges : outside(ranges);
}

/** Reads a pattern from left to right, by code points. */
class PatternReader {
  readonly #characters: readonly string[];
  readonly #refused: PatternRefusal;
  #at = 0;
  #depth = 0;
  #bothCases = false;
  #dotAll = false;

  constructor(source: string, refused: PatternRefusal) {
    this.#characters = Array.from(source);
    this.#refused = refused;
  }

  #peek(): string | undefined {
    return this.#characters[this.#at];
  }

  #take(expected: string): boolean {
    for (let index = 0; index < expected.length; index++) {
      if (this.#characters[this.#at + index] !== expected[index]) return false;
    }
    this.#at += expected.length;
    return true;
  }

  read(): RegexNode {
    this.#flags();
    const node = this.#choice();
    if (this.#peek() === ')') this.#refused('")" closes nothing', this.#at);
    return node;
  }

  /** `(?i)`, `(?s)` or both, for the whole pattern. */
  #flags(): void {
    const [open, mark, ...rest] = this.#characters.slice(0, 5);
    const close = rest.indexOf(')');
    if (open !== '(' || mark !== '?' || close < 1) return;
    const flags = rest.slice(0, close);
    if (flags.some((flag) => flag !== 'i' && flag !== 's')) return;
    this.#bothCases = flags.includes('i');
    this.#dotAll = flags.includes('s');
    this.#at = close + 3;
  }

  #choice(): RegexNode {
    const parts = [this.#sequence()];
    while (this.#take('|')) parts.push(this.#sequence());
    const [only] = parts;
    return parts.length === 1 && only !== undefined ? only : { kind: 'choice', parts };
  }

  #sequence(): RegexNode {
    const parts: RegexNode[] = [];
    for (let next = this.#peek(); next !== undefined; next = this.#peek()) {
      if (next === '|' || next === ')') break;
      parts.push(this.#repeated(this.#atom(next)));
    }
    const [only] = parts;
    return parts.length === 1 && only !== undefined ? only : { kind: 'sequence', parts };
  }

  #atom(next: string): RegexNode {
    const start = this.#at++;
    switch (next) {
      case '(':
        return this.#group(start);
      case '[':
        return { kind: 'set', ranges: this.#set(start) };
      case '.':
        return { kind: 'set', ranges: this.#dotAll ? [0, POINT_MAX] : outside([10, 10]) };
      case '^':
        return { kind: 'start' };
      case '$':
        return { kind: 'end' };
      case '\\':
        return this.#escape(start);
      case '*':
      case '+':
      case '?':
        return this.#refused(`"${next}" repeats nothing`, start);
      default:
        return this.#character(pointOf(next));
    }
  }

  #character(point: number): RegexNode {
    const ranges = this.#bothCases ? withBothCases([point, point]) : [];
    return ranges.length > 2 ? { kind: 'set', ranges } : { kind: 'character', point };
  }

  #group(open: number): RegexNode {
    if (this.#take('?') && !this.#take(':')) this.#groupName(open);
    if (++this.#depth > LIMITS.selectorDepthMax) {
      this.#refused(`groups are nested more than ${LIMITS.selectorDepthMax} deep`, open);
    }
    const node = this.#choice();
    if (!this.#take(')')) this.#refused('"(" is not closed', open);
    this.#depth--;
    return node;
  }

  /** A name of a group says nothing here, and is passed over. */
  #groupName(open: number): void {
    this.#take('P');
    const look = this.#characters[this.#at + 1];
    if (!this.#take('<') || look === '=' || look === '!') {
      this.#refused(
        'of groups with "?" only (?:...) and (?<name>...) are known, and (?i), (?s) in front',
        open,
      );
    }
    while (this.#peek() !== '>') {
      if (!/^\w$/u.test(this.#peek() ?? '')) this.#refused('the name of a group ends in ">"', open);
      this.#at++;
    }
    this.#at++;
  }

  #escape(start: number): RegexNode {
    const letter = this.#peek() ?? '';
    const ranges = classOf(letter);
    if (ranges !== null) {
      this.#at++;
      return { kind: 'set', ranges };
    }
    if (this.#take('A')) return { kind: 'start' };
    if (this.#take('z')) return { kind: 'end' };
    return this.#character(this.#escaped(start));
  }

  /** The character that stands after a backslash. */
  #escaped(start: number): number {
    const letter = this.#characters[this.#at++];
    if (letter === undefined) return this.#refused('"\\" ends the pattern', start);
    if (letter === 'x' || letter === 'u') return this.#hexadecimal(start);
    const control = CONTROLS[letter];
    if (control !== undefined) return control;
    if (/^[1-9]$/u.test(letter)) {
      this.#refused(
        'references to groups are not known: no matcher in linear time has them',
        start,
      );
    }
    if (/^\w$/u.test(letter))
      this.#refused(MEANINGLESS[letter] ?? `"\\${letter}" means nothing`, start);
    return pointOf(letter);
  }

  /** `\xHH`, `\x{H...}` or `\u{H...}`. */
  #hexadecimal(start: number): number {
    const rest = this.#characters.slice(this.#at, this.#at + 10).join('');
    const [all, braced, plain] = /^(?:\{([0-9a-fA-F]{1,6})\}|([0-9a-fA-F]{2}))/u.exec(rest) ?? [];
    const point = Number.parseInt(braced ?? plain ?? '', 16);
    // Not a number when nothing was found.
    if (all === undefined || !(point <= POINT_MAX) || (point >= 0xd800 && point <= 0xdfff)) {
      return this.#refused('write a character as \\x41 or \\x{1f30a}', start);
    }
    this.#at += all.length;
    return point;
  }

  #set(open: number): readonly number[] {
    const negated = this.#take('^');
    const ranges: number[] = [];
    // A bracket that stands first is a character.
    for (let first = true; first || this.#peek() !== ']'; first = false) {
      if (this.#peek() === undefined) this.#refused('"[" is not closed', open);
      this.#range(ranges);
    }
    this.#at++;
    const set = this.#bothCases ? withBothCases(ranges) : normalised(ranges);
    return negated ? outside(set) : set;
  }

  #range(ranges: number[]): void {
    const start = this.#at;
    if (this.#take('[:'))
      this.#refused('classes like [:alpha:] are not known: write a-zA-Z', start);
    const named = this.#take('\\') ? classOf(this.#peek() ?? '') : null;
    if (named !== null) {
      this.#at++;
      ranges.push(...named);
      return;
    }
    this.#at = start;
    const first = this.#setCharacter();
    let last = first;
    const next = this.#characters[this.#at + 1];
    // A minus that ends the set is a minus.
    if (this.#peek() === '-' && next !== undefined && next !== ']') {
      this.#at++;
      last = this.#setCharacter();
      if (last < first) this.#refused('a range runs backwards', start);
    }
    ranges.push(first, last);
  }

  #setCharacter(): number {
    const start = this.#at;
    const character = this.#characters[this.#at++] as string;
    return character === '\\' ? this.#escaped(start) : pointOf(character);
  }

  /** The repetition after `part`. That a match be short or long (`*?`) says nothing here. */
  #repeated(part: RegexNode): RegexNode {
    const start = this.#at;
    const counts = this.#counts();
    if (counts === null) return part;
    this.#take('?');
    const again = this.#at;
    if (this.#counts() !== null) {
      this.#refused('a repetition is repeated: put the first into (...)', again);
    }
    const [min, max] = counts;
    if (max < min) this.#refused('a repetition runs backwards', start);
    if (min > REPEAT_MAX || (max > REPEAT_MAX && max !== Number.POSITIVE_INFINITY)) {
      this.#refused(`a repetition counts at most ${REPEAT_MAX}`, start);
    }
    return { kind: 'repeat', part, min, max };
  }

  #counts(): readonly [min: number, max: number] | null {
    if (this.#take('*')) return [0, Number.POSITIVE_INFINITY];
    if (this.#take('+')) return [1, Number.POSITIVE_INFINITY];
    if (this.#take('?')) return [0, 1];
    if (this.#peek() !== '{') return null;
    const open = this.#at;
    const rest = this.#characters.slice(open, open + 20).join('');
    const [all, min, comma, max] = /^\{(\d{1,8})(,?)(\d{0,8})\}/u.exec(rest) ?? [];
    if (all === undefined) {
      return this.#refused('write a repetition as {2} or {2,5}, and the character as \\{', open);
    }
    this.#at += all.length;
    if (comma === '' && max === '') return [Number(min), Number(min)];
    return [Number(min), max === '' ? Number.POSITIVE_INFINITY : Number(max)];
  }
}

/** Reads a pattern; one that is malformed is refused. */
export function readPattern(source: string, refused: PatternRefusal): RegexNode {
  return new PatternReader(source, refused).read();
}
