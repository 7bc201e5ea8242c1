import { compileGlob } from '../glob.js';
import { LIMITS } from '../limits.js';
import { compileRegex } from '../regex.js';
import { utf8Length } from '../utf8.js';
import { Float, Timestamp } from '../value.js';
import type {
  Comparator,
  Condition,
  Quantifier,
  Selector,
  SelectorItem,
  SelectorKey,
  SelectorValue,
  TextTest,
} from './ast.js';
import { refuseSelector } from './failure.js';
import { Lexer, type Token } from './lexer.js';
import { didYouMean, listMeant, noValue, RESERVED } from './words.js';

const COMPARATORS: ReadonlyMap<string, Comparator> = new Map([
  ['=', '='],
  ['==', '='],
  ['!=', '!='],
  ['<', '<'],
  ['<=', '<='],
  ['>', '>'],
  ['>=', '>='],
]);

const TEXT_TESTS: ReadonlyMap<string, TextTest> = new Map([
  ['~', 'glob'],
  ['=~', 'regex'],
  ['prefix', 'prefix'],
  ['suffix', 'suffix'],
  ['infix', 'infix'],
]);

const CONSTANTS: ReadonlyMap<string, SelectorValue> = new Map<string, SelectorValue>([
  ['true', true],
  ['false', false],
  ['null', null],
  ['inf', Number.POSITIVE_INFINITY],
  ['nan', Number.NaN],
]);

/** A word at a length for people. */
const shortened = (text: string): string => Array.from(text).slice(0, 40).join('');

/** A token as a message can show it. */
function shown(token: Token): string {
  switch (token.kind) {
    case 'end':
      return 'the end';
    case 'literal':
      return 'a value';
    case 'text':
      return 'a text';
    default:
      return `"${shortened(token.text)}"`;
  }
}

/** The types that have an order; null for the others. */
function orderOf(value: SelectorValue): 'number' | 'text' | 'moment' | 'bytes' | null {
  if (typeof value === 'number' || typeof value === 'bigint' || value instanceof Float) {
    return 'number';
  }
  if (typeof value === 'string') return 'text';
  if (value instanceof Timestamp) return 'moment';
  return value instanceof Uint8Array ? 'bytes' : null;
}

/** Reads a selector by recursive descent, one token ahead; depth and count are bounded. */
class Parser {
  readonly #lexer: Lexer;
  #token: Token;
  #depth = 0;
  #nodes = 0;
  #regexSize = 0;

  constructor(text: string) {
    this.#lexer = new Lexer(text);
    this.#token = this.#lexer.next();
  }

  read(): Selector {
    const first = this.#token;
    if (first.kind === 'end') return { kind: 'constant', value: true, at: 0 };
    const selector = this.#or();
    const token = this.#token;
    if (token.kind === 'end') return selector;
    if (this.#isSign(')')) refuseSelector('")" closes nothing', token.at);
    const meant = this.#guess();
    const why =
      meant === ''
        ? `before ${shown(token)} "and" or "or" is missing`
        : `${shown(token)} means nothing here${meant}`;
    return refuseSelector(why, token.at);
  }

  #advance(): Token {
    const token = this.#token;
    this.#token = this.#lexer.next();
    return token;
  }

