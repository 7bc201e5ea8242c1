/**
 * Draws a field as a map: a PNG with title, graticule, colour bar with numbers, least and largest
 * value, and if wanted contour lines of a second field and wind barbs.
 *
 * Plate carree projection: pixels are even in longitude and latitude. Values between grid points
 * are interpolated; missing values (NaN) are grey.
 */
import {
  checkFieldSize,
  gridSize,
  isPeriodic,
  type LatLonGrid,
  type ReadonlyField,
} from './grid.js';
import { drawBarb } from './map/barbs.js';
import { Canvas, type Line, type Rectangle } from './map/canvas.js';
import {
  type Colour,
  type ColourScaleName,
  colourIndex,
  createColourTable,
  parseColour,
} from './map/colours.js';
import { contourLines } from './map/contours.js';
import { createFont, type Font } from './map/font.js';
import { createSampler, type Sampler } from './map/sampler.js';
import { chooseTicks, roundRange } from './map/ticks.js';
import { displayUnits, formatNumber } from './map/units.js';
import type { WindFields } from './products.js';
import { fieldSums } from './sums.js';

export interface ContourOptions {
  readonly field: ReadonlyField;
  /** In units of the field. */
  readonly interval: number;
  /** What the lines are, for the caption: "height every 100 m". Each fifth is thick. */
  readonly caption: string;
}

export interface MapOptions {
  readonly grid: LatLonGrid;
  readonly field: ReadonlyField;
  /** What is shown: "Wind speed at 250 hPa". */
  readonly title: string;
  /** When and whose: "Member 2, day 5 00 h". Right of the title. */
  readonly subtitle?: string;
  /** As in the CF conventions: "m s-1", "m s**-1"; drawn with raised exponents. */
  readonly units: string;
  readonly colours: ColourScaleName;
  /** Ends of the colour bar, in units of the field; default round numbers around the field. */
  readonly range?: { readonly min: number; readonly max: number };
  readonly contours?: ContourOptions;
  /** Wind barbs, thinned out. */
  readonly wind?: WindFields;
  /** Pixels, 480 to 4000; default 1200. */
  readonly width?: number;
}

/** Places on the picture, pixels. */
interface Layout {
  readonly width: number;
  readonly height: number;
  readonly map: Rectangle;
  readonly bar: Rectangle;
  readonly large: Font;
  readonly small: Font;
}

/** Degrees at the map's edges. */
interface Extent {
  readonly west: number;
  readonly east: number;
  readonly north: number;
  readonly south: number;
}

const INK = parseColour('202428');
const PALE_INK = parseColour('5c646c');
const PAPER = parseColour('ffffff');
const MISSING = parseColour('c8c8c8');
const BLACK = parseColour('000000');
/** Of contours and barbs: light where low values are dark. */
const LINE_INKS: Readonly<Record<ColourScaleName, Colour>> = {
  magnitude: PAPER,
  height: PAPER,
  diverging: INK,
  spread: INK,
};
const WIDTH_MIN = 480;
const WIDTH_MAX = 4000;
const GRATICULE_PIXELS = 70;
const BARB_PIXELS = 40;
/** Lattice on which contours are searched, pixels. */
const CONTOUR_PIXELS = 3;
const CONTOURS_MAX = 200;
/** Spaces between the numbers of a colour bar. */
const TICKS_MAX = 12;

function extentOf(grid: LatLonGrid): Extent {
  const { latitudes, longitudes } = grid;
  const west = longitudes[0] ?? 0;
  if (isPeriodic(grid)) return { west, east: west + 360, north: 90, south: -90 };
  const first = latitudes[0] ?? 0;
  const last = latitudes[latitudes.length - 1] ?? 0;
  return {
    west,
    east: longitudes[longitudes.length - 1] ?? 0,
    north: Math.max(first, last),
    south: Math.min(first, last),
  };
}

