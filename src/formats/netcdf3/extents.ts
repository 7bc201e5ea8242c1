import type { Dataset, Variable } from '../dataset.js';
import { elementSize } from '../element-size.js';
import { padded } from './types.js';

/** How the bytes of a variable lie: in one run, or a run in each record. */
interface Extent {
  readonly isRecord: boolean;
  /** Bytes of the variable, or of its share of one record, without padding. */
  readonly size: number;
  /** The same as it is laid out: up to the next multiple of 4, except a lone record variable. */
  readonly paddedSize: number;
}

export interface Extents {
  readonly variables: readonly Extent[];
  /** From one record to the next. */
  readonly recordSize: number;
  readonly records: number;
}

function isRecord(dataset: Dataset, variable: Variable): boolean {
  const first = variable.dimensions[0];
  return first !== undefined && dataset.dimensions[first]?.unlimited === true;
}

/** Sizes of all variables. They are Infinity or inexact where they say more than 2^53 bytes. */
export function extentsOf(dataset: Dataset): Extents {
  const records = dataset.dimensions.find((each) => each.unlimited)?.size ?? 0;
  const lone = dataset.variables.filter((each) => isRecord(dataset, each)).length === 1;
  let recordSize = 0;
  const variables = dataset.variables.map((variable): Extent => {
    const record = isRecord(dataset, variable);
    let size = elementSize(variable.type);
    for (const each of record ? variable.dimensions.slice(1) : variable.dimensions) {
      size *= dataset.dimensions[each]?.size ?? 0;
    }
    const paddedSize = record && lone ? size : padded(size);
    if (record) recordSize += paddedSize;
    return { isRecord: record, size, paddedSize };
  });
  return { variables, recordSize, records };
}
