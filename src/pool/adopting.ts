import { assert, refuse } from '../core/assert.js';
import { LIMITS } from '../core/limits.js';
import { type Adopt, writeGrant } from '../protocol/index.js';
import { emit, emitFail, failure } from './emit.js';
import { holders } from './holders.js';
import type { Input } from './input.js';
import type { Session } from './sessions.js';
import { shrinkTo } from './slabs.js';
import { type PoolState, reserveOf } from './state.js';

/** ADOPT: the agent looks at the file; the answer comes with its input. */
export function adopt(pool: PoolState, session: Session, request: number, message: Adopt): void {
  const { extents, options } = pool;
  if (message.size === 0 || message.size > options.memoryBytesMax) {
    refuse('too-large', `Cannot adopt ${message.size} bytes`, { limit: options.memoryBytesMax });
  }
  const pending = pool.slabBytesPending + pool.adoptBytesPending;
  shrinkTo(pool, options.memoryBytesMax - pending - message.size);
  const used = extents.bytesTotal + pending;
  const slabs = extents.slabs.size + pool.adoptsPending.size;
  // What can be leased, now or with more slabs, must still hold the reserve.
  const leasable = extents.bytesFree + pool.slabBytesPending;
  const kept = Math.max(0, reserveOf(options.memoryBytesMax) - leasable);
  if (used + message.size + kept > options.memoryBytesMax || slabs >= LIMITS.slabsMax) {
    refuse('memory-full', `Cannot adopt ${message.size} bytes: the pool's memory is full`, {
      limit: options.memoryBytesMax,
      used,
      slabs,
      holders: holders(pool),
    });
  }
  const slab = pool.slabNext++;
  const asked = { file: message.file, size: message.size, session: session.id, request };
  pool.adoptsPending.set(slab, asked);
  pool.effects.push({ kind: 'adopt', slab, ...asked });
}

export function adopted(pool: PoolState, input: Extract<Input, { kind: 'adopted' }>): void {
  const wasAsked = pool.adoptsPending.delete(input.slab);
  assert(wasAsked, 'the agent answers for a file it was asked for');
  const session = pool.sessions.get(input.session);
  if (input.failure !== null) {
    if (session === undefined) return;
    emitFail(pool, session, input.request, failure(input.failure.code, input.failure.message));
    return;
  }
  if (session === undefined) {
    pool.effects.push({ kind: 'slab-gone', slab: input.slab });
    return;
  }
  pool.slabsAdopted.set(input.slab, new Set([session]));
  const block = pool.extents.addAdopted(input.slab, input.size, session.id);
  const { extents } = pool;
  writeGrant(emit(pool, session), input.request, input.slab, 0, extents.sizeOf(block));
}
