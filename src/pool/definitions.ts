import { refuse } from '../core/assert.js';
import { Writer } from '../core/bytes.js';
import { AttaccaError } from '../core/errors.js';
import { LIMITS } from '../core/limits.js';
import { checkReserved } from '../core/schema/reserved-keys.js';
import { parseSchema, type Schema } from '../core/schema/schema.js';
import { Schemas } from '../core/schema/schemas.js';
import { parseSelector } from '../core/selector/parser.js';
import type { StateReader, StateWriter } from '../core/state-codec.js';
import { utf8Length } from '../core/utf8.js';
import { isMap, type Value, type ValueMap } from '../core/value.js';
import { writeMap } from '../core/value-codec.js';
import { DEFINITION } from '../protocol/index.js';
import { KEY_NAMES } from './attributes.js';
import { isReservedKey } from './own-keys.js';

/** What objects of a container have, unless they say otherwise. */
export interface Container {
  /** Attributes of those that have none of these keys. */
  readonly attributes: ValueMap;
  /** Schemas that ask each of them for their required keys, and give their defaults. */
  readonly schemas: readonly string[];
  /** Of those that the pool keeps, in ms; 0: none. */
  readonly lifetimeMs: number;
}

const KINDS = ['schema', 'container', 'collection'] as const;
type Kind = (typeof KINDS)[number];

/** The fields that a definition may have; of schemas, parseSchema knows. */
const FIELDS: { readonly [K in Exclude<Kind, 'schema'>]: readonly string[] } = {
  container: ['attributes', 'schemas', 'lifetimeMs', 'tags', 'documentation'],
  collection: ['selector', 'tags', 'documentation'],
};

/**
 * Schemas, containers and collections: what people have defined by name. Few, and changed rarely:
 * here maps are kept as they came.
 */
export class Definitions {
  readonly #given: { readonly [K in Kind]: Map<string, ValueMap> } = {
    schema: new Map(),
    container: new Map(),
    collection: new Map(),
  };
  readonly #containers = new Map<string, Container>();
  /** Selectors of collections that are defined by one. */
  readonly #selectors = new Map<string, string>();
  /** Of maps as they are encoded: all of a kind are added up with each that is defined. */
  readonly #sizes = new WeakMap<ValueMap, number>();
  #parsed = new Map<string, Schema>();
  #schemas = new Schemas();

  /** Whether attributes are checked by anything. */
  get hasSchemas(): boolean {
    return this.#given.schema.size > 0;
  }

  get schemas(): Schemas {
    return this.#schemas;
  }

  container(name: string): Container | null {
    return this.#containers.get(name) ?? null;
  }

  /** The selector that defines a collection; null when it is a list, or not known. */
  selectorOf(collection: string): string | null {
    return this.#selectors.get(collection) ?? null;
  }

  has(kind: number, name: string): boolean {
    return this.#given[kindOf(kind)].has(name);
  }

  /** Defines, or defines anew. What is refused leaves all as it was. */
  define(kind: number, name: string, definition: Value): void {
    const map = mapOf(definition, `the ${kindOf(kind)} "${name}"`);
    const given = this.#given[kindOf(kind)];
    this.#checkSize(kind, name, map);
    if (kind === DEFINITION.schema) this.#defineSchema(name, map);
    else if (kind === DEFINITION.container) this.#defineContainer(name, map);
    else this.#defineCollection(name, map);
    given.set(name, map);
  }

  #checkSize(kind: number, name: string, map: ValueMap): void {
    const given = this.#given[kindOf(kind)];
    const size = sizeOf(map);
    this.#sizes.set(map, size);
    let bytes = size;
    for (const [other, known] of given) {
      if (other !== name) bytes += this.#sizes.get(known) ?? sizeOf(known);
    }
    const tooLarge = (why: string, limit: number): never =>
      refuse('too-large', `Cannot define "${name}": ${why}`, { size, limit });
    if (given.size >= LIMITS.definitionsMax && !given.has(name)) {
      tooLarge('so many are defined already', LIMITS.definitionsMax);
    }
    if (size > LIMITS.definitionBytesMax) tooLarge('it is too large', LIMITS.definitionBytesMax);
    if (bytes > LIMITS.definitionsBytesMax) {
      tooLarge('with the others it is too large', LIMITS.definitionsBytesMax);
    }
  }

  /** Takes a definition away, which is there. */
  remove(kind: number, name: string): void {
    this.#given[kindOf(kind)].delete(name);
    if (kind === DEFINITION.schema) {
      this.#parsed.delete(name);
      this.#schemas = new Schemas(this.#parsed.values());
    } else if (kind === DEFINITION.container) this.#containers.delete(name);
    else this.#selectors.delete(name);
  }

  /** Definitions of a kind by name, in the order in which they were first given. */
  all(kind: number): ReadonlyMap<string, ValueMap> {
    return this.#given[kindOf(kind)];
  }

  save(w: StateWriter): void {
    for (const kind of KINDS) {
      const given = this.#given[kind];
      w.u32(given.size);
      for (const [name, map] of given) {
        w.text(name);
        w.valueMap(map);
      }
    }
  }

  restore(r: StateReader): void {
    for (const [kind] of KINDS.entries()) {
      for (let count = r.count(1); count > 0; count--) {
        const name = r.text();
        const map = r.valueMap();
        try {
          this.define(kind, name, map);
        } catch (error) {
          if (!(error instanceof AttaccaError)) throw error;
          throw new AttaccaError('journal-damaged', `Cannot restore a state: ${error.message}`);
        }
      }
    }
  }

  #defineSchema(name: string, map: ValueMap): void {
    const schema = parseSchema(map);
    if (schema.name !== name) {
      refuse('bad-argument', `Cannot define "${name}": the schema says its name is another`, {
        name: schema.name,
      });
    }
    checkReserved(schema);
    const known = this.#parsed.get(name)?.version ?? 0;
    if (schema.version < known) {
      const why = `version ${known} is defined, and ${schema.version} is older; remove that first`;
      refuse('schema-conflict', `Cannot define "${name}": ${why}`);
    }
    const parsed = new Map([...this.#parsed, [name, schema]]);
    this.#schemas = new Schemas(parsed.values());
    this.#parsed = parsed;
  }

  #defineContainer(name: string, map: ValueMap): void {
    checkFields(name, map, FIELDS.container);
    const { attributes = {}, schemas = [], lifetimeMs = 0, tags = {} } = map;
    mapOf(tags, `the tags of "${name}"`);
    const isLifetime =
      typeof lifetimeMs === 'number' && lifetimeMs >= 0 && lifetimeMs < 2 ** 32 - 1;
    if (!isLifetime) refuse('bad-argument', `Cannot define "${name}": lifetimeMs is no duration`);
    const names = Array.isArray(schemas) ? schemas : [schemas];
    for (const schema of names) {
      if (typeof schema === 'string' && this.#given.schema.has(schema)) continue;
      unknownDefinition('schema', String(schema));
    }
    this.#containers.set(name, {
      attributes: attributesOf(name, attributes),
      schemas: names as readonly string[],
      lifetimeMs: Math.ceil(lifetimeMs as number),
    });
  }

  #defineCollection(name: string, map: ValueMap): void {
    checkFields(name, map, FIELDS.collection);
    const { selector = null, tags = {} } = map;
    mapOf(tags, `the tags of "${name}"`);
    if (selector === null) {
      this.#selectors.delete(name);
      return;
    }
    if (typeof selector !== 'string') {
      refuse('bad-argument', `Cannot define "${name}": its selector is no text`);
    }
    parseSelector(selector);
    this.#selectors.set(name, selector);
  }
}

