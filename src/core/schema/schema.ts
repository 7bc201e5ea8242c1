import { refuse } from '../assert.js';
import type { ErrorFields } from '../errors.js';
import { LIMITS } from '../limits.js';
import { didYouMean } from '../suggest.js';
import { utf8Length } from '../utf8.js';
import { isMap, type Value, type ValueMap } from '../value.js';
import { coerceValue } from './coerce.js';
import { readType } from './read-type.js';
import { shown } from './shown.js';
import { parseTemplate, type Template } from './template.js';
import type { AttributeType } from './types.js';

/** What a schema says of one key. */
export interface AttributeDefinition {
  /** With the namespace in front: as objects have it. */
  readonly key: string;
  /** As the schema has it. */
  readonly shortKey: string;
  readonly type: AttributeType;
  readonly required: boolean;
  /** Whether a null means that the key is not given. */
  readonly none: boolean;
  /** Null without one. */
  readonly default: Value;
  readonly documentation: string;
  /** Empty without one. */
  readonly units: string;
}

/** What becomes of keys in the namespace that the schema does not define. */
type UnknownPolicy = 'reject' | 'keep' | 'drop';

/** Keys with their types. It is plain data: {@link parseSchema} makes it anew of `document`. */
export interface Schema {
  readonly name: string;
  readonly version: number;
  /** Stands in front of each key; empty, or with a point at both ends. */
  readonly namespace: string;
  readonly documentation: string;
  readonly unknown: UnknownPolicy;
  readonly attributes: readonly AttributeDefinition[];
  /** How objects are named; null when the schema does not say. */
  readonly naming: Template | null;
  readonly document: ValueMap;
}

const FIELDS: readonly string[] = [
  ...['schema-name', 'schema-version', 'schema-namespace', 'maestro-attributes', 'attributes'],
  ...['documentation', 'unknown', 'naming'],
];
const ATTRIBUTE_FIELDS: readonly string[] = [
  ...['key', 'type', 'required', 'default', 'documentation', 'units'],
];
const POLICIES: readonly string[] = ['reject', 'keep', 'drop'] satisfies UnknownPolicy[];

const isPolicy = (value: Value): value is UnknownPolicy =>
  typeof value === 'string' && POLICIES.includes(value);

/** A value of the map's own, null without one. */
const fieldOf = (map: ValueMap, name: string): Value =>
  (Object.hasOwn(map, name) ? map[name] : null) ?? null;

/** Reads one document from top to bottom. */
class SchemaReader {
  readonly #document: ValueMap;
  #name = '';
  #regexSize = 0;

  constructor(document: Value) {
    if (!isMap(document)) this.#fail('', 'a schema is a map, with schema-name and so on');
    this.#document = document;
  }

  #fail(path: string, why: string, more: ErrorFields = {}): never {
    const what = this.#name === '' ? 'the schema' : `the schema "${this.#name}"`;
    const at = path === '' ? '' : `at ${path}: `;
    const fields = { schema: this.#name, path, ...more };
    return refuse('bad-schema', `Cannot read ${what}: ${at}${why}`, fields);
  }

