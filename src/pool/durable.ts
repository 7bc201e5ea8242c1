import { refuse } from '../core/assert.js';
import { DURABILITY, type Offer, SOURCE } from '../protocol/index.js';
import { objectName } from './objects.js';
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

function whyNoLevel({ options }: PoolState): string {
  return options.hasStore
    ? 'neither parts of objects nor rows go to the store'
    : 'this pool has no level that outlives the host';
}