function layOut(width: number, extent: Extent): Layout {
  const left = 58;
  const top = 52;
  const right = 30;
  const mapWidth = width - left - right;
  const aspect = (extent.north - extent.south) / (extent.east - extent.west);
  const mapHeight = Math.min(2 * mapWidth, Math.max(40, Math.round(mapWidth * aspect)));
  const map = { x: left, y: top, width: mapWidth, height: mapHeight };
  const bar = { x: left, y: top + mapHeight + 40, width: mapWidth, height: 16 };
  return {
    width,
    height: bar.y + bar.height + 56,
    map,
    bar,
    large: createFont(2.25),
    small: createFont(1.6),
  };
}

/** Least and largest value and the range of the colours. */
interface Scale {
  readonly least: number;
  readonly largest: number;
  readonly count: number;
  readonly min: number;
  readonly max: number;
  readonly colours: ColourScaleName;
  readonly table: Uint8Array;
}

function scaleOf({ field, colours, range }: MapOptions): Scale {
  const { min: least, max: largest, count } = fieldSums(field);
  const low = colours === 'magnitude' || colours === 'spread' ? Math.min(0, least) : least;
  const { min, max } = range ?? roundRange(low, largest, colours === 'diverging', TICKS_MAX);
  if (!(max > min)) {
    throw new RangeError(`Cannot draw a map with the range "${min}..${max}": it is empty`);
  }
  return { least, largest, count, min, max, colours, table: createColourTable(colours) };
}

function paintField(canvas: Canvas, { map }: Layout, sampler: Sampler, scale: Scale): void {
  const { table, min, max } = scale;
  for (let y = 0; y < map.height; y++) {
    for (let x = 0; x < map.width; x++) {
      const value = sampler.sample(x, y);
      if (Number.isNaN(value)) {
        canvas.setPixel(map.x + x, map.y + y, MISSING.red, MISSING.green, MISSING.blue);
        continue;
      }
      const at = 3 * colourIndex(value, min, max);
      const [red = 0, green = 0, blue = 0] = [table[at], table[at + 1], table[at + 2]];
      canvas.setPixel(map.x + x, map.y + y, red, green, blue);
    }
  }
}

function longitudeLabel(degrees: number): string {
  const turned = ((((degrees + 180) % 360) + 360) % 360) - 180;
  if (turned === 0) return '0\u00b0';
  if (turned === -180) return '180\u00b0';
  return `${Math.abs(turned)}\u00b0${turned > 0 ? 'E' : 'W'}`;
}

function latitudeLabel(degrees: number): string {
  if (degrees === 0) return '0\u00b0';
  return `${Math.abs(degrees)}\u00b0${degrees > 0 ? 'N' : 'S'}`;
}

/** Degrees between lines: a divisor of 90 that leaves them some pixels apart. */
function graticuleStep(degreesPerPixel: number): number {
  const least = degreesPerPixel * GRATICULE_PIXELS;
  return [1, 2, 5, 10, 15, 30, 45].find((step) => step >= least) ?? 90;
}

function drawGraticule(canvas: Canvas, layout: Layout, extent: Extent): void {
  const { map, small } = layout;
  const perDegreeX = map.width / (extent.east - extent.west);
  const perDegreeY = map.height / (extent.north - extent.south);
  const step = graticuleStep(1 / perDegreeX);
  canvas.clip(map);
  const meridians = chooseMultiples(extent.west, extent.east, step);
  const parallels = chooseMultiples(extent.south, extent.north, step);
  const xOf = (longitude: number): number =>
    Math.round(map.x + (longitude - extent.west) * perDegreeX);
  const yOf = (latitude: number): number =>
    Math.round(map.y + (extent.north - latitude) * perDegreeY);
  for (const longitude of meridians) {
    canvas.fill({ x: xOf(longitude), y: map.y, width: 1, height: map.height }, BLACK, 0.22);
  }
  for (const latitude of parallels) {
    const opacity = latitude === 0 ? 0.45 : 0.22;
    canvas.fill({ x: map.x, y: yOf(latitude), width: map.width, height: 1 }, BLACK, opacity);
  }
  canvas.clip(undefined);
  canvas.frame(map, INK);
  const below = map.y + map.height + 8 + small.capitalHeight;
  for (const longitude of meridians) {
    canvas.fill({ x: xOf(longitude), y: map.y + map.height, width: 1, height: 5 }, INK);
    canvas.text(longitudeLabel(longitude), xOf(longitude), below, {
      font: small,
      colour: INK,
      align: 'centre',
    });
  }
  for (const latitude of parallels) {
    canvas.fill({ x: map.x - 5, y: yOf(latitude), width: 5, height: 1 }, INK);
    canvas.text(latitudeLabel(latitude), map.x - 9, yOf(latitude) + small.capitalHeight / 2, {
      font: small,
      colour: INK,
      align: 'right',
    });
  }
}