  #onlyKnown(map: ValueMap, path: string, known: readonly string[]): void {
    for (const field of Object.keys(map)) {
      if (known.includes(field)) continue;
      const meant = didYouMean(field, known);
      this.#fail(`${path}${field}`, `"${field}" is nothing that a schema says.${meant}`);
    }
  }

  #text(map: ValueMap, path: string, field: string): string {
    const value = fieldOf(map, field) ?? '';
    if (typeof value === 'string') return value;
    return this.#fail(`${path}${field}`, `${shown(value)} is no text`);
  }

  #flag(map: ValueMap, path: string, field: string): boolean | null {
    const value = fieldOf(map, field);
    if (value === null || typeof value === 'boolean') return value;
    return this.#fail(`${path}${field}`, `it is true or false, not ${shown(value)}`);
  }

  read(): Schema {
    const document = this.#document;
    const name = this.#text(document, '', 'schema-name');
    if (name === '') this.#fail('schema-name', 'a schema has a name');
    if (utf8Length(name) > LIMITS.keyBytesMax) {
      this.#fail('schema-name', `a name has at most ${LIMITS.keyBytesMax} bytes`);
    }
    this.#name = name;
    this.#onlyKnown(document, '', FIELDS);
    const version = fieldOf(document, 'schema-version');
    if (typeof version !== 'number' || !Number.isSafeInteger(version) || version < 1) {
      this.#fail('schema-version', `it is a whole number from 1 on, not ${shown(version)}`);
    }
    const unknown = fieldOf(document, 'unknown') ?? 'keep';
    if (!isPolicy(unknown)) {
      this.#fail('unknown', `it is reject, keep or drop, not ${shown(unknown)}`);
    }
    const namespace = this.#namespace();
    const attributes = this.#attributes(namespace);
    return {
      name,
      version,
      namespace,
      documentation: this.#text(document, '', 'documentation'),
      unknown,
      attributes,
      naming: this.#naming(attributes),
      document,
    };
  }

  #namespace(): string {
    const namespace = this.#text(this.#document, '', 'schema-namespace');
    if (namespace !== '' && !/^\..+\.$/u.test(namespace)) {
      this.#fail('schema-namespace', 'it is empty, or begins and ends with a point: ".my-group."');
    }
    return namespace;
  }

  #attributes(namespace: string): readonly AttributeDefinition[] {
    const list = fieldOf(this.#document, 'maestro-attributes');
    const plainList = fieldOf(this.#document, 'attributes');
    if (list !== null && plainList !== null) {
      this.#fail('attributes', 'maestro-attributes says the same: one of the two stands there');
    }
    const field = list === null ? 'attributes' : 'maestro-attributes';
    const entries = list ?? plainList;
    if (!Array.isArray(entries)) return this.#fail(field, 'here stands the list of attributes');
    if (entries.length > LIMITS.schemaKeysMax) {
      this.#fail(field, `a schema has at most ${LIMITS.schemaKeysMax} keys`);
    }
    const seen = new Set<string>();
    return entries.map((entry: Value, index) => {
      const path = `${field}[${index}]`;
      if (!isMap(entry)) return this.#fail(path, 'an attribute is a map, with key and type');
      this.#onlyKnown(entry, `${path}.`, ATTRIBUTE_FIELDS);
      const definition = this.#definition(entry, `${path}.`, namespace);
      const { shortKey } = definition;
      if (seen.has(shortKey)) this.#fail(`${path}.key`, `"${shortKey}" is defined twice`);
      seen.add(shortKey);
      return definition;
    });
  }

  #definition(entry: ValueMap, path: string, namespace: string): AttributeDefinition {
    const shortKey = this.#text(entry, path, 'key');
    const key = `${namespace}${shortKey}`;
    if (shortKey === '') this.#fail(`${path}key`, 'an attribute has a key');
    if (utf8Length(key) > LIMITS.keyBytesMax) {
      this.#fail(`${path}key`, `with its namespace it has more than ${LIMITS.keyBytesMax} bytes`);
    }
    const { type, required, none } = this.#type(entry, path);
    const beside = this.#flag(entry, path, 'required');
    if (beside !== null && required !== null && beside !== required) {
      this.#fail(`${path}required`, 'the type says the contrary');
    }
    const definition = {
      ...{ key, shortKey, type },
      required: beside ?? required ?? false,
      none: none ?? true,
      documentation: this.#text(entry, path, 'documentation'),
      units: this.#text(entry, path, 'units'),
    };
    const given = fieldOf(entry, 'default');
    if (given === null) return { ...definition, default: null };
    const coerced = coerceValue(given, type, shortKey);
    if ('value' in coerced) return { ...definition, default: coerced.value };
    return this.#fail(`${path}default`, `${shown(given)} is no ${type.text}`);
  }

  #type(entry: ValueMap, path: string): ReturnType<typeof readType> {
    const text = this.#text(entry, path, 'type');
    const at = `${path}type`;
    if (text === '') this.#fail(at, 'an attribute has a type, such as int()');
    if (utf8Length(text) > LIMITS.typeBytesMax) {
      this.#fail(at, `a type has at most ${LIMITS.typeBytesMax} bytes`, { position: 0 });
    }
    const read = readType(text, (why, position) => this.#fail(at, why, { position }));
    this.#regexSize += read.regexSize;
    if (this.#regexSize > LIMITS.regexSizeMax) {
      const most = `more than ${LIMITS.regexSizeMax} states`;
      this.#fail(at, `the patterns of the schema need ${most} together`, { position: 0 });
    }
    return read;
  }

  #naming(attributes: readonly AttributeDefinition[]): Template | null {
    const text = this.#text(this.#document, '', 'naming');
    if (text === '') return null;
    return parseTemplate(text, { name: this.#name, attributes }, (why, position) =>
      this.#fail('naming', why, { position }),
    );
  }
}

/**
 * Makes a schema of its parsed document, which is one of Maestro's or of ours (docs/schemas.md).
 * What is malformed fails with `bad-schema`: its fields are `schema` (the name, empty when it is
 * not known yet), `path` of the value (`maestro-attributes[3].type`), and `position` of the
 * character from 0, within a type or a template.
 */
export function parseSchema(document: Value): Schema {
  return new SchemaReader(document).read();
}
