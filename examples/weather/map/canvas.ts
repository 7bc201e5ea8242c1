/** A picture of 8-bit red, green and blue with blended lines, areas and text. */
import { encode } from 'fast-png';
import type { Colour } from './colours.js';
import type { Font } from './font.js';

export interface Line {
  readonly x0: number;
  readonly y0: number;
  readonly x1: number;
  readonly y1: number;
}

export interface Stroke {
  readonly colour: Colour;
  /** Pixels. */
  readonly width: number;
  /** 0 to 1; default 1. */
  readonly opacity?: number;
}

export interface Rectangle {
  readonly x: number;
  readonly y: number;
  readonly width: number;
  readonly height: number;
}

export interface TextStyle {
  readonly font: Font;
  readonly colour: Colour;
  readonly align?: 'left' | 'centre' | 'right';
}

export class Canvas {
  readonly width: number;
  readonly height: number;
  readonly #bytes: Uint8Array;
  /** Ink of the lines being drawn; 0 in between. */
  readonly #cover: Float32Array;
  #clip: Rectangle;

  constructor(width: number, height: number, background: Colour) {
    this.width = width;
    this.height = height;
    this.#bytes = new Uint8Array(3 * width * height);
    this.#cover = new Float32Array(width * height);
    this.#clip = { x: 0, y: 0, width, height };
    this.fill({ x: 0, y: 0, width, height }, background);
  }

  /** From here on nothing is drawn outside; undefined lifts the limit. */
  clip(area: Rectangle | undefined): void {
    this.#clip = area ?? { x: 0, y: 0, width: this.width, height: this.height };
  }

  setPixel(x: number, y: number, red: number, green: number, blue: number): void {
    const at = 3 * (y * this.width + x);
    this.#bytes[at] = red;
    this.#bytes[at + 1] = green;
    this.#bytes[at + 2] = blue;
  }

  #blend(x: number, y: number, colour: Colour, share: number): void {
    const { x: left, y: top, width, height } = this.#clip;
    if (x < left || y < top || x >= left + width || y >= top + height || share <= 0) return;
    const at = 3 * (y * this.width + x);
    const bytes = this.#bytes;
    const mix = (before: number, ink: number): number =>
      Math.round(before + share * (ink - before));
    bytes[at] = mix(bytes[at] ?? 0, colour.red);
    bytes[at + 1] = mix(bytes[at + 1] ?? 0, colour.green);
    bytes[at + 2] = mix(bytes[at + 2] ?? 0, colour.blue);
  }

  fill(area: Rectangle, colour: Colour, opacity = 1): void {
    for (let y = area.y; y < area.y + area.height; y++) {
      for (let x = area.x; x < area.x + area.width; x++) this.#blend(x, y, colour, opacity);
    }
  }

  /** A frame one pixel wide just outside the area. */
  frame({ x, y, width, height }: Rectangle, colour: Colour): void {
    this.fill({ x: x - 1, y: y - 1, width: width + 2, height: 1 }, colour);
    this.fill({ x: x - 1, y: y + height, width: width + 2, height: 1 }, colour);
    this.fill({ x: x - 1, y, width: 1, height }, colour);
    this.fill({ x: x + width, y, width: 1, height }, colour);
  }

  /**
   * Lines with round ends, as one: where they touch, the ink is not laid on twice. Coordinates are
   * of pixel centres.
   */
  lines(lines: readonly Line[], { colour, width, opacity = 1 }: Stroke): void {
    const cover = this.#cover;
    const touched: number[] = [];
    for (const line of lines) this.#coverLine(line, width / 2, touched);
    for (const at of touched) {
      const share = cover[at] ?? 0;
      // A pixel stands in the list once for each line over it: the first clears it.
      if (share === 0) continue;
      cover[at] = 0;
      this.#blend(at % this.width, Math.floor(at / this.width), colour, opacity * share);
    }
  }

  /** The largest share of each pixel that a line covers, and which pixels those are. */
  #coverLine({ x0, y0, x1, y1 }: Line, radius: number, touched: number[]): void {
    const reach = radius + 0.5;
    const dx = x1 - x0;
    const dy = y1 - y0;
    const squaredLength = dx * dx + dy * dy;
    const top = Math.max(0, Math.floor(Math.min(y0, y1) - reach));
    const bottom = Math.min(this.height - 1, Math.ceil(Math.max(y0, y1) + reach));
    const left = Math.max(0, Math.floor(Math.min(x0, x1) - reach));
    const right = Math.min(this.width - 1, Math.ceil(Math.max(x0, x1) + reach));
    for (let y = top; y <= bottom; y++) {
      for (let x = left; x <= right; x++) {
        const along = squaredLength === 0 ? 0 : ((x - x0) * dx + (y - y0) * dy) / squaredLength;
        const near = Math.min(1, Math.max(0, along));
        const distance = Math.hypot(x - x0 - near * dx, y - y0 - near * dy);
        const share = Math.min(1, reach - distance);
        const at = y * this.width + x;
        if (share <= (this.#cover[at] ?? 0)) continue;
        this.#cover[at] = share;
        touched.push(at);
      }
    }
  }

  /** Fills a triangle; edges are smoothed with 3 x 3 samples in a pixel. */
  triangle(corners: readonly [Line, Line, Line], colour: Colour): void {
    const xs = corners.flatMap(({ x0, x1 }) => [x0, x1]);
    const ys = corners.flatMap(({ y0, y1 }) => [y0, y1]);
    const isInside = (x: number, y: number): boolean => {
      const sides = corners.map((c) => (c.x1 - c.x0) * (y - c.y0) - (c.y1 - c.y0) * (x - c.x0));
      return sides.every((side) => side >= 0) || sides.every((side) => side <= 0);
    };
    for (let y = Math.floor(Math.min(...ys)); y <= Math.ceil(Math.max(...ys)); y++) {
      for (let x = Math.floor(Math.min(...xs)); x <= Math.ceil(Math.max(...xs)); x++) {
        let hits = 0;
        for (let sample = 0; sample < 9; sample++) {
          const sx = x + ((sample % 3) - 1) / 3;
          const sy = y + (Math.floor(sample / 3) - 1) / 3;
          if (isInside(sx, sy)) hits++;
        }
        this.#blend(x, y, colour, hits / 9);
      }
    }
  }

  /** Writes text with its base line at `y`; letters that the font lacks leave a blank. */
  text(text: string, x: number, y: number, { font, colour, align = 'left' }: TextStyle): void {
    const width = font.measure(text);
    let pen = align === 'left' ? x : align === 'right' ? x - width : x - width / 2;
    for (const letter of text) {
      const glyph = font.glyph(letter);
      if (glyph !== undefined) {
        const left = Math.round(pen);
        const top = Math.round(y - font.capitalHeight + glyph.top);
        for (let row = 0; row < glyph.height; row++) {
          for (let column = 0; column < glyph.width; column++) {
            const share = glyph.ink[row * glyph.width + column] ?? 0;
            this.#blend(left + column, top + row, colour, share);
          }
        }
      }
      pen += glyph?.advance ?? font.spaceAdvance;
    }
  }

  encodePng(): Uint8Array {
    return encode({
      width: this.width,
      height: this.height,
      data: this.#bytes,
      channels: 3,
      depth: 8,
    });
  }
}
