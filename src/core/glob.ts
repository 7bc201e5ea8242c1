import { refuse } from './assert.js';
import { LIMITS } from './limits.js';
import { encodeUtf8 } from './utf8.js';
import type { Work } from './work.js';

/** Steps of a compiled glob. A byte of text is a step of its own value, 0 to 255. */
const STEP = { star: 256, any: 257, set: 258 } as const;

/** Steps of work for a byte that is looked at again, measured. */
const RETRY_STEPS = 6;

/** Characters of one `[...]`: pairs of first and last code point. */
interface CharacterSet {
  readonly negated: boolean;
  readonly ranges: readonly number[];
}

const byteAt = (bytes: Uint8Array, at: number): number => bytes[at] as number;

/** The size of the character that starts with this byte, in well-formed UTF-8. */
function characterSize(lead: number): number {
  return lead < 0x80 ? 1 : lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : 4;
}

function characterAt(bytes: Uint8Array, at: number, size: number): number {
  if (size === 1) return byteAt(bytes, at);
  let point = byteAt(bytes, at) & (0x7f >> size);
  for (let index = 1; index < size; index++) {
    point = (point << 6) | (byteAt(bytes, at + index) & 63);
  }
  return point;
}

function contains(set: CharacterSet, point: number): boolean {
  for (let index = 0; index < set.ranges.length; index += 2) {
    const first = set.ranges[index] as number;
    const last = set.ranges[index + 1] as number;
    if (point >= first && point <= last) return !set.negated;
  }
  return set.negated;
}

/**
 * A compiled glob. Matching keeps the last star only, as an earlier one can never do better: its
 * time is at most the length of the name times that of the glob, whatever either holds.
 */
class Glob {
  readonly source: string;
  /** Every name that matches begins with these bytes. */
  readonly prefix: Uint8Array;
  /** Whether the glob is a plain name: `prefix` is then the only one that matches. */
  readonly literal: boolean;
  /** Bytes that each name that matches has side by side. */
  readonly pieces: readonly Uint8Array[];
  readonly #steps: Uint16Array;
  readonly #sets: readonly CharacterSet[];

  constructor(source: string, steps: readonly number[], sets: readonly CharacterSet[]) {
    this.source = source;
    this.#steps = Uint16Array.from(steps);
    this.#sets = sets;
    const plain = steps.findIndex((step) => step >= STEP.star);
    this.literal = plain < 0;
    this.prefix = Uint8Array.from(plain < 0 ? steps : steps.slice(0, plain));
    this.pieces = piecesOf(steps);
  }

  /** The end of what `step` matches at `at`, or -1. */
  #stepEnd(step: number, bytes: Uint8Array, at: number): number {
    const lead = byteAt(bytes, at);
    if (step < STEP.star) return lead === step ? at + 1 : -1;
    const size = characterSize(lead);
    if (step === STEP.any) return at + size;
    const set = this.#sets[step - STEP.set] as CharacterSet;
    return contains(set, characterAt(bytes, at, size)) ? at + size : -1;
  }

  /** Whether the whole name `bytes[start, end)`, well-formed UTF-8, matches; charged to `work`. */
  matches(
    bytes: Uint8Array,
    start = 0,
    end: number = bytes.length,
    work: Work | null = null,
  ): boolean {
    const steps = this.#steps;
    let at = start;
    let step = 0;
    let starStep = -1;
    let starAt = 0;
    while (at < end) {
      const code = step < steps.length ? (steps[step] as number) : -1;
      if (code === STEP.star) {
        starStep = ++step;
        starAt = at;
        continue;
      }
      const next = code < 0 ? -1 : this.#stepEnd(code, bytes, at);
      if (next >= 0) {
        at = next;
        step++;
        continue;
      }
      if (starStep < 0) return false;
      if (starStep === steps.length) return true;
      work?.charge(RETRY_STEPS * (2 + at - starAt));
      starAt += characterSize(byteAt(bytes, starAt));
      at = starAt;
      step = starStep;
    }
    while (step < steps.length && steps[step] === STEP.star) step++;
    return step === steps.length;
  }
}

