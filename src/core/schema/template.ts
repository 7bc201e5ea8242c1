import { refuse } from '../assert.js';
import type { Value, ValueMap } from '../value.js';
import {
  DAY_FORMAT,
  formatOf,
  isNameable,
  makeField,
  type NameField,
  textOf,
  valueIn,
} from './name-field.js';
import type { NotationRefusal } from './notation.js';
import { shown, told } from './shown.js';
import type { AttributeType } from './types.js';

/** What a template takes from a schema: its keys, with their types. */
interface TypedKeys {
  readonly name: string;
  readonly attributes: readonly {
    readonly key: string;
    readonly shortKey: string;
    readonly type: AttributeType;
  }[];
}

/** How names are made of attributes, and attributes of names. */
export interface Template {
  readonly text: string;
  /** The keys that it needs, as objects have them; of `{*}` none is needed. */
  readonly keys: readonly string[];
  /**
   * The name of an object with these attributes. `attributesOf` gives them back; so what lacks a
   * key, is not of its type, or would be read as something else, fails with `schema-mismatch`.
   */
  nameOf(attributes: ValueMap): string;
  /**
   * The attributes in a name, typed by the schema; without one a format says what they are, and
   * what has none is a text. Null when the template does not make such a name.
   */
  attributesOf(name: string): ValueMap | null;
}

const SORTED = '{*}';

function refuseTemplate(why: string, position: number): never {
  const message = `Cannot read the naming template: ${why}`;
  return refuse('bad-schema', message, { schema: '', path: 'naming', position });
}

/** Why there is no name. */
function refuseName(schema: string, key: string, value: Value, field: NameField | null): never {
  const expected = field?.type?.text ?? '';
  const why =
    value === null
      ? `"${key}" is missing`
      : `"${key}" is ${shown(value)}, which a name cannot say so that it is read back`;
  const kind = value === null ? 'missing' : 'mismatch';
  const problem = { key, value: told(value), expected, schema };
  return refuse('schema-mismatch', `Cannot name an object: ${why}`, {
    ...problem,
    problems: [{ kind, ...problem, text: why }],
    count: 1,
  });
}

const valueAt = (attributes: ValueMap, key: string): Value =>
  (Object.hasOwn(attributes, key) ? attributes[key] : null) ?? null;

/** Text and fields in turn: a field stands behind each text but the last. */
class FieldTemplate implements Template {
  readonly text: string;
  readonly keys: readonly string[];
  readonly #schema: string;
  readonly #texts: readonly string[];
  readonly #fields: readonly NameField[];

  constructor(
    text: string,
    schema: string,
    parts: { readonly texts: readonly string[]; readonly fields: readonly NameField[] },
  ) {
    this.text = text;
    this.#schema = schema;
    this.#texts = parts.texts;
    this.#fields = parts.fields;
    this.keys = parts.fields.map(({ key }) => key);
  }

  nameOf(attributes: ValueMap): string {
    const parts = [this.#texts[0] ?? ''];
    for (const [index, field] of this.#fields.entries()) {
      const value = valueAt(attributes, field.key);
      const text = value === null ? null : textOf(field, value);
      if (text === null) return refuseName(this.#schema, field.key, value, field);
      // The next text ends the value: it may not stand in it, nor overlap its end.
      const next = this.#texts[index + 1] ?? '';
      const isLast = index === this.#fields.length - 1 && next === '';
      const isFound = isLast || field.width !== null || (text + next).indexOf(next) === text.length;
      if (!isFound) refuseName(this.#schema, field.key, value, field);
      parts.push(text, next);
    }
    return parts.join('');
  }

  attributesOf(name: string): ValueMap | null {
    const first = this.#texts[0] ?? '';
    if (!name.startsWith(first)) return null;
    const attributes: { [key: string]: Value } = Object.create(null);
    let at = first.length;
    for (const [index, field] of this.#fields.entries()) {
      const next = this.#texts[index + 1] ?? '';
      const end = this.#endOf(field, next, name, at);
      if (end === null || !name.startsWith(next, end)) return null;
      const value = valueIn(field, name.slice(at, end));
      if (value === null) return null;
      attributes[field.key] = value;
      at = end + next.length;
    }
    return at === name.length ? attributes : null;
  }

  /** Where the value ends that begins at `at`. */
  #endOf({ width }: NameField, next: string, name: string, at: number): number | null {
    if (width !== null) {
      // A character takes two units at most.
      const characters = Array.from(name.slice(at, at + 2 * width)).slice(0, width);
      return characters.length === width ? at + characters.join('').length : null;
    }
    if (next === '') return name.length;
    const end = name.indexOf(next, at);
    return end < 0 ? null : end;
  }
}

/** As Maestro's clients name objects: `key:value` of all keys, sorted, with commas between. */
class SortedTemplate implements Template {
  readonly text = SORTED;
  readonly keys: readonly string[] = [];
  readonly #schema: TypedKeys | null;
  /** By the key as the name has it. */
  readonly #fields: ReadonlyMap<string, NameField>;

  constructor(schema: TypedKeys | null) {
    this.#schema = schema;
    const fields = (schema?.attributes ?? [])
      .filter(({ type }) => isNameable(type))
      .map(({ key, shortKey, type }): readonly [string, NameField] => [
        shortKey,
        this.#field(key, type),
      ]);
    this.#fields = new Map(fields);
  }

  #field(key: string, type: AttributeType | null): NameField {
    const format = type?.kind === 'day' ? DAY_FORMAT : '';
    return makeField(key, type, formatOf(format, 0, refuseTemplate), (why) =>
      refuseTemplate(why, 0),
    );
  }

  /** Null for a key of which a name says nothing. */
  #named(short: string): NameField | null {
    return this.#fields.get(short) ?? (this.#schema === null ? this.#field(short, null) : null);
  }

