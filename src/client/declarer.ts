import { Writer } from '../core/bytes.js';
import { AttaccaError } from '../core/errors.js';
import { LIMITS } from '../core/limits.js';
import { type SpaceExpectation, writeSpace } from '../core/space.js';
import { VALUE_TYPE, type Value } from '../core/value.js';
import { writeText, writeValue } from '../core/value-codec.js';
import { beginMessage, endMessage, MESSAGE, writeName } from '../protocol/index.js';
import type { KeyNumbers } from './keys.js';
import type { Attributes } from './options.js';

/**
 * Writes what handles say, as DECLARE. Objects that follow one another are mostly alike, so
 * the numbers of their keys are looked up once for a run of them that have the same; the space that
 * a batch shares is encoded once.
 */
export class Declarer {
  readonly #numbers: KeyNumbers;
  #keys: string[] = [];
  #keyNumbers: number[] = [];
  readonly #space: SpaceExpectation | null;
  readonly #spaceBytes: Uint8Array;

  /** `space`: one that many share; it must not change meanwhile. */
  constructor(numbers: KeyNumbers, space: SpaceExpectation | null = null) {
    this.#numbers = numbers;
    this.#space = space;
    const w = new Writer(64);
    writeSpace(w, space);
    this.#spaceBytes = w.bytes.slice(0, w.at);
  }

  /** Announces keys that are new: before anything that goes out with them is written. */
  announce(attributes: Attributes): void {
    this.#lookUp(attributes);
  }

  /** Writes a DECLARE; what it refuses leaves nothing in the writer. */
  declare(
    w: Writer,
    numbers: { readonly handle: number; readonly member: number },
    name: string,
    space: SpaceExpectation | null,
    attributes: Attributes,
  ): void {
    const start = beginMessage(w, MESSAGE.declare);
    try {
      w.u32(numbers.handle);
      w.u32(numbers.member);
      writeName(w, name);
      this.#writeSpace(w, space);
      this.#writeAttributes(w, attributes);
    } catch (error) {
      w.at = start;
      throw error;
    }
    endMessage(w, start);
  }

  #writeSpace(w: Writer, space: SpaceExpectation | null): void {
    if (space === this.#space) w.rawRange(this.#spaceBytes, 0, this.#spaceBytes.length);
    else writeSpace(w, space);
  }

  #writeAttributes(w: Writer, attributes: Attributes): void {
    const count = this.#lookUp(attributes);
    if (count > LIMITS.attributesMax) badAttribute(`more than ${LIMITS.attributesMax} of them`);
    const start = w.at;
    w.u16(count);
    for (let index = 0; index < count; index++) {
      const value = attributes[this.#keys[index] as string];
      if (value === null || value === undefined)
        badAttribute(`"${this.#keys[index]}" has no value`);
      w.u16(this.#keyNumbers[index] as number);
      writeQuickly(w, value);
    }
    if (w.at - start > LIMITS.attributeBytesMax) {
      badAttribute(`they take more than ${LIMITS.attributeBytesMax} bytes`);
    }
  }

  /** Lets `#keys` and `#keyNumbers` begin with those of the item; returns how many it has. */
  #lookUp(attributes: Attributes): number {
    const keys = this.#keys;
    let count = 0;
    for (const key in attributes) {
      if (keys[count] !== key) {
        this.#keyNumbers[count] = this.#numbers.of(key);
        keys[count] = key;
      }
      count++;
    }
    return count;
  }
}

/** The commonest values without a detour: integers of 32 bits, strings, floats. */
function writeQuickly(w: Writer, value: Value): void {
  if (typeof value === 'number') {
    if ((value | 0) === value && !Object.is(value, -0)) {
      w.u8(VALUE_TYPE.int64);
      w.u32(value);
      w.u32(value < 0 ? 0xffff_ffff : 0);
      return;
    }
    if (!Number.isInteger(value)) {
      w.u8(VALUE_TYPE.float64);
      w.f64(value);
      return;
    }
  } else if (typeof value === 'string') {
    w.u8(VALUE_TYPE.string);
    writeText(w, value);
    return;
  }
  writeValue(w, value);
}

function badAttribute(why: string): never {
  throw new AttaccaError('bad-attribute', `Cannot use the attributes: ${why}`);
}
