/** What the programs work out of fields and of GRIB messages. */
import type { Attributes } from 'attacca';
import { checkSums, type FieldSums, fieldSums } from '../sums.js';

type Elements = Float32Array<ArrayBuffer> | Uint8Array<ArrayBuffer>;
/** What came is only read. */
type Received = ArrayLike<number>;

/** Ends a GRIB message (WMO FM 92, section 8): "7777". */
const END = [0x37, 0x37, 0x37, 0x37] as const;

/** What its maker says of a field: of a message, how much of it is missing at its end. */
export function sumsOf(values: Elements): FieldSums {
  const sums = fieldSums(values);
  if (values instanceof Float32Array) return sums;
  return { ...sums, missing: END.filter((byte, at) => values.at(at - END.length) !== byte).length };
}

/** Makes a field one that no contract lets in: a value that is none, a message that is cut. */
export function spoil(values: Elements): void {
  if (values instanceof Float32Array) values[values.length >> 1] = Number.NaN;
  else values.fill(0, -END.length);
}

/** And whole again. */
export function mend(values: Elements): void {
  if (values instanceof Float32Array) {
    const at = values.length >> 1;
    values[at] = ((values[at - 1] ?? 0) + (values[at + 1] ?? 0)) / 2;
  } else values.set(END, values.length - END.length);
}

/** Whether all of it came as it was offered, to the last bit. */
export function isAsOffered(values: Received, attributes: Attributes): boolean {
  const said = (key: string): number => Number(attributes[key]);
  const sums = { count: said('count'), missing: 0, sum: said('sum'), min: said('min') };
  const rest = { max: said('max'), sumOfSquares: said('sumOfSquares') };
  return said('missing') === 0 && checkSums(values, { ...sums, ...rest }).kind === 'equal';
}

/** A field on half as many rows and columns: means of four. */
export function halved(values: Received, nlat: number, nlon: number): Float32Array<ArrayBuffer> {
  const [rows, columns] = [nlat / 2, nlon / 2];
  const target = new Float32Array(rows * columns);
  for (let at = 0; at < target.length; at++) {
    const from = 2 * nlon * Math.floor(at / columns) + 2 * (at % columns);
    const north = (values[from] ?? 0) + (values[from + 1] ?? 0);
    const south = (values[from + nlon] ?? 0) + (values[from + nlon + 1] ?? 0);
    target[at] = (north + south) / 4;
  }
  return target;
}

/** Units of who asks: knots, decametres. */
const ASKED: { readonly [units: string]: readonly [units: string, factor: number] } = {
  'm s-1': ['kt', 3600 / 1852],
  m: ['dam', 0.1],
};

export function converted(values: Received, units: string) {
  const [asked, factor] = ASKED[units] ?? [units, 1];
  return { units: asked, values: Float32Array.from(values, (value) => value * factor) };
}