/** The kind of a definition in words, by its code. */
export function kindOf(kind: number): Kind {
  return KINDS[kind] ?? 'schema';
}

/** Refuses what names a schema, a container or a collection that is not defined. */
export function unknownDefinition(kind: Kind, name: string): never {
  return refuse('unknown-definition', `Cannot use the ${kind} "${name}": it is not defined`, {
    ...{ kind, name },
  });
}

/** What objects get must be what they could say. */
function attributesOf(name: string, value: Value): ValueMap {
  const map = mapOf(value, `the attributes of "${name}"`);
  const bad = (why: string): never =>
    refuse('bad-attribute', `Cannot define "${name}": of its attributes ${why}`);
  for (const [key, each] of Object.entries(map)) {
    const size = utf8Length(key);
    if (size === 0 || size > LIMITS.keyBytesMax) bad('a key is empty, or too long');
    if (isReservedKey(key) || key === KEY_NAMES.container) bad(`"${key}" is the pool's own`);
    if (each === null) bad(`"${key}" is null`);
  }
  const tooMany = Object.keys(map).length > LIMITS.attributesMax;
  if (tooMany || sizeOf(map) > LIMITS.attributeBytesMax) bad('there are too many, or too large');
  return map;
}

/** As bytes of the wire. */
export function sizeOf(map: ValueMap): number {
  const writer = new Writer(4_096);
  writeMap(writer, map);
  return writer.at;
}

function mapOf(value: Value, what: string): ValueMap {
  if (!isMap(value)) refuse('bad-argument', `Cannot define ${what}: it is no map`);
  return value;
}

function checkFields(name: string, map: ValueMap, known: readonly string[]): void {
  for (const field of Object.keys(map)) {
    if (known.includes(field)) continue;
    const why = `it has no field "${field}", but ${known.join(', ')}`;
    refuse('bad-argument', `Cannot define "${name}": ${why}`, { field });
  }
}
