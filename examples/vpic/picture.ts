/** Draws what a run has shown: phase space, the field over time, energies. */
import { Canvas, type Rectangle } from '../weather/map/canvas.js';
import {
  type Colour,
  colourIndex,
  createColourTable,
  parseColour,
} from '../weather/map/colours.js';
import { createFont } from '../weather/map/font.js';
import { FASTEST, phaseSpace, SPECTRUM_WIDTH } from './plan.js';

/** Phase space at one time. */
export interface PhasePanel {
  readonly time: number;
  /** Particles in each place, rows from the fastest down. */
  readonly counts: Float32Array;
  readonly hot: { readonly x: Float32Array; readonly ux: Float32Array };
}

export interface PictureOptions {
  readonly length: number;
  readonly cut: number;
  readonly duration: number;
  readonly panels: readonly PhasePanel[];
  readonly field: { readonly values: Float32Array; readonly rows: number };
  readonly spectra: readonly { readonly time: number; readonly counts: Float64Array }[];
  /** Energy of the field by time, and what theory says of its growth. */
  readonly growth: {
    readonly times: readonly number[];
    readonly amplitudes: readonly number[];
    readonly theory: number;
    readonly measured: number;
  };
}

const WIDTH = 1080;
const LEFT = 70;
const PANEL_WIDTH = 960;
const PANEL_HEIGHT = 190;
const GAP = 62;
const TOP = 74;
const LOWER_HEIGHT = 230;
const LOWER_WIDTH = 270;
const LOWER_GAP = 75;

const WHITE = parseColour('ffffff');
const INK = parseColour('222222');
const GREY = parseColour('8a8a8a');
const HOT = parseColour('d7191c');
const COOL = parseColour('2c7bb6');
const PALE = { red: 245, green: 247, blue: 250 };

const title = createFont(2.25);
const small = createFont(1.6);

const DECADES = 6;

export function drawPicture(options: PictureOptions): Uint8Array {
  const { panels } = options;
  const height = TOP + panels.length * (PANEL_HEIGHT + GAP) + LOWER_HEIGHT + GAP;
  const canvas = new Canvas(WIDTH, height, WHITE);
  canvas.text('Two beams of electrons through each other', LEFT, 34, {
    font: title,
    colour: INK,
  });
  for (const [index, panel] of panels.entries()) {
    const y = TOP + index * (PANEL_HEIGHT + GAP);
    drawPhase(canvas, { x: LEFT, y, width: PANEL_WIDTH, height: PANEL_HEIGHT }, panel, options);
  }
  const y = TOP + panels.length * (PANEL_HEIGHT + GAP);
  const lower = (at: number): Rectangle => ({
    x: LEFT + at * (LOWER_WIDTH + LOWER_GAP),
    y,
    width: LOWER_WIDTH,
    height: LOWER_HEIGHT,
  });
  drawField(canvas, lower(0), options);
  drawGrowth(canvas, lower(1), options);
  drawSpectra(canvas, lower(2), options);
  return canvas.encodePng();
}

function caption(canvas: Canvas, area: Rectangle, above: string, below: string): void {
  canvas.frame(area, GREY);
  canvas.text(above, area.x, area.y - 7, { font: small, colour: INK });
  const middle = area.x + area.width / 2;
  canvas.text(below, middle, area.y + area.height + 30, {
    font: small,
    colour: INK,
    align: 'centre',
  });
}

/** Numbers at the ends of both axes. */
function ends(
  canvas: Canvas,
  { x, y, width, height }: Rectangle,
  of: { readonly x: readonly [string, string]; readonly y: readonly [string, string] },
): void {
  const style = { font: small, colour: GREY };
  canvas.text(of.x[0], x, y + height + 16, style);
  canvas.text(of.x[1], x + width, y + height + 16, { ...style, align: 'right' });
  canvas.text(of.y[0], x - 6, y + height, { ...style, align: 'right' });
  canvas.text(of.y[1], x - 6, y + 11, { ...style, align: 'right' });
}

function drawPhase(
  canvas: Canvas,
  area: Rectangle,
  panel: PhasePanel,
  { length, cut }: PictureOptions,
): void {
  const [rows, columns] = phaseSpace.shape;
  canvas.fill(area, PALE);
  const most = quantile(panel.counts, 0.995);
  for (let y = 0; y < area.height; y++) {
    for (let x = 0; x < area.width; x++) {
      const row = Math.floor((y / area.height) * rows);
      const column = Math.floor((x / area.width) * columns);
      const count = panel.counts[row * columns + column] ?? 0;
      if (count === 0) continue;
      const ink = Math.min(1, 0.25 + 0.75 * (Math.log1p(count) / Math.log1p(most)));
      canvas.setPixel(area.x + x, area.y + y, ...mixed(COOL, ink));
    }
  }
  canvas.clip(area);
  const { x, ux } = panel.hot;
  for (let i = 0; i < x.length; i++) {
    const left = area.x + Math.floor(((x[i] ?? 0) / length) * area.width);
    const top = area.y + Math.floor(((FASTEST - (ux[i] ?? 0)) / (2 * FASTEST)) * area.height);
    canvas.fill({ x: left, y: top, width: 1, height: 1 }, HOT);
  }
  canvas.clip(undefined);
  const share = x.length.toLocaleString('en');
  caption(
    canvas,
    area,
    `Time ${panel.time.toFixed(0)}: velocity over place; red: ${share} electrons of energy ${cut} and more`,
    'place x',
  );
  ends(canvas, area, { x: ['0', length.toFixed(0)], y: [`-${FASTEST}`, `${FASTEST}`] });
}

