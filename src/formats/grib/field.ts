import { type Eccodes, EccodesFault } from './eccodes.js';
import { axesOf, type GribAxis } from './grid.js';

/** A field of a GRIB message, decoded. */
export interface GribField {
  /** In the order of the message; NaN where the field has no value. */
  readonly values: Float32Array;
  /** Rows and columns of a regular grid, as they lie; else how many values there are. */
  readonly shape: readonly number[];
  /** Where its points lie along each dimension; null of a grid that has no such degrees. */
  readonly axes: readonly GribAxis[] | null;
  /** The keys of the namespace `mars`, by their own names: `class`, `param`, `step`, ... */
  readonly mars: GribKeys;
  /** What else tells what it is and where its points lie: `shortName`, `units`, `gridType`, ... */
  readonly keys: GribKeys;
}

type GribKeys = { readonly [key: string]: string | number };

/** What is told besides the keys of MARS, where the message has it. */
const KEYS: readonly string[] = [
  ...['edition', 'shortName', 'name', 'units', 'paramId', 'typeOfLevel', 'level'],
  ...['dataDate', 'dataTime', 'stepRange', 'validityDate', 'validityTime', 'centre'],
  ...['gridType', 'Ni', 'Nj', 'numberOfMissing'],
  ...['latitudeOfFirstGridPointInDegrees', 'longitudeOfFirstGridPointInDegrees'],
  ...['latitudeOfLastGridPointInDegrees', 'longitudeOfLastGridPointInDegrees'],
  ...['iDirectionIncrementInDegrees', 'jDirectionIncrementInDegrees'],
  ...['iScansNegatively', 'jScansPositively', 'jPointsAreConsecutive', 'alternativeRowScanning'],
];

/** Stands for a value that is missing while ecCodes decodes: no field has it. */
const MISSING = -1.797e308;
/** What ecCodes says for a number that a message leaves out. */
const LONG_MISSING = 2_147_483_647;
const DOUBLE_MISSING = -1e100;

/** Decodes a message. {@link EccodesFault} when ecCodes does not understand it. */
export function decodeField(eccodes: Eccodes, message: Uint8Array): GribField {
  const handle = eccodes.open(message);
  if (handle === null) throw new EccodesFault('it is no message that ecCodes knows');
  try {
    const mars = valuesOf(eccodes, handle, eccodes.keysOf(handle, 'mars'));
    const keys = valuesOf(eccodes, handle, KEYS);
    eccodes.setDouble(handle, 'missingValue', MISSING);
    const doubles = eccodes.doubles(handle, 'values');
    const values = Float32Array.from(doubles, (value) => (value === MISSING ? Number.NaN : value));
    const shape = shapeOf(keys, values.length);
    const axes = axesOf(keys, shape, () => latitudesOf(eccodes, handle));
    return { values, shape, axes, mars, keys };
  } finally {
    eccodes.close(handle);
  }
}

/** Of a Gaussian grid, which only tables tell; null where ecCodes does not have them. */
function latitudesOf(eccodes: Eccodes, handle: bigint): Float64Array | null {
  try {
    return eccodes.doubles(handle, 'distinctLatitudes');
  } catch (error) {
    if (error instanceof EccodesFault) return null;
    throw error;
  }
}

function valuesOf(eccodes: Eccodes, handle: bigint, names: readonly string[]): GribKeys {
  const found: { [key: string]: string | number } = {};
  for (const name of names) {
    const value = keyOf(eccodes, handle, name);
    if (value !== null) found[name] = value;
  }
  return found;
}

/** Null for a key that this message does not have. */
function keyOf(eccodes: Eccodes, handle: bigint, name: string): string | number | null {
  try {
    switch (eccodes.typeOf(handle, name)) {
      case 'long': {
        const value = eccodes.long(handle, name);
        return value === LONG_MISSING ? null : value;
      }
      case 'double': {
        const value = eccodes.double(handle, name);
        return value === DOUBLE_MISSING ? null : value;
      }
      case 'text':
        return eccodes.text(handle, name);
    }
  } catch (error) {
    if (error instanceof EccodesFault) return null;
    throw error;
  }
}

/**
 * A grid has rows and columns when it says how many and each row goes the same way; the rows are
 * columns where points of one column follow each other.
 */
function shapeOf(keys: GribKeys, count: number): readonly number[] {
  const [along, across] = [keys['Ni'], keys['Nj']];
  const isGrid =
    typeof along === 'number' && typeof across === 'number' && along * across === count;
  if (!isGrid || keys['alternativeRowScanning'] === 1) return [count];
  return keys['jPointsAreConsecutive'] === 1 ? [along, across] : [across, along];
}
