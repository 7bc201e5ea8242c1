import type { CoordsOf, CubeArray } from '../client/cubes/array.js';
import { ownOf } from '../client/cubes/definition.js';
import type { Attributes } from '../client/options.js';
import { refuse } from '../core/assert.js';
import type { Label } from '../core/cubes/axis.js';
import { AttaccaError } from '../core/errors.js';
import { convertElements } from '../core/regions/cast.js';
import { elementOf } from '../core/regions/element.js';
import { type Dtype, isNumeric, itemSizeOf, type Space } from '../core/space.js';
import { encodeUtf8 } from '../core/utf8.js';
import { Float, Timestamp, type Value } from '../core/value.js';
import type { Attribute, Dataset, ElementType, Variable } from '../formats/dataset.js';
import { attributeOf } from './attributes.js';
import type { DatasetFormat } from './format.js';
import { attributesFrom } from './planning.js';
import { whole } from './whole-file.js';
import { type WritingOptions, writeElements } from './writing.js';

/** An array in memory whose dimensions have names, and labels along some of them. */
export interface LabelledArray {
  readonly name: string;
  /** In row order, little-endian. */
  readonly space: Space;
  readonly bytes: Uint8Array;
  readonly dims: readonly string[];
  readonly coords: { readonly [dimension: string]: readonly Label[] };
  /** What is known of labels beside their values: their type, what an object says of them. */
  readonly coordsOf?: CubeArray['coordsOf'] | undefined;
  readonly attributes: Attributes;
}

/** A variable and its elements. */
interface Column {
  readonly name: string;
  readonly type: ElementType;
  /** Of the array and of what an element has in it, as a label its characters. */
  readonly dims: readonly string[];
  readonly shape: readonly number[];
  readonly bytes: Uint8Array;
  readonly attributes: readonly Attribute[];
}

/**
 * Writes an array into a file: a variable of its name, and one for the labels of each dimension
 * that has some, as CF has coordinate variables. Times are seconds since 1970; where the format has
 * no texts labels are arrays of characters. What is of that name is replaced as a whole.
 *
 * Errors: `bad-space` for elements or labels that the format does not have, `disk-full`,
 * `file-error`.
 */
export async function writeLabelled(
  array: LabelledArray,
  path: string,
  format: DatasetFormat,
  options: WritingOptions = {},
): Promise<void> {
  const { columns, dataset } = fittedTo(format, array);
  await whole(path, format, async (draft) => {
    await using target = await format.create(draft, dataset, { unnamed: [], order: 'row' });
    for (const [place, { name, type, shape, bytes }] of columns.entries()) {
      const { byteOrder } = dataset.variables[place] as Variable;
      const convert = byteOrder === 'big' ? swapped(type) : (piece: Uint8Array) => piece;
      await writeElements(target, place, { name, shape, bytes, convert }, options);
    }
    await target.close();
  });
}

/** As the format has it; of one with old types, as near as those come. */
function fittedTo(
  format: DatasetFormat,
  array: LabelledArray,
): { readonly columns: readonly Column[]; readonly dataset: Dataset } {
  const fitted = (isOld: boolean) => {
    const columns = columnsOf(array, isOld);
    return { columns, dataset: format.fit(datasetOf(columns)) };
  };
  try {
    return fitted(false);
  } catch (error) {
    if (!(error instanceof AttaccaError) || error.code !== 'bad-space') throw error;
    return fitted(true);
  }
}

function columnsOf(array: LabelledArray, isOld: boolean): readonly Column[] {
  const { dims, coords, space, bytes, attributes } = array;
  const name = array.name.replaceAll('/', '_');
  if (dims.includes(name)) {
    const why = 'one of its dimensions has that name, and its labels are a variable, too';
    refuse('bad-name', `Cannot write "${name}": ${why}`, { name });
  }
  const type = space.dtype;
  const said = Object.entries(attributes).flatMap(([key, value]) => {
    return typedLike(key, value, type) ?? attributeOf(key, value) ?? [];
  });
  const column = { name, type, dims, shape: space.shape, bytes, attributes: said };
  const labels = dims.flatMap((dimension) => {
    const own = Object.hasOwn(coords, dimension) ? coords[dimension] : undefined;
    if (own === undefined) return [];
    const of = ownOf(array.coordsOf ?? {}, dimension) ?? { dtype: null, attributes: {} };
    return [labelColumn(dimension, own, of, isOld)];
  });
  return [...labels, column];
}

/** A fill value is of the type of the elements: libraries of NetCDF insist on it. */
function typedLike(name: string, value: Value, dtype: Dtype): Attribute | null {
  const number = value instanceof Float ? value.value : value;
  const isFill = name === '_FillValue' || name === 'missing_value';
  const isNumber = typeof number === 'number' || typeof number === 'bigint';
  if (!isFill || !isNumber || !isNumeric(dtype)) return null;
  const bytes = elementOf(dtype, number);
  if (bytes === null) {
    refuse('bad-argument', `Cannot write the attribute "${name}": ${dtype} has no ${number}`);
  }
  return { name, type: dtype, byteOrder: 'little', bytes, shape: [] };
}

