import { Table } from '../catalog/table.js';
import { Reader } from '../core/bytes.js';
import { checkSaved, type StateReader, type StateWriter } from '../core/state-codec.js';
import { MeasureScratch } from '../core/statistics/measure.js';
import { MEASURE } from './rows.js';
import type { MeasureAsked } from './state.js';

/** Bytes that were measured before they were offered, and what came of it. */
interface MeasuredAhead {
  readonly asked: MeasureAsked;
  readonly statistics: Uint8Array | null;
}

export const NOTHING_AHEAD: ReadonlyMap<string, MeasuredAhead> = new Map();

/** By which {@link Measures.ahead} finds the bytes of a slice. */
export function placeOfBytes(slab: number, offset: number): string {
  return `${slab} ${offset}`;
}

/** The slices that are measured or will be: who waits for its turn, and what the agent is at. */
export class Measures {
  readonly rows = new Table(MEASURE.width);
  /** Those that wait, first come, first served: first and last. */
  first = 0;
  last = 0;
  /** What the agent was asked and has not answered, by the number of the question. */
  readonly asked = new Map<number, number>();
  askNext = 1;
  /** What is known already of bytes that are being offered, by their place: working memory. */
  ahead: ReadonlyMap<string, MeasuredAhead> = NOTHING_AHEAD;
  /** Working memory: records are read while messages are. */
  readonly reader = new Reader();
  readonly scratch = new MeasureScratch();

  save(w: StateWriter): void {
    this.rows.save(w);
    w.u32(this.first);
    w.u32(this.last);
    w.u32(this.askNext);
    w.u32(this.asked.size);
    for (const [ask, row] of this.asked) {
      w.u32(ask);
      w.u32(row);
    }
  }

  restore(r: StateReader): void {
    this.rows.restore(r);
    this.first = r.u32();
    this.last = r.u32();
    this.askNext = r.u32();
    const areThere = this.rows.has(this.first) && this.rows.has(this.last);
    checkSaved(areThere, 'what waits to be measured is there');
    for (let count = r.count(8); count > 0; count--) {
      const ask = r.u32();
      const row = r.u32();
      checkSaved(row !== 0 && this.rows.has(row), 'what is being measured is there');
      this.asked.set(ask, row);
    }
  }
}
