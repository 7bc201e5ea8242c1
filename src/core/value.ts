import { readTimestamp, timestampText } from './selector/timestamps.js';

/**
 * A typed value: of attributes, tags, error fields and answers. Integers within 2^53 are numbers;
 * beyond that bigints. A number that is not an integer is a float64; use {@link Float} to say
 * float64 for a whole number. A {@link Timestamp} is nanoseconds since 1970-01-01T00:00Z.
 */
export type Value =
  | null
  | boolean
  | number
  | bigint
  | string
  | Uint8Array
  | Float
  | Timestamp
  | readonly Value[]
  | { readonly [key: string]: Value };

/** A float64 that stays one on the wire even when it is whole. */
export class Float {
  readonly value: number;
  constructor(value: number) {
    this.value = value;
  }
}

/** A moment: nanoseconds since 1970-01-01T00:00:00Z, no leap seconds; RangeError beyond int64. */
export class Timestamp {
  readonly nanoseconds: bigint;
  constructor(nanoseconds: bigint) {
    if (BigInt.asIntN(64, nanoseconds) !== nanoseconds) {
      throw new RangeError(`Cannot make a timestamp of ${nanoseconds} ns: it needs 64 bits`);
    }
    this.nanoseconds = nanoseconds;
  }

  /** Of `2026-01-31`, `2026-01-31T06:00Z`, ... as selectors read it; else RangeError. */
  static parse(text: string): Timestamp {
    const read = readTimestamp(text);
    if (typeof read === 'string') {
      throw new RangeError(`Cannot read the timestamp "${text}": ${read}`);
    }
    return read;
  }

  /** The text that {@link parse} reads, in UTC. */
  toString(): string {
    return timestampText(this);
  }

  toJSON(): string {
    return timestampText(this);
  }
}

/** Type codes on the wire and in columns. */
export const VALUE_TYPE = {
  null: 0,
  bool: 1,
  int64: 2,
  uint64: 3,
  float64: 4,
  string: 5,
  bytes: 6,
  timestamp: 7,
  list: 8,
  map: 9,
} as const;

export type ValueMap = { readonly [key: string]: Value };

export function isMap(value: Value | undefined): value is ValueMap {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return false;
  const prototype: unknown = Object.getPrototypeOf(value);
  return prototype === null || prototype === Object.prototype;
}
