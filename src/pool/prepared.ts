import { SOURCE } from '../protocol/index.js';
import type { PoolState } from './state.js';

/** An offer that was checked: nothing is refused any more, and nothing has changed yet. */
export class Prepared {
  handle = 0;
  /** Of the message: one of SCOPE, one of SOURCE, and of the payload its size. */
  scope = 0;
  source = 0;
  size = 0;
  /** In ms, or 0. */
  lifetime = 0;
  /** A reference to the space, all of it said. */
  space = 0;
  /** What the handle said, and that as schemas have it: the same, or a record of its own. */
  said = 0;
  attributes = 0;
  /** An arena record, a block that is a lease still, or 0. */
  bytes = 0;
}

/** Gives back what an offer took that will not be; a slice is a lease still. */
export function unprepare(pool: PoolState, offer: Prepared): void {
  const { attributes, said, bytes, source } = offer;
  if (attributes !== said) pool.attributes.free(attributes);
  pool.spaces.release(offer.space);
  if (source !== SOURCE.inline || bytes === 0) return;
  pool.bytesInline -= pool.arena.size(bytes);
  pool.arena.free(bytes);
}
