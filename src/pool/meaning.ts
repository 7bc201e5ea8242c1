import { typeSelector } from '../core/schema/type-selector.js';
import type { Selector } from '../core/selector/ast.js';
import { refuseSelector } from '../core/selector/failure.js';
import { parseSelector } from '../core/selector/parser.js';
import type { Value } from '../core/value.js';
import { KEY_NAMES } from './attributes.js';
import type { Definitions } from './definitions.js';

/** The key by which selectors ask for collections, whether lists or selectors define them. */
export const COLLECTION_KEY = '.collection';

/** Collections of collections: more of them within one another are none that people make. */
const DEPTH_MAX = 16;

/**
 * A selector with its literals as schemas have them (`bad-selector` where that cannot be), and for
 * `.collection = "x"` the selector that defines x, or a look into the lists of objects.
 */
export function meaningOf(selector: Selector, definitions: Definitions): Selector {
  const meant = withCollections(selector, definitions, 0);
  return definitions.hasSchemas ? typeSelector(meant, definitions.schemas) : meant;
}

function withCollections(selector: Selector, definitions: Definitions, depth: number): Selector {
  const within = (part: Selector): Selector => withCollections(part, definitions, depth);
  switch (selector.kind) {
    case 'not':
      return { ...selector, part: within(selector.part) };
    case 'and':
    case 'or':
      return { ...selector, parts: selector.parts.map(within) };
    case 'test': {
      const { key, condition, quantifier, at } = selector;
      if (key.kind !== 'name' || key.name !== COLLECTION_KEY) return selector;
      if (depth === DEPTH_MAX) {
        refuseSelector(`collections are defined by one another, more than ${DEPTH_MAX} deep`, at);
      }
      const names = quantifier === null ? namesIn(condition) : null;
      if (names === null) {
        refuseSelector('a collection is asked for by "=", "!=" or "in", with its name', at);
      }
      const parts = names.map((name) => ofCollection(name, at, definitions, depth));
      const [first] = parts;
      const some: Selector =
        parts.length === 1 && first !== undefined ? first : { kind: 'or', parts, at };
      const isNot = condition.kind === 'compare' && condition.operator === '!=';
      return isNot ? { kind: 'not', part: some, at } : some;
    }
    default:
      return selector;
  }
}

type Condition = Extract<Selector, { kind: 'test' }>['condition'];

/** The names that a condition asks for; null when it asks for something else. */
function namesIn(condition: Condition): readonly string[] | null {
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

function ofCollection(name: string, at: number, definitions: Definitions, depth: number): Selector {
  const text = definitions.selectorOf(name);
  if (text !== null) return withCollections(parseSelector(text), definitions, depth + 1);
  return {
    kind: 'test',
    quantifier: 'any',
    key: { kind: 'name', name: KEY_NAMES.collections, at },
    condition: { kind: 'compare', operator: '=', value: name, at },
    at,
  };
}
