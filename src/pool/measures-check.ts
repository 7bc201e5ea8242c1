import { assert } from '../core/assert.js';
import { MEASURE, MEASURE_STATE } from './rows.js';
import type { PoolState } from './state.js';

/**
 * That all slices with a note are measured or wait for it, each once, and no others; returns the
 * bytes of the arena that what is known of them takes. For tests and simulation.
 */
export function checkMeasures(pool: PoolState, slices: ReadonlySet<number>): number {
  const { arena, extents, measures } = pool;
  const { rows } = measures;
  const waiting = new Set<number>();
  let previous = 0;
  for (let row = measures.first; row !== 0; row = rows.get(row, MEASURE.next)) {
    assert(rows.get(row, MEASURE.previous) === previous, 'what waits to be measured is linked');
    waiting.add(row);
    previous = row;
  }
  assert(measures.last === previous, 'the last that waits to be measured is known');
  let found = 0;
  let asked = 0;
  let bytes = 0;
  for (const block of slices) {
    const row = extents.noteOf(block);
    if (row === 0) continue;
    found++;
    assert(rows.get(row, MEASURE.block) === block, 'a measurement names its slice');
    const state = rows.get(row, MEASURE.state);
    assert((state === MEASURE_STATE.waiting) === waiting.has(row), 'what waits is in the line');
    if (state === MEASURE_STATE.asked) {
      asked++;
      const ask = rows.get(row, MEASURE.ask);
      assert(measures.asked.get(ask) === row, 'what is being measured is known by its number');
    }
    const record = rows.get(row, MEASURE.record);
    assert((state === MEASURE_STATE.known) === (record !== 0), 'what is known is kept');
    if (record !== 0) bytes += arena.bytesOf(record);
  }
  assert(found === measures.rows.used, 'every measurement belongs to a slice');
  assert(asked === measures.asked.size, 'what is being measured is there');
  return bytes;
}
