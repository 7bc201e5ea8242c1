import { refuse } from '../core/assert.js';
import { counted } from '../core/counted.js';
import type { Selector } from '../core/selector/ast.js';
import { parseSelector } from '../core/selector/parser.js';
import type { Value } from '../core/value.js';
import { DEFINITION, type Define, type DefinitionsRequest } from '../protocol/index.js';
import { KEY_NAMES } from './attributes.js';
import { kindOf, unknownDefinition } from './definitions.js';
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
  const selector =
    definition !== null && typeof definition === 'object' && 'selector' in definition
      ? definition['selector']
      : null;
  if (typeof selector === 'string') {
    searching.compiled(meaningOf(parseSelector(selector), definitions, name));
  }
}

function checkUnused(pool: PoolState, kind: number, name: string): void {
  const objects = objectsOf(pool, kind, name);
  const users = kind === DEFINITION.schema ? containersWith(pool, name) : [];
  if (objects === 0 && users.length === 0) return;
  const why =
    users.length > 0
      ? `the container "${users[0]}" names it`
      : `${counted(objects, 'object')} are in it`;
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

function textOfBigint(_key: string, value: unknown): unknown {
  return typeof value === 'bigint' ? String(value) : value;
}

/** DEFINITIONS: what is defined, and how many objects are in it. */
export function definitions(pool: PoolState, { kind, name }: DefinitionsRequest): Value {
  const all = pool.definitions.all(kind);
  if (name !== '' && !all.has(name)) unknownDefinition(kindOf(kind), name);
  const rows: Value[] = [];
  const room = new Room();
  for (const [each, definition] of all) {
    if (name !== '' && each !== name) continue;
    const isOpen = kind === DEFINITION.schema || pool.definitions.selectorOf(each) !== null;
    const objects = isOpen && kind !== DEFINITION.container ? null : objectsOf(pool, kind, each);
    // What has no room left is named, and can be asked for by its name.
    const isShown = room.take(JSON.stringify(definition, textOfBigint).length);
    rows.push({ name: each, definition: isShown ? definition : null, objects });
  }
  return rows;
}
