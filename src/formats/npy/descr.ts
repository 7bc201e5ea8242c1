import { endianness } from 'node:os';
import {
  DTYPES,
  type FieldForm,
  type Form,
  faultOf,
  type NumericDtype,
  numericForm,
  textOf,
} from '../../core/dtype.js';
import { canonicalDtype, formOf } from '../../core/dtype-text.js';
import { AttaccaError } from '../../core/errors.js';
import type { ByteOrder, Dtype, Space } from '../../core/space.js';
import { PythonTuple, type PythonValue } from './python-literal.js';

const KINDS: { readonly [descr: string]: NumericDtype } = {
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

/** What no object has, by numpy's letter. */
const FOREIGN: { readonly [kind: string]: string } = {
  O: 'Python objects',
  U: 'texts of UTF-32 (put them as byte strings)',
  M: 'moments (put them as int64)',
  m: 'durations (put them as int64)',
  V: 'raw records',
};

type Typed = Pick<Space, 'dtype' | 'byteOrder'>;

/** A `descr` of numpy as dtype and byte order. `fail` makes the error that says what is wrong. */
export function typeOfDescr(descr: PythonValue, fail: (why: string) => AttaccaError): Typed {
  const parsing = new Descr(fail);
  const form = parsing.form(descr);
  const byteOrder = parsing.byteOrder ?? 'little';
  try {
    return { dtype: canonicalDtype(textOf(form)), byteOrder };
  } catch (error) {
    if (error instanceof AttaccaError) throw fail(error.message);
    throw error;
  }
}

class Descr {
  readonly #fail: (why: string) => AttaccaError;
  /** Of all that was seen; null while nothing has one. */
  byteOrder: ByteOrder | null = null;

  constructor(fail: (why: string) => AttaccaError) {
    this.#fail = fail;
  }

  form(descr: PythonValue): Form {
    if (Array.isArray(descr)) return this.#struct(descr);
    const found = typeof descr === 'string' ? /^([<>|=]?)([a-zA-Z])(\d*)(.*)$/su.exec(descr) : null;
    if (found === null) throw this.#fail(`its type "${String(descr)}" is not known`);
    const [, mark = '', kind = '', size = '', more = ''] = found;
    if (kind === 'S' && more === '') {
      return this.#checked({ kind: 'string', itemSize: Number(size) });
    }
    const dtype = Object.hasOwn(KINDS, kind + size) ? KINDS[kind + size] : undefined;
    if (dtype === undefined || more !== '') {
      const what = FOREIGN[kind] ?? 'a type that no object has';
      const known = [...Object.keys(DTYPES), 'byte strings', 'structs'].join(', ');
      throw this.#fail(`it holds ${what} ("${descr}"); known are ${known}`);
    }
    const form = numericForm(dtype);
    if (mark !== '|' && form.itemSize > 1) this.#note(mark);
    return form;
  }

  #note(mark: string): void {
    const own = endianness() === 'LE' ? 'little' : 'big';
    const byteOrder = mark === '<' ? 'little' : mark === '>' ? 'big' : own;
    this.byteOrder ??= byteOrder;
    if (this.byteOrder !== byteOrder) {
      throw this.#fail('some of its fields are little-endian and some big-endian');
    }
  }

  #struct(descr: readonly PythonValue[]): Form {
    const fields: FieldForm[] = [];
    let end = 0;
    for (const each of descr) {
      if (!(each instanceof PythonTuple)) throw this.#fail('a field of its type is no tuple');
      const [named = null, type = null, shape] = each.items;
      // With a title a field is called by the second of two names.
      const name = named instanceof PythonTuple ? named.items[1] : named;
      if (typeof name !== 'string') throw this.#fail('a field of its type has no name');
      if (shape !== undefined) {
        throw this.#fail(`its field "${name}" is an array; a field of an object is one element`);
      }
      const gap = name === '' && typeof type === 'string' ? /^\|?V(\d+)$/u.exec(type) : null;
      if (gap !== null) {
        end += Number(gap[1]);
        continue;
      }
      const form = this.form(type);
      fields.push({ name, offset: end, form });
      end += form.itemSize;
    }
    return this.#checked({ kind: 'struct', itemSize: end, fields });
  }

  #checked(form: Form): Form {
    const fault = faultOf(form);
    if (fault !== null) throw this.#fail(`of its type ${fault}`);
    return form;
  }
}

/** The `descr` of a dtype as numpy writes it, in Python: gaps are fields without a name. */
export function descrOf(dtype: Dtype, byteOrder: ByteOrder): string {
  return descrOfForm(formOf(dtype), byteOrder === 'big' ? '>' : '<');
}

function descrOfForm(form: Form, mark: '<' | '>'): string {
  if (form.kind === 'string') return `'|S${form.itemSize}'`;
  if (form.kind === 'number') {
    const short = Object.keys(KINDS).find((each) => KINDS[each] === form.dtype) ?? 'u1';
    return `'${form.itemSize === 1 ? '|' : mark}${short}'`;
  }
  const items: string[] = [];
  let end = 0;
  const gapTo = (offset: number): void => {
    if (offset > end) items.push(`('', '|V${offset - end}')`);
  };
  for (const { name, offset, form: inner } of form.fields) {
    gapTo(offset);
    items.push(`(${pythonText(name)}, ${descrOfForm(inner, mark)})`);
    end = offset + inner.itemSize;
  }
  gapTo(form.itemSize);
  return `[${items.join(', ')}]`;
}

function pythonText(text: string): string {
  return `'${text.replace(/[\\']/gu, '\\$&')}'`;
}
