/** Lines of equal value, by marching squares with linear interpolation on the sides. */
import type { Line } from './canvas.js';

/** Values on a regular lattice; NaN where there is none. */
export interface Lattice {
  readonly columns: number;
  readonly rows: number;
  readonly values: Float32Array;
}

/** A cell's four corners in order around it: which sides a level crosses. */
function crossings(corners: readonly [number, number, number, number], level: number): number[][] {
  const sides: number[][] = [];
  const ring: readonly (readonly [number, number, number, number])[] = [
    [0, 0, 1, 0],
    [1, 0, 1, 1],
    [1, 1, 0, 1],
    [0, 1, 0, 0],
  ];
  for (const [index, [x0, y0, x1, y1]] of ring.entries()) {
    const from = corners[index] ?? Number.NaN;
    const to = corners[(index + 1) % 4] ?? Number.NaN;
    if (from >= level === to >= level) continue;
    const share = (level - from) / (to - from);
    sides.push([x0 + share * (x1 - x0), y0 + share * (y1 - y0)]);
  }
  return sides;
}

/** Line pieces of one level in lattice coordinates (column, row). Cells with a NaN have none. */
export function contourLines({ columns, rows, values }: Lattice, level: number): Line[] {
  const lines: Line[] = [];
  for (let row = 0; row + 1 < rows; row++) {
    for (let column = 0; column + 1 < columns; column++) {
      const at = row * columns + column;
      const corners = [
        values[at] ?? Number.NaN,
        values[at + 1] ?? Number.NaN,
        values[at + columns + 1] ?? Number.NaN,
        values[at + columns] ?? Number.NaN,
      ] as const;
      if (corners.some(Number.isNaN)) continue;
      const points = crossings(corners, level);
      // Two sides make one piece, four (a saddle) two.
      for (let index = 0; index + 1 < points.length; index += 2) {
        const [x0 = 0, y0 = 0] = points[index] ?? [];
        const [x1 = 0, y1 = 0] = points[index + 1] ?? [];
        lines.push({ x0: column + x0, y0: row + y0, x1: column + x1, y1: row + y1 });
      }
    }
  }
  return lines;
}
