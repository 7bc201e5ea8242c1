/**
 * Wind barbs as on weather charts: the staff points to where the wind comes from, a half feather is
 * 2.5 m/s, a feather 5 m/s, a flag 25 m/s (5, 10 and 50 knots in round numbers); feathers stand on the
 * side of low pressure: left of the staff, seen from the station, in the southern hemisphere, right in
 * the northern (WMO-No. 485, appendix II.4). Calm is a dot.
 */
import type { Canvas, Line, Stroke } from './canvas.js';

export interface Barb {
  readonly x: number;
  readonly y: number;
  /** Eastward and northward, m/s. */
  readonly u: number;
  readonly v: number;
  readonly isSouthern: boolean;
}

const STAFF = 17;
const FEATHER = 8;
const GAP = 3;

export function drawBarb(canvas: Canvas, { x, y, u, v, isSouthern }: Barb, stroke: Stroke): void {
  const speed = Math.hypot(u, v);
  let units = Math.round(speed / 2.5);
  if (units === 0) {
    canvas.line({ x0: x, y0: y, x1: x, y1: y }, { ...stroke, width: 2 * stroke.width });
    return;
  }
  // Pixels run down: the unit vector along the staff, into the wind.
  const ax = -u / speed;
  const ay = v / speed;
  const side = isSouthern ? -1 : 1;
  const fx = -ay * side;
  const fy = ax * side;
  const point = (along: number, out: number): readonly [number, number] => [
    x + along * ax + out * (fx + 0.35 * ax),
    y + along * ay + out * (fy + 0.35 * ay),
  ];
  const between = (from: readonly [number, number], to: readonly [number, number]): Line => ({
    x0: from[0],
    y0: from[1],
    x1: to[0],
    y1: to[1],
  });
  canvas.line(between([x, y], point(STAFF, 0)), stroke);
  let along = STAFF;
  for (; units >= 10; units -= 10) {
    const tip = point(along - GAP, FEATHER);
    const outer = point(along, 0);
    const inner = point(along - 1.6 * GAP, 0);
    canvas.triangle(
      [between(outer, tip), between(tip, inner), between(inner, outer)],
      stroke.colour,
    );
    along -= 2 * GAP;
  }
  for (; units >= 2; units -= 2) {
    canvas.line(between(point(along, 0), point(along, FEATHER)), stroke);
    along -= GAP;
  }
  // A lone half feather stands away from the end, so that it is not taken for a whole one.
  if (along === STAFF) along -= GAP;
  if (units === 1) canvas.line(between(point(along, 0), point(along, FEATHER / 2)), stroke);
}