function mixed({ red, green, blue }: Colour, ink: number): [number, number, number] {
  const mix = (from: number, to: number): number => Math.round(from + ink * (to - from));
  return [mix(PALE.red, red), mix(PALE.green, green), mix(PALE.blue, blue)];
}

/** The value below which that share of those that are not 0 lies. */
function quantile(values: Float32Array, share: number): number {
  const sorted = values.filter((value) => value > 0).sort();
  return sorted[Math.floor(share * (sorted.length - 1))] ?? 1;
}

function drawField(canvas: Canvas, area: Rectangle, options: PictureOptions): void {
  const { field, length, duration } = options;
  const columns = field.values.length / field.rows;
  const most = Math.max(quantile(field.values.map(Math.abs), 0.995), Number.MIN_VALUE);
  const table = createColourTable('diverging');
  for (let y = 0; y < area.height; y++) {
    for (let x = 0; x < area.width; x++) {
      const row = field.rows - 1 - Math.floor((y / area.height) * field.rows);
      const column = Math.floor((x / area.width) * columns);
      const at = 3 * colourIndex(field.values[row * columns + column] ?? 0, -most, most);
      const [red = 0, green = 0, blue = 0] = table.subarray(at, at + 3);
      canvas.setPixel(area.x + x, area.y + y, red, green, blue);
    }
  }
  caption(canvas, area, 'Electric field, time upwards', 'place x');
  ends(canvas, area, { x: ['0', length.toFixed(0)], y: ['0', duration.toFixed(0)] });
}

/** A curve of logarithms, from so many decades below `top` on. */
function curve(
  canvas: Canvas,
  area: Rectangle,
  points: readonly (readonly [x: number, y: number])[],
  { top, colour, width }: { top: number; colour: Colour; width: number },
): void {
  const places = points
    .filter(([, value]) => value > 0)
    .map(([x, value]) => ({
      x: area.x + x * (area.width - 1),
      y: area.y + ((top - Math.log10(value)) / DECADES) * (area.height - 1),
    }));
  canvas.clip(area);
  const lines = places.slice(1).map((to, index) => {
    const from = places[index] ?? to;
    return { x0: from.x, y0: from.y, x1: to.x, y1: to.y };
  });
  canvas.lines(lines, { colour, width });
  canvas.clip(undefined);
}

function drawGrowth(canvas: Canvas, area: Rectangle, options: PictureOptions): void {
  const { duration, growth } = options;
  const { times, amplitudes, theory, measured } = growth;
  const top = Math.ceil(Math.log10(Math.max(...amplitudes)));
  const points = times.map((time, index) => [time / duration, amplitudes[index] ?? 0] as const);
  // The line of theory goes through the wave where it has a tenth of its height.
  const at = amplitudes.findIndex((value) => value >= Math.max(...amplitudes) / 10);
  const line = times.map((time) => {
    const grown = theory * (time - (times[at] ?? 0));
    return [time / duration, (amplitudes[at] ?? 0) * Math.exp(grown)] as const;
  });
  canvas.fill(area, PALE);
  curve(canvas, area, line, { top, colour: HOT, width: 1.5 });
  curve(canvas, area, points, { top, colour: INK, width: 2 });
  const rates = `${measured.toFixed(3)}, theory ${theory.toFixed(3)} (red)`;
  caption(canvas, area, `Growth ${rates}`, 'time');
  ends(canvas, area, {
    x: ['0', duration.toFixed(0)],
    y: [exponent(top - DECADES), exponent(top)],
  });
}

const exponent = (power: number): string => `1e${power}`;

function drawSpectra(canvas: Canvas, area: Rectangle, options: PictureOptions): void {
  const { spectra, cut } = options;
  const bins = spectra[0]?.counts.length ?? 1;
  const top = Math.ceil(Math.log10(Math.max(1, ...spectra.flatMap(({ counts }) => [...counts]))));
  const most = bins * SPECTRUM_WIDTH;
  canvas.fill(area, PALE);
  const right = area.x + Math.round((cut / most) * area.width);
  if (right < area.x + area.width) {
    const width = area.x + area.width - right;
    canvas.fill({ x: right, y: area.y, width, height: area.height }, HOT, 0.12);
  }
  for (const [index, { counts }] of spectra.entries()) {
    const points = Array.from(counts, (count, bin) => [(bin + 0.5) / bins, count] as const);
    const isLast = index === spectra.length - 1;
    curve(canvas, area, points, { top, colour: isLast ? INK : COOL, width: isLast ? 2 : 1.5 });
  }
  const times = spectra.map(({ time }) => time.toFixed(0)).join(' (blue) and ');
  caption(canvas, area, `Energies, times ${times}`, 'energy');
  ends(canvas, area, {
    x: ['0', most.toFixed(0)],
    y: [exponent(top - DECADES), exponent(top)],
  });
}
