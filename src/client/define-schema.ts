import { parseSchema, type Schema } from '../core/schema/schema.js';
import { Schemas } from '../core/schema/schemas.js';
import type { Value, ValueMap } from '../core/value.js';
import type { TypeOfText } from './type-of-text.js';

/** A key in a document. */
interface AttributeDocument {
  readonly key: string;
  /** In Maestro's notation: `int(min=0)`. */
  readonly type: string;
  readonly required?: boolean;
  readonly default?: Value;
  readonly documentation?: string;
  readonly units?: string;
}

/** A schema as it stands in a file: the keys have one of the two names. */
export interface SchemaDocument {
  readonly 'schema-name': string;
  readonly 'schema-version': number;
  readonly 'schema-namespace'?: string;
  readonly 'maestro-attributes'?: readonly AttributeDocument[];
  readonly attributes?: readonly AttributeDocument[];
  readonly documentation?: string;
  readonly unknown?: 'reject' | 'keep' | 'drop';
  readonly naming?: string;
}

declare const DOCUMENT: unique symbol;

/** A schema of which the compiler knows the document. */
export interface DefinedSchema<D> extends Schema {
  readonly [DOCUMENT]?: D;
}

type AttributeIn<D> = D extends { readonly 'maestro-attributes': readonly (infer A)[] }
  ? A
  : D extends { readonly attributes: readonly (infer A)[] }
    ? A
    : never;

type NamespaceOf<D> = D extends { readonly 'schema-namespace': infer N extends string } ? N : '';

type KeyOf<D, A> = A extends { readonly key: infer K extends string }
  ? `${NamespaceOf<D>}${K}`
  : never;

type ValueOf<A> = A extends { readonly type: infer T extends string } ? TypeOfText<T> : Value;

/** An attribute that is always there. */
type Given = { readonly required: true } | { readonly default: NonNullable<unknown> };

/** The key, when the attribute is always there: it is required, or has a default. */
type AlwaysKeyOf<D, A> = A extends Given ? KeyOf<D, A> : never;

/** The key, when it may be missing. */
type MaybeKeyOf<D, A> = A extends Given ? never : KeyOf<D, A>;

/**
 * What {@link coerceAttributes} makes of attributes: by the document of {@link defineSchema} each
 * key with its type. Of a schema that was loaded from a file the compiler knows nothing.
 */
export type AttributesOf<S extends Schema> =
  S extends DefinedSchema<infer D>
    ? unknown extends D
      ? ValueMap
      : {
          readonly [A in AttributeIn<D> as AlwaysKeyOf<D, A>]: ValueOf<A>;
        } & {
          readonly [A in AttributeIn<D> as MaybeKeyOf<D, A>]?: ValueOf<A>;
        }
    : ValueMap;

/**
 * A schema that is written in the program, with types of its own: see {@link AttributesOf}. Fails
 * with `bad-schema`, as one from a file does.
 *
 * ```ts
 * const fields = defineSchema({
 *   'schema-name': 'fields',
 *   'schema-version': 1,
 *   attributes: [{ key: 'step', type: 'int(min=0)', required: true }],
 * });
 * const { step } = coerceAttributes(fields, { step: '12' }); // 12
 * ```
 */
export function defineSchema<const D extends SchemaDocument>(document: D): DefinedSchema<D> {
  // Each field of a document is a Value, or left out.
  return parseSchema(document as unknown as Value);
}

/**
 * The attributes of one object as the schema has them: coerced, with defaults. All that is wrong is
 * told by one `schema-mismatch`. For several schemas together see {@link Schemas}.
 */
export function coerceAttributes<S extends Schema>(
  schema: S,
  attributes: ValueMap,
): AttributesOf<S> {
  const coerced = new Schemas([schema]).coerce(attributes, [schema.name]);
  return coerced as AttributesOf<S>;
}
