/**
 * What users of a forecast want from its fields: wind speed, vorticity, mean and spread, extremes.
 *
 * Pure functions over fields of 32-bit floats; arithmetic in double precision, NaN (missing) in any
 * input gives NaN there. Results go into `target`, which may be memory of the caller's, and their
 * sums come back, so that a reader of the product can check it as its makers checked the fields.
 */
import {
  checkFieldSize,
  gridSize,
  isPeriodic,
  type LatLonGrid,
  type ReadonlyField,
} from './grid.js';
import { EARTH_RADIUS_METRES } from './model/spectral-operators.js';
import { type FieldSums, fieldSums } from './sums.js';

export interface WindFields {
  /** Eastward wind, m/s. */
  readonly u: ReadonlyField;
  /** Northward wind, m/s. */
  readonly v: ReadonlyField;
}

/** sqrt(u^2 + v^2), m/s. The target may be u or v itself. */
export function writeWindSpeed({ u, v }: WindFields, target: Float32Array): FieldSums {
  checkFieldSize('v', v, u.length);
  checkFieldSize('target', target, u.length);
  for (let at = 0; at < u.length; at++) {
    const eastward = u[at] ?? 0;
    const northward = v[at] ?? 0;
    target[at] = Math.sqrt(eastward * eastward + northward * northward);
  }
  return fieldSums(target);
}

/** Geometry of a grid's rows. */
interface Rows {
  /** Of the edges between rows, first and last on the poles: cos(latitude), 0 on a pole. */
  readonly edgeCosines: Float64Array;
  /**
   * sin(northern edge) - sin(southern edge) of each row's band, signed by the order of the rows.
   */
  readonly sineDifferences: Float64Array;
  /** Angle of each row's band, radians, likewise signed. */
  readonly angles: Float64Array;
}

const DEGREE = Math.PI / 180;

/** Bands end midway between rows, and at the poles. */
function measureRows(latitudes: Float64Array): Rows {
  const count = latitudes.length;
  const towards = (latitudes[0] ?? 0) > (latitudes[count - 1] ?? 0) ? 1 : -1;
  const edges = new Float64Array(count + 1);
  edges[0] = 90 * towards;
  edges[count] = -90 * towards;
  for (let j = 1; j < count; j++) {
    edges[j] = 0.5 * ((latitudes[j - 1] ?? 0) + (latitudes[j] ?? 0));
  }
  return {
    // cos(90 degrees) is not quite 0 in floating point.
    edgeCosines: edges.map((degrees) =>
      Math.abs(degrees) === 90 ? 0 : Math.cos(degrees * DEGREE),
    ),
    sineDifferences: latitudes.map(
      (_, j) => Math.sin((edges[j] ?? 0) * DEGREE) - Math.sin((edges[j + 1] ?? 0) * DEGREE),
    ),
    angles: latitudes.map((_, j) => ((edges[j] ?? 0) - (edges[j + 1] ?? 0)) * DEGREE),
  };
}

/**
 * Vertical component of the relative vorticity, 1/s, by the circulation around each cell over the
 * cell's area (Stokes' theorem), with u and v on the edges the mean of the two neighbours. It is
 * a central difference of
 *
 *   zeta = (dv/dlambda - d(u cos(phi))/dphi) / (a cos(phi))
 *
 * of second order (Holton, An Introduction to Dynamic Meteorology, 4th ed., 4.2). A row on a pole
 * gets one value, the circulation around the cap. Weighted by area, the field adds up to 0 over the
 * globe.
 *
 * The grid must go around the globe and reach the poles to within half a row.
 *
 * @throws RangeError for a grid that does not go around the globe or a field of another size.
 */