/** Says why a glob is refused, and at which character from 0; it throws. */
type GlobRefusal = (why: string, position: number) => never;

/** The runs of plain bytes among the steps. */
function piecesOf(steps: readonly number[]): Uint8Array[] {
  const pieces: Uint8Array[] = [];
  let start = 0;
  for (let at = 0; at <= steps.length; at++) {
    if (at < steps.length && (steps[at] as number) < STEP.star) continue;
    if (at > start) pieces.push(Uint8Array.from(steps.slice(start, at)));
    start = at + 1;
  }
  return pieces;
}

/** Reads a glob from left to right, by code points. */
class Compiler {
  readonly #source: string;
  readonly #characters: readonly string[];
  readonly #steps: number[] = [];
  readonly #sets: CharacterSet[] = [];
  readonly #refused: GlobRefusal | null;
  #at = 0;
  #stars = 0;

  constructor(source: string, refused: GlobRefusal | null) {
    this.#source = source;
    this.#characters = Array.from(source);
    this.#refused = refused;
  }

  #fail(position: number, why: string): never {
    this.#refused?.(why, position);
    return refuse('bad-argument', `Cannot use the glob "${this.#source}": ${why}`, {
      glob: this.#source,
      position,
    });
  }

  compile(): Glob {
    const count = this.#characters.length;
    if (count > LIMITS.nameCharactersMax) {
      this.#fail(LIMITS.nameCharactersMax, `it is longer than ${LIMITS.nameCharactersMax}`);
    }
    while (this.#at < count) this.#token();
    return new Glob(this.#source, this.#steps, this.#sets);
  }

  #token(): void {
    const character = this.#characters[this.#at] as string;
    if (character === '*') {
      if (++this.#stars > LIMITS.globStarsMax) {
        this.#fail(this.#at, `it has more than ${LIMITS.globStarsMax} stars`);
      }
      this.#steps.push(STEP.star);
      this.#at++;
    } else if (character === '?') {
      this.#steps.push(STEP.any);
      this.#at++;
    } else if (character === '[') this.#set();
    else this.#steps.push(...encodeUtf8(this.#character()));
  }

  /** One character as it is, or the one after a backslash. */
  #character(): string {
    let character = this.#characters[this.#at];
    if (character === '\\') {
      character = this.#characters[++this.#at];
      if (character === undefined) this.#fail(this.#at - 1, '"\\" ends the glob');
    }
    this.#at++;
    return character as string;
  }

  #set(): void {
    const open = this.#at++;
    const negated = this.#characters[this.#at] === '!';
    if (negated) this.#at++;
    const ranges: number[] = [];
    while (this.#characters[this.#at] !== ']') {
      if (this.#at >= this.#characters.length) this.#fail(open, '"[" is not closed');
      this.#range(ranges);
    }
    if (ranges.length === 0) this.#fail(open, 'a set is empty');
    this.#at++;
    this.#steps.push(STEP.set + this.#sets.length);
    this.#sets.push({ negated, ranges });
  }

  #range(ranges: number[]): void {
    const start = this.#at;
    const first = this.#character().codePointAt(0) as number;
    let last = first;
    const next = this.#characters[this.#at + 1];
    // A minus that ends the set is a minus.
    if (this.#characters[this.#at] === '-' && next !== undefined && next !== ']') {
      this.#at++;
      last = this.#character().codePointAt(0) as number;
      if (last < first) this.#fail(start, 'a range runs backwards');
    }
    ranges.push(first, last);
  }
}

/**
 * Compiles a glob: `*` any run, `?` one character, `[abc]`, `[a-z]`, `[!a]` one character of a set,
 * `\` takes the next character as it is. One that is malformed fails with `bad-argument` and the
 * field `position`, in characters from 0, or as `refused` says.
 */
export function compileGlob(source: string, refused: GlobRefusal | null = null): Glob {
  return new Compiler(source, refused).compile();
}
