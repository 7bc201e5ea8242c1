/**
 * Writes small NetCDF classic files for tests, 64-bit offset variant (format specification: NetCDF
 * User's Guide, appendix B). Enough for these tests, not for more.
 */

const TYPE_CODES = { byte: 1, char: 2, short: 3, int: 4, float: 5, double: 6 } as const;
const TYPE_BYTES = { byte: 1, char: 1, short: 2, int: 4, float: 4, double: 8 } as const;
type Type = keyof typeof TYPE_CODES;

export interface FileVariable {
  readonly name: string;
  /** Indices of dimensions. */
  readonly dimensions: readonly number[];
  readonly type: Type;
  /** A text becomes chars; a number the variable's own type for _FillValue, else a double. */
  readonly attributes: Readonly<Record<string, string | number>>;
  readonly values: readonly number[];
}

export interface FileContent {
  readonly recordCount: number;
  /** Size 0 marks the record dimension. */
  readonly dimensions: readonly { readonly name: string; readonly size: number }[];
  readonly variables: readonly FileVariable[];
}

class Writer {
  readonly #bytes: number[] = [];

  get length(): number {
    return this.#bytes.length;
  }

  number(value: number, type: Type): void {
    const view = new DataView(new ArrayBuffer(8));
    if (type === 'byte' || type === 'char') view.setInt8(0, value);
    else if (type === 'short') view.setInt16(0, value);
    else if (type === 'int') view.setInt32(0, value);
    else if (type === 'float') view.setFloat32(0, value);
    else view.setFloat64(0, value);
    for (let at = 0; at < TYPE_BYTES[type]; at++) this.#bytes.push(view.getUint8(at));
  }

  int(...values: readonly number[]): void {
    for (const value of values) this.number(value, 'int');
  }

  pad(): void {
    while (this.#bytes.length % 4 !== 0) this.#bytes.push(0);
  }

  name(text: string): void {
    this.int(text.length);
    this.#bytes.push(...Buffer.from(text, 'latin1'));
    this.pad();
  }

  toBytes(): Uint8Array {
    return Uint8Array.from(this.#bytes);
  }
}

function writeAttributes(writer: Writer, { attributes, type }: FileVariable): void {
  const entries = Object.entries(attributes);
  writer.int(entries.length === 0 ? 0 : 12, entries.length);
  for (const [name, value] of entries) {
    writer.name(name);
    if (typeof value === 'string') {
      writer.int(TYPE_CODES.char);
      writer.name(value);
      continue;
    }
    const own = name === '_FillValue' ? type : 'double';
    writer.int(TYPE_CODES[own], 1);
    writer.number(value, own);
    writer.pad();
  }
}

/** Bytes of a variable, or of one record of it, padded to 4. */
function paddedSize({ dimensions }: FileContent, variable: FileVariable): number {
  const count = variable.dimensions.reduce(
    (product, index) => product * (dimensions[index]?.size || 1),
    1,
  );
  return Math.ceil((count * TYPE_BYTES[variable.type]) / 4) * 4;
}

function writeHeader(content: FileContent, offsets: readonly number[]): Writer {
  const writer = new Writer();
  for (const letter of [0x43, 0x44, 0x46, 2]) writer.number(letter, 'byte');
  const { dimensions, variables } = content;
  writer.int(content.recordCount, dimensions.length === 0 ? 0 : 10, dimensions.length);
  for (const { name, size } of dimensions) {
    writer.name(name);
    writer.int(size);
  }
  writer.int(0, 0);
  writer.int(variables.length === 0 ? 0 : 11, variables.length);
  for (const [index, variable] of variables.entries()) {
    writer.name(variable.name);
    writer.int(variable.dimensions.length, ...variable.dimensions);
    writeAttributes(writer, variable);
    writer.int(TYPE_CODES[variable.type], paddedSize(content, variable));
    writer.int(0, offsets[index] ?? 0);
  }
  return writer;
}

export function writeClassic(content: FileContent): Uint8Array {
  const { dimensions, variables, recordCount } = content;
  const isRecord = ({ dimensions: own }: FileVariable): boolean =>
    own[0] !== undefined && dimensions[own[0]]?.size === 0;
  let end = writeHeader(content, []).length;
  const offsets: number[] = [];
  // Variables without records first, then the first record of those with.
  for (const wanted of [false, true]) {
    for (const [index, variable] of variables.entries()) {
      if (isRecord(variable) !== wanted) continue;
      offsets[index] = end;
      end += paddedSize(content, variable);
    }
  }
  const writer = writeHeader(content, offsets);
  const writeValues = (variable: FileVariable, values: readonly number[]): void => {
    for (const value of values) writer.number(value, variable.type);
    writer.pad();
  };
  for (const variable of variables) if (!isRecord(variable)) writeValues(variable, variable.values);
  for (let record = 0; record < recordCount; record++) {
    for (const variable of variables.filter(isRecord)) {
      const count = variable.values.length / recordCount;
      writeValues(variable, variable.values.slice(record * count, (record + 1) * count));
    }
  }
  return writer.toBytes();
}
