import type { Float, Timestamp, Value } from '../core/value.js';

/** What a schema's type is in TypeScript: its notation, read by the compiler. */

type Blank = ' ' | '\n' | '\t';

type Trim<T extends string> = T extends `${Blank}${infer Rest}`
  ? Trim<Rest>
  : T extends `${infer Rest}${Blank}`
    ? Trim<Rest>
    : T;

/**
 * The arguments of a call, at its commas, but for those within parentheses and quotes. `Depth` has
 * as many elements as parentheses are open; `Quote` is the one that is open.
 */
type Split<
  T extends string,
  Parts extends readonly string[] = [],
  Part extends string = '',
  Depth extends readonly 0[] = [],
  Quote extends string = '',
> = T extends `${infer First}${infer Rest}`
  ? Quote extends ''
    ? First extends '"' | "'"
      ? Split<Rest, Parts, `${Part}${First}`, Depth, First>
      : First extends '('
        ? Split<Rest, Parts, `${Part}(`, [0, ...Depth]>
        : First extends ')'
          ? Split<Rest, Parts, `${Part})`, Shallower<Depth>>
          : First extends ','
            ? Depth extends readonly []
              ? Split<Rest, [...Parts, Part]>
              : Split<Rest, Parts, `${Part},`, Depth>
            : Split<Rest, Parts, `${Part}${First}`, Depth>
    : First extends '\\'
      ? Rest extends `${infer Next}${infer After}`
        ? Split<After, Parts, `${Part}${First}${Next}`, Depth, Quote>
        : [...Parts, Part]
      : First extends Quote
        ? Split<Rest, Parts, `${Part}${First}`, Depth>
        : Split<Rest, Parts, `${Part}${First}`, Depth, Quote>
  : [...Parts, Part];

type Shallower<Depth extends readonly 0[]> = Depth extends readonly [0, ...infer Rest]
  ? Rest extends readonly 0[]
    ? Rest
    : []
  : [];

/** Each argument of a call. */
type Arguments<T extends string> = Trim<Split<T>[number]>;

type OptionOf<T extends string> = T extends `'${infer Text}'` | `"${infer Text}"`
  ? Text
  : T extends `${infer Number extends number}`
    ? Number
    : T extends 'True' | 'true'
      ? true
      : T extends 'False' | 'false'
        ? false
        : never;

interface Scalars {
  int: number | bigint;
  uint: number | bigint;
  float: number | Float;
  double: number | Float;
  num: number | bigint | Float;
  str: string;
  regex: string;
  bool: boolean;
  timestamp: Timestamp;
  day: Timestamp;
  bytes: Uint8Array;
  blob: Uint8Array;
}

type Container = 'enum' | 'list' | 'map' | 'any';

/** Of an argument that is a type: what it is; of others (`max=5`) nothing. */
type InnerOf<T extends string> = T extends `${infer Name}(${string})`
  ? Trim<Name> extends keyof Scalars | Container
    ? TypeOfText<T>
    : never
  : never;

/** What lies in a list, map or choice: of no type any value. */
type Inner<T extends string> = [InnerOf<Arguments<T>>] extends [never]
  ? Value
  : InnerOf<Arguments<T>>;

/**
 * The values of a type of a schema, as they are once they were coerced: of `int()` a number, or a
 * bigint where 2^53 is passed, of `enum('a', 3)` these two. Of a text that the compiler does not
 * know it is any value.
 */
export type TypeOfText<T extends string> = string extends T
  ? Value
  : Trim<T> extends `${infer Name}(${infer Inside})`
    ? Trim<Name> extends keyof Scalars
      ? Scalars[Trim<Name>]
      : Trim<Name> extends 'enum'
        ? OptionOf<Arguments<Inside>>
        : Trim<Name> extends 'list'
          ? readonly Inner<Inside>[]
          : Trim<Name> extends 'map'
            ? { readonly [key: string]: Inner<Inside> }
            : Trim<Name> extends 'any'
              ? Inner<Inside>
              : Value
    : Value;