function labelColumn(
  name: string,
  labels: readonly Label[],
  { dtype, attributes }: CoordsOf,
  isOld: boolean,
): Column {
  const said = attributesFrom(attributes).map((each) => {
    const value = attributes[each.name] as Value;
    return (dtype === null ? null : typedLike(each.name, value, dtype)) ?? each;
  });
  const plain = { name, dims: [name], shape: [labels.length], attributes: said };
  const exact = dtype === null || (isOld && isWide(dtype)) ? null : dtype;
  if (labels.length === 0) return { ...plain, type: exact ?? 'float64', bytes: new Uint8Array(0) };
  if (exact !== null && labels.every(isNumber)) {
    return { ...plain, type: exact, bytes: numbersAs(exact, labels) };
  }
  if (labels.every((each) => each instanceof Timestamp)) return timeColumn(plain, labels);
  if (labels.every((each) => typeof each === 'string')) return textColumn(plain, labels, isOld);
  const told = attributeOf(name, [...labels]);
  if (told === null || told.type === 'text') {
    const why = `the labels of "${name}" are bytes, or of several types`;
    return refuse('bad-space', `Cannot write them: ${why}`, { dimension: name });
  }
  return { ...plain, type: told.type, bytes: told.bytes };
}

function isNumber(label: Label): label is number | bigint | Float {
  return typeof label === 'number' || typeof label === 'bigint' || label instanceof Float;
}

const isWide = (dtype: Dtype): boolean => dtype === 'int64' || dtype === 'uint64';

/** They were elements of that type. */
function numbersAs(dtype: Dtype, labels: readonly (number | bigint | Float)[]): Uint8Array {
  const bytes = new Uint8Array(itemSizeOf(dtype) * labels.length);
  const from = isWide(dtype)
    ? BigUint64Array.from(labels, (each) => BigInt.asUintN(64, BigInt(numberOf(each))))
    : Float64Array.from(labels, (each) => Number(numberOf(each)));
  const source = { bytes: new Uint8Array(from.buffer), byteOrder: 'little' } as const;
  if (isWide(dtype)) return source.bytes;
  const target = { bytes, dtype, byteOrder: 'little' } as const;
  convertElements({ ...source, dtype: 'float64' }, target);
  return bytes;
}

const numberOf = (label: number | bigint | Float): number | bigint =>
  label instanceof Float ? label.value : label;

type Plain = Omit<Column, 'type' | 'bytes'>;

function timeColumn(plain: Plain, times: readonly Timestamp[]): Column {
  const seconds = times.map(({ nanoseconds }) => Number(nanoseconds) / 1e9);
  const attributes = Object.entries({
    units: 'seconds since 1970-01-01 00:00:00',
    calendar: 'proleptic_gregorian',
  }).flatMap(([key, value]) => attributeOf(key, value) ?? []);
  return { ...plain, type: 'float64', bytes: bytesOf(Float64Array.from(seconds)), attributes };
}

function textColumn(plain: Plain, texts: readonly string[], isOld: boolean): Column {
  const encoded = texts.map(encodeUtf8);
  const size = Math.max(1, ...encoded.map(({ length }) => length));
  const bytes = new Uint8Array(size * texts.length);
  for (const [at, text] of encoded.entries()) bytes.set(text, at * size);
  if (!isOld) return { ...plain, type: `string[${size}]` as Dtype, bytes };
  const dims = [...plain.dims, `${plain.name}_length`];
  const encoding = attributeOf('_Encoding', 'utf-8');
  const attributes = encoding === null ? [] : [encoding];
  return { ...plain, type: 'char', dims, shape: [...plain.shape, size], bytes, attributes };
}

const bytesOf = (numbers: Float64Array): Uint8Array => new Uint8Array(numbers.buffer);

function datasetOf(columns: readonly Column[]): Dataset {
  const sizes = new Map<string, number>();
  for (const { dims, shape } of columns) {
    for (const [at, dimension] of dims.entries()) sizes.set(dimension, shape[at] as number);
  }
  const names = [...sizes.keys()];
  return {
    dimensions: names.map((name) => ({ name, size: sizes.get(name) as number, unlimited: false })),
    attributes: [],
    variables: columns.map(({ name, type, dims, attributes }) => {
      const dimensions = dims.map((each) => names.indexOf(each));
      return { name, type, byteOrder: 'little', dimensions, attributes };
    }),
  };
}

function swapped(type: ElementType): (piece: Uint8Array) => Uint8Array {
  if (type === 'char') return (piece) => piece;
  return (piece) => {
    const bytes = new Uint8Array(piece.length);
    const target = { bytes, dtype: type, byteOrder: 'big' } as const;
    convertElements({ bytes: piece, dtype: type, byteOrder: 'little' }, target);
    return bytes;
  };
}
