import { AttaccaError } from '../../core/errors.js';
import type { Space } from '../../core/space.js';
import { descrOf, typeOfDescr } from './descr.js';
import { PythonLiteral, PythonTuple, type PythonValue } from './python-literal.js';

/** `\x93NUMPY`, then the version: numpy.lib.format. */
const MAGIC = [0x93, 0x4e, 0x55, 0x4d, 0x50, 0x59] as const;
const PREFIX_SIZE = 8;
/** numpy aligns the data to this, so that they can be mapped. */
const ALIGNMENT = 64;
/** What version 1 can say with two bytes, and the padding. */
const VERSION_1_BYTES_MAX = 65_000;
/** The header of a plain array has some 100 bytes; more than this is no header of ours. */
const NPY_HEADER_BYTES_MAX = 1024 * 1024;

/** What the header of a .npy file says: the space of the array, and where its bytes begin. */
export interface NpyHeader {
  readonly space: Space;
  readonly dataOffset: number;
}

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
 * wrong with one that is damaged, or holds what no object can: Python objects, structs with arrays
 * as fields or of several byte orders.
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
  const descr = header.get('descr');
  if (descr === undefined) throw bad(file, 'its header lacks descr');
  const { dtype, byteOrder } = typeOfDescr(descr, (why) => bad(file, why));
  const fortran = header.get('fortran_order');
  if (typeof fortran !== 'boolean') throw bad(file, 'its header lacks fortran_order');
  const shape = parseShape(header.get('shape'), file);
  const order = fortran ? 'column' : 'row';
  return { space: { dtype, shape, order, byteOrder }, dataOffset };
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
  const tuple = space.shape.length === 1 ? `(${space.shape[0]},)` : `(${space.shape.join(', ')})`;
  const fortran = space.order === 'column' ? 'True' : 'False';
  const descr = descrOf(space.dtype, space.byteOrder);
  const text = `{'descr': ${descr}, 'fortran_order': ${fortran}, 'shape': ${tuple}, }`;
  // As numpy does: what latin-1 cannot say needs version 3, what is long version 2.
  const isLatin = /^[\0-\u00ff]*$/u.test(text);
  const encoded = Buffer.from(text, isLatin ? 'latin1' : 'utf8');
  const major = !isLatin ? 3 : encoded.length > VERSION_1_BYTES_MAX ? 2 : 1;
  const start = PREFIX_SIZE + (major === 1 ? 2 : 4);
  const size = Math.ceil((start + encoded.length + 1) / ALIGNMENT) * ALIGNMENT;
  const bytes = Buffer.alloc(size, ' ');
  bytes.set(MAGIC, 0);
  bytes.writeUInt8(major, 6);
  bytes.writeUInt8(0, 7);
  if (major === 1) bytes.writeUInt16LE(size - start, PREFIX_SIZE);
  else bytes.writeUInt32LE(size - start, PREFIX_SIZE);
  bytes.set(encoded, start);
  bytes.write('\n', size - 1, 'latin1');
  return bytes;
}
