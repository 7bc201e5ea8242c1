import type { Dataset, Variable } from '../../src/formats/dataset.js';

/** Rows of a variable as a block: all that has these indices of the first dimension. */
export function rowsOf(dataset: Dataset, place: number, from = 0, rows = Number.POSITIVE_INFINITY) {
  const { dimensions } = dataset.variables[place] as Variable;
  const shape = dimensions.map((at) => dataset.dimensions[at]?.size ?? 0);
  return {
    offset: shape.map((_, axis) => (axis === 0 ? from : 0)),
    count: shape.map((all, axis) => (axis === 0 ? Math.min(rows, all - from) : all)),
  };
}
