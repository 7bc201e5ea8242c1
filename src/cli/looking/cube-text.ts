import type { Cube } from '../../client/cubes/cube.js';
import { placeText } from '../../client/cubes/members.js';
import { counted } from '../../core/counted.js';
import type { Label } from '../../core/cubes/axis.js';
import type { ValueMap } from '../../core/value.js';
import { type Column, formatTable, formatValue, printable, quoted, type Style } from '../format.js';

/** Coordinates that a line shows, and holes that are named. */
const SHOWN_MAX = 8;
const HOLES_MAX = 3;

const COLUMNS: readonly Column[] = [
  { head: 'DIMENSION' },
  { head: 'SIZE', right: true },
  { head: 'COORDINATES' },
];

/** A cube, or what was picked of it, for people. */
export function cubeText(cube: Cube, style: Style): string {
  const { coords, sizes } = cube;
  const rows = cube.dims.map((dimension) => [
    printable(dimension),
    String(sizes[dimension] ?? 0),
    coordsText(Object.hasOwn(coords, dimension) ? coords[dimension] : undefined),
  ]);
  const { dtype } = cube;
  const lines = [
    dtype === null ? 'no object yet' : `${counted(cube.objects, 'object')} of ${dtype}`,
  ];
  if (cube.partial > 0) lines.push(lackText(cube));
  const said = Object.entries(cube.attributes).map(([key, value]) => {
    return `${printable(key)}=${printable(formatValue(value))}`;
  });
  if (said.length > 0) lines.push(`each with ${shortened(said)}`);
  if (cube.holes > 0) lines.push(holesText(cube));
  if (cube.lacking !== null) lines.push(printable(cube.lacking));
  for (const { name, why } of cube.misfits.slice(0, HOLES_MAX)) {
    lines.push(`skipped ${quoted(name)}: ${printable(why)}`);
  }
  return `${formatTable(COLUMNS, rows, style)}\n${lines.join('\n')}`;
}

function coordsText(coords: readonly Label[] | undefined): string {
  if (coords === undefined || coords.length === 0) return '-';
  return shortened(coords.map(formatValue));
}

function shortened(shown: readonly string[]): string {
  if (shown.length <= SHOWN_MAX) return shown.join(' ');
  return [...shown.slice(0, SHOWN_MAX - 2), '...', shown.at(-1)].join(' ');
}

function lackText({ partial }: Cube): string {
  return `${partial} of them ${partial === 1 ? 'lacks' : 'lack'} parts`;
}

function holesText(cube: Cube): string {
  const first = cube.firstHoles(HOLES_MAX).map((labels) => placeText(cube.axes, labels));
  const more = cube.holes > first.length ? ', ...' : '';
  return `${counted(cube.holes, 'hole')}: ${printable(first.join(', '))}${more}`;
}

/** What of a cube (null: it was not looked at yet) is waited for; null: all of it is there. */
export function awaitedText(name: string, cube: Cube | null): string | null {
  if (cube === null) return `coordinates of ${quoted(name)}`;
  const empty = cube.axes.find((axis) => cube.sizes[axis] === 0);
  const of = `objects of ${quoted(name)}, which are ${cube.selector}`;
  if (cube.dtype === null) return `${of}: there is none`;
  if (empty !== undefined) return `${of}: nothing is picked of "${printable(empty)}"`;
  const [first] = cube.firstHoles(1);
  if (first === undefined) {
    return cube.partial > 0 ? `objects of ${quoted(name)}: ${lackText(cube)}` : null;
  }
  const at = printable(placeText(cube.axes, first));
  const why = cube.lacking === null ? '' : `: ${printable(cube.lacking)}`;
  return `${counted(cube.holes, 'object')} of ${quoted(name)}, the first at ${at}${why}`;
}

/** The same for programs. */
export function cubeMap(cube: Cube): ValueMap {
  const { name, selector, axes, dims, shape, coords, dtype, attributes, misfits } = cube;
  const { objects, partial, holes } = cube;
  return {
    ...{ name, selector, axes, dims, shape, coords, dtype, objects, partial, holes, attributes },
    misfits: misfits.map(({ name: object, why }) => ({ name: object, why })),
  };
}
