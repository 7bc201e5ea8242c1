import type { TermTest } from './term-tests.js';
import { KIND, type Terms } from './terms.js';

/** What planning weighs and bounds, in steps; others for tests. */
export interface Costs {
  /** A look at one row. */
  readonly look: number;
  /**
   * All scans for one plan: what is more is asked of rows, which come in parts. So is all of it
   * where scans would be twice as many: each part would make them again.
   */
  readonly scannedMax: number;
}

// What things take, in steps of work, measured.

/** A look at a row, whatever it is asked; at its name alone, and for each test of that. */
export const LOOK_STEPS = 300;
export const ROW_STEPS = 30;
export const NAME_STEPS = 20;
/** A value that is scanned, for each test of it. */
export const SCAN_STEPS = { numbers: 1, texts: 2, values: 60 } as const;
/** One that a scan does not pass over, beside its bytes; each byte of one that is decoded. */
export const VALUE_STEPS = 40;
export const READ_STEPS = 2;
export const TEST_STEPS = 20;
export const EQUAL_STEPS = 60;
export const KEY_STEPS = 30;
/** A set that is added to others, beside its rows while they are few. */
export const ADD_STEPS = 60;
export const SPARSE_ROWS = 1_024;

export const COSTS: Costs = { look: LOOK_STEPS, scannedMax: 20_000_000 };

/** So many times what can be scanned is not begun. */
export const SCANS_FUTILE = 2;

/** What a condition costs: all its scans, 0 when there need be none; a look at one row instead. */
export interface ScanCost {
  readonly scan: number;
  readonly look: number;
}

export function scanCostOf(
  terms: Terms,
  keys: readonly number[],
  tests: readonly TermTest[],
  lookSteps: number,
): ScanCost {
  let scan = 0;
  let look = keys.length * lookSteps;
  for (const key of keys) {
    for (const test of tests) {
      if (test.kind === 'equal') continue;
      const column = terms.column(key, test.kind === 'texts' ? KIND.text : test.column);
      if (column === null || column.used === 0) continue;
      const { used, valueBytes } = column;
      scan += used * SCAN_STEPS[test.kind];
      if (test.kind === 'numbers') continue;
      // A signature passes over most values, unless they are large.
      scan += hasSignature(test) ? valueBytes / 8 : used * VALUE_STEPS + valueBytes;
      look += valueBytes / used;
    }
  }
  return { scan, look };
}

/** Whether a scan passes over values without reading them. */
export function hasSignature(test: TermTest): boolean {
  return test.kind === 'texts' && (test.signature.low !== 0 || test.signature.high !== 0);
}
