import { assert } from '../core/assert.js';
import { LIMITS } from '../core/limits.js';
import { writeSlabGone } from '../protocol/index.js';
import { emit } from './emit.js';
import { measuresBeforePending } from './events/measured-before.js';
import type { Input } from './input.js';
import { measuresPending } from './measuring.js';
import type { Effect, PoolState } from './state.js';
import { storesPending } from './storing.js';

const MiB = 1 << 20;
/** The first slab; each further one is as large as all before it, up to the limit of a slab. */
const SLAB_FIRST_BYTES = 64 * MiB;
/** Smaller slabs are not worth a file when memory is short. */
const SLAB_LEAST_BYTES = MiB;
/** Asks the agent for one more slab, if the limit has room and none is on its way. */
export function wantSlab(pool: PoolState, least: number): void {
  const { extents, options } = pool;
  if (pool.slabPending !== null) return;
  const page = LIMITS.pageBytes;
  const room = options.memoryBytesMax - extents.bytesTotal - pool.adoptBytesPending;
  const wanted = Math.max(SLAB_FIRST_BYTES, extents.bytesLeasable, least * 2);
  const size = Math.floor(Math.min(wanted, room, LIMITS.slabBytesMax) / page) * page;
  if (size < Math.max(least, page) || extents.slabs.size >= LIMITS.slabsMax) {
    if (least > 0 && dropFreeSlabs(pool, least, room)) wantSlab(pool, least);
    return;
  }
  askForSlab(pool, size);
}

function askForSlab(pool: PoolState, size: number): void {
  const slab = pool.slabNext++;
  pool.slabPending = { slab, size };
  pool.effects.push({ kind: 'slab-wanted', slab, size });
}

/**
 * Lets slabs go that are wholly free, if that makes room for one of `least` bytes. Only those that
 * are smaller: a larger one would serve as it is, and would be asked for again.
 */
function dropFreeSlabs(pool: PoolState, least: number, room: number): boolean {
  const { extents } = pool;
  const free: number[] = [];
  let found = room;
  for (const [slab, { size }] of extents.slabs) {
    if (found >= least) break;
    if (size >= least || !extents.isFree(slab)) continue;
    free.push(slab);
    found += size;
  }
  if (found < least || free.length === 0) return false;
  for (const slab of free) dropSlab(pool, slab);
  return true;
}

/** Lets a slab go that is wholly free. */
export function dropSlab(pool: PoolState, slab: number): void {
  pool.extents.removeSlab(slab);
  const told = pool.slabsAdopted.get(slab) ?? pool.sessions.values();
  pool.slabsAdopted.delete(slab);
  pool.effects.push({ kind: 'slab-gone', slab });
  for (const session of told) if (!session.ended) writeSlabGone(emit(pool, session), slab);
}

/** The agent has answered for the slab that it was asked for. */
function endPending(pool: PoolState, slab: number): void {
  assert(pool.slabPending?.slab === slab, 'the agent answers for the slab it was asked for');
  pool.slabPending = null;
}

export function slabReady(pool: PoolState, input: Extract<Input, { kind: 'slab-ready' }>): void {
  endPending(pool, input.slab);
  pool.slabFailure = '';
  pool.extents.addSlab(input.slab, input.size);
  pool.leasesDue = true;
}

/** The agent could not make a slab: what waits goes on waiting for what others free. */
export function slabFailed(pool: PoolState, input: Extract<Input, { kind: 'slab-failed' }>): void {
  endPending(pool, input.slab);
  pool.slabFailure = input.why;
  const least = pool.leaseWaits[0]?.least ?? 0;
  // Less may still fit: what is left of a file system that others fill, too.
  const half = Math.floor(input.size / 2 / LIMITS.pageBytes) * LIMITS.pageBytes;
  const enough = Math.max(least + Math.ceil(least / LIMITS.reserveFraction), SLAB_LEAST_BYTES);
  if (least > 0 && half >= enough) askForSlab(pool, half);
}

/** Gives slabs back of which nothing is used, until the pool has at most `bytesMax` of slabs. */
export function shrinkTo(pool: PoolState, bytesMax: number): void {
  const { extents } = pool;
  for (const slab of [...extents.slabs.keys()]) {
    if (extents.bytesTotal <= bytesMax) return;
    if (!pool.slabsAdopted.has(slab) && extents.isFree(slab)) dropSlab(pool, slab);
  }
}

/**
 * What the agent was asked for and has not answered: to be asked again when another agent takes the
 * place of the one that was asked.
 */
export function pendingEffects(pool: PoolState): Effect[] {
  const effects: Effect[] = [];
  if (pool.slabPending !== null) effects.push({ kind: 'slab-wanted', ...pool.slabPending });
  for (const [slab, asked] of pool.adoptsPending) effects.push({ kind: 'adopt', slab, ...asked });
  const measures = [...measuresPending(pool), ...measuresBeforePending(pool)];
  if (measures.length > 0) effects.push({ kind: 'measure', asked: measures });
  effects.push(...storesPending(pool));
  return effects;
}
