/**
 * Fields of the example stand on latitudes and longitudes in degrees, row by row from the first.
 */
export interface LatLonGrid {
  /** Strictly rising or strictly falling, within -90..90. */
  readonly latitudes: Float64Array;
  /** Evenly spaced eastward; when they go around the globe, a field's rows are periodic. */
  readonly longitudes: Float64Array;
}

/** Values of a field that are only read: one's own array, or a view of memory that others share. */
export type ReadonlyField = ArrayLike<number>;

/** Centres of equal bands from north to south, columns from -180 degrees eastward. */
export function createBandGrid(nlat: number, nlon: number): LatLonGrid {
  return {
    latitudes: Float64Array.from({ length: nlat }, (_, j) => 90 - ((j + 0.5) * 180) / nlat),
    longitudes: Float64Array.from({ length: nlon }, (_, i) => -180 + (i * 360) / nlon),
  };
}

/** Whether the last column is one spacing west of the first. */
export function isPeriodic({ longitudes }: LatLonGrid): boolean {
  const first = longitudes[0];
  const second = longitudes[1];
  if (first === undefined || second === undefined) return false;
  return Math.abs((second - first) * longitudes.length - 360) < 1e-3;
}

export function gridSize({ latitudes, longitudes }: LatLonGrid): number {
  return latitudes.length * longitudes.length;
}

/** @throws RangeError when a field has another number of values than its grid. */
export function checkFieldSize(name: string, field: ReadonlyField, size: number): void {
  if (field.length !== size) {
    throw new RangeError(
      `Cannot use field "${name}": it has ${field.length} values where ${size} are due`,
    );
  }
}
