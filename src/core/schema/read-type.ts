import { compileRegex } from '../regex.js';
import { numberText } from '../selector/numbers.js';
import { timestampText } from '../selector/timestamps.js';
import { didYouMean } from '../suggest.js';
import { Float, Timestamp, type Value } from '../value.js';
import { coerceValue } from './coerce.js';
import { type Argument, type Call, type NotationRefusal, readNotation } from './notation.js';
import type { AttributeType, EnumOption, TextPattern } from './types.js';

/** A type, and what its text says of the key beside it; null where it says nothing. */
interface ReadType {
  readonly type: AttributeType;
  readonly required: boolean | null;
  readonly none: boolean | null;
}

/** What Maestro's core calls them. */
const SYNONYMS: { readonly [name: string]: string } = { double: 'float', blob: 'bytes' };

/** What people write who know another notation. */
const FOREIGN: { readonly [name: string]: string } = {
  ...{ integer: 'int', string: 'str', text: 'str', boolean: 'bool', number: 'num' },
  ...{ date: 'day', datetime: 'timestamp', array: 'list', dict: 'map' },
};

/** The arguments with a name that each type takes. */
const NAMED: { readonly [name: string]: readonly string[] } = {
  int: ['min', 'max'],
  uint: ['min', 'max'],
  float: ['min', 'max'],
  num: ['min', 'max'],
  bool: [],
  str: ['min', 'max', 'matches', 'starts_with', 'ends_with', 'exclude', 'ignore_case', 'dotall'],
  regex: ['name', 'ignore_case', 'dotall'],
  timestamp: ['min', 'max'],
  day: ['min', 'max'],
  bytes: ['min', 'max'],
  enum: [],
  list: ['min', 'max'],
  map: ['min', 'max', 'key'],
  any: [],
};

/** Of the whole key, hence only of the outermost type. */
const OF_KEYS = ['required', 'none'];

type Literal = (Argument & { readonly kind: 'literal' })['value'];

interface Bounds<T> {
  readonly min: T | null;
  readonly max: T | null;
}

/** A literal as the notation has it. */
function literalText(value: Literal | Timestamp): string {
  if (value === null) return 'None';
  if (typeof value === 'boolean') return value ? 'True' : 'False';
  if (typeof value === 'string') return `'${value.replace(/[\\']/gu, '\\$&')}'`;
  return value instanceof Timestamp ? `'${timestampText(value)}'` : numberText(value);
}

const boundTexts = ({ min, max }: Bounds<Literal | Timestamp>): string[] => [
  ...(min === null ? [] : [`min=${literalText(min)}`]),
  ...(max === null ? [] : [`max=${literalText(max)}`]),
];

const NO_BOUNDS: Bounds<never> = { min: null, max: null };

/** Makes types of calls. */
class TypeMaker {
  readonly #refused: NotationRefusal;
  #regexSize = 0;

  constructor(refused: NotationRefusal) {
    this.#refused = refused;
  }

  get regexSize(): number {
    return this.#regexSize;
  }

  outermost(call: Call): ReadType {
    return {
      type: this.make(call, OF_KEYS),
      required: this.#flag(call, 'required'),
      none: this.#flag(call, 'none'),
    };
  }

  make(call: Call, ofKeys: readonly string[] = []): AttributeType {
    const name = SYNONYMS[call.name] ?? call.name;
    const known = Object.hasOwn(NAMED, name) ? NAMED[name] : undefined;
    if (known === undefined) {
      const foreign = Object.hasOwn(FOREIGN, name) ? FOREIGN[name] : undefined;
      const meant = didYouMean(foreign ?? name, Object.keys(NAMED));
      const types = Object.keys(NAMED).join(', ');
      return this.#refused(`there is no type "${name}"; the types are ${types}.${meant}`, call.at);
    }
    for (const [argument, { nameAt: at }] of call.named) {
      if (known.includes(argument) || ofKeys.includes(argument)) continue;
      if (OF_KEYS.includes(argument)) {
        this.#refused(`"${argument}" is said of a key, not of what lies within its value`, at);
      }
      this.#refused(`${name}() takes no "${argument}".${didYouMean(argument, known)}`, at);
    }
    const takesPositional = ['regex', 'enum', 'list', 'map', 'any'].includes(name);
    const [extra] = call.positional;
    if (extra !== undefined && !takesPositional) {
      this.#refused(`what ${name}() takes has a name, as in ${name}(max=9)`, extra.at);
    }
    return this.#typeOf(name, call);
  }

