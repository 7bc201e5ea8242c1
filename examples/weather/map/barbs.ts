/**
 * Wind barbs as on weather charts: the staff points to where the wind comes from, a half feather is
 * 2.5 m/s, a feather 5 m/s, a flag 25 m/s (5, 10 and 50 knots in round numbers); feathers stand on
 * the side of low pressure: seen from the station, right of the staff in the northern hemisphere,
 * left in the southern (WMO-No. 485, appendix II.4). Calm is a dot.
 */
import type { Canvas, Line } from './canvas.js';
import type { Colour } from './colours.js';

export interface Barb {
  readonly x: number;
  readonly y: number;
  /** Eastward and northward, m/s. */
  readonly u: number;
  readonly v: number;
  readonly isSouthern: boolean;
}

export interface BarbColours {
  readonly ink: Colour;
  /** Behind the ink, so that the barb stands out from lines of the map. */
  readonly halo: Colour;
}

/** Pixels. */
const STAFF = 19;
const FEATHER = 8;
const GAP = 3.5;
const INK_WIDTH = 1.3;
const HALO_WIDTH = 3.6;

/** What a barb is made of: strokes and filled triangles. */
interface Pieces {
  readonly lines: readonly Line[];
  readonly flags: readonly (readonly [Line, Line, Line])[];
}

/** Pieces for a wind of so many half feathers. */
function assemble({ x, y, u, v, isSouthern }: Barb, halfFeathers: number): Pieces {
  const speed = Math.hypot(u, v);
  // Pixels run down: the unit vector along the staff, into the wind, and the one to low pressure.
  const ax = -u / speed;
  const ay = v / speed;
  const side = isSouthern ? -1 : 1;
  const fx = -ay * side;
  const fy = ax * side;
  type Point = readonly [number, number];
  const point = (along: number, out: number): Point => [
    x + along * ax + out * (fx + 0.35 * ax),
    y + along * ay + out * (fy + 0.35 * ay),
  ];
  const between = (from: Point, to: Point): Line => ({
    x0: from[0],
    y0: from[1],
    x1: to[0],
    y1: to[1],
  });
  const lines = [between([x, y], point(STAFF, 0))];
  const flags: [Line, Line, Line][] = [];
  let units = halfFeathers;
  let along = STAFF;
  for (; units >= 10; units -= 10) {
    const tip = point(along - GAP, FEATHER);
    const outer = point(along, 0);
    const inner = point(along - 1.4 * GAP, 0);
    flags.push([between(outer, tip), between(tip, inner), between(inner, outer)]);
    along -= 2 * GAP;
  }
  for (; units >= 2; units -= 2) {
    lines.push(between(point(along, 0), point(along, FEATHER)));
    along -= GAP;
  }
  // A lone half feather stands away from the end, so that it is not taken for a whole one.
  if (along === STAFF) along -= GAP;
  if (units === 1) lines.push(between(point(along, 0), point(along, FEATHER / 2)));
  return { lines, flags };
}

export function drawBarb(canvas: Canvas, barb: Barb, { ink, halo }: BarbColours): void {
  const halfFeathers = Math.round(Math.hypot(barb.u, barb.v) / 2.5);
  if (halfFeathers === 0) {
    const dot = { x0: barb.x, y0: barb.y, x1: barb.x, y1: barb.y };
    canvas.lines([dot], { colour: halo, width: 2 * INK_WIDTH + 2, opacity: 0.5 });
    canvas.lines([dot], { colour: ink, width: 2 * INK_WIDTH });
    return;
  }
  const { lines, flags } = assemble(barb, halfFeathers);
  canvas.lines([...lines, ...flags.flat()], { colour: halo, width: HALO_WIDTH, opacity: 0.5 });
  canvas.lines(lines, { colour: ink, width: INK_WIDTH });
  for (const flag of flags) canvas.triangle(flag, ink);
}
