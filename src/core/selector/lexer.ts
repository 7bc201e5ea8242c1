import { LIMITS } from '../limits.js';
import { utf8Length } from '../utf8.js';
import type { Float, Timestamp } from '../value.js';
import { refuseSelector } from './failure.js';
import { readNumber } from './numbers.js';
import { looksLikeDate, readTimestamp } from './timestamps.js';
import { didYouMean } from './words.js';

/** A piece of a selector, and where it begins. */
export type Token = { readonly at: number } & (
  | { readonly kind: 'word' | 'quoted-key' | 'text'; readonly text: string }
  | { readonly kind: 'literal'; readonly value: number | bigint | Float | Timestamp | Uint8Array }
  | { readonly kind: 'sign'; readonly text: string }
  | { readonly kind: 'end' }
);

/** Longer ones first. */
const SIGNS = ['..', '==', '=~', '!=', '<=', '>=', '=', '<', '>', '~', '(', ')', '[', ']', ','];

/** What looks like a sign and is none; longer ones first. */
const FOREIGN = ['===', '=>', '=<', '<>', '&&', '||'];

const ESCAPES: { readonly [letter: string]: string } = {
  n: '\n',
  t: '\t',
  '\\': '\\',
  '"': '"',
  "'": "'",
};

/** Where characters are code points, a half of a pair stands alone. */
const isLoneSurrogate = (character: string): boolean =>
  character.length === 1 && (character.charCodeAt(0) & 0xf800) === 0xd800;

/** A character as a message can show it. */
function shown(character: string): string {
  const point = character.codePointAt(0) ?? 0;
  if ((point > 0x20 && point < 0x7f) || (point > 0xa0 && !isLoneSurrogate(character))) {
    return `"${character}"`;
  }
  return `the character U+${point.toString(16).toUpperCase().padStart(4, '0')}`;
}

/** Where the text passes its limit; null when it does not. */
function limitAt(text: string): number | null {
  if (3 * text.length <= LIMITS.selectorBytesMax) return null;
  // Each unit of UTF-16 takes a byte at least: of what is far too long only the start is read.
  const start = text.slice(0, LIMITS.selectorBytesMax + 1);
  if (utf8Length(start) <= LIMITS.selectorBytesMax) return null;
  let bytes = 0;
  let position = 0;
  for (const character of start) {
    bytes += utf8Length(character);
    if (bytes > LIMITS.selectorBytesMax) break;
    position++;
  }
  return position;
}

/** What a character may be, as bits; by code unit, of ASCII. */
const BLANK = 1;
const WORD_START = 2;
const WORD = 4;
const NUMBER_START = 8;
const NUMBER = 16;

const CLASSES = Uint8Array.from({ length: 0x80 }, (_, code) => {
  const character = String.fromCharCode(code);
  const has = (pattern: RegExp, bit: number): number => (pattern.test(character) ? bit : 0);
  return (
    has(/[ \t\r\n]/u, BLANK) |
    has(/[A-Za-z_.]/u, WORD_START) |
    has(/[\w.:-]/u, WORD) |
    has(/[\d+-]/u, NUMBER_START) |
    has(/[\w.:+-]/u, NUMBER)
  );
});

/** Cuts a selector into tokens, one at a time, from left to right, by code points. */
export class Lexer {
  /** By code points: those of ASCII, as nearly all are, need not be cut for that. */
  readonly #characters: string | readonly string[];
  #at = 0;

  constructor(text: string) {
    const limit = limitAt(text);
    if (limit !== null) {
      refuseSelector(`it is longer than ${LIMITS.selectorBytesMax} bytes`, limit);
    }
    this.#characters = utf8Length(text) === text.length ? text : Array.from(text);
  }

