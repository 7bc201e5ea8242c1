import { refuse } from '../assert.js';
import { counted } from '../counted.js';
import { LIMITS } from '../limits.js';
import { didYouMean } from '../suggest.js';
import type { Value, ValueMap } from '../value.js';
import { CoercionBudget, coerceValue, isSameValue } from './coerce.js';
import type { AttributeDefinition, Schema } from './schema.js';
import { cut, shown, told } from './shown.js';

/** A key that a schema in force defines. */
interface KnownKey {
  readonly definition: AttributeDefinition;
  readonly schema: Schema;
}

/** What is wrong with one key. */
interface Problem {
  readonly kind: 'mismatch' | 'missing' | 'unknown';
  /** With the place within its value: `levels[2]`. */
  readonly key: string;
  /** Null of a key that is missing. */
  readonly value: Value;
  /** The type, in its notation; empty of an unknown key. */
  readonly expected: string;
  readonly schema: string;
  /** A sentence for people, without its end. */
  readonly text: string;
}

/** What a check finds. */
interface Checked {
  /** Coerced, with defaults; only those that are right. */
  readonly attributes: ValueMap;
  readonly problems: readonly Problem[];
}

/** Of an error: what is longer says no more to people, and a hundred of them are to be sent. */
const KEY_CHARACTERS_MAX = 200;
const TYPE_CHARACTERS_MAX = 200;

/** Each costs a comparison with every key; who has more unknown ones has another mistake. */
const SUGGESTIONS_MAX = 10;

/** Stricter ones first: it decides when schemas share a namespace. */
const STRICTNESS = ['reject', 'drop', 'keep'] as const;

function refuseConflict(why: string, key: string, schemas: readonly Schema[]): never {
  const names = schemas.map(({ name, version }) => `${name} ${version}`);
  return refuse('schema-conflict', `Cannot use the schema "${names[0]}": ${why}`, {
    key,
    schemas: names,
  });
}

function refuseUnknown(name: string, version: number | null, versions: readonly number[]): never {
  const known = [...versions].sort((one, other) => one - other);
  const why = known.length === 0 ? 'no version is' : `known are ${known.join(', ')}`;
  const what = version === null ? `"${name}"` : `"${name}" in version ${version}`;
  const text = `Cannot use the schema ${what}: it is not known; ${why}`;
  return refuse('bad-argument', text, { name, known });
}

/** The keys of all these schemas. Two may define one key, if they agree on its type. */
function keysOf(schemas: Iterable<Schema>): Map<string, KnownKey> {
  const keys = new Map<string, KnownKey>();
  for (const schema of schemas) {
    for (const definition of schema.attributes) {
      const { key, type } = definition;
      const other = keys.get(key);
      if (other === undefined) keys.set(key, { definition, schema });
      else if (other.definition.type.text !== type.text) {
        const theirs = `"${other.schema.name}" has it as ${other.definition.type.text}`;
        refuseConflict(`"${key}" is ${type.text}, and ${theirs}`, key, [schema, other.schema]);
      }
    }
  }
  return keys;
}

/**
 * Schemas that hold together, by name and version. Of each name one version is in force: the
 * highest, or the one that was named. A change that cannot be leaves all as it was.
 */
export class Schemas {
  /** By name, then version. */
  readonly #versions = new Map<string, Map<number, Schema>>();
  /** Versions that were named. */
  readonly #named = new Map<string, number>();
  #keys: ReadonlyMap<string, KnownKey> = new Map();
  #inForce: readonly Schema[] = [];
  #count = 0;

  constructor(schemas: Iterable<Schema> = []) {
    // The keys of all are put together once, not after each.
    const all = [...schemas];
    const inForce = new Map<string, Schema>();
    for (const schema of all) {
      const other = inForce.get(schema.name);
      if (other === undefined || other.version < schema.version) inForce.set(schema.name, schema);
    }
    this.#keys = keysOf(inForce.values());
    this.#inForce = [...inForce.values()];
    for (const schema of all) this.#addKnown(schema);
  }

