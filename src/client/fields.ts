import { badSpace, type FieldForm, type Form, faultOf, textOf } from '../core/dtype.js';
import { canonicalDtype, formOf } from '../core/dtype-text.js';
import { AttaccaError } from '../core/errors.js';
import { columnsOf, putColumn, turned } from '../core/regions/cast.js';
import type { Dtype, Space, StructDtype } from '../core/space.js';
import { decodeUtf8, encodeUtf8, hasHalfPair } from '../core/utf8.js';
import { type AnyArray, arrayOver, type Bytes, bytesOfView, isArrayOf } from './arrays.js';

/** A field of a struct. */
export interface Field {
  readonly name: string;
  readonly dtype: Dtype;
  /** Bytes from the start of an element. */
  readonly offset: number;
}

/** One array a field, by name: numbers as of an object of that dtype, all else as bytes. */
export interface FieldArrays {
  readonly [name: string]: AnyArray;
}

/** The fields of a struct, in the order of memory; of what is none: none. `bad-space`: no dtype. */
export function fieldsOf(dtype: Dtype): readonly Field[] {
  const form = formOf(dtype);
  if (form.kind !== 'struct') return [];
  return form.fields.map(({ name, offset, form: own }) => ({ name, dtype: textOf(own), offset }));
}

/**
 * The dtype of a struct: fields one behind the other, or, `isAligned`, as a C compiler places them.
 * `bad-space` when there can be none such.
 *
 * ```ts
 * structOf({ x: 'float32', id: 'int64' }, { isAligned: true }); // '{x:float32@0,id:int64@8;16}'
 * ```
 */
export function structOf(
  fields: { readonly [name: string]: Dtype },
  { isAligned = false }: { readonly isAligned?: boolean } = {},
): StructDtype {
  const placed: FieldForm[] = [];
  let end = 0;
  let widest = 1;
  const rounded = (size: number, by: number): number => Math.ceil(size / by) * by;
  for (const [name, dtype] of Object.entries(fields)) {
    const form = formOf(dtype);
    const alignment = isAligned ? alignmentOf(form) : 1;
    const offset = rounded(end, alignment);
    placed.push({ name, offset, form });
    end = offset + form.itemSize;
    widest = Math.max(widest, alignment);
  }
  const form: Form = { kind: 'struct', itemSize: rounded(end, widest), fields: placed };
  const fault = faultOf(form);
  return fault === null ? (canonicalDtype(textOf(form)) as StructDtype) : badSpace(fault);
}

/** Of a struct that of its widest field, of a complex number that of its halves. */
function alignmentOf(form: Form): number {
  if (form.kind === 'string') return 1;
  if (form.kind === 'struct') return Math.max(...form.fields.map((each) => alignmentOf(each.form)));
  return form.dtype.startsWith('complex') ? form.itemSize / 2 : form.itemSize;
}

type Struct = Extract<Form, { kind: 'struct' }>;

function structForm(what: string, dtype: Dtype): Struct {
  const form = formOf(dtype);
  if (form.kind === 'struct') return form;
  throw new AttaccaError('bad-space', `Cannot ${what}: ${dtype} has no fields`, { dtype });
}

function fieldNamed(what: string, { fields }: Struct, name: string): FieldForm {
  const field = fields.find((each) => each.name === name);
  if (field !== undefined) return field;
  throw new AttaccaError('bad-space', `Cannot ${what}: it has no field "${name}"`, { field: name });
}

/** Takes structs apart: one array for each field, or for those that are named, of this process. */
export function splitFields(
  name: string,
  { dtype, byteOrder }: Space,
  bytes: Uint8Array,
  names: readonly string[],
): FieldArrays {
  const what = `take "${name}" apart`;
  const form = structForm(what, dtype);
  const wanted =
    names.length === 0 ? form.fields : names.map((each) => fieldNamed(what, form, each));
  const arrays: { [name: string]: AnyArray } = Object.create(null);
  const columns = columnsOf(bytes, form, wanted);
  for (const [at, field] of wanted.entries()) {
    const own = textOf(field.form);
    const column = columns[at] as Bytes;
    const native = byteOrder === 'little' ? column : turned(column, own, 'big', 'little');
    const space: Space = { dtype: own, shape: [], order: 'row', byteOrder: 'little' };
    arrays[field.name] = arrayOver(name, space, native);
  }
  return arrays;
}

/** Fills the fields that are given of structs, and leaves what else they have as it is. */
export function joinFields(
  name: string,
  { dtype, byteOrder }: Space,
  bytes: Uint8Array,
  arrays: { readonly [name: string]: ArrayBufferView },
): void {
  const what = `set fields of "${name}"`;
  const form = structForm(what, dtype);
  const count = bytes.length / form.itemSize;
  const columns = Object.entries(arrays).map(([key, array]) => {
    const field = fieldNamed(what, form, key);
    const own = textOf(field.form);
    if (!isArrayOf(own, array)) {
      const given = array.constructor.name;
      throw new AttaccaError('bad-space', `Cannot ${what}: "${key}" is ${own}, not a ${given}`, {
        field: key,
      });
    }
    const column = bytesOfView(array);
    const size = count * field.form.itemSize;
    if (column.length !== size) {
      throw new AttaccaError(
        'size-mismatch',
        `Cannot ${what}: "${key}" has ${size} bytes, not ${column.length}`,
        { name, spaceBytes: size, payloadBytes: column.length },
      );
    }
    return {
      field,
      column: byteOrder === 'little' ? column : turned(column, own, 'big', 'little'),
    };
  });
  for (const { field, column } of columns) putColumn(column, bytes, form, field);
}

/**
 * Texts as elements of `string[size]`: UTF-8, filled up with zeros. `lossy-conversion` when one has
 * more bytes, or ends with a zero or has half a character, so that another text would be read.
 */
export function encodeStrings(texts: readonly string[], size: number): Bytes {
  const { itemSize } = formOf(`string[${size}]`);
  const bytes = new Uint8Array(texts.length * itemSize);
  for (const [at, text] of texts.entries()) {
    const encoded = encodeUtf8(text);
    if (encoded.length > itemSize || text.endsWith('\0') || hasHalfPair(text)) {
      throw new AttaccaError(
        'lossy-conversion',
        `Cannot encode ${JSON.stringify(text)}: as string[${itemSize}] another text would be read`,
        { from: 'string', to: `string[${itemSize}]` },
      );
    }
    bytes.set(encoded, at * itemSize);
  }
  return bytes;
}

/**
 * The texts of elements of `string[size]`, without the zeros at their ends. What is not UTF-8
 * becomes U+FFFD.
 */
export function decodeStrings(bytes: Uint8Array, size: number): string[] {
  const { itemSize } = formOf(`string[${size}]`);
  return Array.from({ length: Math.floor(bytes.length / itemSize) }, (_, at) => {
    const start = at * itemSize;
    let end = start + itemSize;
    while (end > start && bytes[end - 1] === 0) end--;
    return decodeUtf8(bytes, start, end);
  });
}
