import { unreachable } from '../../core/assert.js';
import type { Form } from '../../core/dtype.js';
import type { ByteOrder } from '../../core/space.js';
import { encodeUtf8 } from '../../core/utf8.js';
import { CLASS, PADDINGS, type Stored } from './types.js';

type NumberForm = Extract<Form, { kind: 'number' }>;

/** Versions of a description: the first, and the one with compact structs. */
const PLAIN = 0x10;
const COMPACT = 0x30;

/** Of IEEE floats by their size: bits of the exponent, and of the mantissa. */
const FLOATS: { readonly [size: number]: readonly [exponent: number, mantissa: number] } = {
  2: [5, 10],
  4: [8, 23],
  8: [11, 52],
};

/** A class with its version, 24 bits of its own, and the size of an element. */
function head(first: number, bits: number, size: number): Uint8Array {
  const bytes = new Uint8Array(8);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, first | (bits << 8), true);
  view.setUint32(4, size, true);
  return bytes;
}

function integer(size: number, isSigned: boolean, byteOrder: ByteOrder): Uint8Array {
  const bits = (byteOrder === 'big' ? 1 : 0) | (isSigned ? 8 : 0);
  return Buffer.concat([head(PLAIN | CLASS.integer, bits, size), Uint8Array.of(0, 0, size * 8, 0)]);
}

function float(size: number, byteOrder: ByteOrder): Uint8Array {
  const [exponent, mantissa] = FLOATS[size] as readonly [number, number];
  // The first bit of the mantissa is left out (0x20); where the sign stands is the second byte.
  const bits = (byteOrder === 'big' ? 1 : 0) | 0x20 | ((size * 8 - 1) << 8);
  const rest = new Uint8Array(12);
  const view = new DataView(rest.buffer);
  view.setUint16(2, size * 8, true);
  rest.set([mantissa, exponent, 0, mantissa], 4);
  view.setUint32(8, 2 ** (exponent - 1) - 1, true);
  return Buffer.concat([head(PLAIN | CLASS.float, bits, size), rest]);
}

/** Integers with names, each of which is filled up to eight bytes. */
function enumeration(
  { itemSize, dtype }: NumberForm,
  names: NonNullable<Stored['names']>,
  byteOrder: ByteOrder,
): Uint8Array {
  const base = integer(itemSize, !dtype.startsWith('u'), byteOrder);
  const texts = Object.keys(names).map((name) => {
    const bytes = encodeUtf8(name);
    return Buffer.concat([bytes, new Uint8Array(8 - (bytes.length % 8))]);
  });
  const values = Object.values(names).map((value) => {
    const bytes = Buffer.alloc(8);
    bytes.writeBigInt64LE(BigInt(value));
    const own = bytes.subarray(0, itemSize);
    return byteOrder === 'big' ? own.reverse() : own;
  });
  const first = head(PLAIN | CLASS.enum, values.length, itemSize);
  return Buffer.concat([first, base, ...texts, ...values]);
}

function numberOf(form: NumberForm, { byteOrder, names }: Stored): Uint8Array {
  const { dtype, itemSize } = form;
  if (names !== null) return enumeration(form, names, byteOrder);
  switch (dtype) {
    case 'float16':
    case 'float32':
    case 'float64':
      return float(itemSize, byteOrder);
    case 'complex64':
    case 'complex128': {
      const part = float(itemSize / 2, byteOrder);
      return struct(itemSize, [
        { name: 'r', offset: 0, type: part },
        { name: 'i', offset: itemSize / 2, type: part },
      ]);
    }
    default:
      return integer(itemSize, !dtype.startsWith('u'), byteOrder);
  }
}

interface Member {
  readonly name: string;
  readonly offset: number;
  readonly type: Uint8Array;
}

function struct(size: number, members: readonly Member[]): Uint8Array {
  // An offset has as many bytes as the size of an element takes.
  const width = Math.ceil((32 - Math.clz32(size)) / 8);
  const parts = members.flatMap(({ name, offset, type }) => {
    const at = new Uint8Array(4);
    new DataView(at.buffer).setUint32(0, offset, true);
    return [encodeUtf8(name), Uint8Array.of(0), at.subarray(0, width), type];
  });
  return Buffer.concat([head(COMPACT | CLASS.compound, members.length, size), ...parts]);
}

/** Whether h5wasm makes the type by itself: little-endian numbers, and texts in one way each. */
export function isPlain(form: Form, stored: Stored): boolean {
  switch (form.kind) {
    case 'number': {
      if (form.dtype === 'float16' || stored.names !== null) return false;
      return stored.byteOrder === 'little' || form.itemSize === 1;
    }
    case 'string':
      return stored.padding === (stored.charset === 'ascii' ? 'null-terminated' : 'space-padded');
    case 'struct':
      return form.fields.every(({ form: inner }) => isPlain(inner, stored));
    default:
      return unreachable(form);
  }
}

/** How a file describes a type (HDF5 File Format Specification, IV.A.2.d). */
export function typeMessage(form: Form, stored: Stored): Uint8Array {
  switch (form.kind) {
    case 'number':
      return numberOf(form, stored);
    case 'string': {
      const charset = stored.charset === 'utf8' ? 0x10 : 0;
      return head(PLAIN | CLASS.string, PADDINGS.indexOf(stored.padding) | charset, form.itemSize);
    }
    case 'struct': {
      const members = form.fields.map(({ name, offset, form: inner }) => ({
        ...{ name, offset, type: typeMessage(inner, { ...stored, names: null }) },
      }));
      return struct(form.itemSize, members);
    }
    default:
      return unreachable(form);
  }
}
