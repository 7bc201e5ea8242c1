/** What the programs work out of fields and of GRIB messages. */
import type { Attributes } from 'attacca';
import { checkSums, fieldSums } from '../sums.js';

type Elements = Float32Array<ArrayBuffer> | Uint8Array<ArrayBuffer>;
/** What came is only read. */
type Received = ArrayLike<number>;

/** What its maker says of a field, so that who gets it can compare; what is missing is measured. */
export function sumsOf(values: Elements): Attributes {
  const { missing: _, ...sums } = fieldSums(values);
  return sums;
}

/**
 * Makes a field one that no contract lets in: a value that is none, a message of zeros. Returns
 * what makes it whole again.
 */
export function spoil(values: Elements): () => void {
  if (!(values instanceof Float32Array)) {
    const message = values.slice();
    values.fill(0);
    return () => values.set(message);
  }
  const at = values.length >> 1;
  values[at] = Number.NaN;
  return () => {
    values[at] = ((values[at - 1] ?? 0) + (values[at + 1] ?? 0)) / 2;
  };
}

/** Whether all of it came as it was offered, to the last bit. */
export function isAsOffered(values: Received, attributes: Attributes): boolean {
  const said = (key: string): number => Number(attributes[key]);
  const sums = { count: said('count'), missing: 0, sum: said('sum'), min: said('min') };
  const rest = { max: said('max'), sumOfSquares: said('sumOfSquares') };
  return checkSums(values, { ...sums, ...rest }).kind === 'equal';
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
