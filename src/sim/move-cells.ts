import { Reader } from '../core/bytes.js';
import { readRegion } from '../core/regions/region-codec.js';
import type { Lain, TransferEffect } from '../pool/state.js';
import { forEachEncoded } from '../protocol/index.js';
import { CELL_BYTES, type Slabs } from './slabs.js';

/** The cells of regions of whole ones, in their order. */
function cellsIn({ regions, count }: Lain, shape: readonly number[]): number[] {
  const cells: number[] = [];
  forEachEncoded(regions, { start: 0, end: regions.length, count }, (start, end) => {
    const r = new Reader();
    r.reset(regions, start, end);
    for (const box of readRegion(r, shape).boxes) {
      for (const index of box[0]?.toIndices() ?? []) {
        if (index % CELL_BYTES === 0) cells.push(index / CELL_BYTES);
      }
    }
  });
  return cells;
}

/** The marks of a payload; null: its memory is gone. */
function marksIn({ place }: Lain, slabs: Slabs): Uint32Array | null {
  if (!('bytes' in place)) return slabs.cellsOf(place);
  const view = new DataView(place.bytes.buffer, place.bytes.byteOffset, place.bytes.length);
  const marks = new Uint32Array(place.bytes.length / CELL_BYTES);
  for (let at = 0; at < marks.length; at++) marks[at] = view.getUint32(at * CELL_BYTES, true);
  return marks;
}

/** What an agent does with bytes, with the marks that stand for them. */
export function moveCells(effect: TransferEffect, slabs: Slabs): void {
  const { whole, payload, isWrite, space, over } = effect;
  const base = slabs.cellsOf(whole);
  const marks = marksIn(payload, slabs);
  if (base === null || marks === null) return;
  for (const [at, cell] of cellsIn(payload, space.shape).entries()) {
    if (isWrite) {
      base[cell] = marks[at] as number;
      continue;
    }
    marks[at] = base[cell] as number;
    for (const layer of over) {
      const written = cellsIn(layer, space.shape).lastIndexOf(cell);
      const its = marksIn(layer, slabs);
      if (written >= 0 && its !== null) marks[at] = its[written] as number;
    }
  }
}
