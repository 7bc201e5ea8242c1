import type { Regex } from '../regex.js';
import type { Float, Timestamp } from '../value.js';

/** Null is no bound. Of texts, bytes, lists and maps the bounds are those of their length. */
interface Bounds<T> {
  readonly min: T | null;
  readonly max: T | null;
}

/** A value that an `enum` can name. */
export type EnumOption = string | boolean | number | bigint | Float;

/**
 * A pattern that a text must match from its first character on, as yamale has it: the end is free
 * unless the pattern has a `$`.
 */
export interface TextPattern {
  readonly source: string;
  readonly regex: Regex;
}

/** What a text must be, besides a text. An empty list of patterns asks for nothing. */
export interface TextTests extends Bounds<number> {
  /** One of them must match. */
  readonly patterns: readonly TextPattern[];
  /** The name that the writer of the schema gave the patterns; empty without one. */
  readonly patternName: string;
  readonly startsWith: string;
  readonly endsWith: string;
  /** None of these characters may stand in it. */
  readonly exclude: string;
}

/**
 * The type of an attribute, as {@link readType} reads it. `text` is the notation in one way of
 * many: types are the same exactly when their texts are.
 */
export type AttributeType = { readonly text: string } & (
  | ({ readonly kind: 'int' | 'uint' } & Bounds<number | bigint>)
  | ({ readonly kind: 'float' | 'num' } & Bounds<number | bigint | Float>)
  | ({ readonly kind: 'str' } & TextTests)
  | { readonly kind: 'bool' }
  | ({ readonly kind: 'timestamp' | 'day' } & Bounds<Timestamp>)
  | ({ readonly kind: 'bytes' } & Bounds<number>)
  | { readonly kind: 'enum'; readonly options: readonly EnumOption[] }
  | ({ readonly kind: 'list'; readonly element: AttributeType } & Bounds<number>)
  | ({
      readonly kind: 'map';
      readonly element: AttributeType;
      /** Null: any text. */
      readonly key: AttributeType | null;
    } & Bounds<number>)
  /** One of these; of no options any value at all. */
  | { readonly kind: 'any'; readonly options: readonly AttributeType[] }
);
