import type { Writer } from '../core/bytes.js';
import type { PoolState } from './state.js';

/**
 * Writes the pool's counters, for the check of each record of the journal: a replay that has gone
 * another way differs in one of them soon, at no cost for a batch. Makes no object.
 */
export function digest(pool: PoolState, w: Writer): void {
  const { arena, extents, objects, handles, versions, waits } = pool;
  w.f64(pool.now);
  w.u64(pool.operations);
  w.u64(objects.used);
  w.u64(objects.end);
  w.u64(handles.used);
  w.u64(handles.end);
  w.u64(versions.used);
  w.u64(versions.end);
  w.u64(pool.partitions.used);
  w.u64(pool.parts.used);
  w.u64(pool.parts.end);
  w.u64(pool.wanted.used);
  w.u64(waits.used);
  w.u64(waits.rows.end);
  w.u64(waits.first());
  w.u64(pool.timers);
  w.u64(pool.unboundHead);
  w.u64(pool.requiresOpen);
  w.u64(pool.readerLeases);
  w.u64(pool.failures.size);
  w.u64(arena.bytesUsed);
  w.u64(arena.bytesAllocated);
  w.u64(pool.bytesInline);
  w.u64(pool.keys.used);
  w.u64(pool.spaces.used);
  w.u64(extents.bytesTotal);
  w.u64(extents.bytesFree);
  w.u64(extents.bytesLeased);
  w.u64(extents.bytesDead);
  w.u64(extents.blocksUsed);
  w.u64(pool.measures.rows.used);
  w.u64(pool.measures.asked.size);
  w.u64(pool.measures.askNext);
  const { entities, uses, activities } = pool.provenance;
  w.u64(entities.begin);
  w.u64(entities.end);
  w.u64(uses.begin);
  w.u64(uses.end);
  w.u64(activities.used);
  w.u64(pool.slabNext);
  w.u64(pool.slabBytesPending);
  w.u64(pool.adoptsPending.size);
  w.u64(pool.leaseWaits.length);
  w.u64(pool.sessions.size);
  w.u64(pool.memberIdNext);
  w.u64(pool.members.size);
  w.u64(pool.promiseIdNext);
  w.u64(pool.promises.size);
}
