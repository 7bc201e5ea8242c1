import { refuse } from '../core/assert.js';
import { DURABILITY, type Offer, SOURCE } from '../protocol/index.js';
import { nameOfMember } from './looking.js';
import { objectName } from './objects.js';
import { forEachPart } from './parts.js';
import { OBJECT, PART, PART_FLAG, PARTITION, SAFETY, VERSION } from './rows.js';
import type { PoolState } from './state.js';

/** How durable the bytes of a source are: those in slabs outlive the manager, not the host. */
export function durabilityOf(pool: PoolState, source: number): number {
  const { durability, slabDurability } = pool.options;
  if (pool.isStored) return DURABILITY.fsync;
  return source === SOURCE.slice ? slabDurability : durability;
}

/** Of what goes to the store first: whether there is one, and records that are as durable. */
export function checkStorable(pool: PoolState, object: number, message: Offer): void {
  const { durability, hasStore } = pool.options;
  if (!hasStore || message.durability > durability) checkDurability(pool, object, message);
}

/** Refuses with `no-durable-level` what asks for more than its bytes have. */
export function checkDurability(pool: PoolState, object: number, message: Offer): void {
  const has = durabilityOf(pool, message.source);
  if (message.durability <= has) return;
  const why =
    pool.options.durability < message.durability
      ? 'this pool has no journal that it could wait for'
      : `its bytes are in memory, and ${whyNoLevel(pool)}`;
  const name = objectName(pool, object);
  refuse('no-durable-level', `Cannot offer "${name}" that durably: ${why}`, { name });
}

/**
 * Of a part: when one is acknowledged as safe, all are. For the version is lost with the first part
 * that is, and what was acknowledged with it.
 */
export function checkPartDurability(pool: PoolState, object: number, message: Offer): void {
  const { objects, versions, partitions } = pool;
  const current = objects.get(object, OBJECT.current);
  const partition = current === 0 ? 0 : versions.get(current, VERSION.partition);
  const has = partition === 0 ? SAFETY.open : partitions.get(partition, PARTITION.safety);
  const name = objectName(pool, object);
  if (has === SAFETY.unsafe && message.durability === DURABILITY.fsync) {
    const why = `${unsafeIn(pool, current)} has offered one that is in memory alone`;
    refuse('no-durable-level', `Cannot offer a part of "${name}" that durably: ${why}`, { name });
  }
  checkDurability(pool, object, message);
  const isInMemory = message.source === SOURCE.slice && message.size > 0 && !pool.isStored;
  if (has === SAFETY.safe && isInMemory) {
    const why = `others outlive the host, its bytes are in memory, and ${whyNoLevel(pool)}`;
    refuse('no-durable-level', `Cannot offer a part of "${name}": ${why}`, { name });
  }
}

/** Who has offered the first part of a version that is in memory alone. */
function unsafeIn(pool: PoolState, version: number): string {
  const { parts } = pool;
  let member = pool.versions.get(version, VERSION.providerMember);
  let isFound = false;
  forEachPart(pool, version, (part) => {
    const isSlice = (parts.get(part, PART.flags) & PART_FLAG.slice) !== 0;
    if (isFound || !isSlice || parts.getWide(part, PART.stored) !== 0) return;
    isFound = true;
    member = parts.get(part, PART.providerMember);
  });
  return nameOfMember(pool, member);
}

function whyNoLevel({ options }: PoolState): string {
  return options.hasStore
    ? 'rows do not go to the store'
    : 'this pool has no level that outlives the host';
}
