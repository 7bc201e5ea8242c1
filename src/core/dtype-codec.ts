import { refuse } from './assert.js';
import type { Reader, Writer } from './bytes.js';
import {
  DTYPE_CODES,
  DTYPES,
  type FieldForm,
  type Form,
  faultOf,
  NUMERIC_DTYPES,
  numericForm,
} from './dtype.js';
import { LIMITS } from './limits.js';
import { decodeUtf8, isUtf8, utf8Length, writeUtf8 } from './utf8.js';

/** Before the form of a string or struct: how many bytes follow. */
const SIZE_FIELD = 2;

/** The code of a form on the wire. */
export function codeOfForm(form: Form): number {
  return form.kind === 'number' ? DTYPES[form.dtype].code : DTYPE_CODES[form.kind];
}

/** How many bytes a form takes behind the size that is told. */
export function descriptionSizeOf(form: Form): number {
  if (form.kind === 'number') return 0;
  if (form.kind === 'string') return 4;
  return form.fields.reduce(
    (sum, { name, form: inner }) => sum + 6 + utf8Length(name) + descriptionSizeOf(inner),
    5,
  );
}

/**
 * Writes what a string or struct is: the same bytes for the same dtype, so that bytes are compared
 * where dtypes are.
 */
export function writeDescription(w: Writer, form: Form): void {
  w.u16(descriptionSizeOf(form));
  writeForm(w, form);
}

function writeForm(w: Writer, form: Form): void {
  if (form.kind === 'number') return;
  w.u32(form.itemSize);
  if (form.kind === 'string') return;
  w.u8(form.fields.length);
  for (const { name, offset, form: inner } of form.fields) {
    const size = utf8Length(name);
    w.u8(size);
    w.reserve(3 * size);
    w.at = writeUtf8(w.bytes, w.at, name);
    w.u32(offset);
    w.u8(codeOfForm(inner));
    writeForm(w, inner);
  }
}

/** How many bytes the description at `at` takes, which was checked before. */
export function descriptionSize(bytes: Uint8Array, at: number): number {
  return SIZE_FIELD + (bytes[at] as number) + (bytes[at + 1] as number) * 0x100;
}

/** Where the description at `at` says the size of an element, as a u32. */
export function itemSizeAt(at: number): number {
  return at + SIZE_FIELD;
}

function bad(why: string): never {
  return refuse('bad-message', `Cannot read a dtype: ${why}`);
}

/** Reads what a string or struct is, and checks all of it. `bad-message` when it is neither. */
export function readDescription(r: Reader, code: number): Form {
  const size = r.u16();
  if (size > LIMITS.dtypeBytesMax) bad(`it takes more than ${LIMITS.dtypeBytesMax} bytes`);
  const end = r.at + size;
  const form = readForm(r, code, 1);
  return r.at === end ? form : bad('it has another size than it says');
}

function readForm(r: Reader, code: number, depth: number): Form {
  if (code >= 1 && code <= NUMERIC_DTYPES.length) {
    return numericForm(NUMERIC_DTYPES[code - 1] as (typeof NUMERIC_DTYPES)[number]);
  }
  const itemSize = code === DTYPE_CODES.string || code === DTYPE_CODES.struct ? r.u32() : 0;
  if (code === DTYPE_CODES.string) return checked({ kind: 'string', itemSize });
  if (code !== DTYPE_CODES.struct) bad(`its code ${code} is not known`);
  if (depth > LIMITS.dtypeDepthMax) bad(`it nests more than ${LIMITS.dtypeDepthMax} deep`);
  const fields: FieldForm[] = [];
  for (let left = r.u8(); left > 0; left--) {
    const name = readName(r);
    const offset = r.u32();
    fields.push({ name, offset, form: readForm(r, r.u8(), depth + 1) });
  }
  return checked({ kind: 'struct', itemSize, fields });
}

function readName(r: Reader): string {
  const size = r.u8();
  const start = r.skip(size);
  if (!isUtf8(r.bytes, start, r.at)) bad('the name of a field is not well-formed UTF-8');
  return decodeUtf8(r.bytes, start, r.at);
}

function checked(form: Form): Form {
  const fault = faultOf(form);
  return fault === null ? form : bad(fault);
}
