/** Values of a field at the pixels of a map, interpolated between the four grid points around. */
import { isPeriodic, type LatLonGrid, type ReadonlyField } from '../grid.js';

export interface SamplerOptions {
  readonly grid: LatLonGrid;
  readonly field: ReadonlyField;
  /** Degrees at the map's edges. */
  readonly extent: {
    readonly west: number;
    readonly east: number;
    readonly north: number;
    readonly south: number;
  };
  /** Pixels of the map. */
  readonly width: number;
  readonly height: number;
}

export interface Sampler {
  /**
   * NaN where one of the points used is missing. Pixels count from the upper left, centres at .5
   */
  sample(x: number, y: number): number;
  latitude(y: number): number;
}

/** For each pixel along an axis: the two grid indices around it and the share of the second. */
interface Axis {
  readonly lower: Int32Array;
  readonly upper: Int32Array;
  readonly shares: Float64Array;
}

function createAxis(count: number): Axis {
  return {
    lower: new Int32Array(count),
    upper: new Int32Array(count),
    shares: new Float64Array(count),
  };
}

/** Beyond the first and last row (towards a pole) the row itself. */
function locateRows(
  latitudes: Float64Array,
  pixelLatitude: (y: number) => number,
  height: number,
): Axis {
  const axis = createAxis(height);
  const count = latitudes.length;
  const falls = (latitudes[0] ?? 0) > (latitudes[count - 1] ?? 0);
  let row = falls ? 0 : count - 1;
  const towardsSouth = falls ? 1 : -1;
  for (let y = 0; y < height; y++) {
    const latitude = pixelLatitude(y);
    // Pixels go south: so does the grid row north of the pixel.
    let next = row + towardsSouth;
    while (next >= 0 && next < count && (latitudes[next] ?? 0) >= latitude) {
      row = next;
      next = row + towardsSouth;
    }
    const north = latitudes[row] ?? 0;
    const south = latitudes[next];
    axis.lower[y] = row;
    axis.upper[y] = south === undefined ? row : next;
    axis.shares[y] =
      south === undefined || latitude > north ? 0 : (north - latitude) / (north - south);
  }
  return axis;
}

function locateColumns(
  grid: LatLonGrid,
  west: number,
  degreesPerPixel: number,
  width: number,
): Axis {
  const axis = createAxis(width);
  const { longitudes } = grid;
  const count = longitudes.length;
  const first = longitudes[0] ?? 0;
  const spacing = count > 1 ? ((longitudes[count - 1] ?? 0) - first) / (count - 1) : 1;
  const periodic = isPeriodic(grid);
  for (let x = 0; x < width; x++) {
    const position = (west + (x + 0.5) * degreesPerPixel - first) / spacing;
    const column = Math.min(count - 1, Math.max(0, Math.floor(position)));
    axis.lower[x] = column;
    axis.upper[x] = column < count - 1 ? column + 1 : periodic ? 0 : column;
    axis.shares[x] = Math.min(1, Math.max(0, position - column));
  }
  return axis;
}

export function createSampler({ grid, field, extent, width, height }: SamplerOptions): Sampler {
  const perPixelY = (extent.north - extent.south) / height;
  const latitude = (y: number): number => extent.north - (y + 0.5) * perPixelY;
  const rows = locateRows(grid.latitudes, latitude, height);
  const columns = locateColumns(grid, extent.west, (extent.east - extent.west) / width, width);
  const columnCount = grid.longitudes.length;
  const sample = (x: number, y: number): number => {
    const north = (rows.lower[y] ?? 0) * columnCount;
    const south = (rows.upper[y] ?? 0) * columnCount;
    const west = columns.lower[x] ?? 0;
    const east = columns.upper[x] ?? 0;
    const down = rows.shares[y] ?? 0;
    const right = columns.shares[x] ?? 0;
    const upper =
      (field[north + west] ?? Number.NaN) * (1 - right) +
      (field[north + east] ?? Number.NaN) * right;
    const lower =
      (field[south + west] ?? Number.NaN) * (1 - right) +
      (field[south + east] ?? Number.NaN) * right;
    return upper * (1 - down) + lower * down;
  };
  return { sample, latitude };
}
