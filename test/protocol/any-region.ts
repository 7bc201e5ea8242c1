/** Regions as plain data: of each set its runs, as start, step and count. */
import { Reader } from '../../src/core/bytes.js';
import { AxisSet } from '../../src/core/regions/axis-set.js';
import { Region } from '../../src/core/regions/region.js';
import { readRegion } from '../../src/core/regions/region-codec.js';
import type { fc } from '../fast-check.js';
import { regionsOf, shapes } from '../regions.js';

type AnySet = readonly (readonly [start: number, step: number, count: number])[];

export interface AnyRegion {
  readonly dimensions: number;
  readonly boxes: readonly (readonly AnySet[])[];
  readonly points: AnySet;
}

/** Whatever a region lies in: the shape is not on the wire. */
function unbounded(dimensions: number): readonly number[] {
  return new Array<number>(dimensions).fill(Number.MAX_SAFE_INTEGER);
}

export function plainRegion(region: Region): AnyRegion {
  const plainSet = ({ runs }: AxisSet): AnySet =>
    runs.map(({ start, step, count }) => [start, step, count]);
  return {
    dimensions: region.shape.length,
    boxes: region.boxes.map((box) => box.map(plainSet)),
    points: plainSet(region.points),
  };
}

export function regionFrom({ dimensions, boxes, points }: AnyRegion): Region {
  const shape = unbounded(dimensions);
  const setOf = (set: AnySet): AxisSet =>
    AxisSet.of(set.map(([start, step, count]) => ({ start, step, count })));
  const pieces = boxes.map((box) => Region.box(shape, box.map(setOf)));
  if (points.length > 0) pieces.push(Region.points(shape, setOf(points)));
  return pieces.reduce((all, piece) => all.with(piece), Region.none(shape));
}

/** The region that takes all of some bytes. */
export function regionAt(bytes: Uint8Array, start: number, end: number): AnyRegion {
  const r = new Reader();
  r.reset(bytes, start, end);
  return plainRegion(readRegion(r, unbounded(bytes[start] ?? 0)));
}

/** Without points beside boxes: whether these meet depends on the shape. */
export const anyRegion: fc.Arbitrary<AnyRegion> = shapes
  .chain(regionsOf)
  .filter(({ boxes, points }) => boxes.length === 0 || points.isEmpty)
  .map(plainRegion);