function chooseMultiples(min: number, max: number, step: number): number[] {
  const first = Math.ceil(min / step);
  const last = Math.floor(max / step);
  return Array.from({ length: last - first + 1 }, (_, index) => (first + index) * step);
}

function drawContours(
  canvas: Canvas,
  { map }: Layout,
  { field, interval }: ContourOptions,
  ink: Colour,
  createFor: (field: ReadonlyField) => Sampler,
): void {
  const sampler = createFor(field);
  const columns = Math.floor((map.width - 1) / CONTOUR_PIXELS) + 1;
  const rows = Math.floor((map.height - 1) / CONTOUR_PIXELS) + 1;
  const values = Float32Array.from({ length: columns * rows }, (_, at) =>
    sampler.sample((at % columns) * CONTOUR_PIXELS, Math.floor(at / columns) * CONTOUR_PIXELS),
  );
  const { min, max } = fieldSums(values);
  const first = Math.ceil(min / interval);
  const last = Math.floor(max / interval);
  if (!(interval > 0) || last - first > CONTOURS_MAX) {
    throw new RangeError(
      `Cannot draw contours every "${interval}": that gives more than ${CONTOURS_MAX} lines`,
    );
  }
  const onMap = ({ x0, y0, x1, y1 }: Line): Line => ({
    x0: map.x + x0 * CONTOUR_PIXELS,
    y0: map.y + y0 * CONTOUR_PIXELS,
    x1: map.x + x1 * CONTOUR_PIXELS,
    y1: map.y + y1 * CONTOUR_PIXELS,
  });
  canvas.clip(map);
  for (let multiple = first; multiple <= last; multiple++) {
    const lines = contourLines({ columns, rows, values }, multiple * interval);
    const width = multiple % 5 === 0 ? 2 : 1;
    canvas.lines(lines.map(onMap), { colour: ink, width, opacity: 0.6 });
  }
  canvas.clip(undefined);
}

function drawWind(
  canvas: Canvas,
  { map }: Layout,
  { u, v }: WindFields,
  ink: Colour,
  createFor: (field: ReadonlyField) => Sampler,
): void {
  const eastward = createFor(u);
  const northward = createFor(v);
  canvas.clip(map);
  for (let y = BARB_PIXELS / 2; y < map.height; y += BARB_PIXELS) {
    for (let x = BARB_PIXELS / 2; x < map.width; x += BARB_PIXELS) {
      const barb = {
        x: map.x + x,
        y: map.y + y,
        u: eastward.sample(x, y),
        v: northward.sample(x, y),
        isSouthern: eastward.latitude(y) < 0,
      };
      if (Number.isNaN(barb.u) || Number.isNaN(barb.v)) continue;
      drawBarb(canvas, barb, { ink, halo: ink === PAPER ? BLACK : PAPER });
    }
  }
  canvas.clip(undefined);
}

function drawTitles(canvas: Canvas, { map, large, small }: Layout, options: MapOptions): void {
  const y = map.y - 18;
  canvas.text(options.title, map.x, y, { font: large, colour: INK });
  if (options.subtitle === undefined) return;
  const right = map.x + map.width;
  canvas.text(options.subtitle, right, y, { font: small, colour: INK, align: 'right' });
}

