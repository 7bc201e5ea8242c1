import { endianness } from 'node:os';
import { AttaccaError } from '../core/errors.js';
import { type ByteOrder, DTYPES, type Dtype, itemSizeOf, type Space } from '../core/space.js';
import { PythonLiteral, PythonTuple, type PythonValue } from './python-literal.js';

/** `\x93NUMPY`, then the version: numpy.lib.format. */
const MAGIC = [0x93, 0x4e, 0x55, 0x4d, 0x50, 0x59] as const;
const PREFIX_SIZE = 8;
/** numpy aligns the data to this, so that they can be mapped. */
const ALIGNMENT = 64;
/** The header of a plain array has some 100 bytes; more than this is no header of ours. */
const NPY_HEADER_BYTES_MAX = 1024 * 1024;

/** What the header of a .npy file says: the space of the array, and where its bytes begin. */
export interface NpyHeader {
  readonly space: Space;
  readonly dataOffset: number;
}

const KINDS: { readonly [descr: string]: Dtype } = {
  b1: 'bool',
  i1: 'int8',
  u1: 'uint8',
  i2: 'int16',
  u2: 'uint16',
  i4: 'int32',
  u4: 'uint32',
  i8: 'int64',
  u8: 'uint64',
  f2: 'float16',
  f4: 'float32',
  f8: 'float64',
  c8: 'complex64',
  c16: 'complex128',
};

function bad(file: string, why: string): AttaccaError {
  return new AttaccaError('not-a-npy-file', `Cannot read "${file}": ${why}`, { file });
}

/** Whether the bytes begin as a .npy file does. */
function looksLikeNpy(start: Uint8Array): boolean {
  return MAGIC.every((byte, index) => start[index] === byte);
}

/**
 * Where the data of a .npy file begin, from its first 12 bytes (all of it when it is shorter);
 * `not-a-npy-file` when they are not such a file's. Versions 1, 2 and 3.
 */
export function npyDataOffset(start: Uint8Array, file: string): number {
  if (start.length < PREFIX_SIZE + 2 || !looksLikeNpy(start)) {
    throw bad(file, 'it is not a .npy file: it does not begin with \\x93NUMPY and a version');
  }
  const major = start[6] as number;
  if (major < 1 || major > 3) {
    throw bad(file, `it has version ${major}.${start[7]} of the .npy format; known are 1 to 3`);
  }
  const lengthSize = major === 1 ? 2 : 4;
  if (start.length < PREFIX_SIZE + lengthSize) throw bad(file, 'it ends within its header');
  let length = 0;
  for (let index = lengthSize - 1; index >= 0; index--) {
    length = length * 256 + (start[PREFIX_SIZE + index] as number);
  }
  if (length > NPY_HEADER_BYTES_MAX) {
    throw bad(file, `its header says to have ${length} bytes, more than ${NPY_HEADER_BYTES_MAX}`);
  }
  return PREFIX_SIZE + lengthSize + length;
}

/**
 * Parses a whole header: the first `npyDataOffset` bytes of a file. `not-a-npy-file` says what is
 * wrong with one that is damaged, or holds what no object can: structured types, texts, Python
 * objects.
 */
export function parseNpyHeader(start: Uint8Array, file: string): NpyHeader {
  const dataOffset = npyDataOffset(start, file);
  if (start.length < dataOffset) throw bad(file, 'it ends within its header');
  const major = start[6] as number;
  const from = PREFIX_SIZE + (major === 1 ? 2 : 4);
  const encoding = major === 3 ? 'utf8' : 'latin1';
  const text = Buffer.from(start.subarray(from, dataOffset)).toString(encoding);
  let header: PythonValue;
  try {
    header = new PythonLiteral(text).parse();
  } catch (cause) {
    throw bad(file, `its header does not parse: ${(cause as Error).message}`);
  }
  if (!(header instanceof Map)) throw bad(file, 'its header is no dictionary');
  const { dtype, byteOrder } = parseDescr(header.get('descr'), file);
  const fortran = header.get('fortran_order');
  if (typeof fortran !== 'boolean') throw bad(file, 'its header lacks fortran_order');
  const shape = parseShape(header.get('shape'), file);
  const order = fortran ? 'column' : 'row';
  return { space: { dtype, shape, order, byteOrder }, dataOffset };
}

function parseDescr(
  descr: PythonValue | undefined,
  file: string,
): { dtype: Dtype; byteOrder: ByteOrder } {
  if (descr === undefined) throw bad(file, 'its header lacks descr');
  if (Array.isArray(descr)) {
    throw bad(file, 'it holds a structured type; an object has one type: put each field by itself');
  }
  const found = typeof descr === 'string' ? /^([<>|=]?)([a-zA-Z])(\d*)(.*)$/su.exec(descr) : null;
  if (found === null) throw bad(file, `its type "${String(descr)}" is not known`);
  const [, mark = '', kind = '', size = '', more = ''] = found;
  const dtype = Object.hasOwn(KINDS, kind + size) ? KINDS[kind + size] : undefined;
  if (dtype === undefined || more !== '') {
    const names: { readonly [kind: string]: string } = {
      O: 'Python objects',
      S: 'byte strings',
      U: 'texts',
      M: 'moments (put them as int64)',
      m: 'durations (put them as int64)',
      V: 'raw records',
    };
    const what = names[kind] ?? 'a type that no object has';
    throw bad(file, `it holds ${what} ("${descr}"); known are ${Object.keys(DTYPES).join(', ')}`);
  }
  const native = endianness() === 'LE' ? 'little' : 'big';
  if (mark === '<' || mark === '|') return { dtype, byteOrder: 'little' };
  return { dtype, byteOrder: mark === '>' ? 'big' : native };
}

function parseShape(shape: PythonValue | undefined, file: string): readonly number[] {
  if (!(shape instanceof PythonTuple)) throw bad(file, 'its header lacks a shape');
  const dimensions: number[] = [];
  for (const each of shape.items) {
    if (typeof each !== 'number' || !Number.isSafeInteger(each) || each < 0) {
      throw bad(file, 'a dimension of its shape is no whole number');
    }
    dimensions.push(each);
  }
  return dimensions;
}

/** The header that numpy itself would write before an array of this space. */
export function npyHeader(space: Space): Uint8Array {
  const short = Object.keys(KINDS).find((each) => KINDS[each] === space.dtype) ?? 'u1';
  const single = itemSizeOf(space.dtype) === 1;
  const mark = single ? '|' : space.byteOrder === 'big' ? '>' : '<';
  const tuple = space.shape.length === 1 ? `(${space.shape[0]},)` : `(${space.shape.join(', ')})`;
  const fortran = space.order === 'column' ? 'True' : 'False';
  const text = `{'descr': '${mark}${short}', 'fortran_order': ${fortran}, 'shape': ${tuple}, }`;
  // 16 dimensions of 16 digits stay far below the 65,535 that version 1 can say.
  const unpadded = PREFIX_SIZE + 2 + text.length + 1;
  const size = Math.ceil(unpadded / ALIGNMENT) * ALIGNMENT;
  const bytes = Buffer.alloc(size, ' ');
  bytes.set(MAGIC, 0);
  bytes.writeUInt8(1, 6);
  bytes.writeUInt8(0, 7);
  bytes.writeUInt16LE(size - PREFIX_SIZE - 2, PREFIX_SIZE);
  bytes.write(text, PREFIX_SIZE + 2, 'latin1');
  bytes.write('\n', size - 1, 'latin1');
  return bytes;
}
