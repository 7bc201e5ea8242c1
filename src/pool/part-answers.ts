import { assert } from '../core/assert.js';
import type { Writer } from '../core/bytes.js';
import {
  beginParts,
  endParts as endPartsMessage,
  SOURCE,
  writePartHead,
  writePartInline,
  writePartSlice,
} from '../protocol/index.js';
import { emit } from './emit.js';
import { forEachNear } from './parts.js';
import { PART, PART_FLAG } from './rows.js';
import type { Session } from './sessions.js';
import type { PoolState } from './state.js';
import { wantedOf } from './wanted.js';

/** One PARTS takes no more: a quarter of what a frame carries, and one region with its bytes. */
const PARTS_BYTES_MAX = 1 << 20;

/** Answers with PARTS: all that have something of what a handle requires; returns how many. */
export function emitParts(
  pool: PoolState,
  of: {
    readonly handle: number;
    readonly version: number;
    readonly session: Session;
    readonly request: number;
  },
): number {
  const region = wantedOf(pool, of.handle, of.version);
  const { out } = of.session;
  let start = -1;
  let inMessage = 0;
  let count = 0;
  forEachNear(pool, of.version, region, (part, other) => {
    if (other.isEmpty || (region !== null && !other.meets(region))) return;
    if (start >= 0 && out.at - start > PARTS_BYTES_MAX) {
      endPartsMessage(out, start, inMessage);
      start = -1;
    }
    if (start < 0) {
      start = beginParts(emit(pool, of.session), of.request);
      inMessage = 0;
    }
    writePart(pool, out, part, of.session);
    inMessage++;
    count++;
  });
  if (start >= 0) endPartsMessage(out, start, inMessage);
  return count;
}

function writePart(pool: PoolState, out: Writer, part: number, session: Session): void {
  const { arena, extents, parts } = pool;
  const record = parts.get(part, PART.region);
  const begin = arena.start(record);
  const encoded = { bytes: arena.chunk(record), start: begin, end: begin + arena.size(record) };
  const bytes = parts.get(part, PART.bytes);
  const size = parts.getWide(part, PART.size);
  assert(bytes !== 0, 'a part that is owed has its bytes');
  if ((parts.get(part, PART.flags) & PART_FLAG.slice) !== 0) {
    const slab = extents.slabOf(bytes);
    pool.slabsAdopted.get(slab)?.add(session);
    writePartHead(out, encoded, SOURCE.slice);
    writePartSlice(out, slab, extents.offsetOf(bytes), size);
    return;
  }
  writePartHead(out, encoded, SOURCE.inline);
  const at = arena.start(bytes);
  writePartInline(out, arena.chunk(bytes), at, at + size);
}
