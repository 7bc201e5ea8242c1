import { refuse } from './assert.js';
import { LIMITS } from './limits.js';
import { hasHalfPair, utf8Length } from './utf8.js';

/** Types of single numbers: code on the wire and size of one element in bytes. */
export const DTYPES = {
  bool: { code: 1, itemSize: 1 },
  int8: { code: 2, itemSize: 1 },
  uint8: { code: 3, itemSize: 1 },
  int16: { code: 4, itemSize: 2 },
  uint16: { code: 5, itemSize: 2 },
  int32: { code: 6, itemSize: 4 },
  uint32: { code: 7, itemSize: 4 },
  int64: { code: 8, itemSize: 8 },
  uint64: { code: 9, itemSize: 8 },
  float16: { code: 10, itemSize: 2 },
  float32: { code: 11, itemSize: 4 },
  float64: { code: 12, itemSize: 8 },
  complex64: { code: 13, itemSize: 8 },
  complex128: { code: 14, itemSize: 16 },
} as const;

export type NumericDtype = keyof typeof DTYPES;
/** Texts of a fixed size in bytes, UTF-8 by custom, filled up with zeros: `string[16]`. */
export type StringDtype = `string[${number}]`;
/** Fields side by side in one element: `{x:float32@0,y:int16@4;8}`. */
export type StructDtype = `{${string}}`;
export type Dtype = NumericDtype | StringDtype | StructDtype;

/** Codes on the wire of what a description follows. */
export const DTYPE_CODES = { string: 15, struct: 16 } as const;

export const NUMERIC_DTYPES = Object.keys(DTYPES) as readonly NumericDtype[];

/** A field of a struct: where it begins in an element, and of what type it is. */
export interface FieldForm {
  readonly name: string;
  readonly offset: number;
  readonly form: Form;
}

/** What a dtype says. Of structs the fields, by their offsets; they do not overlap. */
export type Form =
  | { readonly kind: 'number'; readonly itemSize: number; readonly dtype: NumericDtype }
  | { readonly kind: 'string'; readonly itemSize: number }
  | { readonly kind: 'struct'; readonly itemSize: number; readonly fields: readonly FieldForm[] };

export function isNumeric(dtype: string): dtype is NumericDtype {
  return Object.hasOwn(DTYPES, dtype);
}

/** The form of a dtype of numbers. */
export function numericForm(dtype: NumericDtype): Form {
  return { kind: 'number', itemSize: DTYPES[dtype].itemSize, dtype };
}

/** What is wrong with a form as such, or null. Its fields were checked before. */
export function faultOf(form: Form): string | null {
  const { itemSize } = form;
  if (!Number.isInteger(itemSize) || itemSize < 1 || itemSize > LIMITS.itemBytesMax) {
    return `an element has 1 to ${LIMITS.itemBytesMax} bytes, not ${itemSize}`;
  }
  if (form.kind !== 'struct') return null;
  const { fields } = form;
  if (fields.length < 1 || fields.length > LIMITS.fieldsMax) {
    return `a struct has 1 to ${LIMITS.fieldsMax} fields, not ${fields.length}`;
  }
  if (new Set(fields.map(({ name }) => name)).size < fields.length) {
    return 'two fields have one name';
  }
  let end = 0;
  for (const { name, offset, form: inner } of fields) {
    const fault = faultOfName(name);
    if (fault !== null) return fault;
    if (!Number.isInteger(offset) || offset < end) {
      return `the field "${name}" begins at ${offset}, before the end of the one before it`;
    }
    end = offset + inner.itemSize;
  }
  return end > itemSize ? `its fields end at ${end}, its elements at ${itemSize}` : null;
}

function faultOfName(name: string): string | null {
  const size = utf8Length(name);
  if (size < 1 || size > LIMITS.fieldNameBytesMax) {
    return `the name of a field has 1 to ${LIMITS.fieldNameBytesMax} bytes, not ${size}`;
  }
  const isPlain = !/\p{Cc}/u.test(name) && !hasHalfPair(name);
  return isPlain ? null : 'the name of a field has a control character, or half of one';
}

/**
 * The one text of a form: what a dtype is compared by. Each field has its offset, the struct its
 * size; a name that is no identifier is in quotes.
 */
export function textOf(form: Form): Dtype {
  if (form.kind === 'number') return form.dtype;
  if (form.kind === 'string') return `string[${form.itemSize}]`;
  const fields = form.fields.map(
    ({ name, offset, form: inner }) => `${nameText(name)}:${textOf(inner)}@${offset}`,
  );
  return `{${fields.join(',')};${form.itemSize}}`;
}

function nameText(name: string): string {
  return /^[A-Za-z_]\w*$/u.test(name) ? name : `"${name.replace(/["\\]/gu, '\\$&')}"`;
}

export function badSpace(why: string): never {
  return refuse('bad-space', `Cannot use the space: ${why}`);
}
