import { fromFloat16 } from '../regions/float16.js';
import { type ByteOrder, type Dtype, itemSizeOf } from '../space.js';

/** Elements that are looked at together, several times: so many stay in the nearest cache. */
export const BLOCK_ELEMENTS = 2_048;

/** What elements are looked at as: all of a block at once. */
export type Elements =
  | { readonly kind: 'whole'; readonly values: Int32Array | Float64Array }
  | { readonly kind: 'wide'; readonly words: Uint32Array; readonly isSigned: boolean }
  | { readonly kind: 'real32'; readonly values: Float32Array; readonly bits: Uint32Array }
  | { readonly kind: 'real64'; readonly values: Float64Array; readonly bits: Uint32Array };

type Source = Int8Array | Uint8Array | Int16Array | Uint16Array | Uint32Array;

/** Working memory: a block as it is copied or converted. */
export class ElementScratch {
  readonly copy = new Uint8Array(BLOCK_ELEMENTS * 8);
  readonly int32 = new Int32Array(BLOCK_ELEMENTS);
  readonly float32 = new Float32Array(BLOCK_ELEMENTS);
  readonly float64 = new Float64Array(BLOCK_ELEMENTS);
}

/**
 * Shows blocks of the bytes of an array as elements that this machine can count with: in place
 * where they lie as it would have them, else from a copy.
 */
export class ElementReader {
  readonly #dtype: Dtype;
  readonly #itemSize: number;
  readonly #isSwapped: boolean;
  readonly #scratch: ElementScratch;

  constructor(dtype: Dtype, byteOrder: ByteOrder, scratch: ElementScratch) {
    this.#dtype = dtype;
    this.#itemSize = itemSizeOf(dtype);
    this.#isSwapped = byteOrder === 'big' && this.#itemSize > 1;
    this.#scratch = scratch;
  }

  /** `count` elements from `start` on: valid until the next call. */
  read(bytes: Uint8Array, start: number, count: number): Elements {
    const size = count * this.#itemSize;
    let source = bytes;
    let at = start;
    if (this.#isSwapped || (bytes.byteOffset + start) % this.#itemSize !== 0) {
      this.#scratch.copy.set(bytes.subarray(start, start + size));
      if (this.#isSwapped) swap(this.#scratch.copy, size, this.#itemSize);
      source = this.#scratch.copy;
      at = 0;
    }
    return this.#shown(source.buffer, source.byteOffset + at, count);
  }

  #shown(buffer: ArrayBufferLike, at: number, count: number): Elements {
    switch (this.#dtype) {
      case 'int32':
        return { kind: 'whole', values: new Int32Array(buffer, at, count) };
      case 'int8':
        return this.#whole(new Int8Array(buffer, at, count));
      case 'int16':
        return this.#whole(new Int16Array(buffer, at, count));
      case 'uint16':
        return this.#whole(new Uint16Array(buffer, at, count));
      case 'uint32': {
        const values = this.#scratch.float64.subarray(0, count);
        values.set(new Uint32Array(buffer, at, count));
        return { kind: 'whole', values };
      }
      case 'int64':
      case 'uint64': {
        const words = new Uint32Array(buffer, at, count * 2);
        return { kind: 'wide', words, isSigned: this.#dtype === 'int64' };
      }
      case 'float16':
        return this.#half(new Uint16Array(buffer, at, count));
      case 'float32':
        return real32(new Float32Array(buffer, at, count));
      case 'float64': {
        const values = new Float64Array(buffer, at, count);
        return { kind: 'real64', values, bits: new Uint32Array(buffer, at, count * 2) };
      }
      default:
        return this.#whole(new Uint8Array(buffer, at, count));
    }
  }

  #whole(source: Source): Elements {
    const values = this.#scratch.int32.subarray(0, source.length);
    values.set(source);
    return { kind: 'whole', values };
  }

  #half(source: Uint16Array): Elements {
    const values = this.#scratch.float32.subarray(0, source.length);
    for (let index = 0; index < source.length; index++) {
      values[index] = fromFloat16(source[index] as number);
    }
    return real32(values);
  }
}

function real32(values: Float32Array): Elements {
  const bits = new Uint32Array(values.buffer, values.byteOffset, values.length);
  return { kind: 'real32', values, bits };
}

/** Turns the bytes of each item round. */
function swap(bytes: Uint8Array, size: number, itemSize: number): void {
  for (let item = 0; item < size; item += itemSize) {
    for (let low = item, high = item + itemSize - 1; low < high; low++, high--) {
      const byte = bytes[low] as number;
      bytes[low] = bytes[high] as number;
      bytes[high] = byte;
    }
  }
}
