import { BLOCK_LEASE } from '../catalog/extents.js';
import { mayWrite } from '../pool/memory.js';
import type { PoolState } from '../pool/state.js';
import type { Range } from './agent-messages.js';
import type { WriteGates } from './write-gates.js';

interface Grant {
  readonly session: number;
  readonly slab: number;
  readonly start: number;
  readonly end: number;
  readonly sinceMs: number;
}

/** A grant that is older is taken back, so that only those in use are looked at in each turn. */
const GRANT_MS_MAX = 250;

/**
 * What the data connections may write to right now. A connection is granted the whole lease around
 * what it asks for, and need not ask again while its generation stands; after each batch, before
 * anybody hears of it, what the pool has leased to no one or someone else by then is taken back.
 */
export class WriteGrants {
  readonly #pool: PoolState;
  readonly #now: () => number;
  readonly #gates: WriteGates;
  readonly #grants = new Map<number, Grant>();

  constructor(pool: PoolState, gates: WriteGates, now: () => number) {
    this.#pool = pool;
    this.#now = now;
    this.#gates = gates;
  }

  /** Grants the lease around a range to a connection's slot, or null. */
  grant(
    slot: number,
    session: number,
    range: Range,
  ): { start: number; end: number; generation: number } | null {
    const { slab, offset, size } = range;
    if (!mayWrite(this.#pool, session, slab, offset, size)) return null;
    const { extents } = this.#pool;
    const block = extents.blockAt(slab, offset);
    const blockStart = extents.offsetOf(block);
    const blockEnd = blockStart + extents.sizeOf(block);
    const within = extents.stateOf(block) === BLOCK_LEASE && offset + size <= blockEnd;
    const start = within ? blockStart : offset;
    const end = within ? blockEnd : offset + size;
    this.#grants.set(slot, { session, slab, start, end, sinceMs: this.#now() });
    return { start, end, generation: this.#gates.generationOf(slot) };
  }

  /** Takes back what is not leased to its session any more. After a batch, before its answers. */
  review(): void {
    if (this.#grants.size === 0) return;
    const oldest = this.#now() - GRANT_MS_MAX;
    for (const [slot, { session, slab, start, end, sinceMs }] of this.#grants) {
      const stands = sinceMs >= oldest && mayWrite(this.#pool, session, slab, start, end - start);
      if (!stands) this.revoke(slot);
    }
  }

  revoke(slot: number): void {
    this.#gates.revoke(slot);
    this.#grants.delete(slot);
  }
}
