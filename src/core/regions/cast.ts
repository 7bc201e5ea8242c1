import { refuse } from '../assert.js';
import type { Dtype, FieldForm, Form } from '../dtype.js';
import { formOf } from '../dtype-text.js';
import { type ByteOrder, isNumeric } from '../space.js';
import { convertNumbers, isLosslessNumber } from './convert.js';

/** Elements as they lie: how many is for the bytes to say. */
export interface Elements {
  readonly bytes: Uint8Array;
  readonly dtype: Dtype;
  readonly byteOrder: ByteOrder;
}

/** Elements of a struct that are done at once: their columns stay in the cache. */
const BLOCK_ELEMENTS = 1_024;

/**
 * Whether elements of a type can be made ones of another: numbers of numbers, strings of strings,
 * a struct of one that has all its fields, by their names.
 */
export function isConvertible(from: Dtype, to: Dtype): boolean {
  return from === to || isFormConvertible(formOf(from), formOf(to));
}

function isFormConvertible(from: Form, to: Form): boolean {
  if (from.kind !== 'struct' || to.kind !== 'struct') return from.kind === to.kind;
  return (
    pairsOf(from, to)?.every(([one, other]) => isFormConvertible(one.form, other.form)) === true
  );
}

/**
 * Whether nothing of what is asked for is lost: every number of a type is one of the other, a
 * string has room, all fields of a struct are such. Fields that nobody asks for are not lost.
 */
export function isLossless(from: Dtype, to: Dtype): boolean {
  if (isNumeric(from) && isNumeric(to)) return isLosslessNumber(from, to);
  return from === to || isFormLossless(formOf(from), formOf(to));
}

function isFormLossless(from: Form, to: Form): boolean {
  if (from.kind === 'number') return to.kind === 'number' && isLosslessNumber(from.dtype, to.dtype);
  if (from.kind === 'string') return to.kind === 'string' && from.itemSize <= to.itemSize;
  if (to.kind !== 'struct') return false;
  return pairsOf(from, to)?.every(([one, other]) => isFormLossless(one.form, other.form)) === true;
}

type Struct = Extract<Form, { kind: 'struct' }>;

/** Each field of `to` with that of its name in `from`; null where one is not there. */
function pairsOf(from: Struct, to: Struct): readonly (readonly [FieldForm, FieldForm])[] | null {
  const byName = new Map(from.fields.map((field) => [field.name, field]));
  const pairs: [FieldForm, FieldForm][] = [];
  for (const field of to.fields) {
    const source = byName.get(field.name);
    if (source === undefined) return null;
    pairs.push([source, field]);
  }
  return pairs;
}

/**
 * Converts elements to another type and byte order: all of the source, which the target has room
 * for, and whose memory is another. Numbers as {@link convertNumbers} does it; strings are cut, or
 * filled up with zeros; of structs each field that the target has, and zeros between them.
 * `bad-space` when there is no way from one to the other.
 */
export function convertElements(source: Elements, target: Elements): void {
  const { bytes, dtype, byteOrder } = source;
  if (isNumeric(dtype) && isNumeric(target.dtype)) {
    const { bytes: to, dtype: wanted, byteOrder: order } = target;
    convertNumbers({ bytes, dtype, byteOrder }, { bytes: to, dtype: wanted, byteOrder: order });
    return;
  }
  if (dtype === target.dtype && byteOrder === target.byteOrder) {
    target.bytes.set(bytes);
    return;
  }
  if (!isConvertible(dtype, target.dtype)) {
    refuse('bad-space', `Cannot convert ${dtype} to ${target.dtype}: there is no way`);
  }
  convertForms(
    { bytes, form: formOf(dtype), byteOrder },
    { bytes: target.bytes, form: formOf(target.dtype), byteOrder: target.byteOrder },
  );
}

interface Formed {
  readonly bytes: Uint8Array;
  readonly form: Form;
  readonly byteOrder: ByteOrder;
}

function convertForms(source: Formed, target: Formed): void {
  const { form: from } = source;
  const { form: to } = target;
  if (from.kind === 'number' && to.kind === 'number') {
    convertNumbers({ ...source, dtype: from.dtype }, { ...target, dtype: to.dtype });
  } else if (from.kind === 'string') {
    target.bytes.fill(0);
    const size = Math.min(from.itemSize, to.itemSize);
    copyColumn(source.bytes, { start: 0, step: from.itemSize }, target.bytes, {
      ...{ start: 0, step: to.itemSize },
      size,
    });
  } else if (from.kind === 'struct' && to.kind === 'struct')
    convertStructs(source, target, from, to);
}