  next(): Token {
    while (this.#is(BLANK)) this.#at++;
    const at = this.#at;
    const character = this.#characters[at];
    if (character === undefined) return { kind: 'end', at };
    if (character === '"' || character === "'") return { kind: 'text', text: this.#text(), at };
    if (character === '`') return { kind: 'quoted-key', text: this.#quotedKey(), at };
    if (this.#is(NUMBER_START)) return { kind: 'literal', value: this.#number(), at };
    const follower = this.#characters[at + 1];
    if (character === 'x' && (follower === '"' || follower === "'")) {
      this.#at++;
      return { kind: 'literal', value: this.#bytes(), at };
    }
    if (this.#is(WORD_START) && !this.#stands('..')) {
      return { kind: 'word', text: this.#run(WORD), at };
    }
    return this.#sign(character);
  }

  /** Whether the next character is one of a class. */
  #is(kind: number): boolean {
    const code = this.#characters[this.#at]?.charCodeAt(0) ?? 0x80;
    return code < 0x80 && ((CLASSES[code] as number) & kind) !== 0;
  }

  #cut(start: number, end: number): string {
    const cut = this.#characters.slice(start, end);
    return typeof cut === 'string' ? cut : cut.join('');
  }

  #stands(text: string): boolean {
    for (let index = 0; index < text.length; index++) {
      if (this.#characters[this.#at + index] !== text[index]) return false;
    }
    return true;
  }

  /** The characters of a class from here on, up to `..`. */
  #run(kind: number): string {
    const start = this.#at;
    while (this.#is(kind) && !(this.#characters[this.#at] === '.' && this.#stands('..')))
      this.#at++;
    return this.#cut(start, this.#at);
  }

  #sign(character: string): Token {
    const at = this.#at;
    const foreign = FOREIGN.find((each) => this.#stands(each)) ?? character;
    const sign = SIGNS.find((each) => this.#stands(each));
    if (sign === undefined || foreign.length > sign.length) {
      refuseSelector(`${shown(foreign)} means nothing here${didYouMean(foreign)}`, at);
    }
    this.#at += sign.length;
    return { kind: 'sign', text: sign, at };
  }

  #number(): number | bigint | Float | Timestamp {
    const at = this.#at;
    // A sign that stands alone is a word of its own.
    this.#at++;
    const word = `${this.#characters[at]}${this.#run(NUMBER)}`;
    const value = looksLikeDate(word) ? readTimestamp(word) : readNumber(word);
    return typeof value === 'string' ? refuseSelector(cutLong(value), at) : value;
  }

  /** A character that may stand in quotes. */
  #quotedCharacter(open: number, what: string): string {
    const character = this.#characters[this.#at];
    if (character === undefined) return refuseSelector(`${what} is not closed`, open);
    if (isLoneSurrogate(character)) refuseSelector('half a surrogate pair is no text', this.#at);
    return character;
  }

  #text(): string {
    const open = this.#at++;
    const quote = this.#characters[open];
    let text = '';
    // Of what is copied as it is.
    let start = this.#at;
    for (;;) {
      const character = this.#quotedCharacter(open, 'a text');
      if (character === quote) break;
      if (character === '\\') {
        text += this.#cut(start, this.#at) + this.#escape(open);
        start = this.#at + 1;
      }
      this.#at++;
    }
    return text + this.#cut(start, this.#at++);
  }

  /** The character that an escape means; ends on the last one of the escape. */
  #escape(open: number): string {
    const start = this.#at++;
    const letter = this.#quotedCharacter(open, 'a text');
    const meant = ESCAPES[letter];
    if (meant !== undefined) return meant;
    const rest = this.#cut(start, start + 10);
    const [all = '', digits = ''] = /^\\u\{([0-9a-fA-F]{1,6})\}/u.exec(rest) ?? [];
    const point = Number.parseInt(digits, 16);
    // Not a number when nothing was found.
    if (!(point <= 0x10ffff) || (point >= 0xd800 && point <= 0xdfff)) {
      const known = 'escapes are \\n \\t \\\\ \\" \\\' and \\u{1f30a}';
      return refuseSelector(`${known}; a backslash itself is written \\\\`, start);
    }
    this.#at = start + all.length - 1;
    return String.fromCodePoint(point);
  }

  /** The name in back-quotes; one of its own is written twice. */
  #quotedKey(): string {
    const open = this.#at++;
    const parts: string[] = [];
    for (;;) {
      const character = this.#quotedCharacter(open, 'a key in back-quotes');
      this.#at++;
      if (character === '`') {
        if (this.#characters[this.#at] !== '`') break;
        this.#at++;
      }
      parts.push(character);
    }
    return parts.join('');
  }

  #bytes(): Uint8Array {
    const start = this.#at - 1;
    const text = this.#text();
    if (text.length % 2 !== 0 || !/^[0-9a-fA-F]*$/u.test(text)) {
      refuseSelector('bytes are written as pairs of hexadecimal digits: x"00ff"', start);
    }
    return Uint8Array.from({ length: text.length / 2 }, (_, index) =>
      Number.parseInt(text.slice(2 * index, 2 * index + 2), 16),
    );
  }

  /** The selector from a character on. */
  textFrom(at: number): string {
    return this.#cut(at, this.#characters.length);
  }

  /** Where the character `index` of the text stands that begins at `at`. */
  positionInText(at: number, index: number): number {
    const end = this.#at;
    this.#at = at + 1;
    for (let count = 0; count < index; count++) {
      if (this.#characters[this.#at] === '\\') this.#escape(at);
      this.#at++;
    }
    const position = this.#at;
    this.#at = end;
    return position;
  }
}

/** A reason that quotes a word of any length, at a length for people. */
function cutLong(why: string): string {
  const characters = Array.from(why);
  return characters.length <= 120 ? why : `${characters.slice(0, 40).join('')}..." is no value`;
}
