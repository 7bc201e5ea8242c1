import {
  badSpace,
  DTYPES,
  type Dtype,
  type FieldForm,
  type Form,
  faultOf,
  isNumeric,
  numericForm,
  textOf,
} from './dtype.js';
import { descriptionSizeOf } from './dtype-codec.js';
import { LIMITS } from './limits.js';
import { beginningOf } from './utf8.js';

/** Characters of a text that an error tells. */
const TOLD_MAX = 100;

/** A word, a number, a name in quotes, or a sign. */
const TOKEN = /\s*([A-Za-z_]\w*|\d{1,9}|"(?:[^"\\]|\\["\\])*"|[{}[\]:,;@])/uy;

/**
 * Reads the text of a dtype. A field without an offset follows the one before it, a struct without
 * a size ends with its last field: `{x:float32,y:int16}` has 6 bytes.
 */
class Parser {
  readonly #text: string;
  readonly #token = new RegExp(TOKEN);
  #next = '';

  constructor(text: string) {
    this.#text = text;
    this.#advance();
  }

  parse(): Form {
    const form = this.#form(1);
    if (this.#next !== '') this.#fail('nothing more');
    return form;
  }

  get #told(): string {
    return beginningOf(this.#text, TOLD_MAX);
  }

  #advance(): string {
    const taken = this.#next;
    const at = this.#token.lastIndex;
    const found = this.#token.exec(this.#text);
    if (found === null && this.#text.slice(at).trim() !== '') {
      return badSpace(`the dtype "${this.#told}" cannot be read from character ${at} on`);
    }
    this.#next = found?.[1] ?? '';
    if (found === null) this.#token.lastIndex = this.#text.length;
    return taken;
  }

  #fail(expected: string): never {
    const found = this.#next === '' ? 'its end' : this.#next;
    return badSpace(`the dtype "${this.#told}" has ${found} where ${expected} should be`);
  }

  #take(sign: string): boolean {
    if (this.#next !== sign) return false;
    this.#advance();
    return true;
  }

  #expect(sign: string): void {
    if (!this.#take(sign)) this.#fail(`"${sign}"`);
  }

  #number(): number {
    if (!/^\d/u.test(this.#next)) this.#fail('a number');
    return Number(this.#advance());
  }

  #name(): string {
    if (this.#next.startsWith('"')) {
      return this.#advance().slice(1, -1).replace(/\\(.)/gu, '$1');
    }
    if (!/^[A-Za-z_]/u.test(this.#next)) this.#fail('the name of a field');
    return this.#advance();
  }

  #form(depth: number): Form {
    if (this.#next === '{') return this.#struct(depth);
    const word = this.#next;
    if (isNumeric(word)) {
      this.#advance();
      return numericForm(word);
    }
    if (word !== 'string') badSpace(`the dtype "${this.#told}" is not known`);
    this.#advance();
    this.#expect('[');
    const form: Form = { kind: 'string', itemSize: this.#number() };
    this.#expect(']');
    return this.#checked(form);
  }

  #struct(depth: number): Form {
    if (depth > LIMITS.dtypeDepthMax) {
      badSpace(`the dtype nests structs more than ${LIMITS.dtypeDepthMax} deep`);
    }
    this.#expect('{');
    const fields: FieldForm[] = [];
    let end = 0;
    do {
      const name = this.#name();
      this.#expect(':');
      const form = this.#form(depth + 1);
      const offset = this.#take('@') ? this.#number() : end;
      fields.push({ name, offset, form });
      end = offset + form.itemSize;
    } while (this.#take(','));
    const itemSize = this.#take(';') ? this.#number() : end;
    this.#expect('}');
    return this.#checked({ kind: 'struct', itemSize, fields });
  }

  #checked(form: Form): Form {
    const fault = faultOf(form);
    return fault === null ? form : badSpace(`of the dtype "${this.#told}" ${fault}`);
  }
}

/** What was parsed before, by its text: the few dtypes of a model are asked for again and again. */
const parsed = new Map<string, Form>();

/** What a dtype says. `bad-space` when its text says nothing. */
export function formOf(dtype: Dtype): Form {
  const known = parsed.get(dtype);
  if (known !== undefined) return known;
  if (typeof dtype !== 'string') badSpace(`the dtype "${String(dtype)}" is not known`);
  if (dtype.length > LIMITS.dtypeTextMax) {
    badSpace(`the text of its dtype has more than ${LIMITS.dtypeTextMax} characters`);
  }
  const form = new Parser(dtype).parse();
  const size = descriptionSizeOf(form);
  if (size > LIMITS.dtypeBytesMax) {
    badSpace(`its dtype takes ${size} bytes, more than ${LIMITS.dtypeBytesMax}`);
  }
  if (parsed.size >= LIMITS.dtypesParsedMax) parsed.clear();
  parsed.set(dtype, form);
  return form;
}

/** Bytes of one element of `dtype`: the one place that knows, whatever a dtype is made of. */
export function itemSizeOf(dtype: Dtype): number {
  return isNumeric(dtype) ? DTYPES[dtype].itemSize : formOf(dtype).itemSize;
}

/** The one text of a dtype, which may leave out offsets and size. `bad-space` if it is none. */
export function canonicalDtype(text: string): Dtype {
  return isNumeric(text) ? text : textOf(formOf(text as Dtype));
}