  /**
   * Takes a schema in. A known one again changes nothing. `schema-conflict`: another schema is
   * known as this version of this name, or one that is in force has another type for a key.
   */
  add(schema: Schema): void {
    const { name, version } = schema;
    const known = this.#versions.get(name)?.get(version);
    if (known !== undefined) {
      if (isSameValue(known.document, schema.document)) return;
      refuseConflict('another one is known as this version of it', '', [schema, known]);
    }
    if (this.#count >= LIMITS.schemasMax) {
      refuseConflict(`${LIMITS.schemasMax} are known, and no more can be`, '', [schema]);
    }
    const inForce = this.find(name);
    const isNewest = inForce === null || inForce.version < version;
    if (isNewest && !this.#named.has(name)) this.#enforce(name, schema);
    this.#keep(schema);
  }

  #addKnown(schema: Schema): void {
    const { name, version } = schema;
    const known = this.#versions.get(name)?.get(version);
    if (known === undefined) this.#keep(schema);
    else if (!isSameValue(known.document, schema.document)) {
      refuseConflict('another one is known as this version of it', '', [schema, known]);
    }
    if (this.#count > LIMITS.schemasMax) {
      refuseConflict(`${LIMITS.schemasMax} are known, and no more can be`, '', [schema]);
    }
  }

  #keep(schema: Schema): void {
    const { name, version } = schema;
    const versions = this.#versions.get(name) ?? new Map<number, Schema>();
    versions.set(version, schema);
    this.#versions.set(name, versions);
    this.#count++;
  }

  /** Puts a known version in force; null: the highest. `bad-argument` when it is not known. */
  use(name: string, version: number | null): void {
    const versions = this.#versions.get(name) ?? new Map<number, Schema>();
    const wanted = version ?? Math.max(...versions.keys());
    const schema = versions.get(wanted);
    if (schema === undefined) {
      refuseUnknown(name, version, [...versions.keys()]);
    }
    this.#enforce(name, schema);
    if (version === null) this.#named.delete(name);
    else this.#named.set(name, version);
  }

  #enforce(name: string, schema: Schema): void {
    const inForce = [...this.#inForce.filter((each) => each.name !== name), schema];
    this.#keys = keysOf(inForce);
    this.#inForce = inForce;
  }

  /** Null when it is not known. Without a version: the one in force. */
  find(name: string, version: number | null = null): Schema | null {
    const versions = this.#versions.get(name);
    if (versions === undefined) return null;
    const wanted = version ?? this.#named.get(name) ?? Math.max(...versions.keys());
    return versions.get(wanted) ?? null;
  }

  /** One version of each name. */
  inForce(): readonly Schema[] {
    return this.#inForce;
  }

  /** What is known of a key, by its full name; null when no schema in force defines it. */
  known(key: string): KnownKey | null {
    return this.#keys.get(key) ?? null;
  }

  /**
   * Coerces attributes, and finds all that is wrong with them. A schema asks for its required keys,
   * and gives its defaults, when an object has one of its keys, or when `named` has its name.
   */
  check(attributes: ValueMap, named: readonly string[] = []): Checked {
    const check = new Check(this);
    for (const [key, value] of Object.entries(attributes)) check.take(key, value);
    for (const name of named) {
      const schema = this.find(name);
      if (schema === null) refuseUnknown(name, null, []);
      check.schemas.add(schema);
    }
    check.complete(attributes);
    return { attributes: check.attributes, problems: check.problems };
  }

  /**
   * The attributes as the schemas have them, or `schema-mismatch`: `key`, `value`, `expected` and
   * `schema` of the first problem, all of them in `problems`, up to a hundred, and their `count`.
   */
  coerce(attributes: ValueMap, named: readonly string[] = []): ValueMap {
    const checked = this.check(attributes, named);
    const [first] = checked.problems;
    return first === undefined ? checked.attributes : refuseProblems(first, checked.problems);
  }

  /** As {@link coerce}, of no more than what is given: nothing is required, no default is given. */
  coerceGiven(attributes: ValueMap): ValueMap {
    const check = new Check(this);
    for (const [key, value] of Object.entries(attributes)) check.take(key, value);
    const [first] = check.problems;
    return first === undefined ? check.attributes : refuseProblems(first, check.problems);
  }

  /** What those schemas say of a key that none defines, which share its longest namespace. */
  policyOf(key: string): Schema | null {
    let found: Schema | null = null;
    for (const schema of this.#inForce) {
      const { namespace } = schema;
      // What begins with a point has a namespace, and it is not the empty one.
      const isWithin = namespace === '' ? !key.startsWith('.') : key.startsWith(namespace);
      if (!isWithin) continue;
      const length = found?.namespace.length ?? -1;
      const isStricter =
        found !== null && STRICTNESS.indexOf(schema.unknown) < STRICTNESS.indexOf(found.unknown);
      if (namespace.length > length || (namespace.length === length && isStricter)) found = schema;
    }
    return found;
  }
}