  #typeOf(name: string, call: Call): AttributeType {
    switch (name) {
      case 'int':
      case 'uint':
      case 'float':
      case 'num':
        return this.#number(name, call);
      case 'timestamp':
      case 'day':
        return this.#moment(name, call);
      case 'bool':
        return { kind: 'bool', text: 'bool()' };
      case 'bytes': {
        const bounds = this.#lengths(call);
        return { kind: 'bytes', ...bounds, text: `bytes(${boundTexts(bounds).join(', ')})` };
      }
      case 'str':
        return this.#str(call);
      case 'regex':
        return this.#regex(call);
      case 'enum':
        return this.#enum(call);
      case 'list':
      case 'map':
        return this.#container(name, call);
      default:
        return this.#any(call.positional.map((each) => this.#inner(each)));
    }
  }

  /** The two bounds, each as its type has it. */
  #bounds<T extends Value>(call: Call, type: AttributeType, what: string): Bounds<T> {
    const bound = (name: 'min' | 'max'): T | null => {
      const argument = call.named.get(name);
      if (argument === undefined) return null;
      const value = argument.kind === 'literal' ? coerceValue(argument.value, type, name) : null;
      if (value !== null && 'value' in value) return value.value as T;
      return this.#refused(`"${name}" is ${what}`, argument.at);
    };
    return { min: bound('min'), max: bound('max') };
  }

  #inOrder(call: Call, isOrdered: boolean): void {
    if (!isOrdered) this.#refused('"min" lies above "max"', call.named.get('max')?.at ?? call.at);
  }

  #number(kind: 'int' | 'uint' | 'float' | 'num', call: Call): AttributeType {
    const isWhole = kind === 'int' || kind === 'uint';
    const free: AttributeType = isWhole
      ? { kind, ...NO_BOUNDS, text: '' }
      : { kind, ...NO_BOUNDS, text: '' };
    const what = isWhole ? 'an integer of the type' : 'a number';
    const bounds = this.#bounds<number | bigint | Float>(call, free, what);
    const [min, max] = [bounds.min, bounds.max].map((each) =>
      each instanceof Float ? each.value : each,
    );
    this.#inOrder(call, min == null || max == null || min <= max);
    const text = `${kind}(${boundTexts(bounds).join(', ')})`;
    return { ...free, ...bounds, text } as AttributeType;
  }

  #moment(kind: 'timestamp' | 'day', call: Call): AttributeType {
    const free: AttributeType = { kind, ...NO_BOUNDS, text: '' };
    const what = `a ${kind === 'day' ? 'day' : 'moment'} in quotes: '2026-01-31'`;
    const bounds = this.#bounds<Timestamp>(call, free, what);
    const { min, max } = bounds;
    this.#inOrder(call, min === null || max === null || min.nanoseconds <= max.nanoseconds);
    return { ...bounds, kind, text: `${kind}(${boundTexts(bounds).join(', ')})` };
  }

  #lengths(call: Call): Bounds<number> {
    const length: AttributeType = { kind: 'uint', ...NO_BOUNDS, text: '' };
    const bounds = this.#bounds<number>(call, length, 'a length');
    this.#inOrder(call, bounds.min === null || bounds.max === null || bounds.min <= bounds.max);
    return bounds;
  }

  #literal(call: Call, name: string): Literal {
    const argument = call.named.get(name);
    if (argument === undefined) return null;
    if (argument.kind === 'literal') return argument.value;
    return this.#refused(`"${name}" is a value, not a type`, argument.at);
  }

  #flag(call: Call, name: string): boolean | null {
    const value = this.#literal(call, name);
    if (value === null || typeof value === 'boolean') return value;
    return this.#refused(`"${name}" is True or False`, call.named.get(name)?.at ?? call.at);
  }

  #text(call: Call, name: string): string {
    const value = this.#literal(call, name) ?? '';
    if (typeof value === 'string') return value;
    return this.#refused(`"${name}" is a text in quotes`, call.named.get(name)?.at ?? call.at);
  }

  #str(call: Call): AttributeType {
    const bounds = this.#lengths(call);
    const matches = call.named.get('matches');
    const patterns = matches === undefined ? [] : [this.#pattern(call, matches)];
    const tests = {
      startsWith: this.#text(call, 'starts_with'),
      endsWith: this.#text(call, 'ends_with'),
      exclude: this.#text(call, 'exclude'),
    };
    const texts = [
      ...boundTexts(bounds),
      ...patterns.map(({ source }) => `matches=${literalText(source)}`),
      ...(tests.startsWith === '' ? [] : [`starts_with=${literalText(tests.startsWith)}`]),
      ...(tests.endsWith === '' ? [] : [`ends_with=${literalText(tests.endsWith)}`]),
      ...(tests.exclude === '' ? [] : [`exclude=${literalText(tests.exclude)}`]),
    ];
    const text = `str(${texts.join(', ')})`;
    return { kind: 'str', ...bounds, patterns, patternName: '', ...tests, text };
  }

  #regex(call: Call): AttributeType {
    const [first] = call.positional;
    if (first === undefined) this.#refused('regex() needs a pattern in quotes', call.at);
    const patterns = call.positional.map((each) => this.#pattern(call, each));
    const patternName = this.#text(call, 'name');
    const text = `regex(${patterns.map(({ source }) => literalText(source)).join(', ')})`;
    const tests = { startsWith: '', endsWith: '', exclude: '' };
    return { kind: 'str', ...NO_BOUNDS, patterns, patternName, ...tests, text };
  }

  /** Compiled so that it begins where the text begins. Its flags come to stand in front. */
  #pattern(call: Call, argument: Argument): TextPattern {
    const { at } = argument;
    if (argument.kind !== 'literal' || typeof argument.value !== 'string') {
      return this.#refused('a pattern is a text in quotes', at);
    }
    const [, given = '', body = ''] = /^(?:\(\?([is]+)\))?(.*)$/su.exec(argument.value) ?? [];
    const ignoresCase = given.includes('i') || this.#flag(call, 'ignore_case') === true;
    const isDotAll = given.includes('s') || this.#flag(call, 'dotall') === true;
    const flags = `${ignoresCase ? 'i' : ''}${isDotAll ? 's' : ''}`;
    const front = flags === '' ? '' : `(?${flags})`;
    const regex = compileRegex(`${front}^(?:${body})`, (why) =>
      this.#refused(`in the pattern ${literalText(body)} ${why}`, at),
    );
    this.#regexSize += regex.size;
    return { source: `${front}${body}`, regex };
  }

  #enum(call: Call): AttributeType {
    const options = call.positional.map((each): EnumOption => {
      if (each.kind === 'literal' && each.value !== null) return each.value;
      return this.#refused('enum() takes texts in quotes, numbers, True and False', each.at);
    });
    if (options.length === 0) this.#refused('enum() needs a value at least', call.at);
    const texts = options.map(literalText);
    for (const [index, text] of texts.entries()) {
      const at = call.positional[index]?.at ?? call.at;
      if (texts.indexOf(text) !== index) this.#refused(`${text} stands here twice`, at);
    }
    return { kind: 'enum', options, text: `enum(${texts.join(', ')})` };
  }

  #inner(argument: Argument): AttributeType {
    if (argument.kind === 'call') return this.make(argument.call);
    return this.#refused('here stands a type, such as int()', argument.at);
  }

  /** One of several types; one alone is itself. */
  #any(options: readonly AttributeType[]): AttributeType {
    const [only] = options;
    if (options.length === 1 && only !== undefined) return only;
    return { kind: 'any', options, text: `any(${options.map(({ text }) => text).join(', ')})` };
  }

  #container(kind: 'list' | 'map', call: Call): AttributeType {
    const bounds = this.#lengths(call);
    const inner = call.positional.map((each) => this.#inner(each));
    const element = this.#any(inner);
    const keyArgument = call.named.get('key');
    const key = keyArgument === undefined ? null : this.#inner(keyArgument);
    if (key !== null && key.kind !== 'str') {
      this.#refused('the keys of a map are texts: key=str(...) or regex(...)', call.at);
    }
    const texts = [
      ...inner.map(({ text }) => text),
      ...boundTexts(bounds),
      ...(key === null ? [] : [`key=${key.text}`]),
    ];
    const text = `${kind}(${texts.join(', ')})`;
    return kind === 'list'
      ? { kind, element, ...bounds, text }
      : { kind, element, key, ...bounds, text };
  }
}

/**
 * Reads a type in Maestro's notation, which is that of yamale: `int(min=0)`, `enum('a', 'b')`,
 * `list(str(), max=5)`. docs/schemas.md lists them. `regexSize` is what its patterns need together.
 */
export function readType(
  text: string,
  refused: NotationRefusal,
): ReadType & { readonly regexSize: number } {
  const maker = new TypeMaker(refused);
  const read = maker.outermost(readNotation(text, refused));
  return { ...read, regexSize: maker.regexSize };
}
