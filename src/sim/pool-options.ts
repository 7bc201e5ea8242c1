import type { PoolOptions } from '../pool/state.js';
import { DURABILITY } from '../protocol/index.js';
import { DEADLINE_MS } from './event-holds.js';
import { GRACE_MS } from './oracle.js';
import { WALL_MS } from './selected.js';

/** How the pool of a seed is set up. */
export function optionsOf(seed: number, memoryBytesMax: number, hasStore: boolean): PoolOptions {
  return {
    id: 'sim',
    name: 'sim',
    hashSeed: seed,
    memoryBytesMax,
    deadlineDefaultMs: DEADLINE_MS,
    promiseGraceMs: GRACE_MS,
    durability: hasStore ? DURABILITY.fsync : DURABILITY.process,
    slabDurability: hasStore ? DURABILITY.memory : DURABILITY.process,
    reportFreed: true,
    hasStore,
    statistics: true,
    eventBytesMax: 1 << 20,
    eventAgeMsMax: 0,
    ...{ life: 1, lifeBefore: 0, sessionKeyId: 0, wallMs: WALL_MS },
  };
}
