import { LIMITS } from '../../core/limits.js';
import { didYouMean } from '../../core/suggest.js';
import {
  type Arithmetic,
  type Comparison,
  FUNCTIONS,
  type FunctionName,
  type Node,
  refuseExpression,
  typeOf,
  type ValueType,
} from './syntax.js';

const TOKEN =
  /\s*(?:(?<number>(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?)|(?<word>[A-Za-z_][A-Za-z_0-9]*)|(?<sign>\*\*|<=|>=|==|!=|[-+*/%<>(),]))/uy;
const WORDS = ['and', 'or', 'not'];
const CONSTANTS: { readonly [name: string]: number | undefined } = {
  ...{ pi: Math.PI, e: Math.E, nan: Number.NaN, inf: Number.POSITIVE_INFINITY },
};

interface Token {
  readonly kind: 'number' | 'word' | 'sign' | 'end';
  readonly text: string;
  readonly at: number;
}

/** An expression that was understood, and what it is of. */
interface Parsed {
  readonly text: string;
  readonly root: Node;
  /** In the order in which they are named first. */
  readonly inputs: readonly string[];
}

/**
 * Reads an expression over elements. From loosest to tightest: `or`, `and`, `not`, comparisons
 * (two sides, no chains), `+ -`, `* / %`, a sign, `**` (to the right). `bad-expression`, with the
 * character, for what is none; names other than `names` are not known.
 */
export function parseExpression(text: string, names: readonly string[]): Parsed {
  if (text.length > LIMITS.expressionCharactersMax) {
    const why = `it is longer than ${LIMITS.expressionCharactersMax} characters`;
    refuseExpression(text, LIMITS.expressionCharactersMax, why);
  }
  return new Parser(text, names).parse();
}

function tokensOf(text: string): Token[] {
  const tokens: Token[] = [];
  let at = 0;
  for (;;) {
    TOKEN.lastIndex = at;
    const match = TOKEN.exec(text);
    const groups = match?.groups;
    if (match === null || groups === undefined) break;
    at = TOKEN.lastIndex;
    const kind = groups['number'] ? 'number' : groups['word'] ? 'word' : 'sign';
    const found = groups[kind] ?? '';
    tokens.push({ kind, text: found, at: at - found.length });
  }
  const rest = text.slice(at).trimStart();
  const end = text.length - rest.length;
  if (rest !== '') refuseExpression(text, end, `"${[...rest][0]}" means nothing`);
  tokens.push({ kind: 'end', text: '', at: text.length });
  return tokens;
}

class Parser {
  readonly #text: string;
  readonly #names: readonly string[];
  readonly #tokens: readonly Token[];
  readonly #inputs = new Set<string>();
  #next = 0;
  #depth = 0;

  constructor(text: string, names: readonly string[]) {
    this.#text = text;
    this.#names = names;
    this.#tokens = tokensOf(text);
  }

  parse(): Parsed {
    const root = this.#or();
    const { kind, text, at } = this.#token;
    if (kind !== 'end') refuseExpression(this.#text, at, `"${text}" is one too many`);
    return { text: this.#text, root, inputs: [...this.#inputs] };
  }

  get #token(): Token {
    return this.#tokens[this.#next] as Token;
  }

  #takes(...texts: readonly string[]): string | null {
    const { kind, text } = this.#token;
    if ((kind !== 'sign' && kind !== 'word') || !texts.includes(text)) return null;
    this.#next++;
    return text;
  }

  #expect(text: string): void {
    if (this.#takes(text) !== null) return;
    const { at, kind, text: found } = this.#token;
    const what = kind === 'end' ? 'it ends' : `there is "${found}"`;
    refuseExpression(this.#text, at, `"${text}" was expected, and ${what}`);
  }

  /** Reads what must be of a type. */
  #typed(type: ValueType, read: () => Node): Node {
    const { at } = this.#token;
    const node = read();
    if (typeOf(node) === type) return node;
    const why =
      type === 'number' ? 'a number was expected, not a condition' : 'a condition was expected';
    return refuseExpression(this.#text, at, why);
  }

  /** Of operators of one rank, from left to right; where there is one, both sides have its type. */
  #chain(type: ValueType, signs: readonly string[], read: () => Node, join: Join): Node {
    const { at } = this.#token;
    let left = read();
    for (;;) {
      const sign = this.#takes(...signs);
      if (sign === null) return left;
      if (typeOf(left) !== type) refuseExpression(this.#text, at, `"${sign}" takes no such value`);
      left = join(sign, left, this.#typed(type, read));
    }
  }

  #or(): Node {
    if (++this.#depth > LIMITS.expressionDepthMax) {
      const why = `it is nested deeper than ${LIMITS.expressionDepthMax}`;
      refuseExpression(this.#text, this.#token.at, why);
    }
    const and = (): Node =>
      this.#chain(
        'truth',
        ['and'],
        () => this.#not(),
        (_, left, right) => ({ kind: 'and', left, right }),
      );
    const node = this.#chain('truth', ['or'], and, (_, left, right) => ({
      kind: 'or',
      left,
      right,
    }));
    this.#depth--;
    return node;
  }

  #not(): Node {
    let isNegated = false;
    let count = 0;
    while (this.#takes('not') !== null) {
      isNegated = !isNegated;
      count++;
    }
    if (count === 0) return this.#comparison();
    const of = this.#typed('truth', () => this.#comparison());
    return isNegated ? { kind: 'not', of } : of;
  }

  #comparison(): Node {
    const { at } = this.#token;
    const left = this.#sum();
    const sign = this.#takes('<', '<=', '>', '>=', '==', '!=') as Comparison | null;
    if (sign === null) return left;
    if (typeOf(left) !== 'number') refuseExpression(this.#text, at, 'a number was expected');
    const right = this.#typed('number', () => this.#sum());
    return { kind: 'compare', sign, left, right };
  }

  #sum(): Node {
    return this.#chain('number', ['+', '-'], () => this.#product(), arithmetic);
  }

  #product(): Node {
    return this.#chain('number', ['*', '/', '%'], () => this.#signed(), arithmetic);
  }

  #signed(): Node {
    let isNegated = false;
    for (let sign = this.#takes('-', '+'); sign !== null; sign = this.#takes('-', '+')) {
      if (sign === '-') isNegated = !isNegated;
    }
    const of = this.#power();
    if (!isNegated) return of;
    if (typeOf(of) === 'number') return { kind: 'negate', of };
    return refuseExpression(this.#text, this.#token.at, '"-" takes a number');
  }

  #power(): Node {
    const { at } = this.#token;
    const base = this.#single();
    if (this.#takes('**') === null) return base;
    if (typeOf(base) !== 'number') refuseExpression(this.#text, at, 'a number was expected');
    if (++this.#depth > LIMITS.expressionDepthMax) {
      refuseExpression(this.#text, at, `it is nested deeper than ${LIMITS.expressionDepthMax}`);
    }
    const right = this.#typed('number', () => this.#signed());
    this.#depth--;
    return { kind: 'arithmetic', sign: '**', left: base, right };
  }

  #single(): Node {
    const { kind, text, at } = this.#token;
    if (kind === 'number') {
      this.#next++;
      return { kind: 'constant', value: Number(text) };
    }
    if (kind === 'word' && !WORDS.includes(text)) return this.#word();
    if (this.#takes('(') !== null) {
      const inner = this.#or();
      this.#expect(')');
      return inner;
    }
    const what = kind === 'end' ? 'it ends' : `there is "${text}"`;
    return refuseExpression(this.#text, at, `a value was expected, and ${what}`);
  }

  #word(): Node {
    const { text: name, at } = this.#token;
    this.#next++;
    if (this.#takes('(') !== null) return this.#call(name, at);
    if (this.#names.includes(name)) {
      this.#inputs.add(name);
      return { kind: 'input', name };
    }
    const value = Object.hasOwn(CONSTANTS, name) ? CONSTANTS[name] : undefined;
    if (value !== undefined) return { kind: 'constant', value };
    const known = [...this.#names, ...Object.keys(CONSTANTS)];
    const hint = didYouMean(name, known);
    return refuseExpression(this.#text, at, `"${name}" is not known`, hint);
  }

  #call(name: string, at: number): Node {
    if (name === 'where') {
      const condition = this.#typed('truth', () => this.#or());
      this.#expect(',');
      const left = this.#typed('number', () => this.#or());
      this.#expect(',');
      const right = this.#typed('number', () => this.#or());
      this.#expect(')');
      return { kind: 'where', condition, left, right };
    }
    const isKnown = name === 'isnan' || Object.hasOwn(FUNCTIONS, name);
    if (!isKnown) {
      const hint = didYouMean(name, ['where', 'isnan', ...Object.keys(FUNCTIONS)]);
      refuseExpression(this.#text, at, `there is no function "${name}"`, hint);
    }
    const args: Node[] = [this.#typed('number', () => this.#or())];
    while (this.#takes(',') !== null) args.push(this.#typed('number', () => this.#or()));
    this.#expect(')');
    const wanted = name === 'isnan' ? 1 : FUNCTIONS[name as FunctionName];
    const isOpen = name === 'min' || name === 'max';
    if (args.length < wanted || (args.length > wanted && !isOpen)) {
      const many = isOpen ? `${wanted} or more` : wanted;
      refuseExpression(this.#text, at, `"${name}" takes ${many}, not ${args.length}`);
    }
    if (name === 'isnan') return { kind: 'isnan', of: args[0] as Node };
    return { kind: 'call', name: name as FunctionName, args };
  }
}

type Join = (sign: string, left: Node, right: Node) => Node;

function arithmetic(sign: string, left: Node, right: Node): Node {
  return { kind: 'arithmetic', sign: sign as Arithmetic, left, right };
}