export function writeRelativeVorticity(
  { u, v }: WindFields,
  grid: LatLonGrid,
  target: Float32Array,
): FieldSums {
  const size = gridSize(grid);
  for (const [name, field] of [
    ['u', u],
    ['v', v],
    ['target', target],
  ] as const) {
    checkFieldSize(name, field, size);
  }
  if (!isPeriodic(grid) || grid.latitudes.length < 3) {
    throw new RangeError('Cannot compute vorticity on this grid: it does not go around the globe');
  }
  const { edgeCosines, sineDifferences, angles } = measureRows(grid.latitudes);
  const rows = grid.latitudes.length;
  const columns = grid.longitudes.length;
  const columnAngle = (2 * Math.PI) / columns;
  for (let j = 0; j < rows; j++) {
    const start = j * columns;
    const perArea = 1 / (EARTH_RADIUS_METRES * (sineDifferences[j] ?? 1));
    const alongMeridian = ((angles[j] ?? 0) * perArea) / (2 * columnAngle);
    const cosineBefore = edgeCosines[j] ?? 0;
    const cosineAfter = edgeCosines[j + 1] ?? 0;
    for (let i = 0; i < columns; i++) {
      const at = start + i;
      const own = u[at] ?? 0;
      // The edge on a pole has no length.
      const before = j > 0 ? 0.5 * ((u[at - columns] ?? 0) + own) * cosineBefore : 0;
      const after = j < rows - 1 ? 0.5 * ((u[at + columns] ?? 0) + own) * cosineAfter : 0;
      const east = v[i < columns - 1 ? at + 1 : start] ?? 0;
      const west = v[i > 0 ? at - 1 : start + columns - 1] ?? 0;
      target[at] = (east - west) * alongMeridian + (after - before) * perArea;
    }
    if (Math.abs(grid.latitudes[j] ?? 0) === 90) {
      let sum = 0;
      for (let i = 0; i < columns; i++) sum += target[start + i] ?? 0;
      target.fill(sum / columns, start, start + columns);
    }
  }
  return fieldSums(target);
}

export interface MeanAndSpread {
  readonly mean: Float32Array;
  /** Standard deviation of the members about their mean, with N - 1; 0 for one member. */
  readonly spread: Float32Array;
}

/**
 * Mean and spread over the members at each point, in two passes.
 *
 * @throws RangeError without a member or with fields of unequal size.
 */
export function writeMeanAndSpread(
  members: readonly ReadonlyField[],
  { mean, spread }: MeanAndSpread,
): { readonly mean: FieldSums; readonly spread: FieldSums } {
  const count = members.length;
  if (count === 0) throw new RangeError('Cannot compute a mean of "0" members: none given');
  for (const [index, member] of members.entries()) {
    checkFieldSize(`member ${index}`, member, mean.length);
  }
  checkFieldSize('spread', spread, mean.length);
  for (let at = 0; at < mean.length; at++) {
    let sum = 0;
    for (const member of members) sum += member[at] ?? 0;
    const average = sum / count;
    let squares = 0;
    for (const member of members) {
      const departure = (member[at] ?? 0) - average;
      squares += departure * departure;
    }
    mean[at] = average;
    // A missing value shows in the spread of one member too.
    spread[at] = count === 1 ? squares : Math.sqrt(squares / (count - 1));
  }
  return { mean: fieldSums(mean), spread: fieldSums(spread) };
}

/** Where the largest value of all stood. */
export interface Extreme {
  readonly value: number;
  readonly member: number;
  readonly step: number;
  readonly latitude: number;
  readonly longitude: number;
}

/** Largest values over members and steps, taken in as fields come, in any order. */
export interface Extremes {
  /** Largest value so far at each point; NaN where none was there. */
  readonly largest: Float32Array;
  /** Largest of all; of equal ones that of the lowest step, member, row, column. */
  readonly extreme: Extreme | undefined;
  /** Takes in one field, once. */
  add(field: ReadonlyField, from: { readonly member: number; readonly step: number }): void;
}

/** An accumulator without a value yet; the result does not depend on the order of the fields. */
export function createExtremes(grid: LatLonGrid): Extremes {
  const size = gridSize(grid);
  const columns = grid.longitudes.length;
  const largest = new Float32Array(size).fill(Number.NaN);
  let extreme: Extreme | undefined;
  return {
    largest,
    get extreme() {
      return extreme;
    },
    add(field, { member, step }) {
      checkFieldSize(`member ${member} step ${step}`, field, size);
      let highest = Number.NEGATIVE_INFINITY;
      let highestAt = -1;
      for (let at = 0; at < size; at++) {
        const value = field[at] ?? Number.NaN;
        const before = largest[at] ?? Number.NaN;
        // A comparison with NaN is false: a missing value never replaces one that is there.
        if (value > before || Number.isNaN(before)) largest[at] = value;
        if (value > highest) {
          highest = value;
          highestAt = at;
        }
      }
      if (highestAt < 0) return;
      const earlier =
        extreme !== undefined &&
        (step < extreme.step || (step === extreme.step && member < extreme.member));
      if (
        extreme === undefined ||
        highest > extreme.value ||
        (highest === extreme.value && earlier)
      ) {
        extreme = {
          value: highest,
          member,
          step,
          latitude: grid.latitudes[Math.floor(highestAt / columns)] ?? 0,
          longitude: grid.longitudes[highestAt % columns] ?? 0,
        };
      }
    },
  };
}
