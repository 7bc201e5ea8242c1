/**
 * A small font for maps, drawn by hand on 5 x 9 points: 7 above the base line, 2 below.
 *
 * Letters are enlarged four times with the Scale2x rule (Mazzoleni, 2001), which rounds their
 * diagonals, and then averaged down to their size, which leaves smooth edges.
 */

const GLYPH_COLUMNS = 5;
const GLYPH_ROWS = 9;
/** Rows from the top down to the base line. */
const GLYPH_ASCENT = 7;

/** Sheets of letters: a line of letters, then 9 rows in which each takes 5 points and a gap. */
const SHEETS: readonly (readonly [letters: string, ...rows: string[]])[] = [
  [
    'ABCDEFGHIJKLM',
    ' ###  ####   ###  ####  ##### #####  ###  #   #  ###    ### #   # #     #   #',
    '#   # #   # #   # #   # #     #     #   # #   #   #      #  #  #  #     ## ##',
    '#   # #   # #     #   # #     #     #     #   #   #      #  # #   #     # # #',
    '##### ####  #     #   # ####  ####  # ### #####   #      #  ##    #     # # #',
    '#   # #   # #     #   # #     #     #   # #   #   #      #  # #   #     #   #',
    '#   # #   # #   # #   # #     #     #   # #   #   #   #  #  #  #  #     #   #',
    '#   # ####   ###  ####  ##### #      #### #   #  ###   ##   #   # ##### #   #',
    '',
    '',
  ],
  [
    'NOPQRSTUVWXYZ',
    '#   #  ###  ####   ###  ####   #### ##### #   # #   # #   # #   # #   # #####',
    '##  # #   # #   # #   # #   # #       #   #   # #   # #   # #   # #   #     #',
    '# # # #   # #   # #   # #   # #       #   #   # #   # #   #  # #   # #     # ',
    '#  ## #   # ####  #   # ####   ###    #   #   # #   # # # #   #     #     #  ',
    '#   # #   # #     # # # # #       #   #   #   #  # #  # # #  # #    #    #   ',
    '#   # #   # #     #  #  #  #      #   #   #   #  # #  ## ## #   #   #   #    ',
    '#   #  ###  #      ## # #   # ####    #    ###    #   #   # #   #   #   #####',
    '',
    '',
  ],
  [
    'abcdefghijklm',
    '      #               #         ##        #     #       #   #     #          ',
    '      #               #        #          #                 #     #          ',
    ' ###  ####   ###   ####  ###  ####   #### ####  #       #   #  #  #     ## # ',
    '    # #   # #   # #   # #   #  #    #   # #   # #       #   # #   #     # # #',
    ' #### #   # #     #   # #####  #    #   # #   # #       #   ##    #     # # #',
    '#   # #   # #   # #   # #      #    #   # #   # #       #   # #   #     # # #',
    ' #### ####   ###   ####  ####  #     #### #   # #       #   #  #   #    # # #',
    '                                        #               #                    ',
    '                                     ###              ##                     ',
  ],
  [
    'nopqrstuvwxyz',
    '                                     #                                       ',
    '                                     #                                       ',
    '####   ###  ####   #### # ##   #### ####  #   # #   # #   # #   # #   # #####',
    '#   # #   # #   # #   # ##    #      #    #   # #   # # # #  # #  #   #    # ',
    '#   # #   # #   # #   # #      ###   #    #   # #   # # # #   #   #   #   #  ',
    '#   # #   # #   # #   # #         #  #    #   #  # #  # # #  # #  #   #  #   ',
    '#   #  ###  ####   #### #     ####    ##   ####   #    # #  #   #  #### #####',
    '            #         #                                               #      ',
    '            #         #                                            ###       ',
  ],
  [
    '0123456789',
    ' ##     #    ###  #####    #  #####  ###  #####  ###   ### ',
    '#  #   ##   #   #    #    ##  #     #         # #   # #   #',
    '#  #    #       #   #    # #  ####  #        #  #   # #   #',
    '#  #    #      #   ###  #  #      # ####    #    ###   ####',
    '#  #    #     #       # #####     # #   #   #   #   #     #',
    '#  #    #    #    #   #    #  #   # #   #   #   #   #     #',
    ' ##    ###  #####  ###     #   ###   ###    #    ###   ### ',
    '',
    '',
  ],
];

/** Signs, each by its rows from the top. */
const SIGNS: Readonly<Record<string, readonly string[]>> = {
  '.': ['', '', '', '', '', '##', '##'],
  ',': ['', '', '', '', '', '##', '##', ' #', '#'],
  ':': ['', '', '##', '##', '', '##', '##'],
  ';': ['', '', '##', '##', '', '##', '##', ' #', '#'],
  '-': ['', '', '', '####'],
  '\u2212': ['', '', '', '#####'],
  '+': ['', '', '  #', '  #', '#####', '  #', '  #'],
  '(': ['  #', ' #', '#', '#', '#', ' #', '  #'],
  ')': ['#', ' #', '  #', '  #', '  #', ' #', '#'],
  '[': ['###', '#', '#', '#', '#', '#', '###'],
  ']': ['###', '  #', '  #', '  #', '  #', '  #', '###'],
  '/': ['    #', '    #', '   #', '  #', ' #', '#', '#'],
  '\u00b0': [' ##', '#  #', '#  #', ' ##'],
  '=': ['', '', '#####', '', '#####'],
  '%': ['##', '##  #', '   #', '  #', ' #', '#  ##', '   ##'],
  '*': ['', '', '# # #', ' ###', '# # #'],
  "'": ['#', '#', '#'],
  _: ['', '', '', '', '', '', '', '#####'],
  '<': ['', '   #', '  #', ' #', '  #', '   #'],
  '>': ['', ' #', '  #', '   #', '  #', ' #'],
  '\u00b7': ['', '', '', '##', '##'],
  '\u2013': ['', '', '', '#####'],
  '?': [' ###', '#   #', '    #', '   #', '  #', '', '  #'],
};

