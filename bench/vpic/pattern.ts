/** Who writes, and who reads, what: arrays of float32 in parts, as three codes have them. */
export type PatternName = 'vpic' | 'vorpal' | 'gcrm';

/** Of an axis: from here to there, or a list. */
export type AxisPiece = readonly [start: number, end: number] | { readonly indices: number[] };

/** An array, and what of it each of some members has. */
export interface Dataset {
  readonly name: string;
  readonly shape: readonly number[];
  readonly pieces: readonly (readonly AxisPiece[])[];
}

const VPIC_DATASETS = ['x', 'y', 'z', 'ux', 'uy', 'uz', 'energy', 'id'] as const;
const GCRM_LEVELS = 26;
/** Neighbouring cells that one writer has: unstructured grids are dealt out in small groups. */
const GCRM_GROUP = 64;
/** The last writer has this much more than the first: particles are never even. */
const UNEVEN = 0.5;

const even = (size: number, part: number, parts: number): readonly [number, number] => [
  Math.floor((size * part) / parts),
  Math.floor((size * (part + 1)) / parts),
];

const members = <T>(count: number, make: (member: number) => T): T[] =>
  Array.from({ length: count }, (_, member) => make(member));

/** By growing shares: the ends of what each has of a list of so many. */
function uneven(size: number, parts: number): readonly (readonly [number, number])[] {
  const weight = members(parts, (part) => 1 + (UNEVEN * part) / parts);
  const total = weight.reduce((sum, each) => sum + each, 0);
  let before = 0;
  return weight.map((each, part) => {
    const start = Math.floor((size * before) / total);
    before += each;
    return [start, part === parts - 1 ? size : Math.floor((size * before) / total)];
  });
}

/** As many bytes as asked for, all arrays together, within a per cent or so. */
export function writtenBy(pattern: PatternName, bytes: number, writers: number): Dataset[] {
  const elements = Math.floor(bytes / Float32Array.BYTES_PER_ELEMENT);
  if (pattern === 'vpic') {
    const size = Math.floor(elements / VPIC_DATASETS.length);
    const pieces = uneven(size, writers).map((piece) => [piece]);
    return VPIC_DATASETS.map((name) => ({ name, shape: [size], pieces }));
  }
  if (pattern === 'vorpal') {
    const side = 4 * Math.floor(Math.cbrt(elements) / 4);
    const columns = writers === 4 ? 2 : 1;
    const rows = writers / columns;
    const pieces = members(writers, (writer): AxisPiece[] => [
      even(side, Math.floor(writer / columns), rows),
      even(side, writer % columns, columns),
      [0, side],
    ]);
    return [{ name: 'field', shape: [side, side, side], pieces }];
  }
  const cells = Math.floor(elements / GCRM_LEVELS);
  const pieces = members(writers, (writer): AxisPiece[] => {
    const indices: number[] = [];
    for (let cell = 0; cell < cells; cell++) {
      if (Math.floor(cell / GCRM_GROUP) % writers === writer) indices.push(cell);
    }
    return [{ indices }, [0, GCRM_LEVELS]];
  });
  return [{ name: 'cells', shape: [cells, GCRM_LEVELS], pieces }];
}

/** The same arrays as readers have them who know nothing of writers: by the last axis but one. */
export function otherwise(datasets: readonly Dataset[], readers: number): Dataset[] {
  return datasets.map(({ name, shape }) => {
    const axis = Math.max(0, shape.length - 2);
    const pieces = members(readers, (reader) =>
      shape.map((size, at): AxisPiece => (at === axis ? even(size, reader, readers) : [0, size])),
    );
    return { name, shape, pieces };
  });
}

export function countOf(piece: readonly AxisPiece[]): number {
  const sizes = piece.map((axis) => ('indices' in axis ? axis.indices.length : axis[1] - axis[0]));
  return sizes.reduce((product, size) => product * size, 1);
}

/** Of all arrays and members. */
export function bytesOf(datasets: readonly Dataset[]): number {
  const counts = datasets.flatMap(({ pieces }) => pieces.map(countOf));
  return counts.reduce((sum, count) => sum + count, 0) * Float32Array.BYTES_PER_ELEMENT;
}
