/** Where the points of a field lie along an axis. */
export interface GribAxis {
  readonly name: 'latitude' | 'longitude';
  readonly degrees: Float64Array;
}

type Keys = { readonly [key: string]: string | number };

/** Editions say degrees in thousandths or in millionths: no more digits mean anything. */
const DIGITS = 1_000_000;
/** Of a row around the globe, whose end an edition has rounded to thousandths. */
const AROUND_SLACK = 0.002;

const rounded = (degrees: number): number => Math.round(degrees * DIGITS) / DIGITS;

function numberOf(keys: Keys, key: string): number | null {
  const value = keys[key];
  return typeof value === 'number' ? value : null;
}

/**
 * The latitudes and longitudes of a regular grid, or of a regular Gaussian one (whose latitudes
 * `gaussian` gives, in any order), in the order of its dimensions. Null for any other: its points
 * have no coordinates along rows and columns, or other ones than degrees.
 */
export function axesOf(
  keys: Keys,
  shape: readonly number[],
  gaussian: () => Float64Array | null,
): readonly GribAxis[] | null {
  const grid = keys['gridType'];
  if (shape.length !== 2 || (grid !== 'regular_ll' && grid !== 'regular_gg')) return null;
  const isByColumns = keys['jPointsAreConsecutive'] === 1;
  const [rows, columns] = isByColumns ? [shape[1], shape[0]] : [shape[0], shape[1]];
  const latitudes =
    grid === 'regular_ll'
      ? evenLatitudes(keys, rows as number)
      : sortedLatitudes(keys, rows as number, gaussian());
  const longitudes = longitudesOf(keys, columns as number);
  if (latitudes === null || longitudes === null) return null;
  const axes: GribAxis[] = [
    { name: 'latitude', degrees: latitudes },
    { name: 'longitude', degrees: longitudes },
  ];
  return isByColumns ? axes.reverse() : axes;
}

function evenLatitudes(keys: Keys, count: number): Float64Array | null {
  const first = numberOf(keys, 'latitudeOfFirstGridPointInDegrees');
  const last = numberOf(keys, 'latitudeOfLastGridPointInDegrees');
  if (first === null || last === null) return null;
  const step = count > 1 ? (last - first) / (count - 1) : 0;
  return Float64Array.from({ length: count }, (_, at) => rounded(first + at * step));
}

function sortedLatitudes(keys: Keys, count: number, all: Float64Array | null): Float64Array | null {
  if (all === null || all.length !== count) return null;
  const sorted = all.toSorted();
  return keys['jScansPositively'] === 1 ? sorted : sorted.reverse();
}

/** They go on across the meridian at which they begin anew, from below it: -10, 0, 10. */
function longitudesOf(keys: Keys, count: number): Float64Array | null {
  const first = numberOf(keys, 'longitudeOfFirstGridPointInDegrees');
  const last = numberOf(keys, 'longitudeOfLastGridPointInDegrees');
  if (first === null || last === null) return null;
  const isWestward = keys['iScansNegatively'] === 1;
  const apart = isWestward ? first - last : last - first;
  const span = count === 1 ? 0 : apart > 0 ? apart : apart + 360;
  const between = count > 1 ? span / (count - 1) : 0;
  const isAround = Math.abs(between * count - 360) < AROUND_SLACK;
  const step = (isAround ? 360 / count : between) * (isWestward ? -1 : 1);
  const end = first + (count - 1) * step;
  const start = end > 360 ? first - 360 : first;
  return Float64Array.from({ length: count }, (_, at) => rounded(start + at * step));
}