function drawColourBar(canvas: Canvas, layout: Layout, scale: Scale, options: MapOptions): void {
  const { bar, small } = layout;
  const { table, min, max } = scale;
  for (let x = 0; x < bar.width; x++) {
    const at = 3 * colourIndex(min + ((x + 0.5) / bar.width) * (max - min), min, max);
    const [red = 0, green = 0, blue = 0] = [table[at], table[at + 1], table[at + 2]];
    for (let y = 0; y < bar.height; y++) canvas.setPixel(bar.x + x, bar.y + y, red, green, blue);
  }
  canvas.frame(bar, INK);
  const { factor, units } = displayUnits(options.units, Math.max(Math.abs(min), Math.abs(max)));
  const ticks = chooseTicks(min * factor, max * factor, TICKS_MAX);
  const numbersAt = bar.y + bar.height + 10 + small.capitalHeight;
  for (const value of ticks.values) {
    const share = (value / factor - min) / (max - min);
    const x = Math.round(bar.x + share * (bar.width - 1));
    canvas.fill({ x, y: bar.y + bar.height, width: 1, height: 6 }, INK);
    canvas.text(formatNumber(value, ticks.decimals), x, numbersAt, {
      font: small,
      colour: INK,
      align: 'centre',
    });
  }
  drawCaptions(canvas, layout, scale, options, { factor, units, decimals: ticks.decimals + 1 });
}

function drawCaptions(
  canvas: Canvas,
  { bar, small }: Layout,
  { least, largest, count }: Scale,
  { contours, wind, field }: MapOptions,
  { factor, units, decimals }: { factor: number; units: string; decimals: number },
): void {
  const y = bar.y + bar.height + 24 + 2 * small.capitalHeight;
  const extremes =
    count === 0
      ? 'no values'
      : `min ${formatNumber(least * factor, decimals)}  max ${formatNumber(largest * factor, decimals)}`;
  const absent = count === 0 || count === field.length ? '' : `  missing ${field.length - count}`;
  canvas.text(extremes + absent, bar.x, y, { font: small, colour: PALE_INK });
  const middle = bar.x + bar.width / 2;
  canvas.text(units, middle, y, { font: small, colour: INK, align: 'centre' });
  const notes = [
    ...(contours === undefined ? [] : [`lines: ${contours.caption}, each fifth thick`]),
    ...(wind === undefined ? [] : ['barbs: feather 5, flag 25 m s\u207b\u00b9']),
  ].join(';  ');
  const right = bar.x + bar.width;
  canvas.text(notes, right, y, { font: small, colour: PALE_INK, align: 'right' });
}

/**
 * The map as the bytes of a PNG file. The same input gives the same bytes.
 *
 * @throws RangeError for fields that do not fit the grid, an empty range, a width out of bounds.
 * @example
 * const png = drawMap({ grid: model, field: model.field('h', 500), units: 'm',
 *   title: 'Height at 500 hPa', colours: 'height' });
 */
export function drawMap(options: MapOptions): Uint8Array {
  const { grid, field, contours, wind, width = 1200 } = options;
  if (!Number.isSafeInteger(width) || width < WIDTH_MIN || width > WIDTH_MAX) {
    throw new RangeError(
      `Cannot draw a map of width "${width}": not an integer from ${WIDTH_MIN} to ${WIDTH_MAX}`,
    );
  }
  const size = gridSize(grid);
  checkFieldSize(options.title, field, size);
  if (contours !== undefined) checkFieldSize(contours.caption, contours.field, size);
  if (wind !== undefined) {
    checkFieldSize('u', wind.u, size);
    checkFieldSize('v', wind.v, size);
  }
  const extent = extentOf(grid);
  const layout = layOut(width, extent);
  const canvas = new Canvas(layout.width, layout.height, PAPER);
  const scale = scaleOf(options);
  const createFor = (values: ReadonlyField): Sampler =>
    createSampler({
      grid,
      field: values,
      extent,
      width: layout.map.width,
      height: layout.map.height,
    });
  const ink = LINE_INKS[options.colours];
  paintField(canvas, layout, createFor(field), scale);
  if (contours !== undefined) drawContours(canvas, layout, contours, ink, createFor);
  if (wind !== undefined) drawWind(canvas, layout, wind, ink, createFor);
  drawGraticule(canvas, layout, extent);
  drawTitles(canvas, layout, options);
  drawColourBar(canvas, layout, scale, options);
  return canvas.encodePng();
}
