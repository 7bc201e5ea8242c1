import { LIMITS } from '../limits.js';
import { readNumber } from '../selector/numbers.js';
import type { Float } from '../value.js';

/** Says why a text is refused, and at which character from 0; it throws. */
export type NotationRefusal = (why: string, position: number) => never;

type Literal = null | boolean | number | bigint | string | Float;

/** A call as it is written: `list(int(min=0), max=5)`. */
export interface Call {
  readonly name: string;
  readonly at: number;
  readonly positional: readonly Argument[];
  readonly named: ReadonlyMap<string, NamedArgument>;
}

/** What stands between the parentheses: a literal, or a call of its own. */
export type Argument = { readonly at: number } & (
  | { readonly kind: 'literal'; readonly value: Literal }
  | { readonly kind: 'call'; readonly call: Call }
);

type NamedArgument = Argument & { readonly nameAt: number };

const CONSTANTS: ReadonlyMap<string, null | boolean> = new Map([
  ...(['True', 'true'] as const).map((word) => [word, true] as const),
  ...(['False', 'false'] as const).map((word) => [word, false] as const),
  ...(['None', 'null'] as const).map((word) => [word, null] as const),
]);

/** As Python has them; any other backslash is one. */
const ESCAPES: { readonly [letter: string]: string } = {
  n: '\n',
  t: '\t',
  '\\': '\\',
  '"': '"',
  "'": "'",
};

/** Reads the notation of yamale, which is that of calls in Python, from left to right. */
class NotationReader {
  readonly #characters: readonly string[];
  readonly #refused: NotationRefusal;
  #at = 0;
  #depth = 0;

  constructor(text: string, refused: NotationRefusal) {
    this.#characters = Array.from(text);
    this.#refused = refused;
  }

  read(): Call {
    this.#blanks();
    const at = this.#at;
    const call = this.#call(this.#word(), at);
    this.#blanks();
    if (this.#peek() !== undefined) this.#refused('nothing may stand behind the type', this.#at);
    return call;
  }

  #peek(): string | undefined {
    return this.#characters[this.#at];
  }

  #blanks(): void {
    while (/^\s$/u.test(this.#peek() ?? '')) this.#at++;
  }

  #take(sign: string): boolean {
    this.#blanks();
    const stands = this.#peek() === sign;
    if (stands) this.#at++;
    return stands;
  }

  #run(pattern: RegExp): string {
    const start = this.#at;
    while (pattern.test(this.#peek() ?? '')) this.#at++;
    return this.#characters.slice(start, this.#at).join('');
  }

  #word(): string {
    return this.#run(/^\w$/u);
  }

  #call(name: string, at: number): Call {
    if (!/^[A-Za-z_]/u.test(name)) this.#refused('a type is written as int() or str(max=8)', at);
    if (!this.#take('(')) this.#refused(`behind "${name}" come parentheses: ${name}()`, this.#at);
    if (++this.#depth > LIMITS.valueDepthMax) {
      this.#refused(`types are nested more than ${LIMITS.valueDepthMax} deep`, at);
    }
    const positional: Argument[] = [];
    const named = new Map<string, NamedArgument>();
    while (!this.#take(')')) {
      this.#argument(positional, named);
      if (this.#take(',')) continue;
      if (!this.#take(')')) this.#refused('here "," or ")" is missing', this.#at);
      break;
    }
    this.#depth--;
    return { name, at, positional, named };
  }

  #argument(positional: Argument[], named: Map<string, NamedArgument>): void {
    this.#blanks();
    const at = this.#at;
    const name = this.#word();
    if (/^[A-Za-z_]/u.test(name) && this.#take('=')) {
      if (named.has(name)) this.#refused(`"${name}" is given twice`, at);
      named.set(name, { ...this.#value(), nameAt: at });
      return;
    }
    this.#at = at;
    if (named.size > 0) this.#refused('what has no name stands before what has one', at);
    positional.push(this.#value());
  }

  #value(): Argument {
    this.#blanks();
    const at = this.#at;
    const first = this.#peek() ?? '';
    if (first === '"' || first === "'") return { kind: 'literal', at, value: this.#text(false) };
    if (/^[\d+-]$/u.test(first)) return { kind: 'literal', at, value: this.#number() };
    const word = this.#word();
    const quote = this.#peek();
    if (word === 'r' && (quote === '"' || quote === "'")) {
      return { kind: 'literal', at, value: this.#text(true) };
    }
    const constant = CONSTANTS.get(word);
    if (constant !== undefined) return { kind: 'literal', at, value: constant };
    return { kind: 'call', at, call: this.#call(word, at) };
  }

  #number(): number | bigint | Float {
    const at = this.#at;
    const word = this.#run(/^[\w.+-]$/u);
    const value = readNumber(word);
    return typeof value === 'string' ? this.#refused(value, at) : value;
  }

  #text(raw: boolean): string {
    const open = this.#at++;
    const quote = this.#characters[open];
    const parts: string[] = [];
    for (;;) {
      const character = this.#characters[this.#at++];
      if (character === undefined) return this.#refused('a text is not closed', open);
      if (character === quote) return parts.join('');
      const next = this.#characters[this.#at];
      if (character !== '\\' || next === undefined) parts.push(character);
      else if (raw) {
        parts.push(character, next);
        this.#at++;
      } else {
        const meant = ESCAPES[next];
        if (meant !== undefined) this.#at++;
        parts.push(meant ?? character);
      }
    }
  }
}

/** Reads one call, of names that need not mean anything. */
export function readNotation(text: string, refused: NotationRefusal): Call {
  return new NotationReader(text, refused).read();
}
