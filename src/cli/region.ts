import type { AxisSelection, RegionSelection } from '../core/regions/selection.js';
import { UsageError } from './exit.js';

/** A region as numpy writes it between brackets: `0:10,::2,5`, `...,-1`; a list as `[1,4,6]`. */
export function parseRegion(text: string): RegionSelection {
  const axes = text.split(/,(?![^[]*\])/u).map((axis) => axis.trim());
  // One at the end makes a tuple of one axis, in Python too.
  if (axes.length > 1 && axes.at(-1) === '') axes.pop();
  return axes.map((axis) => (axis === '...' ? axis : axisOf(axis, text)));
}

function axisOf(axis: string, text: string): AxisSelection {
  if (axis === ':') return null;
  if (/^-?\d+$/u.test(axis)) return Number(axis);
  const [, list] = /^\[([-\d\s,]*)\]$/u.exec(axis) ?? [];
  if (list !== undefined) {
    const indices = list.trim() === '' ? [] : list.split(',').map((index) => Number(index.trim()));
    return { indices };
  }
  const found = /^(-?\d+)?:(-?\d+)?(?::(\d+)?)?$/u.exec(axis);
  if (found === null) {
    throw new UsageError(
      `--region "${text}": "${axis}" is no axis: write FIRST:END, FIRST:END:STEP, INDEX, ` +
        '[I,J,...], : for all of it, or ... for all of several',
    );
  }
  const [, start, stop, step = '1'] = found;
  return [placeOf(start), placeOf(stop), Number(step)];
}

function placeOf(text: string | undefined): number | null {
  return text === undefined ? null : Number(text);
}
