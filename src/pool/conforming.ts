import { refuse } from '../core/assert.js';
import type { Value } from '../core/value.js';
import { type AttributeIndex, nameFault } from '../protocol/index.js';
import { isRelation, KEY, RELATION_KEYS } from './attributes.js';
import { type Container, unknownDefinition } from './definitions.js';
import type { Session } from './sessions.js';
import type { PoolState } from './state.js';

/**
 * The attributes of an offer as its container and the schemas have them: with defaults, coerced, or
 * `schema-mismatch`; relations in them are to names, or `bad-attribute`. Returns the same record
 * when neither container nor schemas have a say, else a new one; frees none.
 */
export function conformed(pool: PoolState, record: number): number {
  const { attributes, definitions } = pool;
  const container = containerOf(pool, record);
  let whole = record;
  if (container !== null || definitions.hasSchemas) {
    const said = attributes.toMap(record);
    const all = container === null ? said : { ...container.attributes, ...said };
    whole = attributes.ofMap(definitions.schemas.coerce(all, container?.schemas ?? []));
  }
  try {
    checkRelations(pool, whole, 'offer');
  } catch (error) {
    if (whole !== record) attributes.free(whole);
    throw error;
  }
  return whole;
}

/** The container that attributes name; null when they name none. */
export function containerOf(pool: PoolState, record: number): Container | null {
  // No container was ever named: most pools know none.
  if (!pool.terms.hasKey(KEY.container)) return null;
  const term = pool.attributes.termOf(record, KEY.container);
  if (term === 0) return null;
  const name = pool.attributes.valueOf(term);
  if (typeof name !== 'string') {
    refuse('bad-attribute', 'Cannot offer: ".container" is the name of a container, a text');
  }
  return pool.definitions.container(name) ?? unknownDefinition('container', name);
}

/** An expectation as schemas have what it says, and no more; else as {@link conformed}. */
export function expectation(pool: PoolState, record: number): number {
  const { attributes, definitions } = pool;
  if (record === 0 || !definitions.hasSchemas) return record;
  return attributes.ofMap(definitions.schemas.coerceGiven(attributes.toMap(record)));
}

/** A record of tags as they came, as schemas have them; `bad-attribute` for what is no tag. */
export function storeTags(pool: PoolState, session: Session, index: AttributeIndex): number {
  const { attributes, definitions, reader } = pool;
  const record = attributes.store(reader.bytes, index, session.keys);
  try {
    if (attributes.termOf(record, KEY.container) !== 0) {
      refuse('bad-attribute', 'Cannot tag with ".container": an object is in that of its offer');
    }
    checkRelations(pool, record, 'tag');
    if (record === 0 || !definitions.hasSchemas) return record;
    const tags = attributes.ofMap(definitions.schemas.coerceGiven(attributes.toMap(record)));
    attributes.free(record);
    return tags;
  } catch (error) {
    attributes.free(record);
    throw error;
  }
}

/** Relations are to names of objects. */
function checkRelations(pool: PoolState, record: number, what: 'tag' | 'offer'): void {
  const { attributes, terms, keys } = pool;
  // No relation was ever said: most pools know none.
  if (!RELATION_KEYS.some((key) => terms.hasKey(key))) return;
  for (let place = 0; place < attributes.count(record); place++) {
    const term = attributes.termAt(record, place);
    const key = terms.keyOf(term);
    if (!isRelation(key)) continue;
    const value = attributes.valueOf(term);
    const names: readonly Value[] = Array.isArray(value) ? value : [value];
    if (names.every((name) => typeof name === 'string' && nameFault(name) === null)) continue;
    const why = 'it takes the name of an object, or a list of names';
    refuse('bad-attribute', `Cannot ${what} with "${keys.name(key)}": ${why}`);
  }
}
