import { AssertionFailed } from '../../core/assert.js';
import type { Form } from '../../core/dtype.js';
import { formOf } from '../../core/dtype-text.js';
import type { AttributeType } from '../dataset.js';
import { ADDRESS_BYTES, type WriteMetadata } from './library.js';
import { CLASS } from './types.js';

/** What h5wasm makes a type of. */
type WriteType = Pick<
  WriteMetadata,
  'type' | 'size' | 'signed' | 'vlen' | 'littleEndian' | 'cset' | 'compound_type'
>;

const PLAIN = { signed: false, vlen: false, littleEndian: true } as const;

const CSET = { ascii: 0, utf8: 1 } as const;

/** Numbers with r and i, as h5py and netCDF4 write complex ones. */
function complex(size: number): WriteType {
  const part = { ...PLAIN, type: CLASS.float, size: size / 2 };
  return compound(size, [
    { ...part, name: 'r', offset: 0 },
    { ...part, name: 'i', offset: size / 2 },
  ]);
}

function compound(
  size: number,
  members: readonly (WriteType & { readonly name: string; readonly offset: number })[],
): WriteType {
  // Of members only what a type is made of is looked at.
  const list = members as unknown as NonNullable<WriteMetadata['compound_type']>['members'];
  const compoundType = { nmembers: members.length, members: list };
  return { ...PLAIN, type: CLASS.compound, size, compound_type: compoundType };
}

function writeForm(form: Form, charset: keyof typeof CSET): WriteType {
  switch (form.kind) {
    case 'string':
      return { ...PLAIN, type: CLASS.string, size: form.itemSize, cset: CSET[charset] };
    case 'struct':
      return compound(
        form.itemSize,
        form.fields.map(({ name, offset, form: inner }) => ({
          ...writeForm(inner, charset),
          ...{ name, offset },
        })),
      );
    case 'number':
      return writeNumber(form);
  }
}

function writeNumber({ dtype, itemSize: size }: Extract<Form, { kind: 'number' }>): WriteType {
  switch (dtype) {
    case 'float16':
      throw new AssertionFailed('assertion failed: h5wasm makes no float16');
    case 'float32':
    case 'float64':
      return { ...PLAIN, type: CLASS.float, size };
    case 'complex64':
    case 'complex128':
      return complex(size);
    default:
      // A bool is a byte with its sign, as xarray writes it.
      return { ...PLAIN, type: CLASS.integer, size, signed: !dtype.startsWith('u') };
  }
}

/** The type that is written: any but float16. */
export function writeTypeOf(type: AttributeType, charset: keyof typeof CSET): WriteType {
  const text = { ...PLAIN, type: CLASS.string, cset: CSET[charset] };
  if (type === 'text') return { ...text, vlen: true, size: ADDRESS_BYTES };
  return type === 'char' ? { ...text, size: 1 } : writeForm(formOf(type), charset);
}

/**
 * A type of so many bytes with a description of at least `room`: the name of its one field is as
 * long. It stands where `retype` puts another one.
 */
export function standIn(size: number, room: number): WriteType {
  const field = { ...PLAIN, type: CLASS.string, size, cset: CSET.ascii };
  return compound(size, [{ ...field, name: '-'.repeat(room), offset: 0 }]);
}

/** Texts that are no ASCII are said to be UTF-8. */
export function charsetOf(bytes: Uint8Array): keyof typeof CSET {
  return bytes.some((byte) => byte > 127) ? 'utf8' : 'ascii';
}
