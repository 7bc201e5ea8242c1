import type { AxisSelection, RegionSelection } from '../core/regions/selection.js';
import { UsageError } from './exit.js';

/** A region as numpy writes it between brackets: `0:10,:,5`; a list of indices as `[1,4,6]`. */
export function parseRegion(text: string): RegionSelection {
  const axes = text.split(/,(?![^[]*\])/u).map((axis) => axis.trim());
  return axes.map((axis) => axisOf(axis, text));
}

function axisOf(axis: string, text: string): AxisSelection {
  if (axis === ':') return null;
  if (/^-?\d+$/u.test(axis)) return Number(axis);
  const [, list] = /^\[([\d\s,]*)\]$/u.exec(axis) ?? [];
  if (list !== undefined) {
    const indices = list.trim() === '' ? [] : list.split(',').map((index) => Number(index.trim()));
    return { indices };
  }
  const [, start = '', stop, step = '1'] = /^(\d*):(\d+)(?::(\d+))?$/u.exec(axis) ?? [];
  if (stop === undefined) {
    throw new UsageError(
      `--region "${text}": "${axis}" is no axis: write FIRST:END, FIRST:END:STEP, INDEX, ` +
        '[I,J,...], or : for all of it',
    );
  }
  return [Number(start || 0), Number(stop), Number(step)];
}