  #isSign(text: string): boolean {
    return this.#token.kind === 'sign' && this.#token.text === text;
  }

  #isWord(text: string): boolean {
    return this.#token.kind === 'word' && this.#token.text === text;
  }

  /** Takes the sign or word `text` if it comes next. */
  #take(text: string): boolean {
    const stands = this.#isSign(text) || this.#isWord(text);
    if (stands) this.#advance();
    return stands;
  }

  #close(sign: ')' | ']', open: number): void {
    if (this.#take(sign)) return;
    const meant = this.#guess();
    const { at } = this.#token;
    if (meant !== '') refuseSelector(`${shown(this.#token)} means nothing here${meant}`, at);
    if (this.#token.kind === 'end') {
      refuseSelector(`"${sign === ')' ? '(' : '['}" is not closed`, open);
    }
    refuseSelector(`here stands ${shown(this.#token)} where "${sign}" should`, at);
  }

  /** What was likely meant by the next word. */
  #guess(): string {
    return this.#token.kind === 'word' ? didYouMean(this.#token.text) : '';
  }

  #count(at: number): void {
    if (++this.#nodes > LIMITS.selectorNodesMax) {
      refuseSelector(`it has more than ${LIMITS.selectorNodesMax} parts`, at);
    }
  }

  #deeper<T>(at: number, read: () => T): T {
    if (++this.#depth > LIMITS.selectorDepthMax) {
      refuseSelector(`it is nested more than ${LIMITS.selectorDepthMax} deep`, at);
    }
    const result = read();
    this.#depth--;
    return result;
  }

  #or(): Selector {
    return this.#joined('or', () => this.#joined('and', () => this.#unary()));
  }

  #joined(kind: 'and' | 'or', read: () => Selector): Selector {
    const { at } = this.#token;
    const parts = [read()];
    while (this.#take(kind)) parts.push(read());
    return this.#join(kind, parts, at);
  }

  /** One part is itself. */
  #join(kind: 'and' | 'or', parts: readonly Selector[], at: number): Selector {
    const [only] = parts;
    if (parts.length === 1 && only !== undefined) return only;
    this.#count(at);
    return { kind, parts, at };
  }

  #unary(): Selector {
    const { at } = this.#token;
    if (!this.#take('not')) return this.#primary();
    this.#count(at);
    return { kind: 'not', part: this.#deeper(at, () => this.#unary()), at };
  }

  #primary(): Selector {
    const { at } = this.#token;
    if (this.#take('(')) return this.#deeper(at, () => this.#parenthesised(at));
    this.#count(at);
    if (this.#take('true')) return { kind: 'constant', value: true, at };
    if (this.#take('false')) return { kind: 'constant', value: false, at };
    if (this.#take('has')) return { kind: 'has', key: this.#key(), at };
    const quantifier: Quantifier | null = this.#take('any')
      ? 'any'
      : this.#take('all')
        ? 'all'
        : null;
    const key = this.#key();
    return { kind: 'test', quantifier, key, condition: this.#condition(), at };
  }

  /** What stands between parentheses: infix, or `and` or `or` with parts in parentheses each. */
  #parenthesised(open: number): Selector {
    const kind = this.#isWord('and') ? 'and' : this.#isWord('or') ? 'or' : null;
    if (kind === null) {
      if (this.#isSign(')')) refuseSelector('"()" says nothing', open);
      const selector = this.#or();
      this.#close(')', open);
      return selector;
    }
    this.#advance();
    const parts: Selector[] = [];
    while (this.#isSign('(')) parts.push(this.#primary());
    if (parts.length === 0 || this.#token.kind === 'word' || this.#token.kind === 'quoted-key') {
      refuseSelector(`the parts of (${kind} ...) stand in parentheses each`, this.#token.at);
    }
    this.#close(')', open);
    return this.#join(kind, parts, open);
  }

  #key(): SelectorKey {
    const token = this.#advance();
    const { at } = token;
    if (token.kind === 'quoted-key') return this.#named(token.text, at);
    if (token.kind !== 'word') {
      if (token.kind === 'text') refuseSelector('a key stands in back-quotes, or in none', at);
      return refuseSelector(`here stands ${shown(token)} where a key should`, at);
    }
    if (token.text === 'key' && this.#isSign('(')) return this.#keyPattern(at);
    if (!RESERVED.has(token.text)) return this.#named(token.text, at);
    return refuseSelector(
      `here stands "${token.text}" where a key should: as a key it is written \`${token.text}\``,
      at,
    );
  }

  #named(name: string, at: number): SelectorKey {
    if (name === '') refuseSelector('a key is never empty', at);
    if (utf8Length(name) > LIMITS.keyBytesMax) {
      refuseSelector(`a key has at most ${LIMITS.keyBytesMax} bytes`, at);
    }
    return { kind: 'name', name, at };
  }

  #keyPattern(at: number): SelectorKey {
    const open = this.#advance().at;
    const kind = this.#take('=~') ? 'regex' : 'glob';
    const pattern = this.#pattern(kind);
    this.#close(')', open);
    return { kind, pattern, at };
  }

  #condition(): Condition {
    const token = this.#token;
    const { at } = token;
    const operator = token.kind === 'word' || token.kind === 'sign' ? token.text : '';
    const comparator = COMPARATORS.get(operator);
    const textTest = TEXT_TESTS.get(operator);
    if (comparator !== undefined) {
      this.#advance();
      return { kind: 'compare', operator: comparator, value: this.#compared(comparator), at };
    }
    if (textTest !== undefined) {
      this.#advance();
      return { kind: textTest, text: this.#pattern(textTest), at };
    }
    if (this.#take('in')) return { kind: 'in', items: this.#items(), at };
    const meant = operator === 'not' ? ': "not" stands before the key' : this.#guess();
    return refuseSelector(
      `after a key comes an operator, such as = or in, and here stands ${shown(token)}${meant}`,
      at,
    );
  }

  /** A text, which for a glob or regular expression must compile. */
  #pattern(kind: TextTest): string {
    const token = this.#advance();
    const { at } = token;
    if (token.kind !== 'text') {
      return refuseSelector(`here stands ${shown(token)} where a text in quotes should`, at);
    }
    const { text } = token;
    if (kind !== 'glob' && kind !== 'regex') return text;
    if (utf8Length(text) > LIMITS.patternBytesMax) {
      refuseSelector(`a pattern has at most ${LIMITS.patternBytesMax} bytes`, at);
    }
    const refused = (why: string, position: number): never =>
      refuseSelector(`in the pattern ${why}`, this.#lexer.positionInText(at, position));
    if (kind === 'glob') compileGlob(text, refused);
    else this.#regexSize += compileRegex(text, refused).size;
    if (this.#regexSize > LIMITS.regexSizeMax) {
      const why = `its regular expressions need more than ${LIMITS.regexSizeMax} states together`;
      refuseSelector(why, at);
    }
    return text;
  }

  #compared(comparator: Comparator): SelectorValue {
    const { at } = this.#token;
    const value = this.#value();
    if (comparator !== '=' && comparator !== '!=' && orderOf(value) === null) {
      const what =
        value === null ? 'null has' : Array.isArray(value) ? 'lists have' : 'booleans have';
      refuseSelector(`${what} no order: only = and != compare them`, at);
    }
    if (this.#isSign('..')) {
      refuseSelector('a range stands after in: did you mean in?', this.#token.at);
    }
    return value;
  }

  #items(): readonly SelectorItem[] {
    const open = this.#token.at;
    if (!this.#take('[')) {
      if (this.#isSign('(')) {
        const meant = listMeant(this.#lexer.textFrom(open));
        refuseSelector(`a list stands in brackets: did you mean ${meant}?`, open);
      }
      const item = this.#item();
      if (item.kind === 'range') return [item];
      return refuseSelector('after in comes a range or a list: did you mean =?', open);
    }
    return this.#list(open, () => this.#item());
  }

  /** What stands between brackets, with commas in between. */
  #list<T>(open: number, read: () => T): readonly T[] {
    const items: T[] = [];
    if (this.#take(']')) return items;
    do items.push(read());
    while (this.#take(','));
    this.#close(']', open);
    return items;
  }

  #item(): SelectorItem {
    const { at } = this.#token;
    this.#count(at);
    if (this.#take('..')) return this.#range(null, at);
    const value = this.#value();
    if (!this.#take('..')) return { kind: 'value', value };
    if (orderOf(value) === null) this.#noEnd(at);
    return this.#range(value, at);
  }

  /** The range from `low`, after its dots. */
  #range(low: SelectorValue | null, at: number): SelectorItem {
    const token = this.#token;
    const closes = ['end', ')', ']', ',', 'and', 'or'];
    const next = token.kind === 'word' || token.kind === 'sign' ? token.text : token.kind;
    if (closes.includes(next)) {
      if (low === null) refuseSelector('a range has an end at least: did you mean has?', at);
      return { kind: 'range', low, high: null };
    }
    const high = this.#value();
    if (orderOf(high) === null) this.#noEnd(token.at);
    if (low !== null && orderOf(low) !== orderOf(high)) {
      refuseSelector('the ends of a range are of one type', token.at);
    }
    return { kind: 'range', low, high };
  }

  #noEnd(at: number): never {
    return refuseSelector('the ends of a range are numbers, texts, moments or bytes', at);
  }

  #value(): SelectorValue {
    const token = this.#advance();
    const { at } = token;
    if (token.kind === 'literal') return token.value;
    if (token.kind === 'text') return token.text;
    if (token.kind === 'sign' && token.text === '[') {
      return this.#deeper(at, () =>
        this.#list(at, () => {
          this.#count(this.#token.at);
          return this.#value();
        }),
      );
    }
    if (token.kind !== 'word') {
      return refuseSelector(`here stands ${shown(token)} where a value should`, at);
    }
    const constant = CONSTANTS.get(token.text);
    if (constant !== undefined) return constant;
    const word = shortened(token.text);
    return refuseSelector(noValue(word), at);
  }
}

/**
 * Reads a selector, in infix as people write it (`param = "t" and step in 0..24`), in Maestro's
 * prefix form (`(and (.maestro.ecmwf.step = 2)(has .maestro.ecmwf.param))`), or in both mixed. The
 * empty text selects everything. What it means stands at {@link Selector}.
 *
 * Any other text fails with `bad-selector`: its field `position` tells the character, from 0, that
 * is wrong; `pointAt` shows it.
 */
export function parseSelector(text: string): Selector {
  return new Parser(text).read();
}