  nameOf(attributes: ValueMap): string {
    const schema = this.#schema?.name ?? '';
    const shorts = this.#schema === null ? Object.keys(attributes) : [...this.#fields.keys()];
    const parts: string[] = [];
    for (const short of shorts.sort()) {
      const field = this.#named(short);
      const value = field === null ? null : valueAt(attributes, field.key);
      if (field === null || value === null) continue;
      const text = textOf(field, value);
      if (text === null || text.includes(',') || /[:,]/u.test(short)) {
        return refuseName(schema, field.key, value, field);
      }
      parts.push(`${short}:${text}`);
    }
    if (parts.length === 0) refuseName(schema, this.#fields.keys().next().value ?? '*', null, null);
    return parts.join(',');
  }

  attributesOf(name: string): ValueMap | null {
    const attributes: { [key: string]: Value } = Object.create(null);
    let before: string | null = null;
    for (const part of name.split(',')) {
      const colon = part.indexOf(':');
      const short = part.slice(0, Math.max(0, colon));
      const field = colon < 0 ? null : this.#named(short);
      const value = field === null ? null : valueIn(field, part.slice(colon + 1));
      if (field === null || value === null || (before !== null && short <= before)) return null;
      attributes[field.key] = value;
      before = short;
    }
    return attributes;
  }
}

/** Cuts a template into texts and fields. */
class TemplateReader {
  readonly #characters: readonly string[];
  readonly #schema: TypedKeys | null;
  readonly #refused: NotationRefusal;
  readonly #texts: string[] = [];
  readonly #fields: NameField[] = [];

  constructor(text: string, schema: TypedKeys | null, refused: NotationRefusal) {
    this.#characters = Array.from(text);
    this.#schema = schema;
    this.#refused = refused;
  }

  read(): { readonly texts: readonly string[]; readonly fields: readonly NameField[] } {
    const characters = this.#characters;
    let text = '';
    for (let at = 0; at < characters.length; at++) {
      const character = characters[at] ?? '';
      if (character !== '{' && character !== '}') text += character;
      else if (characters[at + 1] === character) {
        text += character;
        at++;
      } else if (character === '}') this.#refused('"}" closes nothing; as a text it is "}}"', at);
      else {
        const close = characters.indexOf('}', at);
        if (close < 0) this.#refused('"{" is not closed; as a text it is "{{"', at);
        this.#texts.push(text);
        this.#field(characters.slice(at + 1, close).join(''), at, text);
        text = '';
        at = close;
      }
    }
    this.#texts.push(text);
    if (this.#fields.length === 0) this.#refused('it has no key: write one as {key}', 0);
    return { texts: this.#texts, fields: this.#fields };
  }

  #field(inner: string, at: number, textBefore: string): void {
    const before = this.#fields.at(-1);
    if (before !== undefined && textBefore === '' && before.width === null) {
      this.#refused(
        `nothing stands between "${before.key}" and this, so that a name could not be read`,
        at,
      );
    }
    const colon = inner.indexOf(':');
    const short = colon < 0 ? inner : inner.slice(0, colon);
    const formatText = colon < 0 ? '' : inner.slice(colon + 1);
    if (short === '') this.#refused('a key is never empty', at);
    if (short === '*') this.#refused(`${SORTED} stands alone`, at);
    if (colon >= 0 && formatText === '') this.#refused('behind the colon stands a format', at);
    const { key, type } = this.#known(short, at);
    if (this.#fields.some((field) => field.key === key)) this.#refused(`"${short}" twice`, at);
    const format = formatOf(formatText, at + 1 + colon + 1, this.#refused);
    this.#fields.push(makeField(key, type, format, (why) => this.#refused(why, at)));
  }

  #known(short: string, at: number): { key: string; type: AttributeType | null } {
    if (this.#schema === null) return { key: short, type: null };
    const { attributes, name } = this.#schema;
    const known =
      attributes.find(({ shortKey }) => shortKey === short) ??
      attributes.find(({ key }) => key === short);
    return known ?? this.#refused(`the schema "${name}" defines no "${short}"`, at);
  }
}

/**
 * Reads a naming template: `{class}/{date:%Y%m%d}/{step:03}/{param}`, with two braces for one;
 * `{*}` alone is Maestro's way, all keys sorted. With a schema the keys are its short ones, and
 * the values are of their types. A template that is malformed, or whose names could be read in
 * more than one way, fails with `bad-schema` and `position`, or as `refused` says.
 */
export function parseTemplate(
  text: string,
  schema: TypedKeys | null = null,
  refused: NotationRefusal = refuseTemplate,
): Template {
  if (text === SORTED) return new SortedTemplate(schema);
  const parts = new TemplateReader(text, schema, refused).read();
  return new FieldTemplate(text, schema?.name ?? '', parts);
}
