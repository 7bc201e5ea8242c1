import { refuse } from '../core/assert.js';
import { counted } from '../core/counted.js';
import type { Selector } from '../core/selector/ast.js';
import { parseSelector } from '../core/selector/parser.js';
import { isMap, type Value } from '../core/value.js';
import { DEFINITION, type Define, type DefinitionsRequest } from '../protocol/index.js';
import { KEY, KEY_NAMES } from './attributes.js';
import { kindOf, sizeOf, unknownDefinition } from './definitions.js';
import { meaningOf } from './meaning.js';
import { Room } from './room.js';
import type { PoolState } from './state.js';

/**
 * DEFINE: a schema holds for what is offered, expected and tagged from now on; a container's
 * defaults for what is offered; a collection's selector for what is asked. Null takes a definition
 * away, unless something hangs on it.
 */
export function define(pool: PoolState, { kind, name, definition }: Define): void {
  const { definitions, searching } = pool;
  if (definition !== null) {
    if (kind === DEFINITION.collection) checkSelector(pool, name, definition);
    if (kind === DEFINITION.container) checkDefaults(pool, definition);
    const isDefinedAnew = kind === DEFINITION.collection && selectorIn(definition) !== null;
    // Objects in its list could not be taken out of a collection that a selector defines.
    if (isDefinedAnew && definitions.has(kind, name)) checkUnused(pool, kind, name);
    definitions.define(kind, name, definition);
  } else {
    if (!definitions.has(kind, name)) unknownDefinition(kindOf(kind), name);
    checkUnused(pool, kind, name);
    definitions.remove(kind, name);
  }
  // What a selector means may have changed.
  searching.forget();
}

/** A collection's selector means something now; what it means may change with its schemas. */
function checkSelector(
  { definitions, searching }: PoolState,
  name: string,
  definition: Value,
): void {
  const selector = selectorIn(definition);
  if (selector !== null) {
    searching.compiled(meaningOf(parseSelector(selector), definitions, name));
  }
}

/**
 * What a container gives its objects is as the schemas have it now: else all that is offered would
 * be refused. A schema that comes later may still refuse it there.
 */
function checkDefaults({ definitions }: PoolState, definition: Value): void {
  const attributes = fieldOf(definition, 'attributes');
  if (!isMap(attributes)) return;
  definitions.schemas.coerceGiven(attributes);
}

/** The selector by which a collection is to be defined; null for a list. */
function selectorIn(definition: Value): string | null {
  const selector = fieldOf(definition, 'selector');
  return typeof selector === 'string' ? selector : null;
}

function fieldOf(definition: Value, field: string): Value {
  return isMap(definition) ? (definition[field] ?? null) : null;
}

function checkUnused(pool: PoolState, kind: number, name: string): void {
  const objects = objectsOf(pool, kind, name);
  const users = kind === DEFINITION.schema ? containersWith(pool, name) : [];
  if (objects === 0 && users.length === 0) return;
  const why =
    users.length > 0
      ? `the container "${users[0]}" names it`
      : `${counted(objects, 'object')} ${objects === 1 ? 'is' : 'are'} in it`;
  refuse('definition-in-use', `Cannot take the ${kindOf(kind)} "${name}" away: ${why}`, {
    ...{ kind: kindOf(kind), name, objects },
  });
}

function containersWith({ definitions }: PoolState, schema: string): string[] {
  const names = [...definitions.all(DEFINITION.container).keys()];
  return names.filter((name) => definitions.container(name)?.schemas.includes(schema));
}

/** How many objects are in a container, or in the list of a collection. */
function objectsOf(pool: PoolState, kind: number, name: string): number {
  if (kind === DEFINITION.schema) return 0;
  const { searching } = pool;
  return searching.search(searching.compiled(membership(kind, name))).countAll();
}

/** What selects the objects of a container, or those that are listed in a collection. */
function membership(kind: number, name: string): Selector {
  const isContainer = kind === DEFINITION.container;
  const key = isContainer ? KEY_NAMES.container : KEY_NAMES.collections;
  return {
    kind: 'test',
    quantifier: isContainer ? null : 'any',
    key: { kind: 'name', name: key, at: 0 },
    condition: { kind: 'compare', operator: '=', value: name, at: 0 },
    at: 0,
  };
}

/** How many objects are in what is defined; of lists, all are counted at once. */
class Counts {
  readonly #pool: PoolState;
  readonly #kind: number;
  #listed: Map<Value, number> | null = null;

  constructor(pool: PoolState, kind: number) {
    this.#pool = pool;
    this.#kind = kind;
  }

  of(name: string): number | null {
    if (this.#kind === DEFINITION.schema) return null;
    if (this.#kind === DEFINITION.container) return objectsOf(this.#pool, this.#kind, name);
    if (this.#pool.definitions.selectorOf(name) !== null) return null;
    this.#listed ??= this.#count();
    return this.#listed.get(name) ?? 0;
  }

  #count(): Map<Value, number> {
    const { terms, attributes } = this.#pool;
    const counts = new Map<Value, number>();
    terms.eachOf(KEY.collections, (term) => {
      const objects = terms.postings.count(terms.rowsOf(term));
      const list = attributes.valueOf(term);
      for (const name of Array.isArray(list) ? list : []) {
        counts.set(name, (counts.get(name) ?? 0) + objects);
      }
    });
    return counts;
  }
}

/** DEFINITIONS: what is defined, and how many objects are in it. */
export function definitions(pool: PoolState, { kind, name }: DefinitionsRequest): Value {
  const all = pool.definitions.all(kind);
  if (name !== '' && !all.has(name)) unknownDefinition(kindOf(kind), name);
  const rows: Value[] = [];
  const room = new Room();
  const counts = new Counts(pool, kind);
  for (const [each, definition] of all) {
    if (name !== '' && each !== name) continue;
    const objects = counts.of(each);
    // What has no room left is named, and can be asked for by its name.
    const isShown = room.take(sizeOf(definition)) || name !== '';
    rows.push({ name: each, definition: isShown ? definition : null, objects });
  }
  return rows;
}
