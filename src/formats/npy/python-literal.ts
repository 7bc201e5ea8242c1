/**
 * A tuple of Python, which is another thing than a list: a shape is one, a structured type is not.
 */
export class PythonTuple {
  readonly items: readonly PythonValue[];
  constructor(items: readonly PythonValue[]) {
    this.items = items;
  }
}

export type PythonValue =
  | null
  | boolean
  | number
  | string
  | PythonTuple
  | PythonValue[]
  | Map<string, PythonValue>;

const DEPTH_MAX = 16;
const ESCAPES: { readonly [letter: string]: string } = { n: '\n', t: '\t', r: '\r' };

/** A character by its number. */
const CODE = /^\\(?:x[\da-fA-F]{2}|u[\da-fA-F]{4}|U[\da-fA-F]{8})/u;

/**
 * Parses what Python's `repr` makes of None, booleans, whole numbers (with the L of Python 2),
 * texts, tuples, lists and dictionaries with texts as keys: all that headers of .npy files hold.
 * Throws an Error that says what was expected where.
 */
export class PythonLiteral {
  readonly #text: string;
  #at = 0;
  #depth = 0;

  constructor(text: string) {
    this.#text = text;
  }

  parse(): PythonValue {
    const value = this.#value();
    this.#space();
    if (this.#at < this.#text.length) this.#fail('the end');
    return value;
  }

  #fail(expected: string): never {
    const found = this.#at < this.#text.length ? JSON.stringify(this.#text[this.#at]) : 'the end';
    throw new Error(`at ${this.#at} ${expected} was expected, not ${found}`);
  }

  #space(): void {
    while (/[ \t\r\n]/u.test(this.#text[this.#at] ?? '')) this.#at++;
  }

  #next(): string {
    this.#space();
    return this.#text[this.#at] ?? '';
  }

  #value(): PythonValue {
    const next = this.#next();
    if (next === "'" || next === '"') return this.#string(next);
    if (++this.#depth > DEPTH_MAX) this.#fail('less nesting');
    try {
      if (next === '{') return this.#dictionary();
      if (next === '[') return this.#items(']').items;
      if (next === '(') return this.#tuple();
    } finally {
      this.#depth--;
    }
    const word = /^(?:True|False|None|[+-]?\d+L?)/u.exec(this.#text.slice(this.#at, this.#at + 40));
    if (word === null) return this.#fail('a value');
    this.#at += word[0].length;
    if (word[0] === 'None') return null;
    if (word[0] === 'True' || word[0] === 'False') return word[0] === 'True';
    return Number(word[0].replace('L', ''));
  }

  #string(quote: string): string {
    let value = '';
    for (this.#at++; this.#at < this.#text.length; this.#at++) {
      const character = this.#text[this.#at] as string;
      if (character === quote) {
        this.#at++;
        return value;
      }
      if (character === '\\') {
        const code = CODE.exec(this.#text.slice(this.#at, this.#at + 10));
        const escaped = this.#text[++this.#at] ?? '';
        if (code === null) value += ESCAPES[escaped] ?? escaped;
        else {
          value += this.#character(Number.parseInt(code[0].slice(2), 16));
          this.#at += code[0].length - 2;
        }
      } else value += character;
    }
    return this.#fail('the end of a text');
  }

  #character(point: number): string {
    return point <= 0x10_ffff ? String.fromCodePoint(point) : this.#fail('a character');
  }

  /** Values up to `close`, and whether a comma stood behind the last. */
  #items(close: string): { items: PythonValue[]; comma: boolean } {
    this.#at++;
    const items: PythonValue[] = [];
    let comma = false;
    for (;;) {
      if (this.#next() === close) {
        this.#at++;
        return { items, comma };
      }
      if (items.length > 0 && !comma) this.#fail('a comma');
      items.push(this.#value());
      comma = this.#next() === ',';
      if (comma) this.#at++;
    }
  }

  /** `(3)` is a number in parentheses, `(3,)` a tuple. */
  #tuple(): PythonValue {
    const { items, comma } = this.#items(')');
    const first = items[0];
    if (items.length === 1 && !comma && first !== undefined) return first;
    return new PythonTuple(items);
  }

  #dictionary(): Map<string, PythonValue> {
    this.#at++;
    const map = new Map<string, PythonValue>();
    for (let comma = true; ; ) {
      const next = this.#next();
      if (next === '}') {
        this.#at++;
        return map;
      }
      if (!comma) this.#fail('a comma');
      if (next !== "'" && next !== '"') this.#fail('a key');
      const key = this.#string(next);
      if (this.#next() !== ':') this.#fail('a colon');
      this.#at++;
      map.set(key, this.#value());
      comma = this.#next() === ',';
      if (comma) this.#at++;
    }
  }
}