/** Small raised letters are drawn from their plain ones. */
const RAISED: Readonly<Record<string, string>> = {
  '\u207b': '\u2212',
  '\u2070': '0',
  '\u00b9': '1',
  '\u00b2': '2',
  '\u00b3': '3',
  '\u2074': '4',
  '\u2075': '5',
  '\u2076': '6',
  '\u2077': '7',
  '\u2078': '8',
  '\u2079': '9',
};

/** A letter: rows of points, inked or not. */
type Bitmap = readonly (readonly boolean[])[];

function cutGlyphs(): ReadonlyMap<string, Bitmap> {
  const glyphs = new Map<string, Bitmap>();
  const toBitmap = (rows: readonly string[], start: number): Bitmap =>
    Array.from({ length: GLYPH_ROWS }, (_, y) =>
      Array.from({ length: GLYPH_COLUMNS }, (_, x) => rows[y]?.[start + x] === '#'),
    );
  for (const [letters, ...rows] of SHEETS) {
    for (const [index, letter] of [...letters].entries()) {
      glyphs.set(letter, toBitmap(rows, index * (GLYPH_COLUMNS + 1)));
    }
  }
  for (const [letter, rows] of Object.entries(SIGNS)) glyphs.set(letter, toBitmap(rows, 0));
  return glyphs;
}

/** Twice as large; a corner takes the colour of its two neighbours where only they agree. */
function scaleTwice(bitmap: Bitmap): Bitmap {
  const at = (y: number, x: number): boolean => bitmap[y]?.[x] ?? false;
  return bitmap.flatMap((row, y) => {
    const upper: boolean[] = [];
    const lower: boolean[] = [];
    for (let x = 0; x < row.length; x++) {
      const self = at(y, x);
      const up = at(y - 1, x);
      const down = at(y + 1, x);
      const left = at(y, x - 1);
      const right = at(y, x + 1);
      const isEdge = up !== down && left !== right;
      upper.push(isEdge && left === up ? left : self, isEdge && up === right ? right : self);
      lower.push(isEdge && left === down ? left : self, isEdge && down === right ? right : self);
    }
    return [upper, lower];
  });
}

/** Ink of a letter, 0 to 1 for each pixel, and how far the next letter stands. */
export interface InkedGlyph {
  readonly width: number;
  readonly height: number;
  readonly ink: Float32Array;
  readonly advance: number;
  /** Pixels by which the letter's top stands below the top of the line. */
  readonly top: number;
}

const ENLARGED = 4;
const SPACE_ADVANCE = 3.5;
const RAISED_SCALE = 0.7;

/** Average of an enlarged letter over each pixel of the size wanted. */
function ink(bitmap: Bitmap, scale: number): InkedGlyph {
  const used = bitmap.flatMap((row) => row.flatMap((inked, x) => (inked ? [x] : [])));
  const first = Math.min(...used);
  const columns = Math.max(...used) - first + 1;
  const large = scaleTwice(scaleTwice(bitmap));
  const width = Math.ceil(columns * scale);
  const height = Math.ceil(GLYPH_ROWS * scale);
  const target = new Float32Array(width * height);
  const samples = 4;
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      let sum = 0;
      for (let sample = 0; sample < samples * samples; sample++) {
        const dx = ((sample % samples) + 0.5) / samples;
        const dy = (Math.floor(sample / samples) + 0.5) / samples;
        const column = Math.floor((first + (x + dx) / scale) * ENLARGED);
        const row = Math.floor(((y + dy) / scale) * ENLARGED);
        if (large[row]?.[column] === true) sum++;
      }
      target[y * width + x] = sum / (samples * samples);
    }
  }
  return { width, height, ink: target, advance: (columns + 1) * scale, top: 0 };
}

/** A font at some size; letters are inked once, when first asked for. */
export interface Font {
  /** Height of a capital letter, pixels. */
  readonly capitalHeight: number;
  glyph(letter: string): InkedGlyph | undefined;
  /** Advance of a blank, and of a letter that the font does not have. */
  readonly spaceAdvance: number;
  measure(text: string): number;
}

/** `scale` is the size of a point in pixels: 2 makes capitals 14 pixels high. */
export function createFont(scale: number): Font {
  const bitmaps = cutGlyphs();
  const inked = new Map<string, InkedGlyph>();
  const spaceAdvance = SPACE_ADVANCE * scale;
  const glyph = (letter: string): InkedGlyph | undefined => {
    const known = inked.get(letter);
    if (known !== undefined) return known;
    const plain = RAISED[letter];
    const bitmap = bitmaps.get(plain ?? letter);
    if (bitmap === undefined) return undefined;
    const drawn = ink(bitmap, plain === undefined ? scale : scale * RAISED_SCALE);
    const raised = plain === undefined ? drawn : { ...drawn, top: -scale };
    inked.set(letter, raised);
    return raised;
  };
  return {
    capitalHeight: GLYPH_ASCENT * scale,
    glyph,
    spaceAdvance,
    measure: (text) =>
      [...text].reduce((sum, letter) => sum + (glyph(letter)?.advance ?? spaceAdvance), 0),
  };
}