function convertStructs(source: Formed, target: Formed, from: Struct, to: Struct): void {
  target.bytes.fill(0);
  const count = source.bytes.length / from.itemSize;
  const pairs = pairsOf(from, to) ?? [];
  for (let first = 0; first < count; first += BLOCK_ELEMENTS) {
    const end = Math.min(count, first + BLOCK_ELEMENTS);
    const own = source.bytes.subarray(first * from.itemSize, end * from.itemSize);
    const filled = target.bytes.subarray(first * to.itemSize, end * to.itemSize);
    for (const [one, other] of pairs) {
      const taken = columnOf(own, from, one);
      const given = new Uint8Array((end - first) * other.form.itemSize);
      convertForms(
        { bytes: taken, form: one.form, byteOrder: source.byteOrder },
        { bytes: given, form: other.form, byteOrder: target.byteOrder },
      );
      putColumn(given, filled, to, other);
    }
  }
}

/** The elements of a field side by side, in memory of one's own. */
export function columnOf(bytes: Uint8Array, form: Form, field: FieldForm): Uint8Array<ArrayBuffer> {
  const column = new Uint8Array((bytes.length / form.itemSize) * field.form.itemSize);
  takeColumn(bytes, form, field, column);
  return column;
}

/** A column for each of some fields: block by block, so that each element is fetched once. */
export function columnsOf(
  bytes: Uint8Array,
  form: Form,
  fields: readonly FieldForm[],
): readonly Uint8Array<ArrayBuffer>[] {
  const count = bytes.length / form.itemSize;
  const columns = fields.map((field) => new Uint8Array(count * field.form.itemSize));
  for (let first = 0; first < count; first += BLOCK_ELEMENTS) {
    const end = Math.min(count, first + BLOCK_ELEMENTS);
    const own = bytes.subarray(first * form.itemSize, end * form.itemSize);
    for (const [at, field] of fields.entries()) {
      const size = field.form.itemSize;
      const column = columns[at] as Uint8Array;
      takeColumn(own, form, field, column.subarray(first * size, end * size));
    }
  }
  return columns;
}

/** Fills a column with the elements of a field. */
export function takeColumn(
  bytes: Uint8Array,
  { itemSize }: Form,
  field: FieldForm,
  column: Uint8Array,
): void {
  const size = field.form.itemSize;
  copyColumn(bytes, { start: field.offset, step: itemSize }, column, {
    start: 0,
    step: size,
    size,
  });
}

/** Puts elements of a field, which lie side by side, to where they belong in those of a struct. */
export function putColumn(
  column: Uint8Array,
  bytes: Uint8Array,
  { itemSize }: Form,
  field: FieldForm,
): void {
  const size = field.form.itemSize;
  copyColumn(column, { start: 0, step: size }, bytes, {
    start: field.offset,
    step: itemSize,
    size,
  });
}

interface Stride {
  readonly start: number;
  readonly step: number;
}

/** Copies `size` bytes of each element, as many elements as the target has: in words if it can. */
function copyColumn(
  source: Uint8Array,
  from: Stride,
  target: Uint8Array,
  to: Stride & { readonly size: number },
): void {
  const word = wordFor(
    ...[source.byteOffset, from.start, from.step],
    ...[target.byteOffset, to.start, to.step, to.size],
  );
  const read = wordsOf(source, word);
  const written = wordsOf(target, word);
  const [step, stepTo, size] = [from.step / word, to.step / word, to.size / word];
  let at = from.start / word;
  for (let then = to.start / word; then < written.length; then += stepTo, at += step) {
    written[then] = read[at] as number;
    for (let each = 1; each < size; each++) written[then + each] = read[at + each] as number;
  }
}

type Word = 1 | 2 | 4;

/** The widest word of which all these places and sizes are whole numbers. */
function wordFor(...numbers: readonly number[]): Word {
  const bits = numbers.reduce((all, each) => all | each, 0);
  if ((bits & 3) === 0) return 4;
  return (bits & 1) === 0 ? 2 : 1;
}

function wordsOf(bytes: Uint8Array, word: Word): Uint8Array | Uint16Array | Uint32Array {
  const { buffer, byteOffset, length } = bytes;
  if (word === 4) return new Uint32Array(buffer, byteOffset, Math.floor(length / 4));
  if (word === 2) return new Uint16Array(buffer, byteOffset, Math.floor(length / 2));
  return bytes;
}

/** Elements in another byte order, in memory of their own; the same bytes where it is none. */
export function turned<B extends Uint8Array>(
  bytes: B,
  dtype: Dtype,
  from: ByteOrder,
  to: ByteOrder,
): B | Uint8Array<ArrayBuffer> {
  if (from === to) return bytes;
  const result = new Uint8Array(bytes.length);
  convertElements({ bytes, dtype, byteOrder: from }, { bytes: result, dtype, byteOrder: to });
  return result;
}
