import { AttaccaError } from '../core/errors.js';
import { LIMITS } from '../core/limits.js';
import { typeSelector } from '../core/schema/type-selector.js';
import type { Selector } from '../core/selector/ast.js';
import { refuseSelector } from '../core/selector/failure.js';
import { parseSelector } from '../core/selector/parser.js';
import { printSelector } from '../core/selector/printer.js';
import type { Value } from '../core/value.js';
import { DEFINITION } from '../protocol/index.js';
import { KEY_NAMES } from './attributes.js';
import type { Definitions } from './definitions.js';

/** The key by which selectors ask for collections, whether lists or selectors define them. */
export const COLLECTION_KEY = '.collection';

const WITHIN = 'in the selector of the collection ';

/** Collections of collections: more of them within one another are none that people make. */
const DEPTH_MAX = 16;

/**
 * A selector with its literals as schemas have them (`bad-selector` where that cannot be), and for
 * `.collection = "x"` the selector that defines x, or a look into the lists of objects.
 * `collection`: the one that it is to define, which it must not name in any way.
 */
export function meaningOf(
  selector: Selector,
  definitions: Definitions,
  collection: string | null = null,
): Selector {
  const meaning = new Meaning(definitions, collection);
  const meant = meaning.of(selector, 0);
  if (meaning.isPlain) return meant;
  // With what its collections say it must not be larger than a selector may be, in any way.
  try {
    parseSelector(printSelector(meant));
  } catch (error) {
    if (!(error instanceof AttaccaError)) throw error;
    refuseSelector('with what its collections are defined by it is too large', selector.at);
  }
  return meant;
}

type Test = Extract<Selector, { kind: 'test' }>;

class Meaning {
  readonly #definitions: Definitions;
  readonly #defined: string | null;
  /** Collections may name others many times over: all of it together is as large as a selector. */
  #nodes = 0;
  #bytes = 0;

  /** Whether no collection was named that a selector defines. */
  get isPlain(): boolean {
    return this.#bytes === 0;
  }

  constructor(definitions: Definitions, collection: string | null) {
    this.#definitions = definitions;
    this.#defined = collection;
  }

  of(selector: Selector, depth: number): Selector {
    const { hasSchemas, schemas } = this.#definitions;
    const typed = hasSchemas ? typeSelector(selector, schemas) : selector;
    return this.#expanded(typed, depth);
  }

  #expanded(selector: Selector, depth: number): Selector {
    if (++this.#nodes > LIMITS.selectorNodesMax) {
      const why = `with its collections it has more than ${LIMITS.selectorNodesMax} parts`;
      refuseSelector(why, selector.at);
    }
    switch (selector.kind) {
      case 'not':
        return { ...selector, part: this.#expanded(selector.part, depth) };
      case 'and':
      case 'or':
        return { ...selector, parts: selector.parts.map((part) => this.#expanded(part, depth)) };
      case 'test': {
        const { key } = selector;
        const isCollection = key.kind === 'name' && key.name === COLLECTION_KEY;
        return isCollection ? this.#collections(selector, depth) : selector;
      }
      default:
        return selector;
    }
  }

  #collections({ condition, quantifier, at }: Test, depth: number): Selector {
    const names = quantifier === null ? namesIn(condition) : null;
    if (names === null) {
      refuseSelector('a collection is asked for by "=", "!=" or "in", with its name', at);
    }
    const parts = names.map((name) => this.#collection(name, at, depth));
    const [first] = parts;
    const some: Selector =
      parts.length === 1 && first !== undefined ? first : { kind: 'or', parts, at };
    const isNot = condition.kind === 'compare' && condition.operator === '!=';
    return isNot ? { kind: 'not', part: some, at } : some;
  }

  #collection(name: string, at: number, depth: number): Selector {
    if (name === this.#defined) refuseSelector(`"${name}" would be defined by itself`, at);
    const text = this.#definitions.selectorOf(name);
    if (!this.#definitions.has(DEFINITION.collection, name)) {
      refuseSelector(`there is no collection "${name}"`, at);
    }
    if (text === null) return listedIn(name, at);
    this.#bytes += text.length;
    if (this.#bytes > LIMITS.selectorBytesMax) {
      refuseSelector('with what its collections are defined by it is too large', at);
    }
    if (depth === DEPTH_MAX) {
      refuseSelector(`collections are defined by one another, more than ${DEPTH_MAX} deep`, at);
    }
    try {
      return this.of(parseSelector(text), depth + 1);
    } catch (error) {
      // Its places are those of another text.
      if (!(error instanceof AttaccaError)) throw error;
      const why = error.message.replace('Cannot read the selector: ', '');
      const isNamed = why.startsWith(WITHIN);
      return refuseSelector(isNamed ? why : `${WITHIN}"${name}": ${why}`, at);
    }
  }
}

/** The names that a condition asks for; null when it asks for something else. */
function namesIn(condition: Test['condition']): readonly string[] | null {
  const isText = (value: Value): value is string => typeof value === 'string';
  if (condition.kind === 'compare') {
    const { operator, value } = condition;
    return (operator === '=' || operator === '!=') && isText(value) ? [value] : null;
  }
  if (condition.kind !== 'in') return null;
  const names: string[] = [];
  for (const item of condition.items) {
    if (item.kind !== 'value' || !isText(item.value)) return null;
    names.push(item.value);
  }
  return names;
}

function listedIn(name: string, at: number): Selector {
  return {
    kind: 'test',
    quantifier: 'any',
    key: { kind: 'name', name: KEY_NAMES.collections, at },
    condition: { kind: 'compare', operator: '=', value: name, at },
    at,
  };
}