function refuseProblems(first: Problem, problems: readonly Problem[]): never {
  const more = problems.length - 1;
  const others = more === 0 ? '' : ` (and ${counted(more, 'other problem')})`;
  const { key, value, expected, schema } = first;
  const message = `Cannot take the attributes: ${first.text}${others}`;
  return refuse('schema-mismatch', message, {
    ...{ key, value, expected, schema },
    problems: problems.slice(0, LIMITS.schemaProblemsMax).map((each) => ({ ...each })),
    count: problems.length,
  });
}

/** One check of the attributes of one object. */
class Check {
  readonly attributes: { [key: string]: Value } = Object.create(null);
  readonly problems: Problem[] = [];
  /** Those of which the object has a key. */
  readonly schemas = new Set<Schema>();
  readonly #all: Schemas;
  readonly #budget = new CoercionBudget();

  constructor(all: Schemas) {
    this.#all = all;
  }

  take(key: string, value: Value): void {
    const known = this.#all.known(key);
    if (known === null) {
      this.#unknown(key, value);
      return;
    }
    const { definition, schema } = known;
    this.schemas.add(schema);
    // Not given; what is missing is told at the end.
    if (value === null && definition.none) return;
    const { type } = definition;
    const coerced = coerceValue(value, type, key, this.#budget);
    if ('value' in coerced) {
      this.attributes[key] = coerced.value;
      return;
    }
    const { misfit } = coerced;
    const wrong = misfit.value;
    const path = cut(misfit.path, KEY_CHARACTERS_MAX);
    const expected = cut(misfit.expected, TYPE_CHARACTERS_MAX);
    const name = type.kind === 'str' && type.patternName !== '' ? ` (${type.patternName})` : '';
    this.problems.push({
      kind: 'mismatch',
      ...{ key: path, value: told(wrong), expected, schema: schema.name },
      text: `"${path}" is ${shown(wrong)}, and "${schema.name}" has it as ${expected}${name}`,
    });
  }

  #unknown(key: string, value: Value): void {
    const schema = this.#all.policyOf(key);
    if (schema === null || schema.unknown === 'keep') this.attributes[key] = value;
    else if (schema.unknown === 'reject') {
      const isSuggested = this.problems.length < SUGGESTIONS_MAX;
      const known = isSuggested ? schema.attributes.map((each) => each.key) : [];
      const meant = didYouMean(key, known);
      const at = cut(key, KEY_CHARACTERS_MAX);
      this.problems.push({
        kind: 'unknown',
        ...{ key: at, value: told(value), expected: '', schema: schema.name },
        text: `"${at}" is a key that "${schema.name}" does not know${meant === '' ? '' : `.${meant}`}`,
      });
    }
  }

  /** Fills in defaults, and tells what is missing. */
  complete(given: ValueMap): void {
    for (const schema of this.schemas) {
      for (const definition of schema.attributes) {
        const { key, required, type } = definition;
        const isGiven = Object.hasOwn(given, key) && given[key] !== null;
        const isTold = Object.hasOwn(given, key) && !definition.none;
        if (isGiven || isTold) continue;
        if (definition.default !== null) this.attributes[key] = definition.default;
        else if (required) {
          const expected = cut(type.text, TYPE_CHARACTERS_MAX);
          this.problems.push({
            kind: 'missing',
            ...{ key, value: null, expected, schema: schema.name },
            text: `"${key}" is missing, and "${schema.name}" requires it as ${expected}`,
          });
        }
      }
    }
  }
}
