/**
 * Colour scales of even perceived steps, interpolated between published colours.
 *
 * viridis and magma: Smith and van der Walt, matplotlib (CC0). RdBu: Brewer, ColorBrewer 2.0
 * (Apache-2.0 License). A scale says with its name what it is good for.
 */
export type ColourScaleName =
  /** From nothing to much: wind speed. */
  | 'magnitude'
  /** About zero: vorticity, differences. Red positive, blue negative. */
  | 'diverging'
  /** From certain to uncertain: spread. */
  | 'spread'
  /** Low to high, no special zero: height. */
  | 'height';

export interface Colour {
  readonly red: number;
  readonly green: number;
  readonly blue: number;
}

const VIRIDIS = '440154 482475 414487 355f8d 2a788e 21918c 22a884 44bf70 7ad151 bddf26 fde725';
const MAGMA = '000004 140e36 3b0f70 641a80 8c2981 b73779 de4968 f7705c fe9f6d fecf92 fcfdbf';
const RED_BLUE = '053061 2166ac 4393c3 92c5de d1e5f0 f7f7f7 fddbc7 f4a582 d6604d b2182b 67001f';

const ANCHORS: Readonly<Record<ColourScaleName, string>> = {
  magnitude: VIRIDIS,
  diverging: RED_BLUE,
  // Dark on light: what is certain stays pale.
  spread: MAGMA.split(' ').reverse().join(' '),
  height: VIRIDIS,
};

export function parseColour(hex: string): Colour {
  const value = Number.parseInt(hex, 16);
  return { red: value >> 16, green: (value >> 8) & 255, blue: value & 255 };
}

const TABLE_SIZE = 256;

/** 256 colours, three bytes each. */
export function createColourTable(name: ColourScaleName): Uint8Array {
  const anchors = ANCHORS[name].split(' ').map(parseColour);
  const table = new Uint8Array(3 * TABLE_SIZE);
  for (let index = 0; index < TABLE_SIZE; index++) {
    const position = (index / (TABLE_SIZE - 1)) * (anchors.length - 1);
    const lower = anchors[Math.floor(position)];
    const upper = anchors[Math.ceil(position)];
    if (lower === undefined || upper === undefined) continue;
    const share = position - Math.floor(position);
    table[3 * index] = Math.round(lower.red + share * (upper.red - lower.red));
    table[3 * index + 1] = Math.round(lower.green + share * (upper.green - lower.green));
    table[3 * index + 2] = Math.round(lower.blue + share * (upper.blue - lower.blue));
  }
  return table;
}

/** Index into a colour table of a value on a range; values outside take the ends' colours. */
export function colourIndex(value: number, min: number, max: number): number {
  const share = (value - min) / (max - min);
  return Math.min(TABLE_SIZE - 1, Math.max(0, Math.floor(share * TABLE_SIZE)));
}
